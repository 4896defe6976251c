/* How the fake service answers when it does so well. Each answer packs its reply itself, since the parts live
 * on its stack. */
#include "client/fake_inside.h"

#include <stdio.h>

static void pack(Jwkd__V1__Reply *reply, struct buffer *out)
{
    MUST(wire_pack(&reply->base, out) == JWKD_OK);
}

void fake_answer_status(Jwkd__V1__Reply *reply, Jwkd__V1__Status status, struct buffer *out)
{
    reply->status = status;
    reply->message = wire_text("as\nordered");
    pack(reply, out);
}

/* Every request of the library says that it knows newer statuses, so there is no need to look. */
static void answer_not_registered(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    fake_answer_status(
        reply, fake->old_statuses ? JWKD__V1__STATUS__NOT_FOUND : JWKD__V1__STATUS__NOT_REGISTERED, out);
}

void fake_answer_hello(
    struct fake *fake, const Jwkd__V1__HelloRequest *request, Jwkd__V1__Reply *reply, struct buffer *out)
{
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    char *urls[] = {wire_text("tcp://:4317"), fake->offer ? fake->offer : fake->events_url};
    hello.min_version = hello.max_version = fake->version;
    hello.boot_id = wire_bytes(bytes_of(fake->boot_id, sizeof fake->boot_id));
    hello.epoch = wire_bytes(bytes_of(fake->epoch, sizeof fake->epoch));
    hello.clock_ns = fake_clock_ns();
    hello.events_urls = urls;
    hello.n_events_urls = fake->nothing_for ? 0 : 2;
    hello.principal = wire_text(fake->nothing_for);
    hello.service_revision = fake->service_revision;
    if (request && request->subscribe && !fake->old) {
        struct fake_instance *instance = fake_register(fake, request);
        bool shorter = request->lease_ms && request->lease_ms < fake->max_lease_ms;
        hello.instance_id = wire_bytes(bytes_of(instance->id, sizeof instance->id));
        hello.lease_ms = shorter ? request->lease_ms : fake->max_lease_ms;
        hello.renew_ms = fake->renew_ms;
        hello.registered_ms = fake->registered_ms;
    }
    reply->result_case = JWKD__V1__REPLY__RESULT_HELLO;
    reply->hello = &hello;
    pack(reply, out);
}

/* False: it is not registered. */
static bool begin_following(
    struct fake *fake, const Jwkd__V1__GetJwksRequest *get, const struct fake_environment *e)
{
    if (get->instance_id.len == 0) return true;
    struct fake_instance *instance = fake_find_instance(fake, wire_view(get->instance_id));
    if (!instance) return false;
    MUST(get->sequence > instance->sequence);
    instance->sequence = get->sequence;
    size_t place = (size_t)(e - fake->environments);
    if (instance->held[place].follows && instance->held[place].environment_id == e->id) return true;
    instance->held[place].follows = true;
    instance->held[place].environment_id = e->id;
    instance->held[place].confirmed = 0;
    return true;
}

static void answer_renewal(
    struct fake *fake, const Jwkd__V1__RenewRequest *renew, Jwkd__V1__Reply *reply, struct buffer *out)
{
    struct fake_instance *instance = fake_find_instance(fake, wire_view(renew->instance_id));
    if (!instance) {
        answer_not_registered(fake, reply, out);
        return;
    }
    MUST(renew->sequence > instance->sequence);
    instance->sequence = renew->sequence;
    memset(instance->held, 0, sizeof instance->held);
    for (size_t i = 0; i < renew->n_held; i++) {
        const struct fake_environment *e = fake_find(fake, renew->held[i]->environment);
        if (!e || !bytes_equal(wire_view(renew->held[i]->state->epoch), bytes_of(fake->epoch, 16))) continue;
        size_t place = (size_t)(e - fake->environments);
        const Jwkd__V1__State *state = renew->held[i]->state;
        bool present = state->environment_id == e->id; /* not one that had the name before */
        MUST(!instance->held[place].follows && (!present || state->revision <= e->revision));
        instance->held[place].follows = true;
        instance->held[place].environment_id = state->environment_id;
        instance->held[place].confirmed = present ? state->revision : 0;
    }
    Jwkd__V1__RenewReply renewed = JWKD__V1__RENEW_REPLY__INIT;
    renewed.clock_ns = fake_clock_ns();
    reply->result_case = JWKD__V1__REPLY__RESULT_RENEWED;
    reply->renewed = &renewed;
    pack(reply, out);
}

