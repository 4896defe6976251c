/* Reading: what can be asked for without changing anything. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "keyring/answers/may.h"
#include "keyring/changes/standing.h"
#include "keyring/changes/wall.h"
#include "keyring/model/message.h"
#include "keyring/state.h"

#define OUT_OF_MEMORY(error) fail(error, JWKD_NO_MEMORY, "out of memory for the answer")

static jwkd_status find_environment(struct keyring *keyring, const char *name, struct reply *reply,
    struct ring_environment **out, jwkd_error *error)
{
    reply->snapshot = keyring_snapshot(keyring);
    return keyring_require(reply->snapshot, name, out, error);
}

static Jwkd__V1__State *state_of(
    struct keyring *keyring, const struct ring_environment *environment, struct reply *reply)
{
    Jwkd__V1__State *state = reply_alloc(reply, sizeof *state);
    if (state) message_state(environment, keyring->epoch, state);
    return state;
}

jwkd_status keyring_list_environments(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    reply->snapshot = keyring_snapshot(keyring);
    const struct snapshot *snapshot = reply->snapshot;
    size_t first = snapshot_after(snapshot, request->list_environments->after);
    size_t most = snapshot->count - first < LIMIT_PAGE ? snapshot->count - first : LIMIT_PAGE;
    Jwkd__V1__ListEnvironmentsReply *list = reply_alloc(reply, sizeof *list);
    struct environment_message *items;
    void *pointers = reply_array(reply, most, sizeof *items, &items);
    if (!list || !pointers) return OUT_OF_MEMORY(error);
    *list = (Jwkd__V1__ListEnvironmentsReply)JWKD__V1__LIST_ENVIRONMENTS_REPLY__INIT;
    list->environments = pointers;
    for (size_t i = first; i < snapshot->count && !list->more; i++) {
        const struct ring_environment *environment = snapshot->environments[i];
        /* One that may verify gets the settings with the key set, and must know what there is to follow. */
        if (!caller_may(snapshot, caller, RIGHT_SEE | RIGHT_VERIFY, environment)) continue;
        list->more = list->n_environments == most;
        if (list->more) break;
        struct environment_message *item = &items[list->n_environments++];
        message_environment(environment, keyring->epoch, item);
        if (environment->promotion.waiting && caller_may(snapshot, caller, RIGHT_SEE, environment))
            TRY(operation_describe(keyring, environment, reply, &item->pending));
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENTS;
    reply->message.environments = list;
    return JWKD_OK;
}

jwkd_status keyring_list_keys(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    struct ring_environment *environment;
    TRY(find_environment(keyring, request->list_keys->environment, reply, &environment, error));
    size_t skip = request->list_keys->skip;
    size_t left = skip < environment->count ? environment->count - skip : 0;
    size_t count = left < LIMIT_PAGE ? left : LIMIT_PAGE;
    Jwkd__V1__ListKeysReply *list = reply_alloc(reply, sizeof *list);
    Jwkd__V1__Key *items;
    void *pointers = reply_array(reply, count, sizeof *items, &items);
    Jwkd__V1__State *state = state_of(keyring, environment, reply);
    if (!list || !pointers || !state) return OUT_OF_MEMORY(error);
    for (size_t i = 0; i < count; i++) {
        message_key(environment, left - 1 - i, false, &items[i]);
        message_usage(environment->keys[left - 1 - i], &items[i]);
    }
    *list = (Jwkd__V1__ListKeysReply)JWKD__V1__LIST_KEYS_REPLY__INIT;
    list->n_keys = count;
    list->keys = pointers;
    list->state = state;
    list->more = left > count;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_KEYS;
    reply->message.keys = list;
    return JWKD_OK;
}

jwkd_status keyring_get_key(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    struct ring_environment *environment;
    TRY(find_environment(keyring, request->get_key->environment, reply, &environment, error));
    int index = ring_environment_find(environment, request->get_key->kid);
    if (index < 0)
        return fail(error, JWKD_NOT_FOUND, "the environment has no key with the kid \"%.128s\"",
            request->get_key->kid);
    Jwkd__V1__KeyReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Key *key = reply_alloc(reply, sizeof *key);
    Jwkd__V1__State *state = state_of(keyring, environment, reply);
    if (!answer || !key || !state) return OUT_OF_MEMORY(error);
    message_key(environment, (size_t)index, false, key);
    message_usage(environment->keys[index], key);
    *answer = (Jwkd__V1__KeyReply)JWKD__V1__KEY_REPLY__INIT;
    answer->key = key;
    answer->state = state;
    answer->primary_kid = wire_text(ring_environment_primary_kid(environment));
    reply->message.result_case = JWKD__V1__REPLY__RESULT_KEY;
    reply->message.key = answer;
    return JWKD_OK;
}

