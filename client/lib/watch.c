/* Following events without holding keys: for each environment, which state the program was told of last. */
#include <stdlib.h>

#include "lib/ask/answer.h"
#include "lib/ask/pages.h"
#include "lib/ask/remote.h"
#include "lib/connection/fork.h"
#include "lib/follow/follow.h"
#include "lib/judge/keys.h"

/* One environment that is watched. */
struct track {
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
    struct identity identity;
    bool listed; /* while synchronising: the service still has it */
};

/* Heartbeats list what was deleted as well, and such a one must not be looked for each time. The first look
 * may have come while the change was under way: a change is listed before it can be seen. */
enum { LOOKS = 2 };

/* An environment that is listed and was not found, in this state; its id is never used again. */
struct absent {
    struct identity identity;
    unsigned looks;
};

struct jwkd_watch {
    struct follower follower; /* first: kinds are handed a pointer to it */
    unsigned generation;
    jwkd_client *client;
    bool started;         /* this and the rest under follow.lock: a first synchronisation has succeeded */
    struct track *tracks; /* by name */
    size_t count, capacity;
    struct absent absent[LIMIT_HEARTBEAT];
    unsigned absent_next;
};

/* ---- tracks; under the lock */

static size_t track_place(const jwkd_watch *watch, const char *environment)
{
    size_t low = 0, high = watch->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(watch->tracks[middle].environment, environment) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct track *track_find(jwkd_watch *watch, const char *environment)
{
    size_t place = track_place(watch, environment);
    bool found = place < watch->count && strcmp(watch->tracks[place].environment, environment) == 0;
    return found ? &watch->tracks[place] : NULL;
}

/* Sets what is known of an environment, new or not. */
static jwkd_status track_set(jwkd_watch *watch, const char *environment, const struct identity *identity)
{
    struct track *track = track_find(watch, environment);
    if (!track) {
        if (strlen(environment) > LIMIT_ENVIRONMENT_NAME || watch->count >= LIMIT_ENVIRONMENTS)
            return JWKD_RESOURCE_EXHAUSTED;
        if (watch->count == watch->capacity) {
            size_t capacity = watch->capacity ? watch->capacity * 2 : 8;
            struct track *grown = realloc(watch->tracks, capacity * sizeof *grown);
            if (!grown) return JWKD_NO_MEMORY;
            watch->tracks = grown;
            watch->capacity = capacity;
        }
        size_t place = track_place(watch, environment);
        track = &watch->tracks[place];
        memmove(track + 1, track, (watch->count - place) * sizeof *track);
        watch->count++;
        memset(track, 0, sizeof *track);
        memcpy(track->environment, environment, strlen(environment) + 1);
    }
    track->identity = *identity;
    track->listed = true;
    return JWKD_OK;
}

static struct absent *absent_find(jwkd_watch *watch, const struct identity *identity)
{
    for (size_t i = 0; i < LIMIT_HEARTBEAT; i++)
        if (identity_comparable(&watch->absent[i].identity, identity)) return &watch->absent[i];
    return NULL;
}

static bool is_absent(jwkd_watch *watch, const struct identity *identity)
{
    const struct absent *absent = absent_find(watch, identity);
    return absent && absent->looks >= LOOKS && identity->revision <= absent->identity.revision;
}

static void absent_add(jwkd_watch *watch, const struct identity *identity, unsigned looks)
{
    struct absent *absent = absent_find(watch, identity);
    bool known = absent && identity->revision <= absent->identity.revision;
    if (!absent) absent = &watch->absent[watch->absent_next++ % LIMIT_HEARTBEAT];
    if (!known) *absent = (struct absent){.identity = *identity};
    absent->looks += looks;
}

static void track_remove(jwkd_watch *watch, struct track *track)
{
    size_t place = (size_t)(track - watch->tracks);
    memmove(track, track + 1, (watch->count - place - 1) * sizeof *track);
    watch->count--;
}

/* ---- events; under the lock */

/* Whether the event was the next one, or is known already; otherwise something was missed. */
static bool watch_apply(jwkd_watch *watch, const Jwkd__V1__Event *event)
{
    struct track *track = track_find(watch, event->environment);
    struct identity identity;
    if (!identity_read(event->state, &identity)) return true;
    bool comparable = track && identity_comparable(&track->identity, &identity);
    if (comparable && identity.revision <= track->identity.revision) return true;
    bool next = comparable ? event->previous_revision == track->identity.revision
                           : !track && event->previous_revision == 0;
    if (!next || (!answer_event_deletes(event) && track_set(watch, event->environment, &identity) != JWKD_OK))
        return false;
    if (answer_event_deletes(event)) absent_add(watch, &identity, LOOKS);
    if (track && answer_event_deletes(event)) track_remove(watch, track);
    notice_event(&watch->follower, event);
    return true;
}

static void watch_on_event(struct follower *follower, const Jwkd__V1__Event *event)
{
    jwkd_watch *watch = (jwkd_watch *)follower;
    if (!watch->started || !watch_apply(watch, event)) follower_resync(follower);
}

/* No synchronisation is under way, nor needed for what earlier heartbeats listed. */
static bool watch_is_behind(struct follower *follower, const Jwkd__V1__Heartbeat *heartbeat)
{
    jwkd_watch *watch = (jwkd_watch *)follower;
    bool behind = false;
    for (size_t i = 0; i < heartbeat->n_changed; i++) {
        const Jwkd__V1__Heartbeat__Item *item = heartbeat->changed[i];
        if (*follower->environment && strcmp(item->environment, follower->environment) != 0) continue;
        const struct track *track = track_find(watch, item->environment);
        struct identity identity;
        if (!identity_read(item->state, &identity)) return true;
        if (track && identity_comparable(&track->identity, &identity)) {
            behind |= identity.revision > track->identity.revision;
        } else if (!is_absent(watch, &identity)) {
            absent_add(watch, &identity, 1);
            behind = true;
        }
    }
    return behind;
}

/* ---- catching up; on the worker, the lock taken for an instant at a time */

/* One page of the log behind `held`; applies it. */
static jwkd_status fetch_changes(jwkd_watch *watch, const char *environment, const struct identity *held,
    bool *out_more, jwkd_error *error)
{
    Jwkd__V1__State since = JWKD__V1__STATE__INIT;
    since.epoch = wire_bytes(bytes_of(held->epoch, sizeof held->epoch));
    since.environment_id = held->environment_id;
    since.revision = held->revision;
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    get.environment = wire_text(environment);
    get.since = &since;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_CHANGES;
    request.get_changes = &get;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(watch->client, &request, JWKD__V1__REPLY__RESULT_CHANGES, NULL, &reply, error));
    const Jwkd__V1__ChangesReply *changes = reply->message->changes;
    jwkd_status status = JWKD_OK;
    pthread_mutex_lock(&watch->follower.follow->lock);
    for (size_t i = 0; i < changes->n_events && status == JWKD_OK; i++) {
        const Jwkd__V1__Event *event = changes->events[i];
        bool whole = answer_event_is_whole(event) && strcmp(event->environment, environment) == 0;
        if (!whole || !watch_apply(watch, event)) status = JWKD_COMPACTED; /* no way on from here */
    }
    pthread_mutex_unlock(&watch->follower.follow->lock);
    *out_more = changes->more && changes->n_events > 0;
    return status;
}

