/* Ready keys, made ahead of time: sealed for the owner "reserve" until an environment takes one.
 *
 * Two threads see to it: one fills up, by a hand of the lowest priority, the other makes what somebody waits
 * for. */
#ifndef KEYRING_RESERVE_H
#define KEYRING_RESERVE_H

#include "signer/signer.h"

#define RESERVE_OWNER "reserve"

struct reserve;

struct ready_key {
    struct ready_key *next;
    const struct key_type *type;
    struct jwk *jwk;
    struct buffer sealed;
    bool stored; /* it has a row in the store */
    bool urgent; /* made because somebody waits */
    bool making; /* the reserve still counts it among those being made */
};
void ready_key_free(struct ready_key *key); /* NULL is fine */
DEFINE_CLEANUP(struct ready_key *, ready_key_free)

struct reserve_options {
    struct signer *signer;
    unsigned wanted; /* per key type in use */
    /* Takes over a new key, from a maker's thread; it comes back by reserve_put(). */
    void (*deliver)(void *context, struct ready_key *key);
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context;
};

jwkd_status reserve_new(const struct reserve_options *options, struct reserve **out) MUST_CHECK;
jwkd_status reserve_start(struct reserve *reserve) MUST_CHECK;
void reserve_stop(struct reserve *reserve);
void reserve_free(struct reserve *reserve);

/* Marks a type as in use: from now on `wanted` of it are kept ready. */
void reserve_use(struct reserve *reserve, const struct key_type *type);
/* Nobody waits any more; what is demanded next counts from zero. */
void reserve_forget_demand(struct reserve *reserve);
/* How many are waited for beyond what is ready: makes them at normal priority. */
void reserve_demand(struct reserve *reserve, const struct key_type *type, unsigned waiting);
/* Takes the oldest ready key out; NULL when there is none. */
struct ready_key *reserve_take(struct reserve *reserve, const struct key_type *type);
/* Takes over a ready key: one that was delivered, loaded, or not used after all. */
void reserve_put(struct reserve *reserve, struct ready_key *key);

/* What was loaded is not to be used. */
void reserve_clear(struct reserve *reserve);
/* Nor is what has a row; what has none yet stays. */
void reserve_drop_stored(struct reserve *reserve);

struct reserve_level {
    const char *type;
    unsigned ready, wanted;
};
/* Types in use, at most `capacity`; returns how many. */
size_t reserve_levels(struct reserve *reserve, struct reserve_level *out, size_t capacity);

#endif