static bool same_state(
    struct keyring *keyring, const struct ring_environment *environment, const Jwkd__V1__State *state)
{
    return state && bytes_equal(wire_view(state->epoch), bytes_of(keyring->epoch, 16)) &&
           state->environment_id == environment->id && state->revision == environment->revision;
}

/* Lists the kids that a verifier must know beside the published keys. */
static jwkd_status list_kids(
    const struct ring_environment *environment, struct reply *reply, Jwkd__V1__JwksReply *jwks)
{
    char **deactivated = reply_alloc(reply, (environment->count + 1) * sizeof *deactivated);
    char **withheld = reply_alloc(reply, (environment->count + 1) * sizeof *withheld);
    if (!deactivated || !withheld) return JWKD_NO_MEMORY;
    int64_t now = clock_wall_sec();
    for (size_t i = environment->count; i-- > 0;) {
        const struct ring_key *key = environment->keys[i];
        char *kid = wire_text(jwk_kid(key->jwk));
        if (ring_key_worth_naming(environment, key, now)) deactivated[jwks->n_deactivated++] = kid;
        if (key_state_live(key->state) && environment->settings.show_once) withheld[jwks->n_withheld++] = kid;
    }
    jwks->deactivated = deactivated;
    jwks->withheld = withheld;
    return JWKD_OK;
}

jwkd_status keyring_get_jwks(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    struct ring_environment *environment;
    TRY(find_environment(keyring, request->get_jwks->environment, reply, &environment, error));
    Jwkd__V1__JwksReply *jwks = reply_alloc(reply, sizeof *jwks);
    struct environment_message *settings = reply_alloc(reply, sizeof *settings);
    Jwkd__V1__State *state = state_of(keyring, environment, reply);
    if (!jwks || !settings || !state) return OUT_OF_MEMORY(error);
    *jwks = (Jwkd__V1__JwksReply)JWKD__V1__JWKS_REPLY__INIT;
    jwks->state = state;
    jwks->unchanged = same_state(keyring, environment, request->get_jwks->unless);
    jwks->service_revision = reply->snapshot->service_revision;
    if (!jwks->unchanged) {
        message_environment(environment, keyring->epoch, settings);
        jwks->environment = &settings->environment;
        jwks->jwks = wire_bytes(buffer_bytes(&environment->jwks));
        jwks->primary_kid = wire_text(ring_environment_primary_kid(environment));
        if (list_kids(environment, reply, jwks) != JWKD_OK) return OUT_OF_MEMORY(error);
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply->message.jwks = jwks;
    return JWKD_OK;
}

/* Collects log rows, as long as their revisions follow each other. */
struct changes_reader {
    struct reply *reply;
    uint64_t expected; /* the revision that must come next */
    Jwkd__V1__Event **events;
    size_t count;
    bool more, gap;
    jwkd_status status;
};

static bool read_change(void *context, const struct store_row *row)
{
    struct changes_reader *reader = context;
    if (reader->count == LIMIT_PAGE) {
        reader->more = true;
        return false;
    }
    /* Unpacked into the reply's own memory, for it must outlive the row. */
    Jwkd__V1__Event *event =
        jwkd__v1__event__unpack(&reader->reply->arena.allocator, row->value.size, row->value.data);
    if (!event || !event->state) {
        reader->status = reader->count ? JWKD_OK : JWKD_CORRUPT;
        reader->more = reader->count > 0; /* the reply is full: the caller asks for the rest next */
        return false;
    }
    reader->gap = event->state->revision != reader->expected;
    if (reader->gap) return false;
    reader->expected++;
    reader->events[reader->count++] = event;
    return true;
}

jwkd_status keyring_get_changes(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    struct ring_environment *environment;
    TRY(find_environment(keyring, request->get_changes->environment, reply, &environment, error));
    const Jwkd__V1__State *since = request->get_changes->since;
    if (!since) return fail(error, JWKD_INVALID_ARGUMENT, "changes since which state? `since` is missing");
    if (!bytes_equal(wire_view(since->epoch), bytes_of(keyring->epoch, 16)) ||
        since->environment_id != environment->id || since->revision > environment->revision)
        return fail(
            error, JWKD_COMPACTED, "that state is not of this environment's history: take a snapshot");
    Jwkd__V1__ChangesReply *changes = reply_alloc(reply, sizeof *changes);
    Jwkd__V1__State *state = state_of(keyring, environment, reply);
    struct changes_reader reader = {.reply = reply,
        .expected = since->revision + 1,
        .events = reply_alloc(reply, (LIMIT_PAGE + 1) * sizeof(Jwkd__V1__Event *))};
    if (!changes || !state || !reader.events) return OUT_OF_MEMORY(error);
    char prefix[32], after[48];
    snprintf(prefix, sizeof prefix, "log/%s/", environment->owner);
    snprintf(after, sizeof after, "%s%016" PRIx64, prefix, since->revision);
    TRY(store_list(
        keyring->options.store, bytes_of_text(prefix), bytes_of_text(after), read_change, &reader));
    if (reader.status != JWKD_OK) return fail(error, reader.status, "the event log could not be read");
    if (reader.gap || (reader.count == 0 && since->revision < environment->revision))
        return fail(error, JWKD_COMPACTED,
            "the log no longer reaches back to revision %" PRIu64 ": take a snapshot", since->revision);
    *changes = (Jwkd__V1__ChangesReply)JWKD__V1__CHANGES_REPLY__INIT;
    changes->state = state;
    changes->events = reader.events;
    changes->n_events = reader.count;
    changes->more = reader.more;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_CHANGES;
    reply->message.changes = changes;
    return JWKD_OK;
}

static const char *condition_name(enum store_condition condition)
{
    switch (condition) {
    case STORE_READ_WRITE:
        return "read-write";
    case STORE_READ_ONLY:
        return "read-only";
    case STORE_FULL:
        return "full";
    }
    return "";
}

static jwkd_status report_reserves(
    struct keyring *keyring, struct reply *reply, Jwkd__V1__StatusReply *status)
{
    struct reserve_level levels[16];
    size_t count = reserve_levels(keyring->reserve, levels, 16);
    Jwkd__V1__StatusReply__Reserve *items;
    void *pointers = reply_array(reply, count, sizeof *items, &items);
    if (!pointers) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        items[i] = (Jwkd__V1__StatusReply__Reserve)JWKD__V1__STATUS_REPLY__RESERVE__INIT;
        items[i].key_type = wire_text(levels[i].type);
        items[i].ready = levels[i].ready;
        items[i].wanted = levels[i].wanted;
    }
    status->n_reserves = count;
    status->reserves = pointers;
    return JWKD_OK;
}