/* The log does not reach back: start again from the present state, and say so. */
static jwkd_status skip_to(jwkd_watch *watch, const char *environment, bool tell, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(remote_get_jwks(watch->client, environment, NULL, 0, &reply, error));
    const Jwkd__V1__JwksReply *jwks = reply->message->jwks;
    struct identity identity;
    if (!identity_read(jwks->state, &identity))
        return fail(error, JWKD_MALFORMED, "the service's snapshot lacks its state");
    pthread_mutex_lock(&watch->follower.follow->lock);
    jwkd_status status = track_set(watch, environment, &identity);
    if (status == JWKD_OK && tell)
        notice_plain(
            &watch->follower, JWKD_EVENT_SYNCHRONISED, environment, identity.revision, jwks->primary_kid);
    pthread_mutex_unlock(&watch->follower.follow->lock);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "%s", jwkd_status_text(status));
}

/* Of the one that was asked about: one of the same name may have been made meanwhile. */
static void tell_deleted(jwkd_watch *watch, const char *environment, const struct identity *held)
{
    pthread_mutex_lock(&watch->follower.follow->lock);
    struct track *track = track_find(watch, environment);
    if (track && identity_comparable(&track->identity, held)) {
        track_remove(watch, track);
        notice_plain(&watch->follower, JWKD_EVENT_ENVIRONMENT_DELETED, environment, 0, "");
    }
    pthread_mutex_unlock(&watch->follower.follow->lock);
}

/* Goes from what was told last to the present. `start`: where to begin with one that was not known; NULL: its
 * deletion has been told meanwhile, then. */
static jwkd_status catch_up(
    jwkd_watch *watch, const char *environment, const struct identity *start, jwkd_error *error)
{
    jwkd_status status = JWKD_OK;
    struct identity held = {0};
    for (bool more = true; more && status == JWKD_OK;) {
        pthread_mutex_lock(&watch->follower.follow->lock);
        const struct track *track = track_find(watch, environment);
        bool known = track || start;
        if (known) held = track ? track->identity : *start;
        pthread_mutex_unlock(&watch->follower.follow->lock);
        if (!known) return JWKD_OK;
        status = fetch_changes(watch, environment, &held, &more, error);
    }
    if (status == JWKD_COMPACTED) status = skip_to(watch, environment, true, error);
    if (status != JWKD_NOT_FOUND) return status;
    tell_deleted(watch, environment, &held);
    return JWKD_OK;
}

