#include "relay/replica.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "wire/service_clock.h"

enum {
    ID = 16,
    CURRENT_BEATS = 4, /* heartbeats that may be missing before the relay asks instead of answering */
    PAGE_BYTES = LIMIT_REPLY / 4, /* of events in one answer */
};

struct replica {
    pthread_mutex_t lock; /* guards all below */
    struct shelf shelf;
    uint64_t generation; /* raised whenever all is forgotten */
    uint8_t boot_id[ID], epoch[ID];
    bool measured;
    struct service_clock clock;
    uint64_t current_ns; /* how young a heartbeat is that still counts */
    /* The last heartbeat. */
    bool beaten;
    uint64_t stamp_ns;
    uint64_t synced; /* up to this service revision nothing was missed of what is followed */
};

jwkd_status replica_new(const struct shelf_caps *caps, struct replica **out)
{
    static const struct shelf_caps DEFAULTS = {0};
    struct replica *replica = calloc(1, sizeof *replica);
    if (!replica) return JWKD_NO_MEMORY;
    pthread_mutex_init(&replica->lock, NULL);
    shelf_init(&replica->shelf, caps ? caps : &DEFAULTS);
    *out = replica;
    return JWKD_OK;
}

void replica_free(struct replica *replica)
{
    if (!replica) return;
    shelf_clear(&replica->shelf);
    pthread_mutex_destroy(&replica->lock);
    free(replica);
}

/* ---- one run, one epoch */

static void forget(struct replica *replica)
{
    shelf_clear(&replica->shelf);
    replica->generation++;
    replica->beaten = false;
    replica->synced = 0;
}

static bool is_same(ProtobufCBinaryData id, const uint8_t known[ID])
{
    return bytes_equal(wire_view(id), bytes_of(known, ID));
}

/* False: what bears such ids is not to be understood. */
static bool enter_run(struct replica *replica, ProtobufCBinaryData boot_id, ProtobufCBinaryData epoch)
{
    if (boot_id.len != ID || epoch.len != ID) {
        forget(replica);
        return false;
    }
    if (is_same(boot_id, replica->boot_id) && is_same(epoch, replica->epoch)) return true;
    if (!is_same(boot_id, replica->boot_id)) replica->measured = false;
    forget(replica);
    memcpy(replica->boot_id, boot_id.data, ID);
    memcpy(replica->epoch, epoch.data, ID);
    return true;
}

void replica_welcome(struct replica *replica, const Jwkd__V1__HelloReply *hello, uint64_t sent_ns)
{
    pthread_mutex_lock(&replica->lock);
    if (enter_run(replica, hello->boot_id, hello->epoch)) {
        replica->measured = true;
        replica->clock = service_clock_of(hello->clock_ns, sent_ns);
        replica->current_ns = (uint64_t)hello->heartbeat_ms * CURRENT_BEATS * NS_PER_MS;
    }
    pthread_mutex_unlock(&replica->lock);
}

void replica_disconnect(struct replica *replica)
{
    pthread_mutex_lock(&replica->lock);
    replica->beaten = false;
    pthread_mutex_unlock(&replica->lock);
}

/* Whether the last heartbeat is young. */
static bool is_current(const struct replica *replica, uint64_t now_ns)
{
    if (!replica->beaten || !replica->measured) return false;
    uint64_t age_ns;
    return service_clock_age(&replica->clock, replica->stamp_ns, now_ns, &age_ns) &&
           age_ns < replica->current_ns;
}

uint64_t replica_time_left_ms(struct replica *replica, const Jwkd__V1__Request *request, uint64_t least_ms,
    uint64_t most_ms, uint64_t now_ns)
{
    uint64_t left_ms = most_ms;
    pthread_mutex_lock(&replica->lock);
    if (request->deadline_ns && replica->measured && is_same(request->boot_id, replica->boot_id)) {
        int64_t left_ns = (int64_t)(request->deadline_ns - service_clock_ns(&replica->clock, now_ns));
        left_ms = left_ns > 0 ? (uint64_t)left_ns / NS_PER_MS : 0;
    }
    pthread_mutex_unlock(&replica->lock);
    return left_ms < least_ms ? least_ms : left_ms > most_ms ? most_ms : left_ms;
}

