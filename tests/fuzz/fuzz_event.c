#include "fuzz.h"

#include "base/clock.h"
#include "lib/ask/answer.h"
#include "lib/follow/lease.h"

enum { LEASE_MS = 3000 };
static const uint64_t NOW_NS = 1000 * NS_PER_SEC;

/* A subscriber that is registered with the run of the service that the message speaks of. */
static void subscribe(struct lease *lease, struct lease_part *part, ProtobufCBinaryData boot_id)
{
    uint8_t id[16] = {1};
    const struct identity held = {.environment_id = 1, .revision = 2};
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    hello.boot_id = boot_id.len == sizeof id ? boot_id : wire_bytes(bytes_of(id, sizeof id));
    hello.instance_id = wire_bytes(bytes_of(id, sizeof id));
    hello.lease_ms = LEASE_MS;
    hello.renew_ms = 60000;
    hello.registered_ms = 120000;
    lease_init(lease, 1);
    lease_add(lease, part);
    lease_connected(lease, NOW_NS);
    struct lease_next next = lease_next(lease, NOW_NS);
    lease_ask(lease, &next);
    MUST(lease_welcomed(lease, &hello, NOW_NS, NOW_NS, NULL) == JWKD_OK);
    next = lease_next(lease, NOW_NS);
    lease_ask(lease, &next);
    lease_hold(lease, part, &held, 2, NOW_NS);
    lease_taken(lease, NOW_NS);
}

static void hear(const ProtobufCMessage *message, bool heartbeat)
{
    struct lease lease;
    struct lease_part part = {.environment = "shop"};
    if (heartbeat) {
        const Jwkd__V1__Heartbeat *beat = (const Jwkd__V1__Heartbeat *)message;
        subscribe(&lease, &part, beat->boot_id);
        lease_hear_heartbeat(&lease, beat, NOW_NS);
        lease_hear_heartbeat(&lease, beat, NOW_NS + NS_PER_MS);
    } else {
        const Jwkd__V1__Event *event = (const Jwkd__V1__Event *)message;
        struct identity identity;
        subscribe(&lease, &part, event->boot_id);
        if (!answer_event_is_whole(event) || !identity_read(event->state, &identity)) return;
        lease_hear_boot(&lease, wire_view(event->boot_id), NOW_NS);
        lease_miss(&lease, &part, &identity, NOW_NS);
        lease_follow(&lease, &part, &identity, !answer_event_deletes(event), event->service_revision, NOW_NS);
    }
    /* No message may vouch for longer than a lease. */
    MUST(lease_judge_until(&lease, &part) <= NOW_NS + NS_PER_MS + LEASE_MS * NS_PER_MS);
    MUST(part.vouched_ns <= NOW_NS + NS_PER_MS);
}

/* Treats the input as a subscriber treats a message: splits it, unpacks an event or a heartbeat, and has the
 * lease hear that. What unpacks must pack again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes topic, body;
    if (wire_split(bytes_of(data, size), &topic, &body) != JWKD_OK) return 0;
    MUST(topic.size + 1 + body.size == size);
    const ProtobufCMessageDescriptor *type =
        topic.size ? &jwkd__v1__event__descriptor : &jwkd__v1__heartbeat__descriptor;
    struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(type, body, &arena, &message) == JWKD_OK) {
        struct buffer packed = {0};
        MUST(wire_pack(message, &packed) == JWKD_OK);
        buffer_clear(&packed);
        hear(message, topic.size == 0);
    }
    arena_clear(&arena);
    return 0;
}
