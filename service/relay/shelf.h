/* What is kept of each environment, under caps: a snapshot, and the events that lead to the newest state, in
 * revision order and without a gap. When there is no room, the environment goes that was used longest ago.
 *
 * One thread at a time. */
#ifndef RELAY_SHELF_H
#define RELAY_SHELF_H

#include "relay/shared_reply.h"

/* As it was published; immutable, shared by reference. */
struct shelf_event {
    atomic_uint references;
    struct shelf_event *next; /* of the shelf alone */
    uint64_t revision, previous;
    size_t size;
    uint8_t packed[]; /* jwkd.v1.Event */
};
struct shelf_event *shelf_event_ref(struct shelf_event *event);
void shelf_event_unref(struct shelf_event *event);

struct shelf_environment {
    struct shelf_environment *next; /* in its bucket */
    uint64_t used;
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    /* The newest state that was heard of, and what led there. */
    bool followed; /* without a gap, that is: otherwise there are no events, and the state says nothing */
    uint64_t id, revision;
    struct shelf_event *first, **last;
    size_t events, bytes;
    /* A state that was told to somebody; 0: none. */
    uint64_t told_id, told_revision;
    struct shared_reply *snapshot; /* NULL: none */
};

struct shelf_caps {
    size_t environments; /* 0: 4096 */
    size_t events;       /* of one environment; 0: 1024 */
    size_t bytes;        /* of all; 0: 64 MiB */
};

struct shelf {
    struct shelf_caps caps;
    struct shelf_environment *buckets[1024];
    size_t count, bytes;
    uint64_t clock; /* for `used` */
};

void shelf_init(struct shelf *shelf, const struct shelf_caps *caps);
void shelf_clear(struct shelf *shelf);

/* NULL: nothing is kept of it. */
struct shelf_environment *shelf_find(struct shelf *shelf, const char *name);
/* Makes it if need be. NULL: memory is short, or no environment has such a name. */
struct shelf_environment *shelf_get(struct shelf *shelf, const char *name);
void shelf_remove(struct shelf *shelf, const char *name);

/* The chain begins anew at this state. */
void shelf_follow(struct shelf *shelf, struct shelf_environment *environment, uint64_t id, uint64_t revision);
void shelf_unfollow(struct shelf *shelf, struct shelf_environment *environment);
void shelf_unfollow_all(struct shelf *shelf);
/* The next event of the chain; what cannot be kept ends it. */
void shelf_append(
    struct shelf *shelf, struct shelf_environment *environment, uint64_t revision, struct bytes packed);
/* The revision from which on every event is there. */
uint64_t shelf_base(const struct shelf_environment *environment);
/* Shares it; what is too large is left out. */
void shelf_set_snapshot(
    struct shelf *shelf, struct shelf_environment *environment, struct shared_reply *snapshot);

#endif
