#include "relay/fake_upstream.h"

#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static void send_reply(struct fake *fake, Jwkd__V1__Reply *reply, struct bytes id)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    reply->version = WIRE_VERSION;
    reply->request_id = wire_bytes(id);
    assert_int_equal(wire_pack(&reply->base, &packed), JWKD_OK);
    assert_int_equal(nng_send(fake->rep, packed.data, packed.size, 0), 0);
}

static Jwkd__V1__State state_of(struct fake *fake)
{
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    state.epoch = wire_bytes(bytes_of(fake->epoch, 16));
    state.environment_id = 1;
    state.revision = fake->revision;
    return state;
}

static void answer_hello(struct fake *fake, const Jwkd__V1__Request *request)
{
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    char *urls[] = {fake->events_url};
    hello.service_version = wire_text("fake");
    hello.min_version = hello.max_version = WIRE_VERSION;
    hello.boot_id = wire_bytes(bytes_of(fake->boot_id, 16));
    hello.epoch = wire_bytes(bytes_of(fake->epoch, 16));
    hello.clock_ns = clock_elapsed_ns();
    hello.events_urls = urls;
    hello.n_events_urls = 1;
    hello.heartbeat_ms = 10000; /* so that no heartbeat is too old for a slow machine */
    hello.max_lease_ms = 1234;
    hello.service_revision = fake->service_revision;
    if (request->hello->subscribe) {
        hello.instance_id = wire_bytes(bytes_of(fake->instance_id, 16));
        hello.lease_ms = 1234;
        hello.renew_ms = 60000;
        hello.registered_ms = 120000;
    }
    reply.result_case = JWKD__V1__REPLY__RESULT_HELLO;
    reply.hello = &hello;
    send_reply(fake, &reply, wire_view(request->request_id));
}

static void answer_jwks(
    struct fake *fake, const Jwkd__V1__State *unless, Jwkd__V1__Reply *reply, struct bytes id)
{
    Jwkd__V1__State state = state_of(fake);
    Jwkd__V1__JwksReply jwks = JWKD__V1__JWKS_REPLY__INIT;
    char kid[32], *deactivated[] = {kid};
    snprintf(kid, sizeof kid, "kid-%u", (unsigned)fake->revision);
    jwks.state = &state;
    jwks.service_revision = fake->service_revision;
    jwks.unchanged = unless && unless->revision == fake->revision;
    if (!jwks.unchanged) {
        jwks.primary_kid = kid;
        jwks.deactivated = deactivated;
        jwks.n_deactivated = 1;
        jwks.jwks = wire_bytes(bytes_of_text("{\"keys\":[]}"));
    }
    reply->result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply->jwks = &jwks;
    send_reply(fake, reply, id);
}

/* The replies that tell the environment's state. */
struct told {
    Jwkd__V1__ListEnvironmentsReply environments;
    Jwkd__V1__Environment shop, *one;
    Jwkd__V1__ListKeysReply keys;
    Jwkd__V1__KeyReply key;
    Jwkd__V1__VerifyReply verified;
};

static void tell_state(Jwkd__V1__Request__OperationCase operation, Jwkd__V1__State *state, struct told *told,
    Jwkd__V1__Reply *reply)
{
    if (operation == JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS) {
        told->environments = (Jwkd__V1__ListEnvironmentsReply)JWKD__V1__LIST_ENVIRONMENTS_REPLY__INIT;
        told->shop = (Jwkd__V1__Environment)JWKD__V1__ENVIRONMENT__INIT;
        told->shop.name = wire_text("shop");
        told->shop.state = state;
        told->one = &told->shop;
        told->environments.environments = &told->one;
        told->environments.n_environments = 1;
        reply->result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENTS;
        reply->environments = &told->environments;
    } else if (operation == JWKD__V1__REQUEST__OPERATION_LIST_KEYS) {
        told->keys = (Jwkd__V1__ListKeysReply)JWKD__V1__LIST_KEYS_REPLY__INIT;
        told->keys.state = state;
        reply->result_case = JWKD__V1__REPLY__RESULT_KEYS;
        reply->keys = &told->keys;
    } else if (operation == JWKD__V1__REQUEST__OPERATION_GET_KEY) {
        told->key = (Jwkd__V1__KeyReply)JWKD__V1__KEY_REPLY__INIT;
        told->key.state = state;
        reply->result_case = JWKD__V1__REPLY__RESULT_KEY;
        reply->key = &told->key;
    } else if (operation == JWKD__V1__REQUEST__OPERATION_VERIFY) {
        told->verified = (Jwkd__V1__VerifyReply)JWKD__V1__VERIFY_REPLY__INIT;
        told->verified.state = state;
        reply->result_case = JWKD__V1__REPLY__RESULT_VERIFIED;
        reply->verified = &told->verified;
    }
}

