/* Ready keys, made ahead of time. They are sealed for the owner "reserve" until an environment takes them.
 *
 * The filler decides which keys to make ahead, and its helper, of the lowest priority, makes them. The maker
 * makes the keys that changes wait for. */
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
    bool urgent; /* made because a change waits for it */
    bool making; /* the reserve still counts it among those being made */
};
void ready_key_free(struct ready_key *key); /* NULL is fine */
DEFINE_CLEANUP(struct ready_key *, ready_key_free)

struct reserve_options {
    struct signer *signer;
    unsigned wanted; /* per key type in use */
    /* Takes over a new key, from the thread of the filler or the maker. The key comes back by
     * reserve_put(). */
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
/* Forgets what is waited for: the next demands count from zero. */
void reserve_forget_demand(struct reserve *reserve);
/* Says how many changes wait for a key of the type. The maker makes those that are not ready, at normal
 * priority. */
void reserve_demand(struct reserve *reserve, const struct key_type *type, unsigned waiting);
/* Takes the oldest ready key out; NULL when there is none. */
struct ready_key *reserve_take(struct reserve *reserve, const struct key_type *type);
/* Takes over a ready key that was delivered, loaded, or not used after all. */
void reserve_put(struct reserve *reserve, struct ready_key *key);

/* Drops all ready keys: those that were loaded must not be used. */
void reserve_clear(struct reserve *reserve);
/* Drops the ready keys that have a row in the store. Those without a row stay. */
void reserve_drop_stored(struct reserve *reserve);

struct reserve_level {
    const char *type;
    unsigned ready, wanted;
};
/* Writes the levels of the types in use, at most `capacity`; returns how many. */
size_t reserve_levels(struct reserve *reserve, struct reserve_level *out, size_t capacity);

#endif
