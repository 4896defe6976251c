#include "signer/cache.h"

jwkd_status cache_init(struct cache *cache, size_t limit)
{
    size_t bucket_count = 16;
    while (bucket_count < limit && bucket_count <= SIZE_MAX / 4)
        bucket_count *= 2;
    struct unsealed **buckets = calloc(bucket_count, sizeof(struct unsealed *));
    if (!buckets) return JWKD_NO_MEMORY;
    *cache = (struct cache){.limit = limit, .bucket_count = bucket_count, .buckets = buckets};
    pthread_mutex_init(&cache->mutex, NULL);
    return JWKD_OK;
}

/* FNV-1a. Names are chosen by those who may make keys, and there are few, so that nothing stronger
 * is needed. */
static struct unsealed **bucket_of(struct cache *cache, const struct binding *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name->size; i++)
        hash = (hash ^ name->data[i]) * UINT64_C(0x100000001b3);
    return &cache->buckets[(hash ^ hash >> 32) & (cache->bucket_count - 1)];
}

/* The place that points to the key of that name, or to NULL. */
static struct unsealed **place_of(struct cache *cache, const struct binding *name)
{
    struct unsealed **place = bucket_of(cache, name);
    while (*place && !bytes_equal(binding_bytes(&(*place)->name), binding_bytes(name)))
        place = &(*place)->bucket_next;
    return place;
}

static void list_remove(struct cache *cache, struct unsealed *key)
{
    *(key->newer ? &key->newer->older : &cache->newest) = key->older;
    *(key->older ? &key->older->newer : &cache->oldest) = key->newer;
    key->newer = key->older = NULL;
}

static void list_push(struct cache *cache, struct unsealed *key)
{
    key->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = key;
    cache->newest = key;
}

/* Hands the cache's own reference to the caller, who gives it up without the mutex: wiping takes time. */
static struct unsealed *remove_at(struct cache *cache, struct unsealed **place)
{
    struct unsealed *key = *place;
    if (!key) return NULL;
    *place = key->bucket_next;
    key->bucket_next = NULL;
    list_remove(cache, key);
    cache->count--;
    return key;
}

struct unsealed *cache_find(struct cache *cache, const struct binding *name, uint64_t *out_moment)
{
    pthread_mutex_lock(&cache->mutex);
    struct unsealed *key = *place_of(cache, name);
    if (key) {
        unsealed_ref(key);
        list_remove(cache, key);
        list_push(cache, key);
    }
    *out_moment = cache->forgotten;
    pthread_mutex_unlock(&cache->mutex);
    return key;
}

struct unsealed *cache_add(struct cache *cache, struct unsealed *fresh, uint64_t moment)
{
    struct unsealed *surplus = NULL, *chosen = fresh;
    pthread_mutex_lock(&cache->mutex);
    struct unsealed **place = place_of(cache, &fresh->name);
    if (*place) {
        chosen = unsealed_ref(*place);
        surplus = fresh;
    } else if (cache->forgotten == moment) {
        *place = unsealed_ref(fresh);
        list_push(cache, fresh);
        cache->count++;
        if (cache->count > cache->limit) surplus = remove_at(cache, place_of(cache, &cache->oldest->name));
    }
    pthread_mutex_unlock(&cache->mutex);
    unsealed_unref(surplus);
    return chosen;
}

void cache_forget(struct cache *cache, const struct binding *name)
{
    pthread_mutex_lock(&cache->mutex);
    cache->forgotten++;
    struct unsealed *key = remove_at(cache, place_of(cache, name));
    pthread_mutex_unlock(&cache->mutex);
    unsealed_unref(key);
}

/* References are only gained under the mutex once the cache holds a key, so one that is alone stays alone. */
static bool is_idle(const struct unsealed *key)
{
    return atomic_load(&key->references) == 1;
}

bool cache_push_out(struct cache *cache, const struct binding *keep)
{
    pthread_mutex_lock(&cache->mutex);
    struct unsealed *key = cache->oldest;
    while (key && (!is_idle(key) || (keep && bytes_equal(binding_bytes(&key->name), binding_bytes(keep)))))
        key = key->newer;
    if (key) key = remove_at(cache, place_of(cache, &key->name));
    pthread_mutex_unlock(&cache->mutex);
    unsealed_unref(key);
    return key != NULL;
}

size_t cache_count(struct cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    size_t count = cache->count;
    pthread_mutex_unlock(&cache->mutex);
    return count;
}

void cache_clear(struct cache *cache)
{
    while (cache->newest) {
        struct unsealed *key = remove_at(cache, place_of(cache, &cache->newest->name));
        unsealed_unref(key);
    }
    free(cache->buckets);
    pthread_mutex_destroy(&cache->mutex);
    *cache = (struct cache){0};
}