static void answer(struct fake *fake, const Jwkd__V1__Request *request)
{
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    Jwkd__V1__State state = state_of(fake);
    Jwkd__V1__ChangesReply changes = JWKD__V1__CHANGES_REPLY__INIT;
    Jwkd__V1__StatusReply status = JWKD__V1__STATUS_REPLY__INIT;
    Jwkd__V1__RenewReply renewed = JWKD__V1__RENEW_REPLY__INIT;
    struct told told;
    uint8_t other[16] = {0};
    struct bytes id = fake->mode == FAKE_OTHER_ID ? bytes_of(other, 16) : wire_view(request->request_id);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO) {
        answer_hello(fake, request);
    } else if (fake->mode == FAKE_GARBAGE) {
        assert_int_equal(nng_send(fake->rep, (void *)(uintptr_t) "\xff\xff", 2, 0), 0);
    } else if (fake->mode == FAKE_SILENT) {
        return;
    } else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_JWKS) {
        answer_jwks(fake, request->get_jwks->unless, &reply, id);
    } else {
        changes.state = &state;
        renewed.clock_ns = clock_elapsed_ns();
        reply.result_case = JWKD__V1__REPLY__RESULT_SERVICE_STATUS;
        reply.service_status = &status;
        if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_CHANGES) {
            reply.result_case = JWKD__V1__REPLY__RESULT_CHANGES;
            reply.changes = &changes;
        } else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RENEW) {
            reply.result_case = JWKD__V1__REPLY__RESULT_RENEWED;
            reply.renewed = &renewed;
        } else {
            tell_state(request->operation_case, &state, &told, &reply);
        }
        send_reply(fake, &reply, id);
    }
}

static bool is_own_hello(const Jwkd__V1__Request *request)
{
    return request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO &&
           strcmp(request->hello->client, "jwkd relay") == 0;
}

static void remember(struct fake *fake, struct bytes packed)
{
    ProtobufCMessage *message;
    arena_clear(&fake->arena);
    assert_int_equal(wire_unpack(&jwkd__v1__request__descriptor, packed, &fake->arena, &message), JWKD_OK);
    fake->last = (Jwkd__V1__Request *)message;
    fake->asked[fake->last->operation_case % 64]++;
}

/* Remembers a request before answering it: a test that has the answer may look at the request. */
static void handle(struct fake *fake, struct bytes packed)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    assert_int_equal(wire_unpack(&jwkd__v1__request__descriptor, packed, &arena, &message), JWKD_OK);
    const Jwkd__V1__Request *request = (Jwkd__V1__Request *)message;
    pthread_mutex_lock(&fake->lock);
    if (!is_own_hello(request)) remember(fake, packed);
    answer(fake, request);
    pthread_mutex_unlock(&fake->lock);
}

static void *serve(void *argument)
{
    struct fake *fake = argument;
    void *packed;
    size_t size;
    while (nng_recv(fake->rep, &packed, &size, NNG_FLAG_ALLOC) == 0) {
        handle(fake, bytes_of(packed, size));
        nng_free(packed, size);
    }
    return NULL;
}