static jwkd_status report_clock(struct keyring *keyring, struct reply *reply, Jwkd__V1__StatusReply *status)
{
    char reason[WALL_REASON] = "";
    status->signing_refused_until = wall_refused_until(keyring, reply->snapshot, reason);
    status->signing_refused_because = arena_text(&reply->arena, bytes_of_text(reason));
    status->clock_accepted_at = keyring->wall.accepted.at;
    status->clock_accepted_seen = keyring->wall.accepted.seen;
    status->clock_accepted_by = wire_text(keyring->wall.accepted.by);
    return status->signing_refused_because ? JWKD_OK : JWKD_NO_MEMORY;
}

jwkd_status keyring_status(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    (void)request;
    reply->snapshot = keyring_snapshot(keyring);
    Jwkd__V1__StatusReply *status = reply_alloc(reply, sizeof *status);
    if (!status) return OUT_OF_MEMORY(error);
    *status = (Jwkd__V1__StatusReply)JWKD__V1__STATUS_REPLY__INIT;
    struct keyring_traffic traffic = {0};
    if (keyring->read_traffic) keyring->read_traffic(keyring->traffic_context, &traffic);
    status->service_version = wire_text(keyring->options.version);
    status->boot_id = wire_bytes(bytes_of(keyring->options.boot_id, 16));
    status->epoch = wire_bytes(bytes_of(keyring->epoch, 16));
    status->uptime_sec = (clock_elapsed_ns() - keyring->started_ns) / NS_PER_SEC;
    status->service_revision = reply->snapshot->service_revision;
    status->store = wire_text(condition_name(store_condition(keyring->options.store)));
    status->environments = (uint32_t)reply->snapshot->count;
    for (size_t i = 0; i < reply->snapshot->count; i++)
        status->active_keys += (uint32_t)ring_environment_live(reply->snapshot->environments[i]);
    status->keys_in_signer = (uint32_t)signer_unsealed(keyring->options.signer);
    status->memory_locked = keyring->options.memory_locked;
    status->requests = traffic.requests;
    status->requests_failed = traffic.failed;
    status->requests_busy = traffic.busy;
    status->tokens_signed = keyring->counts.tokens_signed;
    status->tokens_verified = keyring->counts.tokens_verified;
    status->changes = keyring->counts.changes;
    status->commits = keyring->counts.commits;
    if (report_reserves(keyring, reply, status) != JWKD_OK || report_clock(keyring, reply, status) != JWKD_OK)
        return OUT_OF_MEMORY(error);
    reply->message.result_case = JWKD__V1__REPLY__RESULT_SERVICE_STATUS;
    reply->message.service_status = status;
    return JWKD_OK;
}