static void answer_jwks(
    struct fake *fake, const Jwkd__V1__GetJwksRequest *get, Jwkd__V1__Reply *reply, struct buffer *out)
{
    const struct fake_environment *e = fake_find(fake, get->environment);
    if (!e) {
        fake_answer_status(reply, JWKD__V1__STATUS__NOT_FOUND, out);
        return;
    }
    if (!begin_following(fake, get, e)) {
        answer_not_registered(fake, reply, out);
        return;
    }
    struct buffer text = {0};
    char *deactivated[FAKE_KEYS], *withheld[FAKE_KEYS];
    Jwkd__V1__State state;
    Jwkd__V1__Environment environment;
    Jwkd__V1__JwksReply jwks = JWKD__V1__JWKS_REPLY__INIT;
    MUST(buffer_append_text(&text, "{\"keys\":[") == JWKD_OK);
    for (unsigned i = 0; i < e->key_count; i++) {
        char *kid = wire_text(jwk_kid(e->keys[i].jwk));
        if (!e->keys[i].active) {
            deactivated[jwks.n_deactivated++] = kid;
        } else if (e->show_once) {
            withheld[jwks.n_withheld++] = kid;
        } else {
            if (text.data[text.size - 1] == '}') MUST(buffer_append_text(&text, ",") == JWKD_OK);
            MUST(buffer_append_bytes(&text, jwk_json(e->keys[i].jwk)) == JWKD_OK);
        }
    }
    MUST(buffer_append_text(&text, "]}") == JWKD_OK);
    fake_fill_state(fake, e, &state);
    fake_fill_environment(e, &state, &environment);
    jwks.state = &state;
    jwks.environment = &environment;
    jwks.jwks = wire_bytes(buffer_bytes(&text));
    jwks.primary_kid = wire_text(fake_primary(e));
    jwks.deactivated = deactivated;
    jwks.withheld = withheld;
    jwks.service_revision = fake->service_revision;
    reply->result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply->jwks = &jwks;
    pack(reply, out);
    buffer_clear(&text);
}

static void answer_changes(
    struct fake *fake, const Jwkd__V1__GetChangesRequest *get, Jwkd__V1__Reply *reply, struct buffer *out)
{
    enum { PAGE = 2 };
    const struct fake_environment *e = fake_find(fake, get->environment);
    if (!e) {
        fake_answer_status(reply, JWKD__V1__STATUS__NOT_FOUND, out);
        return;
    }
    if (!bytes_equal(wire_view(get->since->epoch), bytes_of(fake->epoch, 16)) ||
        get->since->environment_id != e->id || get->since->revision < e->log_from) {
        fake_answer_status(reply, JWKD__V1__STATUS__COMPACTED, out);
        return;
    }
    Jwkd__V1__State state;
    Jwkd__V1__Event *events[PAGE];
    struct arena arenas[PAGE] = {0};
    Jwkd__V1__ChangesReply changes = JWKD__V1__CHANGES_REPLY__INIT;
    fake_fill_state(fake, e, &state);
    changes.state = &state;
    changes.events = events;
    for (uint64_t r = get->since->revision + 1; r <= e->revision; r++) {
        if (changes.n_events == PAGE) {
            changes.more = true;
            break;
        }
        ProtobufCMessage *event;
        MUST(wire_unpack(&jwkd__v1__event__descriptor, buffer_bytes(&e->log[r]), &arenas[changes.n_events],
                 &event) == JWKD_OK);
        events[changes.n_events++] = (Jwkd__V1__Event *)event;
    }
    reply->result_case = JWKD__V1__REPLY__RESULT_CHANGES;
    reply->changes = &changes;
    pack(reply, out);
    for (size_t i = 0; i < PAGE; i++)
        arena_clear(&arenas[i]);
}

static void answer_environments(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    Jwkd__V1__State states[FAKE_ENVIRONMENTS];
    Jwkd__V1__Environment rows[FAKE_ENVIRONMENTS], *pointers[FAKE_ENVIRONMENTS];
    Jwkd__V1__ListEnvironmentsReply list = JWKD__V1__LIST_ENVIRONMENTS_REPLY__INIT;
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) {
        const struct fake_environment *e = &fake->environments[i];
        if (!e->exists) continue;
        fake_fill_state(fake, e, &states[i]);
        fake_fill_environment(e, &states[i], &rows[i]);
        pointers[list.n_environments++] = &rows[i];
    }
    list.environments = pointers;
    reply->result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENTS;
    reply->environments = &list;
    pack(reply, out);
}

