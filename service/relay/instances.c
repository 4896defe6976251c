#include "relay/instances.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>

#include "base/clock.h"

enum { BUCKETS = 4096 }; /* of which the id's first bits are the number: it is random */

/* Who shares: as long as an instance is its own. */
struct origin {
    size_t instances, followings;
    char name[];
};

struct instance {
    struct instance *next;
    uint8_t id[INSTANCES_ID];
    uint64_t heard_ns;
    struct origin *origin;
    uint64_t *followed; /* a hash of each environment's name: they are only counted */
    size_t followed_count;
    char principal[];
};

struct instances {
    pthread_mutex_t lock; /* guards all below */
    size_t capacity, count;
    size_t most_followings, followings;
    uint8_t boot_id[INSTANCES_ID];
    void *origins; /* a tree, by name */
    struct instance *buckets[BUCKETS];
};

jwkd_status instances_new(size_t capacity, size_t followings, struct instances **out)
{
    struct instances *instances = calloc(1, sizeof *instances);
    if (!instances) return JWKD_NO_MEMORY;
    pthread_mutex_init(&instances->lock, NULL);
    instances->capacity = capacity ? capacity : LIMIT_RELAYED;
    instances->most_followings = followings ? followings : LIMIT_RELAYED_FOLLOWINGS;
    *out = instances;
    return JWKD_OK;
}

/* ---- origins */

static int compare_names(const void *one, const void *other)
{
    return strcmp(((const struct origin *)one)->name, ((const struct origin *)other)->name);
}

static struct origin *new_origin(const char *name)
{
    size_t size = strlen(name) + 1;
    struct origin *origin = calloc(1, sizeof *origin + size);
    if (origin) memcpy(origin->name, name, size);
    return origin;
}

/* NULL without memory. */
static struct origin *need_origin(struct instances *instances, const char *name)
{
    struct origin *fresh = new_origin(name);
    struct origin *const *node = fresh ? tsearch(fresh, &instances->origins, compare_names) : NULL;
    struct origin *found = node ? *node : NULL;
    if (found != fresh) free(fresh);
    return found;
}

static void put_origin(struct instances *instances, struct origin *origin)
{
    if (origin->instances > 0) return;
    tdelete(origin, &instances->origins, compare_names);
    free(origin);
}

/* ---- instances */

static void set_followed_count(struct instances *instances, struct instance *instance, size_t count)
{
    instances->followings += count - instance->followed_count;
    instance->origin->followings += count - instance->followed_count;
    instance->followed_count = count;
}

static void remove_at(struct instances *instances, struct instance **place)
{
    struct instance *instance = *place;
    *place = instance->next;
    set_followed_count(instances, instance, 0);
    instances->count--;
    instance->origin->instances--;
    put_origin(instances, instance->origin);
    free(instance->followed);
    free(instance);
}

static void clear(struct instances *instances)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (instances->buckets[i])
            remove_at(instances, &instances->buckets[i]);
}

void instances_free(struct instances *instances)
{
    if (!instances) return;
    clear(instances);
    pthread_mutex_destroy(&instances->lock);
    free(instances);
}

static struct instance **bucket_of(struct instances *instances, const uint8_t *id)
{
    return &instances->buckets[(id[0] << 8 | id[1]) % BUCKETS];
}

static struct instance *find(struct instances *instances, const uint8_t *id)
{
    struct instance *instance = *bucket_of(instances, id);
    while (instance && memcmp(instance->id, id, INSTANCES_ID) != 0)
        instance = instance->next;
    return instance;
}

static bool is_over(const struct instance *instance, uint64_t now_ns)
{
    return now_ns > instance->heard_ns + INSTANCES_KEPT_SEC * NS_PER_SEC;
}

static void sweep(struct instances *instances, uint64_t now_ns)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct instance **place = &instances->buckets[i]; *place;) {
            if (is_over(*place, now_ns))
                remove_at(instances, place);
            else
                place = &(*place)->next;
        }
}

bool instances_may_bind(struct instances *instances, const char *origin, uint64_t now_ns)
{
    pthread_mutex_lock(&instances->lock);
    sweep(instances, now_ns);
    struct origin *own = need_origin(instances, origin);
    bool may = own && instances->count < instances->capacity &&
               own->instances < instances->capacity - instances->count;
    if (own) put_origin(instances, own);
    pthread_mutex_unlock(&instances->lock);
    return may;
}

