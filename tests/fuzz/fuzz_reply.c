#include "fuzz.h"

#include "base/clock.h"
#include "lib/ask/answer.h"
#include "lib/follow/lease.h"
#include "lib/judge/keys.h"

static const uint64_t NOW_NS = 1000 * NS_PER_SEC;

static void learn(const char *dialled, const Jwkd__V1__HelloReply *hello)
{
    jwkd_client client = {.lock = PTHREAD_MUTEX_INITIALIZER};
    jwkd_error error = {0};
    struct url events;
    MUST(url_parse(dialled, &client.url, NULL) == JWKD_OK);
    if (client_learn(&client, hello, &error) != JWKD_OK) {
        MUST(!client.session.known && error.message[0] != '\0');
        return;
    }
    MUST(client.session.known);
    if (!client.session.events_url[0]) return;
    MUST(url_follow(&client.url, client.session.events_url, &events) == JWKD_OK);
    MUST(strcmp(events.text, client.session.events_url) == 0);
}

/* It alone vouches for nothing yet. */
static void hear_hello(const Jwkd__V1__HelloReply *hello)
{
    struct lease lease;
    struct lease_part part = {.environment = "shop"};
    jwkd_error error = {0};
    learn("/run/jwkd/rpc.sock", hello);
    learn("tcp://keys.example:7001", hello);
    lease_init(&lease, 1);
    lease_add(&lease, &part);
    lease_connected(&lease, NOW_NS);
    struct lease_next next = lease_next(&lease, NOW_NS);
    lease_ask(&lease, &next);
    if (lease_welcomed(&lease, hello, NOW_NS, NOW_NS, &error) != JWKD_OK) {
        MUST(error.message[0] != '\0');
        return;
    }
    MUST(lease_length_ms(&lease, &part) <= hello->lease_ms);
    MUST(lease_judge_until(&lease, &part) == 0 && lease_fresh_until(&lease, &part) == 0);
    MUST(lease_next(&lease, NOW_NS).task != LEASE_HELLO);
}

static void check_dead(const struct keys *keys, const char *kid)
{
    const struct jwk *key;
    MUST(keyset_find(keys->published, bytes_of_text(kid), &key) != KEY_LIVE);
    MUST(keyset_find(keys->set, bytes_of_text(kid), &key) != KEY_LIVE);
    MUST(!names_contain(&keys->withheld, kid));
}

/* Once with what the environment is told to show, once when it is gone. */
static void take_snapshot(const Jwkd__V1__JwksReply *snapshot)
{
    struct keys *keys, *gone;
    jwkd_error error = {0};
    if (!snapshot->environment) return; /* client/lib/ask/remote.c refuses it before */
    if (keys_from_snapshot(snapshot, &keys, &error) != JWKD_OK) {
        MUST(error.message[0] != '\0');
        return;
    }
    MUST(keys->known && keys->leeway_sec <= LIMIT_LEEWAY_SEC);
    for (size_t i = 0; i < snapshot->n_deactivated; i++)
        check_dead(keys, snapshot->deactivated[i]);
    MUST(keys_again(keys, true, &(struct pins){0}, &gone) == JWKD_OK);
    MUST(keyset_count(gone->set) == 0 && gone->withheld.count == 0);
    keys_unref(gone);
    keys_unref(keys);
}

static void tell(const Jwkd__V1__Event *event)
{
    for (size_t i = 0; i < event->n_changes; i++) {
        jwkd_event *told;
        MUST(answer_event_block(event, event->changes[i], &told) == JWKD_OK);
        jwkd_free(told);
    }
}

/* False where a snapshot would be taken instead. */
static bool follow(struct keys **keys, const Jwkd__V1__Event *event)
{
    struct keys *next;
    if (keys_after(*keys, event, &(struct pins){0}, &next) != JWKD_OK) return false;
    keys_unref(*keys);
    *keys = next;
    for (size_t i = 0; i < event->n_changes; i++) {
        const Jwkd__V1__Change *change = event->changes[i];
        if (change->kind == JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED ||
            change->kind == JWKD__V1__CHANGE__KIND__KEY_DESTROYED)
            check_dead(next, change->key->kid);
    }
    return true;
}

static void catch_up(const Jwkd__V1__ChangesReply *changes)
{
    struct keys *keys;
    MUST(keys_none(&keys) == JWKD_OK);
    for (size_t i = 0; i < changes->n_events && answer_event_is_whole(changes->events[i]); i++) {
        tell(changes->events[i]);
        if (!follow(&keys, changes->events[i])) break;
    }
    keys_unref(keys);
}

static void *lay_out_operation(struct block *block, const void *from)
{
    return (void *)(uintptr_t)answer_operation(block, from);
}

static void hand_out(const struct reply *reply)
{
    jwkd_environment *environment = NULL;
    jwkd_key_answer *key = NULL;
    void *operation = NULL;
    const Jwkd__V1__Reply *message = reply->message;
    Jwkd__V1__Reply__ResultCase kind = message->result_case;
    if (kind == JWKD__V1__REPLY__RESULT_ENVIRONMENT &&
        answer_environment_block(reply, &environment, NULL) == JWKD_OK)
        MUST(strcmp(environment->name, message->environment->environment->name) == 0);
    if (kind == JWKD__V1__REPLY__RESULT_KEY && answer_key_block(reply, &key, NULL) == JWKD_OK)
        MUST(strcmp(key->key.kid, message->key->key->kid) == 0);
    if (kind == JWKD__V1__REPLY__RESULT_OPERATION && message->operation->operation)
        MUST(block_build(lay_out_operation, message->operation->operation, &operation) == JWKD_OK);
    jwkd_free(environment);
    jwkd_free(key);
    jwkd_free(operation);
}

static void hear(const struct reply *reply)
{
    const Jwkd__V1__Reply *message = reply->message;
    if (message->result_case == JWKD__V1__REPLY__RESULT_HELLO)
        hear_hello(message->hello);
    else if (message->result_case == JWKD__V1__REPLY__RESULT_JWKS)
        take_snapshot(message->jwks);
    else if (message->result_case == JWKD__V1__REPLY__RESULT_CHANGES)
        catch_up(message->changes);
    else
        hand_out(reply);
}

/* What a client does with the answer to a request of its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply reply;
    ProtobufCMessage *message;
    if (size > LIMIT_REPLY) return 0; /* nng takes no more */
    if (wire_unpack(&jwkd__v1__reply__descriptor, bytes_of(data, size), &reply.arena, &message) == JWKD_OK) {
        reply.message = (Jwkd__V1__Reply *)message;
        hear(&reply);
    }
    arena_clear(&reply.arena);
    return 0;
}
