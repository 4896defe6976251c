/* Subscribers: what they ask for, and what is told about them. */
#include "keyring/answers/subscribers.h"

#include "base/clock.h"
#include "keyring/answers/may.h"

/* ---- renewing */

/* Finds what an item of a renewal means here. The environment of that name goes on being followed. The
 * item's state counts only if it has this store's epoch and this environment's id, and a revision that
 * exists. */
static bool resolve(const struct keyring *keyring, const struct caller *caller,
    const struct snapshot *snapshot, const Jwkd__V1__RenewRequest__Held *item, struct registry_held *out)
{
    const struct ring_environment *environment = snapshot_find(snapshot, item->environment);
    const Jwkd__V1__State *state = item->state;
    if (!environment) return false;
    bool known = state && bytes_equal(wire_view(state->epoch), bytes_of(keyring->epoch, 16)) &&
                 state->environment_id == environment->id && state->revision <= environment->revision;
    *out = (struct registry_held){.environment_id = environment->id,
        .forbidden = !caller_may(snapshot, caller, RIGHT_VERIFY, environment),
        .revision = known ? state->revision : 0};
    return true;
}

jwkd_status keyring_renew(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__RenewRequest *renewal = request->renew;
    if (renewal->n_held > LIMIT_FOLLOWED)
        return fail(error, JWKD_INVALID_ARGUMENT, "a subscriber follows at most %d environments, not %zu",
            LIMIT_FOLLOWED, renewal->n_held);
    Jwkd__V1__RenewReply *answer = reply_alloc(reply, sizeof *answer);
    if (!answer) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    struct registry_held held[LIMIT_FOLLOWED];
    size_t count = 0;
    for (size_t i = 0; i < renewal->n_held; i++)
        count += resolve(keyring, caller, snapshot, renewal->held[i], &held[count]);
    TRY(registry_renew(keyring->options.registry, wire_view(renewal->instance_id), caller->principal,
        renewal->sequence, held, count, clock_elapsed_ns(), error));
    *answer = (Jwkd__V1__RenewReply)JWKD__V1__RENEW_REPLY__INIT;
    answer->clock_ns = clock_elapsed_ns();
    answer->spread_ms = registry_spread_ms(keyring->options.registry);
    reply->message.result_case = JWKD__V1__REPLY__RESULT_RENEWED;
    reply->message.renewed = answer;
    return JWKD_OK;
}

/* ---- following */

static jwkd_status follow(struct keyring *keyring, const char *principal,
    const Jwkd__V1__GetJwksRequest *request, uint64_t *out_id, jwkd_error *error)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    struct ring_environment *environment;
    TRY(keyring_require(snapshot, request->environment, &environment, error));
    *out_id = environment->id;
    return registry_follow(keyring->options.registry, wire_view(request->instance_id), principal,
        request->sequence, request->environment, environment->id, clock_elapsed_ns(), error);
}

jwkd_status keyring_follow_jwks(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    if (request->get_jwks->instance_id.len == 0)
        return keyring_get_jwks(keyring, caller, request, reply, error);
    /* Follow before reading the snapshot: then a key that is published after it waits for this subscriber. */
    uint64_t followed;
    TRY(follow(keyring, caller->principal, request->get_jwks, &followed, error));
    TRY(keyring_get_jwks(keyring, caller, request, reply, error));
    /* Rights that changed since the door looked: those who are cut off may have been listed before it
     * followed. */
    if (!caller_may_by_name(reply->snapshot, caller, RIGHT_VERIFY, request->get_jwks->environment)) {
        registry_cut_off(
            keyring->options.registry, request->get_jwks->instance_id.data, followed, clock_elapsed_ns());
        return fail(error, JWKD_DENIED, "%.100s may follow the environment no longer", caller->principal);
    }
    if (reply->message.jwks->state->environment_id == followed) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "the environment was replaced meanwhile; try again");
}

/* ---- telling */

static jwkd_status copy_texts(
    const struct registry_subscriber *subscriber, struct reply *reply, Jwkd__V1__Subscriber *out)
{
    uint8_t *id = reply_alloc(reply, REGISTRY_ID);
    out->name = arena_text(&reply->arena, bytes_of_text(subscriber->name));
    out->principal = arena_text(&reply->arena, bytes_of_text(subscriber->principal));
    out->environment = arena_text(&reply->arena, bytes_of_text(subscriber->environment));
    if (!id || !out->name || !out->principal || !out->environment) return JWKD_NO_MEMORY;
    memcpy(id, subscriber->id, REGISTRY_ID);
    out->instance_id = wire_bytes(bytes_of(id, REGISTRY_ID));
    return JWKD_OK;
}

static uint64_t age_ms(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? (now_ns - then_ns) / NS_PER_MS : 0;
}

jwkd_status subscribers_describe(const struct registry_subscriber *subscriber, uint64_t present,
    uint64_t now_ns, struct reply *reply, Jwkd__V1__Subscriber *out)
{
    *out = (Jwkd__V1__Subscriber)JWKD__V1__SUBSCRIBER__INIT;
    out->revision = subscriber->revision;
    out->behind = present > subscriber->revision ? present - subscriber->revision : 0;
    out->lease_ms = subscriber->lease_ms;
    out->serves_stale = subscriber->serves_stale;
    out->last_seen_ms = age_ms(subscriber->last_seen_ns, now_ns);
    out->registered_ms = age_ms(subscriber->registered_ns, now_ns);
    return copy_texts(subscriber, reply, out);
}

/* The present revision of the environment that a subscriber follows; 0: the environment is gone. */
static uint64_t present_revision(
    const struct snapshot *snapshot, const struct registry_subscriber *subscriber)
{
    const struct ring_environment *environment = snapshot_find(snapshot, subscriber->environment);
    return environment && environment->id == subscriber->environment_id ? environment->revision : 0;
}

static jwkd_status fill_list(const struct registry_subscriber *entries, size_t count, uint64_t now_ns,
    struct reply *reply, Jwkd__V1__ListSubscribersReply *list)
{
    Jwkd__V1__Subscriber *items;
    list->subscribers = reply_array(reply, count, sizeof *items, &items);
    if (!list->subscribers) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        TRY(subscribers_describe(
            &entries[i], present_revision(reply->snapshot, &entries[i]), now_ns, reply, &items[i]));
    list->n_subscribers = count;
    return JWKD_OK;
}

jwkd_status keyring_list_subscribers(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    const Jwkd__V1__ListSubscribersRequest *asked = request->list_subscribers;
    struct ring_environment *environment;
    reply->snapshot = keyring_snapshot(keyring);
    if (*asked->environment) TRY(keyring_require(reply->snapshot, asked->environment, &environment, error));
    Jwkd__V1__ListSubscribersReply *list = reply_alloc(reply, sizeof *list);
    if (!list) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    *list = (Jwkd__V1__ListSubscribersReply)JWKD__V1__LIST_SUBSCRIBERS_REPLY__INIT;
    CLEANUP(free_at) struct registry_subscriber *entries = NULL;
    size_t count = 0;
    bool more = false;
    const uint64_t now_ns = clock_elapsed_ns();
    jwkd_status status =
        registry_list(keyring->options.registry, *asked->environment ? asked->environment : NULL, asked->skip,
            LIMIT_PAGE, now_ns, &entries, &count, &more);
    if (status == JWKD_OK) status = fill_list(entries, count, now_ns, reply, list);
    if (status != JWKD_OK) return fail(error, status, "out of memory for the answer");
    list->more = more;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_SUBSCRIBERS;
    reply->message.subscribers = list;
    return JWKD_OK;
}