/* ---- events */

static bool deletes(const Jwkd__V1__Event *event)
{
    for (size_t i = 0; i < event->n_changes; i++)
        if (event->changes[i]->kind == JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED) return true;
    return false;
}

static void hear_event(struct replica *replica, const Jwkd__V1__Event *event, struct bytes packed)
{
    const Jwkd__V1__State *state = event->state;
    struct shelf *shelf = &replica->shelf;
    if (deletes(event)) {
        shelf_remove(shelf, event->environment);
        return;
    }
    struct shelf_environment *environment = shelf_get(shelf, event->environment);
    if (!environment) return;
    bool same = environment->followed && environment->id == state->environment_id;
    if (same && state->revision <= environment->revision) return;
    if (!same || event->previous_revision != environment->revision)
        shelf_follow(shelf, environment, state->environment_id, event->previous_revision);
    shelf_append(shelf, environment, state->revision, packed);
}

static bool read_event(struct replica *replica, struct bytes topic, struct bytes body)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__event__descriptor, body, &arena, &message) != JWKD_OK) return false;
    const Jwkd__V1__Event *event = (const Jwkd__V1__Event *)message;
    if (!event->state || !bytes_equal_text(topic, event->environment)) return false;
    if (!enter_run(replica, event->boot_id, event->state->epoch)) return false;
    hear_event(replica, event, body);
    return true;
}

/* ---- heartbeats */

/* An environment that is listed further on than it was heard of: its event was lost. */
static void compare(struct replica *replica, const Jwkd__V1__Heartbeat__Item *item)
{
    struct shelf_environment *environment = shelf_find(&replica->shelf, item->environment);
    if (!environment || !environment->followed) return;
    if (!item->state || item->state->environment_id != environment->id ||
        item->state->revision > environment->revision)
        shelf_unfollow(&replica->shelf, environment);
}

static void hear_heartbeat(struct replica *replica, const Jwkd__V1__Heartbeat *heartbeat)
{
    bool backwards = replica->beaten && heartbeat->stamp_ns <= replica->stamp_ns;
    if (backwards || heartbeat->service_revision < replica->synced) forget(replica);
    if (heartbeat->covers_from > replica->synced) shelf_unfollow_all(&replica->shelf);
    for (size_t i = 0; i < heartbeat->n_changed; i++)
        compare(replica, heartbeat->changed[i]);
    replica->beaten = true;
    replica->stamp_ns = heartbeat->stamp_ns;
    replica->synced = heartbeat->service_revision;
}

static bool read_heartbeat(struct replica *replica, struct bytes body)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__heartbeat__descriptor, body, &arena, &message) != JWKD_OK) return false;
    const Jwkd__V1__Heartbeat *heartbeat = (const Jwkd__V1__Heartbeat *)message;
    if (!enter_run(replica, heartbeat->boot_id, heartbeat->epoch)) return false;
    hear_heartbeat(replica, heartbeat);
    return true;
}

void replica_hear(struct replica *replica, struct bytes message)
{
    struct bytes topic, body;
    bool split = wire_split(message, &topic, &body) == JWKD_OK;
    pthread_mutex_lock(&replica->lock);
    bool understood =
        split && (topic.size == 0 ? read_heartbeat(replica, body) : read_event(replica, topic, body));
    if (!understood) forget(replica);
    pthread_mutex_unlock(&replica->lock);
}

/* ---- what is told */

static bool is_of_epoch(const struct replica *replica, const Jwkd__V1__State *state)
{
    return state && is_same(state->epoch, replica->epoch);
}

/* Under the lock. */
static void see(struct shelf_environment *environment, const Jwkd__V1__State *state)
{
    bool newer =
        state->environment_id != environment->told_id || state->revision > environment->told_revision;
    if (!newer) return;
    environment->told_id = state->environment_id;
    environment->told_revision = state->revision;
}

void replica_see(struct replica *replica, const char *environment, const Jwkd__V1__State *state)
{
    pthread_mutex_lock(&replica->lock);
    if (!is_of_epoch(replica, state)) {
        forget(replica); /* a restored backup, whose events have not come yet */
    } else {
        struct shelf_environment *known = shelf_find(&replica->shelf, environment);
        if (known) see(known, state);
    }
    pthread_mutex_unlock(&replica->lock);
}

