/* The keys that are unsealed now, by name, least recently used first out. Its mutex is held for look-ups
 * only, never while a key is unsealed, used or wiped, and no other lock is taken under it. */
#ifndef SIGNER_CACHE_H
#define SIGNER_CACHE_H

#include "signer/unsealed.h"

struct cache {
    size_t limit, bucket_count;
    pthread_mutex_t mutex; /* guards what follows */
    struct unsealed **buckets;
    struct unsealed *newest, *oldest;
    size_t count;
    uint64_t forgotten; /* raised by every cache_forget */
};

/* `limit`: how many keys it holds, at least 1. */
jwkd_status cache_init(struct cache *cache, size_t limit) MUST_CHECK;
void cache_clear(struct cache *cache);

/* A reference to the key of that name, or NULL; *out_moment is for cache_add. */
struct unsealed *cache_find(struct cache *cache, const struct binding *name, uint64_t *out_moment);
/* Takes over the reference to a key that was unsealed since `moment` and gives one to the key to use: another
 * thread's, if that came first. If a key was forgotten since `moment`, it could be this one, so it is not
 * kept. */
struct unsealed *cache_add(struct cache *cache, struct unsealed *fresh, uint64_t moment);
void cache_forget(struct cache *cache, const struct binding *name);
/* Drops the least recently used key that nobody uses now and that is not called `keep` (may be NULL). False:
 * there is none. */
bool cache_push_out(struct cache *cache, const struct binding *keep);
size_t cache_count(struct cache *cache);

#endif