static jwkd_status synchronise_one(jwkd_watch *watch, bool first, jwkd_error *error)
{
    const char *environment = watch->follower.environment;
    pthread_mutex_lock(&watch->follower.follow->lock);
    bool known = track_find(watch, environment) != NULL;
    pthread_mutex_unlock(&watch->follower.follow->lock);
    if (known) return catch_up(watch, environment, NULL, error);
    jwkd_status status = skip_to(watch, environment, !first, error);
    /* Only who opens it insists that the environment exists: deleted, it may come again. */
    bool may_come = status == JWKD_NOT_FOUND && (!first || watch->client->background);
    return may_come ? JWKD_OK : status;
}

/* Compares one row of the service's list with what was told. */
static jwkd_status synchronise_row(
    jwkd_watch *watch, const Jwkd__V1__Environment *row, bool first, jwkd_error *error)
{
    struct identity present, start;
    if (!identity_read(row->state, &present) || strlen(row->name) > LIMIT_ENVIRONMENT_NAME)
        return fail(error, JWKD_MALFORMED, "the service's list of environments is not well formed");
    pthread_mutex_lock(&watch->follower.follow->lock);
    struct track *track = track_find(watch, row->name);
    jwkd_status status = JWKD_OK;
    bool current = track && identity_comparable(&track->identity, &present) &&
                   track->identity.revision >= present.revision;
    if (track) track->listed = true;
    if (first && !track) {
        status = track_set(watch, row->name, &present);
        current = true;
    }
    pthread_mutex_unlock(&watch->follower.follow->lock);
    if (status != JWKD_OK) return fail(error, status, "%s", jwkd_status_text(status));
    start = present;
    start.revision = 0;
    return current ? JWKD_OK : catch_up(watch, row->name, &start, error);
}

static jwkd_status synchronise_all(jwkd_watch *watch, bool first, jwkd_error *error)
{
    struct follow *follow = watch->follower.follow;
    pthread_mutex_lock(&follow->lock);
    for (size_t i = 0; i < watch->count; i++)
        watch->tracks[i].listed = false;
    pthread_mutex_unlock(&follow->lock);
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(pages_get_environments(watch->client, &pages, error));
    for (size_t i = 0; i < pages.count; i++) {
        const Jwkd__V1__ListEnvironmentsReply *page = pages.replies[i]->message->environments;
        for (size_t j = 0; j < page->n_environments; j++)
            TRY(synchronise_row(watch, page->environments[j], first, error));
    }
    pthread_mutex_lock(&follow->lock);
    for (size_t i = watch->count; i-- > 0;) {
        if (watch->tracks[i].listed) continue;
        notice_plain(&watch->follower, JWKD_EVENT_ENVIRONMENT_DELETED, watch->tracks[i].environment, 0, "");
        track_remove(watch, &watch->tracks[i]);
    }
    pthread_mutex_unlock(&follow->lock);
    return JWKD_OK;
}

static jwkd_status watch_synchronise(struct follower *follower, jwkd_error *error)
{
    jwkd_watch *watch = (jwkd_watch *)follower;
    pthread_mutex_lock(&follower->follow->lock);
    uint64_t as_of = follower->follow->service_revision;
    bool first = !watch->started;
    pthread_mutex_unlock(&follower->follow->lock);
    TRY(*follower->environment ? synchronise_one(watch, first, error) : synchronise_all(watch, first, error));
    pthread_mutex_lock(&follower->follow->lock);
    follower->synced_at = as_of;
    watch->started = true;
    pthread_mutex_unlock(&follower->follow->lock);
    return JWKD_OK;
}

static const struct follower_kind WATCH = {
    .on_event = watch_on_event,
    .is_behind = watch_is_behind,
    .synchronise = watch_synchronise,
};

/* ---- opening and closing */

jwkd_status jwkd_watch_open(jwkd_client *client, const char *environment, jwkd_on_event *on_event,
    void *context, jwkd_watch **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    if (environment) TRY(check_environment_name(environment, error));
    if (!on_event) return fail(error, JWKD_INVALID_ARGUMENT, "there is no callback");
    jwkd_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return fail(error, JWKD_NO_MEMORY, "out of memory");
    watch->generation = fork_generation();
    watch->client = client;
    const struct follower_options options = {.on_event = on_event, .context = context};
    jwkd_status status =
        follower_open(&watch->follower, &WATCH, client, environment ? environment : "", &options, error);
    if (status != JWKD_OK) {
        free(watch->tracks);
        free(watch);
        return status;
    }
    *out = watch;
    return JWKD_OK;
}

void jwkd_watch_close(jwkd_watch *watch)
{
    if (!watch || watch->generation != fork_generation()) return;
    follower_close(&watch->follower);
    free(watch->tracks);
    free(watch);
}