/* ---- snapshots */

struct shared_reply *replica_snapshot(
    struct replica *replica, const char *environment, uint64_t *out_generation)
{
    pthread_mutex_lock(&replica->lock);
    const struct shelf_environment *known = shelf_find(&replica->shelf, environment);
    struct shared_reply *snapshot = shared_reply_ref(known ? known->snapshot : NULL);
    *out_generation = replica->generation;
    pthread_mutex_unlock(&replica->lock);
    return snapshot;
}

/* Answers may overtake each other. */
static bool is_older(const struct shared_reply *one, const Jwkd__V1__State *other)
{
    const Jwkd__V1__State *state = one->reply->jwks->state;
    return state->environment_id == other->environment_id && state->revision < other->revision;
}

static void keep(
    struct replica *replica, struct shelf_environment *environment, struct shared_reply *snapshot)
{
    const Jwkd__V1__JwksReply *jwks = snapshot->reply->jwks;
    see(environment, jwks->state);
    if (environment->snapshot && is_older(snapshot, environment->snapshot->reply->jwks->state)) return;
    shelf_set_snapshot(&replica->shelf, environment, snapshot);
    /* What changed after it will be heard, or listed by the next heartbeat. */
    if (!environment->followed && jwks->service_revision >= replica->synced)
        shelf_follow(&replica->shelf, environment, jwks->state->environment_id, jwks->state->revision);
}

void replica_keep(
    struct replica *replica, const char *environment, struct shared_reply *snapshot, uint64_t generation)
{
    pthread_mutex_lock(&replica->lock);
    if (generation == replica->generation && is_of_epoch(replica, snapshot->reply->jwks->state)) {
        struct shelf_environment *known = shelf_get(&replica->shelf, environment);
        if (known) keep(replica, known, snapshot);
    }
    pthread_mutex_unlock(&replica->lock);
}

/* ---- changes */

static bool is_told(const struct shelf_environment *environment)
{
    if (environment->told_revision == 0) return true;
    return environment->told_id == environment->id && environment->told_revision <= environment->revision;
}

/* The first event after a revision; false if there is no such revision in the chain. */
static bool find_after(
    const struct shelf_environment *environment, uint64_t revision, struct shelf_event **out)
{
    struct shelf_event *event = environment->first;
    bool found = shelf_base(environment) == revision;
    while (!found && event) {
        found = event->revision == revision;
        event = event->next;
    }
    *out = event;
    return found;
}

static void fill(struct replica_page *page, struct shelf_event *event)
{
    size_t bytes = 0;
    while (event && page->count < LIMIT_PAGE && (page->count == 0 || bytes + event->size <= PAGE_BYTES)) {
        bytes += event->size;
        page->events[page->count++] = shelf_event_ref(event);
        event = event->next;
    }
    page->more = event != NULL;
}

static bool look_up(
    struct replica *replica, const Jwkd__V1__GetChangesRequest *request, struct replica_page *out)
{
    const struct shelf_environment *environment = shelf_find(&replica->shelf, request->environment);
    struct shelf_event *event;
    if (!environment || !environment->followed || !is_told(environment)) return false;
    if (!is_of_epoch(replica, request->since) || request->since->environment_id != environment->id)
        return false;
    if (!find_after(environment, request->since->revision, &event)) return false;
    memcpy(out->epoch, replica->epoch, ID);
    out->environment_id = environment->id;
    out->revision = environment->revision;
    out->count = 0;
    fill(out, event);
    return true;
}

bool replica_changes(struct replica *replica, const Jwkd__V1__GetChangesRequest *request,
    struct bytes boot_id, uint64_t now_ns, struct replica_page *out)
{
    pthread_mutex_lock(&replica->lock);
    bool ours = boot_id.size == 0 || bytes_equal(boot_id, bytes_of(replica->boot_id, ID));
    bool answered = ours && is_current(replica, now_ns) && look_up(replica, request, out);
    pthread_mutex_unlock(&replica->lock);
    return answered;
}

void replica_page_clear(struct replica_page *page)
{
    while (page->count > 0)
        shelf_event_unref(page->events[--page->count]);
}
