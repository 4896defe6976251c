#include "relay/shelf.h"

#include <stdlib.h>

enum { ENVIRONMENTS = 4096, BYTES = 64 * 1024 * 1024 };

/* ---- events */

struct shelf_event *shelf_event_ref(struct shelf_event *event)
{
    atomic_fetch_add_explicit(&event->references, 1, memory_order_relaxed);
    return event;
}

void shelf_event_unref(struct shelf_event *event)
{
    if (atomic_fetch_sub_explicit(&event->references, 1, memory_order_acq_rel) == 1) free(event);
}

static struct shelf_event *event_new(uint64_t revision, uint64_t previous, struct bytes packed)
{
    struct shelf_event *event = malloc(sizeof *event + packed.size);
    if (!event) return NULL;
    atomic_init(&event->references, 1);
    event->next = NULL;
    event->revision = revision;
    event->previous = previous;
    event->size = packed.size;
    memcpy(event->packed, packed.data, packed.size);
    return event;
}

/* ---- room */

static void weigh(struct shelf *shelf, struct shelf_environment *environment, size_t more, size_t less)
{
    environment->bytes = environment->bytes + more - less;
    shelf->bytes = shelf->bytes + more - less;
}

static void drop_oldest_event(struct shelf *shelf, struct shelf_environment *environment)
{
    struct shelf_event *event = environment->first;
    environment->first = event->next;
    if (!environment->first) environment->last = &environment->first;
    environment->events--;
    weigh(shelf, environment, 0, sizeof *event + event->size);
    shelf_event_unref(event);
}

static void drop_snapshot(struct shelf *shelf, struct shelf_environment *environment)
{
    if (!environment->snapshot) return;
    weigh(shelf, environment, 0, environment->snapshot->size);
    shared_reply_unref(environment->snapshot);
    environment->snapshot = NULL;
}

static struct shelf_environment **bucket_of(struct shelf *shelf, const char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619U;
    return &shelf->buckets[hash % (sizeof shelf->buckets / sizeof *shelf->buckets)];
}

static void remove_at(struct shelf *shelf, struct shelf_environment **place)
{
    struct shelf_environment *environment = *place;
    *place = environment->next;
    shelf_unfollow(shelf, environment);
    drop_snapshot(shelf, environment);
    shelf->bytes -= sizeof *environment;
    shelf->count--;
    free(environment);
}

static struct shelf_environment *least_used(const struct shelf *shelf, const struct shelf_environment *but)
{
    struct shelf_environment *found = NULL;
    for (size_t i = 0; i < sizeof shelf->buckets / sizeof *shelf->buckets; i++)
        for (struct shelf_environment *e = shelf->buckets[i]; e; e = e->next)
            if (e != but && (!found || e->used < found->used)) found = e;
    return found;
}

/* Others first; then what this one has of old. */
static void make_room(struct shelf *shelf, struct shelf_environment *kept, size_t size)
{
    while (shelf->bytes + size > shelf->caps.bytes) {
        const struct shelf_environment *victim = least_used(shelf, kept);
        if (victim)
            shelf_remove(shelf, victim->name);
        else if (kept->events > 0)
            drop_oldest_event(shelf, kept);
        else
            break;
    }
    if (shelf->bytes + size > shelf->caps.bytes) drop_snapshot(shelf, kept);
}

/* ---- environments */

void shelf_init(struct shelf *shelf, const struct shelf_caps *caps)
{
    *shelf = (struct shelf){.caps = *caps};
    if (!shelf->caps.environments) shelf->caps.environments = ENVIRONMENTS;
    if (!shelf->caps.events) shelf->caps.events = LIMIT_EVENT_LOG;
    if (!shelf->caps.bytes) shelf->caps.bytes = BYTES;
}

void shelf_clear(struct shelf *shelf)
{
    for (size_t i = 0; i < sizeof shelf->buckets / sizeof *shelf->buckets; i++)
        while (shelf->buckets[i])
            remove_at(shelf, &shelf->buckets[i]);
}

struct shelf_environment *shelf_find(struct shelf *shelf, const char *name)
{
    struct shelf_environment *environment = *bucket_of(shelf, name);
    while (environment && strcmp(environment->name, name) != 0)
        environment = environment->next;
    if (environment) environment->used = ++shelf->clock;
    return environment;
}

struct shelf_environment *shelf_get(struct shelf *shelf, const char *name)
{
    struct shelf_environment *environment = shelf_find(shelf, name);
    size_t size = strlen(name);
    if (environment) return environment;
    if (size == 0 || size > LIMIT_ENVIRONMENT_NAME) return NULL;
    if (shelf->count == shelf->caps.environments) shelf_remove(shelf, least_used(shelf, NULL)->name);
    environment = calloc(1, sizeof *environment);
    if (!environment) return NULL;
    memcpy(environment->name, name, size + 1);
    environment->last = &environment->first;
    environment->used = ++shelf->clock;
    struct shelf_environment **bucket = bucket_of(shelf, name);
    environment->next = *bucket;
    *bucket = environment;
    shelf->count++;
    shelf->bytes += sizeof *environment;
    make_room(shelf, environment, 0);
    return environment;
}

void shelf_remove(struct shelf *shelf, const char *name)
{
    for (struct shelf_environment **place = bucket_of(shelf, name); *place; place = &(*place)->next)
        if (strcmp((*place)->name, name) == 0) {
            remove_at(shelf, place);
            return;
        }
}

/* ---- the chain of events */

void shelf_unfollow(struct shelf *shelf, struct shelf_environment *environment)
{
    while (environment->first)
        drop_oldest_event(shelf, environment);
    environment->followed = false;
}

void shelf_unfollow_all(struct shelf *shelf)
{
    for (size_t i = 0; i < sizeof shelf->buckets / sizeof *shelf->buckets; i++)
        for (struct shelf_environment *e = shelf->buckets[i]; e; e = e->next)
            shelf_unfollow(shelf, e);
}

void shelf_follow(struct shelf *shelf, struct shelf_environment *environment, uint64_t id, uint64_t revision)
{
    shelf_unfollow(shelf, environment);
    environment->followed = true;
    environment->id = id;
    environment->revision = revision;
}

uint64_t shelf_base(const struct shelf_environment *environment)
{
    return environment->first ? environment->first->previous : environment->revision;
}

void shelf_append(
    struct shelf *shelf, struct shelf_environment *environment, uint64_t revision, struct bytes packed)
{
    size_t size = sizeof(struct shelf_event) + packed.size;
    if (environment->events == shelf->caps.events) drop_oldest_event(shelf, environment);
    make_room(shelf, environment, size);
    struct shelf_event *event = NULL;
    if (shelf->bytes + size <= shelf->caps.bytes) event = event_new(revision, environment->revision, packed);
    if (!event) {
        shelf_unfollow(shelf, environment);
        return;
    }
    *environment->last = event;
    environment->last = &event->next;
    environment->events++;
    environment->revision = revision;
    weigh(shelf, environment, size, 0);
}

void shelf_set_snapshot(
    struct shelf *shelf, struct shelf_environment *environment, struct shared_reply *snapshot)
{
    drop_snapshot(shelf, environment);
    make_room(shelf, environment, snapshot->size);
    if (shelf->bytes + snapshot->size > shelf->caps.bytes) return;
    environment->snapshot = shared_reply_ref(snapshot);
    weigh(shelf, environment, snapshot->size, 0);
}
