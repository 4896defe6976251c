#include "relay/hold.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

enum {
    ID = 16,
    CURRENT_BEATS = 4,  /* heartbeats that may be missing before the relay asks instead of answering */
    DRIFT_PARTS = 1000, /* of a thousandth: 1000 ppm between the two clocks */
    PAGE_BYTES = LIMIT_REPLY / 4, /* of events in one answer */
};

struct hold {
    pthread_mutex_t lock; /* guards all below */
    struct shelf shelf;
    uint64_t generation; /* raised whenever all is forgotten */
    uint8_t boot_id[ID], epoch[ID];
    /* The service's clock is at most ours minus this; see client/lib/lease.c. */
    bool measured;
    uint64_t offset_ns, measured_ns, current_ns;
    /* The last heartbeat. */
    bool beaten;
    uint64_t stamp_ns;
    uint64_t synced; /* up to this service revision nothing was missed of what is followed */
};

jwkd_status hold_new(const struct shelf_caps *caps, struct hold **out)
{
    static const struct shelf_caps DEFAULTS = {0};
    struct hold *hold = calloc(1, sizeof *hold);
    if (!hold) return JWKD_NO_MEMORY;
    pthread_mutex_init(&hold->lock, NULL);
    shelf_init(&hold->shelf, caps ? caps : &DEFAULTS);
    *out = hold;
    return JWKD_OK;
}

void hold_free(struct hold *hold)
{
    if (!hold) return;
    shelf_clear(&hold->shelf);
    pthread_mutex_destroy(&hold->lock);
    free(hold);
}

/* ---- one run, one epoch */

static void forget(struct hold *hold)
{
    shelf_clear(&hold->shelf);
    hold->generation++;
    hold->beaten = false;
    hold->synced = 0;
}

static bool is_same(ProtobufCBinaryData id, const uint8_t known[ID])
{
    return bytes_equal(wire_view(id), bytes_of(known, ID));
}

/* False: what bears such ids is not to be understood. */
static bool enter_run(struct hold *hold, ProtobufCBinaryData boot_id, ProtobufCBinaryData epoch)
{
    if (boot_id.len != ID || epoch.len != ID) {
        forget(hold);
        return false;
    }
    if (is_same(boot_id, hold->boot_id) && is_same(epoch, hold->epoch)) return true;
    if (!is_same(boot_id, hold->boot_id)) hold->measured = false;
    forget(hold);
    memcpy(hold->boot_id, boot_id.data, ID);
    memcpy(hold->epoch, epoch.data, ID);
    return true;
}

void hold_welcome(struct hold *hold, const Jwkd__V1__HelloReply *hello, uint64_t sent_ns)
{
    pthread_mutex_lock(&hold->lock);
    if (enter_run(hold, hello->boot_id, hello->epoch)) {
        hold->measured = true;
        hold->offset_ns = sent_ns - hello->clock_ns; /* it was read after the question had left */
        hold->measured_ns = sent_ns;
        hold->current_ns = (uint64_t)hello->heartbeat_ms * CURRENT_BEATS * NS_PER_MS;
    }
    pthread_mutex_unlock(&hold->lock);
}

void hold_disconnect(struct hold *hold)
{
    pthread_mutex_lock(&hold->lock);
    hold->beaten = false;
    pthread_mutex_unlock(&hold->lock);
}

/* The service's clock, which is never taken for less than it shows. */
static uint64_t service_ns(const struct hold *hold, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns > hold->measured_ns ? now_ns - hold->measured_ns : 0;
    return now_ns - hold->offset_ns + passed_ns / DRIFT_PARTS;
}

/* Whether the last heartbeat is young. */
static bool is_current(const struct hold *hold, uint64_t now_ns)
{
    if (!hold->beaten || !hold->measured) return false;
    int64_t age_ns = (int64_t)(service_ns(hold, now_ns) - hold->stamp_ns);
    return age_ns >= 0 && (uint64_t)age_ns < hold->current_ns;
}