/* The "token" of a claims set is the claims set itself, so that a caller can tell its own; claims "bad" are
 * refused. */
static void answer_sign(
    const Jwkd__V1__SignRequest *sign_request, Jwkd__V1__Reply *reply, bool too_few, struct buffer *out)
{
    Jwkd__V1__SignedToken tokens[LIMIT_BATCH], *pointers[LIMIT_BATCH];
    char texts[LIMIT_BATCH][64];
    Jwkd__V1__SignReply signed_reply = JWKD__V1__SIGN_REPLY__INIT;
    MUST(sign_request->n_items <= LIMIT_BATCH);
    for (size_t i = 0; i < sign_request->n_items; i++) {
        struct bytes claims = wire_view(sign_request->items[i]->claims);
        tokens[i] = (Jwkd__V1__SignedToken)JWKD__V1__SIGNED_TOKEN__INIT;
        pointers[i] = &tokens[i];
        snprintf(texts[i], sizeof texts[i], "%.*s", (int)(claims.size < 60 ? claims.size : 60),
            (const char *)claims.data);
        if (bytes_equal_text(claims, "bad")) {
            tokens[i].status = JWKD__V1__STATUS__MALFORMED;
            tokens[i].message = wire_text("not an object");
        } else {
            tokens[i].token = texts[i];
        }
    }
    signed_reply.tokens = pointers;
    signed_reply.n_tokens = sign_request->n_items - (too_few ? 1 : 0);
    reply->result_case = JWKD__V1__REPLY__RESULT_SIGNED;
    reply->signed_ = &signed_reply;
    pack(reply, out);
}

static void answer_generate(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    const struct fake_environment *e = &fake->environments[0];
    Jwkd__V1__State state;
    Jwkd__V1__Key key;
    Jwkd__V1__KeyReply key_reply = JWKD__V1__KEY_REPLY__INIT;
    fake_fill_state(fake, e, &state);
    fake_fill_key(e, &e->keys[0], &key);
    key_reply.key = &key;
    key_reply.state = &state;
    reply->result_case = JWKD__V1__REPLY__RESULT_KEY;
    reply->key = &key_reply;
    pack(reply, out);
}

/* Two messages one behind the other are one with the members of both. */
static void answer_as_told(struct fake *fake, unsigned operation, Jwkd__V1__Reply *reply, struct buffer *out)
{
    struct buffer *said = &fake->said[operation], *then = &fake->said_then[operation];
    pack(reply, out);
    MUST(buffer_append_bytes(out, buffer_bytes(said)) == JWKD_OK);
    if (then->size == 0) return;
    buffer_clear(said);
    *said = *then;
    *then = (struct buffer){0};
}

void fake_answer(struct fake *fake, const Jwkd__V1__Request *request, bool too_few, Jwkd__V1__Reply *reply,
    struct buffer *out)
{
    MUST(request->n_understands == 1 && request->understands[0] == WIRE_NEW_STATUSES);
    if (fake->credential && !bytes_equal_text(wire_view(request->credential), fake->credential))
        fake_answer_status(reply, JWKD__V1__STATUS__UNAUTHENTICATED, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO)
        fake_answer_hello(fake, request->hello, reply, out);
    else if (request->deadline_ns && !bytes_equal(wire_view(request->boot_id), bytes_of(fake->boot_id, 16)))
        fake_answer_status(reply, JWKD__V1__STATUS__WRONG_BOOT, out);
    else if (fake->said[request->operation_case & 63].size)
        answer_as_told(fake, request->operation_case & 63, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_JWKS)
        answer_jwks(fake, request->get_jwks, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RENEW)
        answer_renewal(fake, request->renew, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_CHANGES)
        answer_changes(fake, request->get_changes, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS)
        answer_environments(fake, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_SIGN)
        answer_sign(request->sign, reply, too_few, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GENERATE)
        answer_generate(fake, reply, out);
    else
        fake_answer_status(reply, JWKD__V1__STATUS__UNSUPPORTED, out);
}
