#include "relay/answer.h"

static struct buffer pack(const Jwkd__V1__Reply *reply)
{
    struct buffer packed = {0};
    if (wire_pack(&reply->base, &packed) != JWKD_OK) buffer_clear(&packed);
    return packed;
}

static Jwkd__V1__Reply new_reply(struct bytes id, jwkd_status status)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    reply.version = WIRE_VERSION;
    reply.request_id = wire_bytes(id);
    reply.status = (Jwkd__V1__Status)status;
    return reply;
}

struct buffer answer_failure(struct bytes id, jwkd_status status, const jwkd_error *error)
{
    Jwkd__V1__Reply reply = new_reply(id, status);
    reply.message = wire_text(error && error->message[0] ? error->message : jwkd_status_text(status));
    return pack(&reply);
}

/* What is filled in can be larger than what the service sent. */
static struct buffer pack_within_limit(const Jwkd__V1__Reply *reply)
{
    if (jwkd__v1__reply__get_packed_size(reply) <= LIMIT_REPLY) return pack(reply);
    return answer_failure(wire_view(reply->request_id), JWKD_RESOURCE_EXHAUSTED, NULL);
}

struct buffer answer_pass(struct bytes id, const Jwkd__V1__Reply *reply)
{
    Jwkd__V1__Reply passed = *reply;
    passed.request_id = wire_bytes(id);
    return pack_within_limit(&passed);
}

struct buffer answer_hello(
    struct bytes id, const Jwkd__V1__Reply *reply, char *const *events_urls, size_t count)
{
    Jwkd__V1__Reply passed = *reply;
    Jwkd__V1__HelloReply hello = *reply->hello;
    hello.events_urls = (char **)(uintptr_t)events_urls;
    hello.n_events_urls = count;
    passed.hello = &hello;
    return answer_pass(id, &passed);
}

struct buffer answer_unchanged(
    struct bytes id, const Jwkd__V1__Reply *reply, const struct shared_reply *snapshot)
{
    Jwkd__V1__Reply filled = *reply;
    Jwkd__V1__JwksReply jwks = *snapshot->reply->jwks;
    jwks.service_revision = reply->jwks->service_revision; /* at which the state was still this one */
    filled.jwks = &jwks;
    return answer_pass(id, &filled);
}

/* Into memory of their own; as the service's log has them: without the run that they are of. */
static jwkd_status unpack_events(const struct replica_page *page, struct arena *arena, Jwkd__V1__Event **out)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct shelf_event *event = page->events[i];
        ProtobufCMessage *message = protobuf_c_message_unpack(
            &jwkd__v1__event__descriptor, &arena->allocator, event->size, event->packed);
        if (!message) return JWKD_NO_MEMORY;
        out[i] = (Jwkd__V1__Event *)message;
        out[i]->boot_id = (ProtobufCBinaryData){0};
    }
    return JWKD_OK;
}

static size_t budget_for(const struct replica_page *page)
{
    size_t budget = LIMIT_UNPACK_BASE;
    for (size_t i = 0; i < page->count; i++)
        budget += page->events[i]->size * LIMIT_UNPACK_FACTOR + LIMIT_UNPACK_BASE;
    return budget;
}

struct buffer answer_changes(struct bytes id, const struct replica_page *page)
{
    CLEANUP(arena_clear) struct arena arena;
    Jwkd__V1__Event *events[LIMIT_PAGE];
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__ChangesReply changes = JWKD__V1__CHANGES_REPLY__INIT;
    Jwkd__V1__Reply reply = new_reply(id, JWKD_OK);
    arena_init(&arena, budget_for(page));
    if (unpack_events(page, &arena, events) != JWKD_OK) return (struct buffer){0};
    state.epoch = wire_bytes(bytes_of(page->epoch, sizeof page->epoch));
    state.environment_id = page->environment_id;
    state.revision = page->revision;
    changes.state = &state;
    changes.events = events;
    changes.n_events = page->count;
    changes.more = page->more;
    reply.result_case = JWKD__V1__REPLY__RESULT_CHANGES;
    reply.changes = &changes;
    return pack_within_limit(&reply);
}