uint64_t hold_time_left_ms(
    struct hold *hold, const Jwkd__V1__Request *request, uint64_t least_ms, uint64_t most_ms, uint64_t now_ns)
{
    uint64_t left_ms = most_ms;
    pthread_mutex_lock(&hold->lock);
    if (request->deadline_ns && hold->measured && is_same(request->boot_id, hold->boot_id)) {
        int64_t left_ns = (int64_t)(request->deadline_ns - service_ns(hold, now_ns));
        left_ms = left_ns > 0 ? (uint64_t)left_ns / NS_PER_MS : 0;
    }
    pthread_mutex_unlock(&hold->lock);
    return left_ms < least_ms ? least_ms : left_ms > most_ms ? most_ms : left_ms;
}

/* ---- events */

static bool deletes(const Jwkd__V1__Event *event)
{
    for (size_t i = 0; i < event->n_changes; i++)
        if (event->changes[i]->kind == JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED) return true;
    return false;
}

static void hear_event(struct hold *hold, const Jwkd__V1__Event *event, struct bytes packed)
{
    const Jwkd__V1__State *state = event->state;
    struct shelf *shelf = &hold->shelf;
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

static bool read_event(struct hold *hold, struct bytes topic, struct bytes body)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__event__descriptor, body, &arena, &message) != JWKD_OK) return false;
    const Jwkd__V1__Event *event = (const Jwkd__V1__Event *)message;
    if (!event->state || !bytes_equal_text(topic, event->environment)) return false;
    if (!enter_run(hold, event->boot_id, event->state->epoch)) return false;
    hear_event(hold, event, body);
    return true;
}

/* ---- heartbeats */

/* An environment that is listed further on than it was heard of: its event was lost. */
static void compare(struct hold *hold, const Jwkd__V1__Heartbeat__Item *item)
{
    struct shelf_environment *environment = shelf_find(&hold->shelf, item->environment);
    if (!environment || !environment->followed) return;
    if (!item->state || item->state->environment_id != environment->id ||
        item->state->revision > environment->revision)
        shelf_unfollow(&hold->shelf, environment);
}

static void hear_heartbeat(struct hold *hold, const Jwkd__V1__Heartbeat *heartbeat)
{
    bool backwards = hold->beaten && heartbeat->stamp_ns <= hold->stamp_ns;
    if (backwards || heartbeat->service_revision < hold->synced) forget(hold);
    if (heartbeat->covers_from > hold->synced) shelf_unfollow_all(&hold->shelf);
    for (size_t i = 0; i < heartbeat->n_changed; i++)
        compare(hold, heartbeat->changed[i]);
    hold->beaten = true;
    hold->stamp_ns = heartbeat->stamp_ns;
    hold->synced = heartbeat->service_revision;
}

static bool read_heartbeat(struct hold *hold, struct bytes body)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__heartbeat__descriptor, body, &arena, &message) != JWKD_OK) return false;
    const Jwkd__V1__Heartbeat *heartbeat = (const Jwkd__V1__Heartbeat *)message;
    if (!enter_run(hold, heartbeat->boot_id, heartbeat->epoch)) return false;
    hear_heartbeat(hold, heartbeat);
    return true;
}

void hold_hear(struct hold *hold, struct bytes message)
{
    struct bytes topic, body;
    bool split = wire_split(message, &topic, &body) == JWKD_OK;
    pthread_mutex_lock(&hold->lock);
    bool understood = split && (topic.size == 0 ? read_heartbeat(hold, body) : read_event(hold, topic, body));
    if (!understood) forget(hold);
    pthread_mutex_unlock(&hold->lock);
}

/* ---- what is told */

