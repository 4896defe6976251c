/* An environment in memory: immutable, reference-counted states of it. */
#ifndef KEYRING_MODEL_ENVIRONMENT_H
#define KEYRING_MODEL_ENVIRONMENT_H

#include "jose/keyset.h"
#include "keyring/model/key.h"

enum {
    RING_COMMIT_SEC = 10
}; /* the most time from a decision until everybody can see it: longer than any commit */

enum { OPERATION_ID = 16 }; /* random; not the id of a request */

/* A published key that is to become primary once its subscribers have it. */
struct ring_promotion {
    bool waiting;
    bool rotation; /* the key that was primary retires */
    uint8_t operation[OPERATION_ID];
    char kid[LIMIT_KID + 1];
    uint64_t revision; /* that published the key */
    int64_t begun_at;
    uint32_t jwks_wait_sec; /* from its publication on, readers of the JWKS may lack the key for so long */
    uint64_t published_ns;  /* roughly, by this run's clock: for telling how long the promotion may take */
};

/* One environment at one revision. Immutable once it is in a snapshot. */
struct ring_environment {
    atomic_uint references;
    struct environment settings;
    uint64_t id;
    char owner[17]; /* the id in hexadecimal: what keys are sealed for, and the rows' prefix */
    uint64_t revision;
    uint64_t row_revision; /* the store's revision of the environment's row */
    int64_t created_at;
    uint32_t largest_lifetime_sec; /* the largest lifetime that a token was ever allowed here */
    int64_t jwks_kept_until;       /* an earlier, longer jwks_max_age_sec reaches to this age of the store, in
                                      seconds; 0: none does */
    struct ring_key **keys;        /* oldest first */
    size_t count;
    int primary; /* index of keys, or -1 */
    struct ring_promotion promotion;
    int64_t rotate_at;     /* by the schedule; 0: never */
    struct keyset *keyset; /* live keys, and deactivated keys that may have unexpired tokens */
    struct buffer jwks;    /* the published document */
};

struct ring_environment *ring_environment_new(uint64_t id);
struct ring_environment *ring_environment_ref(struct ring_environment *environment);
void ring_environment_unref(struct ring_environment *environment);
DEFINE_CLEANUP(struct ring_environment *, ring_environment_unref)
/* Makes a copy that may be changed. It shares the keys, and has no keyset and no document. */
jwkd_status ring_environment_copy(
    const struct ring_environment *environment, struct ring_environment **out) MUST_CHECK;
/* Adds a key; takes over the reference. */
jwkd_status ring_environment_add(struct ring_environment *environment, struct ring_key *key) MUST_CHECK;
/* Makes the keyset and the document, and keeps the largest lifetime. Call it before the environment becomes
 * part of a snapshot. `now` decides which deactivated kids are still worth naming. */
jwkd_status ring_environment_finish(
    struct ring_environment *environment, int64_t now, jwkd_error *error) MUST_CHECK;
/* Takes out the oldest key that is deactivated or destroyed and has no token left that could be valid. NULL:
 * there is none. The caller gets the reference. */
struct ring_key *ring_environment_take_past(struct ring_environment *environment, int64_t now);
int ring_environment_find(const struct ring_environment *environment, const char *kid);
enum key_state ring_environment_state(const struct ring_environment *environment, size_t index);
const char *ring_environment_primary_kid(const struct ring_environment *environment); /* "" for none */
size_t ring_environment_live(const struct ring_environment *environment);
/* How long readers may keep a JWKS that they have at this age of the store, by the longest jwks_max_age_sec
 * that any of them can have got it under. */
uint32_t ring_environment_jwks_wait(const struct ring_environment *environment, int64_t age);
/* How long a token of the key may live, in seconds. For an imported key that includes tokens that it signed
 * elsewhere. */
int64_t ring_key_longest_lifetime(const struct ring_environment *environment, const struct ring_key *key);
/* Whether a deactivated key may still have unexpired tokens. */
bool ring_key_worth_naming(
    const struct ring_environment *environment, const struct ring_key *key, int64_t now);

#endif
