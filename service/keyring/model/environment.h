/* An environment in memory: immutable, reference-counted states of it. */
#ifndef KEYRING_MODEL_ENVIRONMENT_H
#define KEYRING_MODEL_ENVIRONMENT_H

#include "jose/keyset.h"
#include "keyring/model/key.h"

enum {
    RING_COMMIT_SEC = 10
}; /* from a decision to when everybody sees it, at most: longer than any commit */

enum { OPERATION_ID = 16 }; /* random, and of no request */

/* A published key that is to become primary when its subscribers have it. */
struct ring_promotion {
    bool waiting;
    bool rotation; /* the key that was primary retires */
    uint8_t operation[OPERATION_ID];
    char kid[LIMIT_KID + 1];
    uint64_t revision; /* that published it */
    int64_t begun_at;
    uint32_t jwks_wait_sec; /* readers of the JWKS may lack the key for so long from its publication on */
    uint64_t published_ns;  /* about when, of this run's clock: for telling how long it may take */
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
    uint32_t largest_lifetime_sec; /* that a token was ever allowed here */
    int64_t jwks_kept_until; /* the store's age, in seconds, to which an earlier, longer jwks_max_age_sec
                                reaches; 0: none does */
    struct ring_key **keys;  /* oldest first */
    size_t count;
    int primary; /* index of keys, or -1 */
    struct ring_promotion promotion;
    int64_t rotate_at;     /* by the schedule; 0: never */
    struct keyset *keyset; /* live keys, and deactivated ones whose tokens may still be unexpired */
    struct buffer jwks;    /* the published document */
};

struct ring_environment *ring_environment_new(uint64_t id);
struct ring_environment *ring_environment_ref(struct ring_environment *environment);
void ring_environment_unref(struct ring_environment *environment);
DEFINE_CLEANUP(struct ring_environment *, ring_environment_unref)
/* A copy to change, keys shared, without keyset and document. */
jwkd_status ring_environment_copy(
    const struct ring_environment *environment, struct ring_environment **out) MUST_CHECK;
/* Takes over the reference. */
jwkd_status ring_environment_add(struct ring_environment *environment, struct ring_key *key) MUST_CHECK;
/* Makes keyset and document, and keeps the largest lifetime; before the environment becomes part of a
 * snapshot. `now` decides which deactivated kids are still worth naming. */
jwkd_status ring_environment_finish(
    struct ring_environment *environment, int64_t now, jwkd_error *error) MUST_CHECK;
/* Removes the oldest key that is deactivated or destroyed and has no token left that could be valid; NULL:
 * there is none. The reference is the caller's. */
struct ring_key *ring_environment_take_past(struct ring_environment *environment, int64_t now);
int ring_environment_find(const struct ring_environment *environment, const char *kid);
enum key_state ring_environment_state(const struct ring_environment *environment, size_t index);
const char *ring_environment_primary_kid(const struct ring_environment *environment); /* "" for none */
size_t ring_environment_live(const struct ring_environment *environment);
/* How long readers may keep a JWKS that they have at this age of the store, under whatever jwks_max_age_sec
 * they got it. */
uint32_t ring_environment_jwks_wait(const struct ring_environment *environment, int64_t age);
/* How long a token of the key may live, in seconds: of an imported one also those that it
 * signed elsewhere. */
int64_t ring_key_longest_lifetime(const struct ring_environment *environment, const struct ring_key *key);
/* Whether tokens of a deactivated key could still be unexpired. */
bool ring_key_worth_naming(
    const struct ring_environment *environment, const struct ring_key *key, int64_t now);

#endif