static void count_connection(nng_pipe pipe, nng_pipe_ev event, void *fake)
{
    (void)pipe;
    (void)event;
    ((struct fake *)fake)->connections++;
}

void fake_start(struct fake *fake)
{
    *fake = (struct fake){.directory = "/tmp/jwkd-fake-XXXXXX",
        .epoch = {2},
        .instance_id = {3},
        .revision = 5,
        .service_revision = 10};
    assert_non_null(mkdtemp(fake->directory));
    snprintf(fake->url, sizeof fake->url, "ipc://%s/rpc.sock", fake->directory);
    snprintf(fake->events_url, sizeof fake->events_url, "ipc://%s/events.sock", fake->directory);
    pthread_mutex_init(&fake->lock, NULL);
    fake_up(fake);
}

void fake_up(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->boot_id[0]++;
    pthread_mutex_unlock(&fake->lock);
    assert_int_equal(nng_rep0_open(&fake->rep), 0);
    assert_int_equal(nng_pub0_open(&fake->pub), 0);
    assert_int_equal(nng_pipe_notify(fake->rep, NNG_PIPE_EV_ADD_PRE, count_connection, fake), 0);
    assert_int_equal(nng_listen(fake->rep, fake->url, NULL, 0), 0);
    assert_int_equal(nng_listen(fake->pub, fake->events_url, NULL, 0), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

void fake_down(struct fake *fake)
{
    nng_close(fake->rep);
    nng_close(fake->pub);
    pthread_join(fake->thread, NULL);
}

void fake_stop(struct fake *fake)
{
    fake_down(fake);
    arena_clear(&fake->arena);
    pthread_mutex_destroy(&fake->lock);
    rmdir(fake->directory);
}

void fake_set_mode(struct fake *fake, enum fake_mode mode)
{
    pthread_mutex_lock(&fake->lock);
    fake->mode = mode;
    pthread_mutex_unlock(&fake->lock);
}

const Jwkd__V1__Request *fake_last(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    const Jwkd__V1__Request *last = fake->last;
    pthread_mutex_unlock(&fake->lock);
    return last;
}

unsigned fake_asked(struct fake *fake, Jwkd__V1__Request__OperationCase operation)
{
    pthread_mutex_lock(&fake->lock);
    unsigned asked = fake->asked[operation % 64];
    pthread_mutex_unlock(&fake->lock);
    return asked;
}

void fake_publish(struct fake *fake, struct bytes message)
{
    assert_int_equal(nng_send(fake->pub, (void *)(uintptr_t)message.data, message.size, 0), 0);
}

static void publish_message(struct fake *fake, const char *topic, const ProtobufCMessage *message)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    assert_int_equal(wire_topic(topic, &packed), JWKD_OK);
    assert_int_equal(wire_pack(message, &packed), JWKD_OK);
    fake_publish(fake, buffer_bytes(&packed));
}

void fake_change(struct fake *fake, bool publish)
{
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    pthread_mutex_lock(&fake->lock);
    event.previous_revision = fake->revision++;
    event.service_revision = ++fake->service_revision;
    Jwkd__V1__State state = state_of(fake);
    pthread_mutex_unlock(&fake->lock);
    event.boot_id = wire_bytes(bytes_of(fake->boot_id, 16));
    event.state = &state;
    event.environment = wire_text("shop");
    if (publish) publish_message(fake, "shop", &event.base);
}

uint64_t fake_beat(struct fake *fake)
{
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    heartbeat.boot_id = wire_bytes(bytes_of(fake->boot_id, 16));
    heartbeat.epoch = wire_bytes(bytes_of(fake->epoch, 16));
    heartbeat.stamp_ns = clock_elapsed_ns();
    pthread_mutex_lock(&fake->lock);
    heartbeat.service_revision = fake->service_revision;
    pthread_mutex_unlock(&fake->lock);
    publish_message(fake, "", &heartbeat.base);
    return heartbeat.stamp_ns;
}