static bool is_of_epoch(const struct hold *hold, const Jwkd__V1__State *state)
{
    return state && is_same(state->epoch, hold->epoch);
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

void hold_see(struct hold *hold, const char *environment, const Jwkd__V1__State *state)
{
    pthread_mutex_lock(&hold->lock);
    if (!is_of_epoch(hold, state)) {
        forget(hold); /* a restored backup, whose events have not come yet */
    } else {
        struct shelf_environment *known = shelf_find(&hold->shelf, environment);
        if (known) see(known, state);
    }
    pthread_mutex_unlock(&hold->lock);
}

/* ---- snapshots */

struct held *hold_snapshot(struct hold *hold, const char *environment, uint64_t *out_generation)
{
    pthread_mutex_lock(&hold->lock);
    const struct shelf_environment *known = shelf_find(&hold->shelf, environment);
    struct held *snapshot = held_ref(known ? known->snapshot : NULL);
    *out_generation = hold->generation;
    pthread_mutex_unlock(&hold->lock);
    return snapshot;
}

/* Answers may overtake each other. */
static bool is_older(const struct held *one, const Jwkd__V1__State *other)
{
    const Jwkd__V1__State *state = one->reply->jwks->state;
    return state->environment_id == other->environment_id && state->revision < other->revision;
}

static void keep(struct hold *hold, struct shelf_environment *environment, struct held *snapshot)
{
    const Jwkd__V1__JwksReply *jwks = snapshot->reply->jwks;
    see(environment, jwks->state);
    if (environment->snapshot && is_older(snapshot, environment->snapshot->reply->jwks->state)) return;
    shelf_set_snapshot(&hold->shelf, environment, snapshot);
    /* What changed after it will be heard, or listed by the next heartbeat. */
    if (!environment->followed && jwks->service_revision >= hold->synced)
        shelf_follow(&hold->shelf, environment, jwks->state->environment_id, jwks->state->revision);
}

void hold_keep(struct hold *hold, const char *environment, struct held *snapshot, uint64_t generation)
{
    pthread_mutex_lock(&hold->lock);
    if (generation == hold->generation && is_of_epoch(hold, snapshot->reply->jwks->state)) {
        struct shelf_environment *known = shelf_get(&hold->shelf, environment);
        if (known) keep(hold, known, snapshot);
    }
    pthread_mutex_unlock(&hold->lock);
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

static void fill(struct hold_page *page, struct shelf_event *event)
{
    size_t bytes = 0;
    while (event && page->count < LIMIT_PAGE && (page->count == 0 || bytes + event->size <= PAGE_BYTES)) {
        bytes += event->size;
        page->events[page->count++] = shelf_event_ref(event);
        event = event->next;
    }
    page->more = event != NULL;
}

static bool look_up(struct hold *hold, const Jwkd__V1__GetChangesRequest *request, struct hold_page *out)
{
    const struct shelf_environment *environment = shelf_find(&hold->shelf, request->environment);
    struct shelf_event *event;
    if (!environment || !environment->followed || !is_told(environment)) return false;
    if (!is_of_epoch(hold, request->since) || request->since->environment_id != environment->id) return false;
    if (!find_after(environment, request->since->revision, &event)) return false;
    memcpy(out->epoch, hold->epoch, ID);
    out->environment_id = environment->id;
    out->revision = environment->revision;
    out->count = 0;
    fill(out, event);
    return true;
}

bool hold_changes(struct hold *hold, const Jwkd__V1__GetChangesRequest *request, struct bytes boot_id,
    uint64_t now_ns, struct hold_page *out)
{
    pthread_mutex_lock(&hold->lock);
    bool ours = boot_id.size == 0 || bytes_equal(boot_id, bytes_of(hold->boot_id, ID));
    bool answered = ours && is_current(hold, now_ns) && look_up(hold, request, out);
    pthread_mutex_unlock(&hold->lock);
    return answered;
}

void hold_page_clear(struct hold_page *page)
{
    while (page->count > 0)
        shelf_event_unref(page->events[--page->count]);
}