/* Without memory it is not known afterwards: the caller is told to say hello again. */
static struct instance *add(
    struct instances *instances, const uint8_t *id, const char *principal, const char *origin)
{
    size_t size = strlen(principal) + 1;
    struct instance *instance = calloc(1, sizeof *instance + size), **bucket = bucket_of(instances, id);
    if (!instance) return NULL;
    instance->origin = need_origin(instances, origin);
    if (!instance->origin) {
        free(instance);
        return NULL;
    }
    instance->origin->instances++;
    memcpy(instance->id, id, INSTANCES_ID);
    memcpy(instance->principal, principal, size);
    instance->next = *bucket;
    *bucket = instance;
    instances->count++;
    return instance;
}

static void forget(struct instances *instances, const uint8_t *id)
{
    struct instance **place = bucket_of(instances, id);
    while (*place && memcmp((*place)->id, id, INSTANCES_ID) != 0)
        place = &(*place)->next;
    if (*place) remove_at(instances, place);
}

void instances_bind(struct instances *instances, const uint8_t boot_id[INSTANCES_ID],
    const uint8_t id[INSTANCES_ID], const char *principal, const char *origin, uint64_t now_ns)
{
    pthread_mutex_lock(&instances->lock);
    if (memcmp(instances->boot_id, boot_id, INSTANCES_ID) != 0) {
        clear(instances);
        memcpy(instances->boot_id, boot_id, INSTANCES_ID);
    }
    struct instance *instance = find(instances, id);
    if (instance && strcmp(instance->principal, principal) != 0) {
        forget(instances, id); /* the service gave it to somebody else */
        instance = NULL;
    }
    if (!instance) instance = add(instances, id, principal, origin);
    if (instance) instance->heard_ns = now_ns;
    pthread_mutex_unlock(&instances->lock);
}

bool instances_hear(struct instances *instances, struct bytes id, const char *principal, uint64_t now_ns)
{
    if (id.size != INSTANCES_ID) return false;
    pthread_mutex_lock(&instances->lock);
    struct instance *instance = find(instances, id.data);
    bool own = instance && strcmp(instance->principal, principal) == 0;
    if (own) instance->heard_ns = now_ns;
    pthread_mutex_unlock(&instances->lock);
    return own;
}

/* ---- what they follow */

/* FNV-1a. */
static uint64_t hash_of(const char *environment)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = environment; *c; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    return hash;
}

/* More than its share or not: the service counts again, and refuses what is over its own limits. */
static bool may_follow(const struct instances *instances, const struct instance *instance, size_t count)
{
    if (count <= instance->followed_count) return true;
    size_t more = count - instance->followed_count;
    size_t left = instances->most_followings - instances->followings;
    return more <= left && instance->origin->followings + more <= left - more + 1;
}

static bool make_room(struct instance *instance, size_t count)
{
    if (count <= instance->followed_count) return true;
    uint64_t *followed = realloc(instance->followed, count * sizeof *followed);
    if (followed) instance->followed = followed;
    return followed != NULL;
}

static bool follows(const struct instance *instance, uint64_t hash)
{
    for (size_t i = 0; i < instance->followed_count; i++)
        if (instance->followed[i] == hash) return true;
    return false;
}

bool instances_follow(struct instances *instances, struct bytes id, const char *environment)
{
    const uint64_t hash = hash_of(environment);
    if (id.size != INSTANCES_ID) return true;
    pthread_mutex_lock(&instances->lock);
    struct instance *instance = find(instances, id.data);
    bool may = !instance || follows(instance, hash);
    if (!may) {
        size_t count = instance->followed_count + 1;
        may = may_follow(instances, instance, count) && make_room(instance, count);
        if (may) {
            instance->followed[count - 1] = hash;
            set_followed_count(instances, instance, count);
        }
    }
    pthread_mutex_unlock(&instances->lock);
    return may;
}

bool instances_follow_only(
    struct instances *instances, struct bytes id, const char *const *environments, size_t count)
{
    if (id.size != INSTANCES_ID) return true;
    pthread_mutex_lock(&instances->lock);
    struct instance *instance = find(instances, id.data);
    bool may = !instance || (may_follow(instances, instance, count) && make_room(instance, count));
    if (instance && may) {
        for (size_t i = 0; i < count; i++)
            instance->followed[i] = hash_of(environments[i]);
        set_followed_count(instances, instance, count);
    }
    pthread_mutex_unlock(&instances->lock);
    return may;
}
