#include "relay/instances.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"

enum { BUCKETS = 4096 }; /* of which the id's first bits are the number: it is random */

struct instance {
    struct instance *next;
    uint8_t id[INSTANCES_ID];
    uint64_t heard_ns;
    char principal[]; /* of its own length: there may be ten thousand of them */
};

struct instances {
    pthread_mutex_t lock; /* guards all below */
    size_t capacity, count;
    uint8_t boot_id[INSTANCES_ID];
    struct instance *buckets[BUCKETS];
};

jwkd_status instances_new(size_t capacity, struct instances **out)
{
    struct instances *instances = calloc(1, sizeof *instances);
    if (!instances) return JWKD_NO_MEMORY;
    pthread_mutex_init(&instances->lock, NULL);
    instances->capacity = capacity ? capacity : LIMIT_SUBSCRIBERS; /* shared as the service does */
    *out = instances;
    return JWKD_OK;
}

static void remove_at(struct instances *instances, struct instance **place)
{
    struct instance *instance = *place;
    *place = instance->next;
    instances->count--;
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

/* Removes what is over; how many the principal has. */
static size_t sweep(struct instances *instances, const char *principal, uint64_t now_ns)
{
    size_t own = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct instance **place = &instances->buckets[i]; *place;) {
            if (is_over(*place, now_ns)) {
                remove_at(instances, place);
                continue;
            }
            if (strcmp((*place)->principal, principal) == 0) own++;
            place = &(*place)->next;
        }
    return own;
}

bool instances_may_bind(struct instances *instances, const char *principal, uint64_t now_ns)
{
    pthread_mutex_lock(&instances->lock);
    size_t own = sweep(instances, principal, now_ns);
    size_t left = instances->count < instances->capacity ? instances->capacity - instances->count : 0;
    pthread_mutex_unlock(&instances->lock);
    return own < left;
}

/* Without memory it is not known afterwards: the caller is told to say hello again. */
static void add(struct instances *instances, const uint8_t *id, const char *principal, uint64_t now_ns)
{
    size_t size = strlen(principal) + 1;
    struct instance *instance = calloc(1, sizeof *instance + size), **bucket = bucket_of(instances, id);
    if (!instance) return;
    memcpy(instance->id, id, INSTANCES_ID);
    memcpy(instance->principal, principal, size);
    instance->heard_ns = now_ns;
    instance->next = *bucket;
    *bucket = instance;
    instances->count++;
}

/* Whoever had it before. */
static void remove_id(struct instances *instances, const uint8_t *id)
{
    for (struct instance **place = bucket_of(instances, id); *place; place = &(*place)->next) {
        if (memcmp((*place)->id, id, INSTANCES_ID) != 0) continue;
        remove_at(instances, place);
        return;
    }
}

void instances_bind(struct instances *instances, const uint8_t boot_id[INSTANCES_ID],
    const uint8_t id[INSTANCES_ID], const char *principal, uint64_t now_ns)
{
    pthread_mutex_lock(&instances->lock);
    if (memcmp(instances->boot_id, boot_id, INSTANCES_ID) != 0) {
        clear(instances);
        memcpy(instances->boot_id, boot_id, INSTANCES_ID);
    }
    remove_id(instances, id);
    add(instances, id, principal, now_ns);
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
