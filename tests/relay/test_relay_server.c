/* A relay in this process, before a service that says what the test wants. */
#include "operations/table.h"
#include "relay/fake_upstream.h"

#include "base/clock.h"
#include "dial/slammer.h"
#include "relay/relay.h"

#include <limits.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_SEC = 60,
    FLOOD = 320,
    FLOOD_SOCKETS = 4,
    IN_FLIGHT = 256,
    SLAMS = 2,
    RESTARTS = 6,
    MOST_FAILURES = 300
};

struct scene {
    struct fake fake;
    char directory[32], url[64], events_url[64];
    struct relay *relay;
    nng_socket req, sub;
    uint64_t asked; /* makes request ids */
    uint8_t id[16]; /* of the last request */
};

/* ---- asking */

static Jwkd__V1__Request new_request(
    struct scene *scene, Jwkd__V1__Request__OperationCase operation, void *body)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    scene->asked++;
    memcpy(scene->id, &scene->asked, sizeof scene->asked);
    request.version = WIRE_VERSION;
    request.request_id = wire_bytes(bytes_of(scene->id, sizeof scene->id));
    request.operation_case = operation;
    request.hello = body; /* a union */
    if (operation_of(&request)->right != RIGHT_VERIFY && operation_of(&request)->relayed == RELAYED_AS_IT_IS)
        request.credential = wire_bytes(bytes_of_text("a token")); /* is the service's matter */
    return request;
}

static struct shared_reply *ask_bytes(struct scene *scene, struct bytes packed)
{
    struct shared_reply *held = NULL;
    void *received;
    size_t size;
    assert_int_equal(nng_send(scene->req, (void *)(uintptr_t)packed.data, packed.size, 0), 0);
    assert_int_equal(nng_recv(scene->req, &received, &size, NNG_FLAG_ALLOC), 0);
    assert_int_equal(shared_reply_unpack(bytes_of(received, size), &held), JWKD_OK);
    nng_free(received, size);
    assert_int_equal(held->reply->version, WIRE_VERSION);
    return held;
}

static struct shared_reply *ask_request(struct scene *scene, const Jwkd__V1__Request *request)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    assert_int_equal(wire_pack(&request->base, &packed), JWKD_OK);
    struct shared_reply *held = ask_bytes(scene, buffer_bytes(&packed));
    assert_int_equal(held->reply->request_id.len, 16);
    assert_memory_equal(held->reply->request_id.data, scene->id, 16);
    return held;
}

static struct shared_reply *ask(struct scene *scene, Jwkd__V1__Request__OperationCase operation, void *body)
{
    Jwkd__V1__Request request = new_request(scene, operation, body);
    return ask_request(scene, &request);
}

static jwkd_status ask_status(struct scene *scene)
{
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *held = ask(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    return (jwkd_status)held->reply->status;
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

/* The stamp of a heartbeat, if one is there to be heard, and 0 else. */
static uint64_t hear_beat(struct scene *scene)
{
    void *heard;
    size_t size;
    struct bytes topic, body;
    struct arena arena;
    ProtobufCMessage *beat;
    if (nng_recv(scene->sub, &heard, &size, NNG_FLAG_ALLOC | NNG_FLAG_NONBLOCK) != 0) return 0;
    assert_int_equal(wire_split(bytes_of(heard, size), &topic, &body), JWKD_OK);
    assert_int_equal(wire_unpack(&jwkd__v1__heartbeat__descriptor, body, &arena, &beat), JWKD_OK);
    uint64_t stamp_ns = ((Jwkd__V1__Heartbeat *)beat)->stamp_ns;
    arena_clear(&arena);
    nng_free(heard, size);
    return stamp_ns;
}

/* Waits until the relay has found the service and hears its events. Nothing that was published before is on
 * its way then. That matters where a socket is closed next: nng 1.5.2 may never be done with a connection
 * that is closed while a message comes in. */
static void await_upstream(struct scene *scene)
{
    time_t until = time(NULL) + PATIENCE_SEC;
    while (ask_status(scene) != JWKD_OK) {
        assert_true(time(NULL) < until);
        pause_shortly();
    }
    uint64_t last_ns = 0, heard_ns = 0;
    while (last_ns == 0 || heard_ns != last_ns) {
        assert_true(time(NULL) < until);
        if (heard_ns == 0) last_ns = fake_beat(&scene->fake); /* earlier ones were not heard */
        pause_shortly();
        uint64_t now_ns = hear_beat(scene);
        if (now_ns != 0) heard_ns = now_ns;
    }
}

/* What is published at the relay next, heartbeats aside. */
static void await_published(struct scene *scene, struct buffer *out)
{
    for (;;) {
        void *heard;
        size_t size;
        assert_int_equal(nng_recv(scene->sub, &heard, &size, NNG_FLAG_ALLOC), 0);
        bool is_beat = size > 0 && *(const char *)heard == '\0';
        if (!is_beat) assert_int_equal(buffer_append(out, heard, size), JWKD_OK);
        nng_free(heard, size);
        if (!is_beat) return;
    }
}

/* ---- fixtures */

static void start_relay(struct scene *scene)
{
    const char *const urls[] = {scene->url}, *const events_urls[] = {scene->events_url};
    const struct relay_options options = {.upstream = scene->fake.url,
        .urls = urls,
        .url_count = 1,
        .events_urls = events_urls,
        .events_url_count = 1,
        .patience_ms = PATIENCE_SEC * 1000};
    jwkd_error error = {0};
    if (relay_start(&options, &scene->relay, &error) != JWKD_OK) fail_msg("%s", error.message);
}

static nng_socket dial(const char *url)
{
    nng_socket req;
    assert_int_equal(nng_req0_open(&req), 0);
    assert_int_equal(nng_socket_set_ms(req, NNG_OPT_RECVTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set_ms(req, NNG_OPT_SENDTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set_ms(req, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_dial(req, url, NULL, 0), 0);
    return req;
}

static void open_sockets(struct scene *scene)
{
    scene->req = dial(scene->url);
    assert_int_equal(nng_sub0_open(&scene->sub), 0);
    assert_int_equal(nng_socket_set_ms(scene->sub, NNG_OPT_RECVTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set(scene->sub, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
    assert_int_equal(nng_dial(scene->sub, scene->events_url, NULL, 0), 0);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    fake_start(&scene->fake);
    strcpy(scene->directory, "/tmp/jwkd-relay-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    snprintf(scene->url, sizeof scene->url, "ipc://%s/rpc.sock", scene->directory);
    snprintf(scene->events_url, sizeof scene->events_url, "ipc://%s/events.sock", scene->directory);
    start_relay(scene);
    open_sockets(scene);
    await_upstream(scene);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    nng_close(scene->req);
    nng_close(scene->sub);
    relay_stop(scene->relay);
    fake_stop(&scene->fake);
    rmdir(scene->directory);
    free(scene);
    return 0;
}

/* ---- events */

static void published__bytes_pass_unchanged_and_in_order(void **state)
{
    struct scene *scene = *state;
    static const char STRANGE[] = "a topic that nobody knows\0\x01\x02\xff";
    CLEANUP(buffer_clear) struct buffer first = {0}, second = {0};
    fake_publish(&scene->fake, bytes_of(STRANGE, sizeof STRANGE));
    fake_change(&scene->fake, true);
    await_published(scene, &first);
    await_published(scene, &second);
    assert_int_equal(first.size, sizeof STRANGE);
    assert_memory_equal(first.data, STRANGE, sizeof STRANGE);
    assert_memory_equal(second.data, "shop", 5);
}

/* ---- hello and renewal */

static void hello__leads_to_the_relay_and_is_the_services_otherwise(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.client = wire_text("me");
    uint64_t before_ns = clock_elapsed_ns();
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *held = ask(scene, JWKD__V1__REQUEST__OPERATION_HELLO, &hello);
    const Jwkd__V1__HelloReply *reply = held->reply->hello;
    assert_int_equal(held->reply->result_case, JWKD__V1__REPLY__RESULT_HELLO);
    assert_int_equal(reply->n_events_urls, 1);
    assert_string_equal(reply->events_urls[0], scene->events_url);
    assert_memory_equal(reply->boot_id.data, scene->fake.boot_id, 16);
    assert_memory_equal(reply->epoch.data, scene->fake.epoch, 16);
    assert_string_equal(reply->service_version, "fake");
    assert_int_equal(reply->max_lease_ms, 1234);
    assert_in_range(reply->clock_ns, before_ns, clock_elapsed_ns()); /* read for this question */
    assert_int_equal(reply->instance_id.len, 0);
}

static struct shared_reply *subscribe(struct scene *scene, struct bytes instance)
{
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    hello.client = wire_text("me");
    hello.subscribe = true;
    hello.instance_id = wire_bytes(instance);
    return ask(scene, JWKD__V1__REQUEST__OPERATION_HELLO, &hello);
}

static jwkd_status renew(struct scene *scene, struct bytes instance)
{
    Jwkd__V1__RenewRequest renew = JWKD__V1__RENEW_REQUEST__INIT;
    Jwkd__V1__RenewRequest__Held held = JWKD__V1__RENEW_REQUEST__HELD__INIT, *list = &held;
    held.environment = wire_text("shop");
    renew.instance_id = wire_bytes(instance);
    renew.sequence = 77;
    renew.n_held = 1;
    renew.held = &list;
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *answer = ask(scene, JWKD__V1__REQUEST__OPERATION_RENEW, &renew);
    return (jwkd_status)answer->reply->status;
}

static void renewal__passes_as_it_is(void **state)
{
    struct scene *scene = *state;
    CLEANUP(shared_reply_unref_at) struct shared_reply *welcome = subscribe(scene, (struct bytes){0});
    struct bytes instance = wire_view(welcome->reply->hello->instance_id);
    assert_true(bytes_equal(instance, bytes_of(scene->fake.instance_id, 16)));
    assert_int_equal(renew(scene, instance), JWKD_OK);
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_RENEW), 1);
    const Jwkd__V1__RenewRequest *heard = fake_last(&scene->fake)->renew;
    assert_int_equal(heard->sequence, 77);
    assert_int_equal(heard->n_held, 1);
    assert_string_equal(heard->held[0]->environment, "shop");
    assert_true(bytes_equal(wire_view(heard->instance_id), instance));
    assert_int_equal(fake_last(&scene->fake)->n_understands, 0);
}

/* The relay tells the service what the caller understands, and its own answers keep to that, too. */
static void status__is_one_that_the_caller_understands(void **state)
{
    struct scene *scene = *state;
    uint8_t foreign[16] = {99};
    uint32_t understood[] = {WIRE_NEW_STATUSES, 1000};
    Jwkd__V1__RenewRequest renew = JWKD__V1__RENEW_REQUEST__INIT;
    renew.instance_id = wire_bytes(bytes_of(foreign, sizeof foreign));
    renew.sequence = 1;
    Jwkd__V1__Request request = new_request(scene, JWKD__V1__REQUEST__OPERATION_RENEW, &renew);
    request.understands = understood;
    request.n_understands = 2;
    CLEANUP(shared_reply_unref_at) struct shared_reply *refused = ask_request(scene, &request);
    assert_int_equal(refused->reply->status, JWKD__V1__STATUS__NOT_REGISTERED);

    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    request = new_request(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    request.understands = understood;
    request.n_understands = 2;
    CLEANUP(shared_reply_unref_at) struct shared_reply *passed = ask_request(scene, &request);
    assert_int_equal(passed->reply->status, JWKD__V1__STATUS__OK);
    const Jwkd__V1__Request *heard = fake_last(&scene->fake);
    assert_int_equal(heard->n_understands, 2);
    assert_int_equal(heard->understands[0], WIRE_NEW_STATUSES);
    assert_int_equal(heard->understands[1], 1000);
}

/* To the service all callers of a relay are one principal: so the relay tells them apart. */
static void instance__of_somebody_else_is_not_passed_on(void **state)
{
    struct scene *scene = *state;
    uint8_t foreign[16] = {99};
    assert_int_equal(renew(scene, bytes_of(foreign, 16)), JWKD_NOT_FOUND);
    Jwkd__V1__GetJwksRequest get = JWKD__V1__GET_JWKS_REQUEST__INIT;
    get.environment = wire_text("shop");
    get.instance_id = wire_bytes(bytes_of(foreign, 16));
    get.sequence = 1;
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *jwks = ask(scene, JWKD__V1__REQUEST__OPERATION_GET_JWKS, &get);
    assert_int_equal(jwks->reply->status, JWKD__V1__STATUS__NOT_FOUND);
    assert_non_null(strstr(jwks->reply->message, "say hello again"));
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_RENEW), 0);
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_JWKS), 0);

    CLEANUP(shared_reply_unref_at) struct shared_reply *welcome = subscribe(scene, bytes_of(foreign, 16));
    assert_int_equal(welcome->reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(fake_last(&scene->fake)->hello->instance_id.len, 0); /* a new registration */
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *again = subscribe(scene, bytes_of(scene->fake.instance_id, 16));
    assert_int_equal(again->reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(fake_last(&scene->fake)->hello->instance_id.len, 16); /* one that goes on */
}

/* ---- snapshots */

static struct shared_reply *get_jwks(struct scene *scene, Jwkd__V1__State *unless)
{
    Jwkd__V1__GetJwksRequest get = JWKD__V1__GET_JWKS_REQUEST__INIT;
    get.environment = wire_text("shop");
    get.unless = unless;
    struct shared_reply *held = ask(scene, JWKD__V1__REQUEST__OPERATION_GET_JWKS, &get);
    assert_int_equal(held->reply->result_case, JWKD__V1__REPLY__RESULT_JWKS);
    return held;
}

static void expect_snapshot(const struct shared_reply *held, uint64_t revision, uint64_t service_revision)
{
    const Jwkd__V1__JwksReply *jwks = held->reply->jwks;
    char kid[32];
    snprintf(kid, sizeof kid, "kid-%u", (unsigned)revision);
    assert_false(jwks->unchanged);
    assert_int_equal(jwks->state->revision, revision);
    assert_int_equal(jwks->service_revision, service_revision);
    assert_string_equal(jwks->primary_kid, kid);
    assert_int_equal(jwks->n_deactivated, 1);
    assert_string_equal(jwks->deactivated[0], kid);
    assert_true(bytes_equal_text(wire_view(jwks->jwks), "{\"keys\":[]}"));
}

static void snapshot__is_the_relays_if_the_service_says_that_it_is_the_present_one(void **state)
{
    struct scene *scene = *state;
    CLEANUP(shared_reply_unref_at) struct shared_reply *first = get_jwks(scene, NULL);
    expect_snapshot(first, 5, 10);
    assert_null(fake_last(&scene->fake)->get_jwks->unless);
    pthread_mutex_lock(&scene->fake.lock);
    scene->fake.service_revision = 12; /* elsewhere something changed */
    pthread_mutex_unlock(&scene->fake.lock);
    CLEANUP(shared_reply_unref_at) struct shared_reply *second = get_jwks(scene, NULL);
    assert_int_equal(fake_last(&scene->fake)->get_jwks->unless->revision, 5);
    assert_int_equal(fake_last(&scene->fake)->get_jwks->unless->epoch.len, 16);
    expect_snapshot(second, 5, 12);
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_JWKS), 2);
}

static void snapshot__is_the_services_if_that_has_a_newer_one(void **state)
{
    struct scene *scene = *state;
    CLEANUP(shared_reply_unref_at) struct shared_reply *first = get_jwks(scene, NULL);
    fake_change(&scene->fake, false); /* its event is lost */
    CLEANUP(shared_reply_unref_at) struct shared_reply *second = get_jwks(scene, NULL);
    expect_snapshot(second, 6, 11);
    CLEANUP(shared_reply_unref_at) struct shared_reply *third = get_jwks(scene, NULL);
    assert_int_equal(fake_last(&scene->fake)->get_jwks->unless->revision, 6);
    expect_snapshot(third, 6, 11);
}

static void snapshot__that_the_caller_has_is_asked_for_as_the_caller_asks(void **state)
{
    struct scene *scene = *state;
    CLEANUP(shared_reply_unref_at) struct shared_reply *first = get_jwks(scene, NULL);
    Jwkd__V1__State old = *first->reply->jwks->state, present = old;
    old.revision = 4;
    CLEANUP(shared_reply_unref_at) struct shared_reply *unchanged = get_jwks(scene, &present);
    assert_true(unchanged->reply->jwks->unchanged);
    assert_int_equal(unchanged->reply->jwks->n_deactivated, 0);
    CLEANUP(shared_reply_unref_at) struct shared_reply *whole = get_jwks(scene, &old);
    assert_int_equal(fake_last(&scene->fake)->get_jwks->unless->revision, 4);
    expect_snapshot(whole, 5, 10);
}

/* ---- changes */

static struct shared_reply *get_changes(struct scene *scene, uint64_t revision)
{
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    Jwkd__V1__State since = JWKD__V1__STATE__INIT;
    since.epoch = wire_bytes(bytes_of(scene->fake.epoch, 16));
    since.environment_id = 1;
    since.revision = revision;
    get.environment = wire_text("shop");
    get.since = &since;
    struct shared_reply *held = ask(scene, JWKD__V1__REQUEST__OPERATION_GET_CHANGES, &get);
    assert_int_equal(held->reply->result_case, JWKD__V1__REPLY__RESULT_CHANGES);
    return held;
}

/* A caller that has heard an event gets it in the answer, even if it asks at once. */
static void changes__are_answered_here_once_their_event_is_heard(void **state)
{
    struct scene *scene = *state;
    for (uint64_t revision = 6; revision <= 200; revision++) {
        CLEANUP(buffer_clear) struct buffer heard = {0};
        fake_change(&scene->fake, true);
        await_published(scene, &heard);
        CLEANUP(shared_reply_unref_at) struct shared_reply *changes = get_changes(scene, revision - 1);
        assert_int_equal(changes->reply->changes->n_events, 1);
        assert_int_equal(changes->reply->changes->events[0]->state->revision, revision);
        assert_int_equal(changes->reply->changes->state->revision, revision);
    }
    CLEANUP(shared_reply_unref_at) struct shared_reply *all = get_changes(scene, 5);
    assert_int_equal(all->reply->changes->n_events, 195);
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_CHANGES), 0);
    CLEANUP(shared_reply_unref_at) struct shared_reply *before = get_changes(scene, 2);
    assert_int_equal(before->reply->changes->n_events, 0);
    assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_CHANGES), 1);
}

/* The caller knows of a state, and the relay has not heard its event: the relay must not answer with less. */
static void changes__are_the_services_where_the_caller_was_told_of_more(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__ListEnvironmentsRequest environments = JWKD__V1__LIST_ENVIRONMENTS_REQUEST__INIT;
    Jwkd__V1__ListKeysRequest keys = JWKD__V1__LIST_KEYS_REQUEST__INIT;
    Jwkd__V1__GetKeyRequest key = JWKD__V1__GET_KEY_REQUEST__INIT;
    Jwkd__V1__VerifyRequest verify = JWKD__V1__VERIFY_REQUEST__INIT;
    keys.environment = key.environment = verify.environment = wire_text("shop");
    const struct {
        Jwkd__V1__Request__OperationCase operation;
        void *body;
    } questions[] = {{JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS, &environments},
        {JWKD__V1__REQUEST__OPERATION_LIST_KEYS, &keys}, {JWKD__V1__REQUEST__OPERATION_GET_KEY, &key},
        {JWKD__V1__REQUEST__OPERATION_VERIFY, &verify}};
    for (unsigned i = 0; i < sizeof questions / sizeof *questions; i++) {
        CLEANUP(buffer_clear) struct buffer heard = {0};
        fake_change(&scene->fake, true);
        await_published(scene, &heard);
        shared_reply_unref(get_changes(scene, scene->fake.revision - 1));
        assert_int_equal(
            fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_CHANGES), i); /* answered here so far */
        fake_change(&scene->fake, false);
        shared_reply_unref(ask(scene, questions[i].operation, questions[i].body));
        shared_reply_unref(get_changes(scene, scene->fake.revision - 1));
        assert_int_equal(fake_asked(&scene->fake, JWKD__V1__REQUEST__OPERATION_GET_CHANGES), i + 1);
        relay_stop(scene->relay); /* its log has a gap now */
        start_relay(scene);
        await_upstream(scene);
    }
}

/* ---- what is not passed on */

static void question__without_a_credential_is_a_verifiers_only(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__ListKeysRequest keys = JWKD__V1__LIST_KEYS_REQUEST__INIT;
    Jwkd__V1__VerifyRequest verify = JWKD__V1__VERIFY_REQUEST__INIT;
    const struct {
        Jwkd__V1__Request__OperationCase operation;
        void *body;
        jwkd_status status;
    } questions[] = {{JWKD__V1__REQUEST__OPERATION_STATUS, &status, JWKD_DENIED},
        {JWKD__V1__REQUEST__OPERATION_LIST_KEYS, &keys, JWKD_DENIED},
        {JWKD__V1__REQUEST__OPERATION_VERIFY, &verify, JWKD_OK}};
    for (unsigned i = 0; i < sizeof questions / sizeof *questions; i++) {
        Jwkd__V1__Request request = new_request(scene, questions[i].operation, questions[i].body);
        request.credential = wire_bytes((struct bytes){0});
        CLEANUP(shared_reply_unref_at) struct shared_reply *held = ask_request(scene, &request);
        assert_int_equal(held->reply->status, questions[i].status);
    }
}

static void operation__that_changes_something_is_denied(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__ImportRequest import = JWKD__V1__IMPORT_REQUEST__INIT;
    const struct {
        Jwkd__V1__Request__OperationCase operation;
        void *body;
    } cases[] = {{JWKD__V1__REQUEST__OPERATION_GENERATE, &generate},
        {JWKD__V1__REQUEST__OPERATION_SIGN, &sign}, {JWKD__V1__REQUEST__OPERATION_DEACTIVATE, &deactivate},
        {JWKD__V1__REQUEST__OPERATION_IMPORT, &import}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(shared_reply_unref_at)
        struct shared_reply *held = ask(scene, cases[i].operation, cases[i].body);
        assert_int_equal(held->reply->status, JWKD__V1__STATUS__DENIED);
        assert_non_null(strstr(held->reply->message, scene->fake.url)); /* it says where to ask */
        assert_int_equal(fake_asked(&scene->fake, cases[i].operation), 0);
    }
}

/* A newer service might know what a relay does not, and do it in the relay's name. */
static void field__that_is_not_known_is_not_passed_on(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = new_request(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    static const uint8_t UNKNOWN[] = {0xfa, 0x06, 0x00}; /* field 111, a message without content */
    assert_int_equal(wire_pack(&request.base, &packed), JWKD_OK);
    assert_int_equal(buffer_append(&packed, UNKNOWN, sizeof UNKNOWN), JWKD_OK);
    CLEANUP(shared_reply_unref_at) struct shared_reply *held = ask_bytes(scene, buffer_bytes(&packed));
    assert_int_equal(held->reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(fake_last(&scene->fake)->operation_case, JWKD__V1__REQUEST__OPERATION_STATUS);
    assert_int_equal(fake_last(&scene->fake)->base.n_unknown_fields, 0);
    assert_memory_not_equal(
        fake_last(&scene->fake)->request_id.data, scene->id, 16); /* each has an id of its own */

    static const uint8_t INSIDE[] = {
        0x82, 0x01, sizeof UNKNOWN, 0xfa, 0x06, 0x00}; /* the same in a hello, field 16 */
    packed.size = 0;
    request.operation_case = JWKD__V1__REQUEST__OPERATION__NOT_SET;
    assert_int_equal(wire_pack(&request.base, &packed), JWKD_OK);
    assert_int_equal(buffer_append(&packed, INSIDE, sizeof INSIDE), JWKD_OK);
    CLEANUP(shared_reply_unref_at) struct shared_reply *welcomed = ask_bytes(scene, buffer_bytes(&packed));
    assert_int_equal(welcomed->reply->status, JWKD__V1__STATUS__OK);
    assert_int_equal(fake_last(&scene->fake)->operation_case, JWKD__V1__REQUEST__OPERATION_HELLO);
    assert_int_equal(fake_last(&scene->fake)->hello->base.n_unknown_fields, 0);

    packed.size = 0;
    request.operation_case = JWKD__V1__REQUEST__OPERATION__NOT_SET;
    assert_int_equal(wire_pack(&request.base, &packed), JWKD_OK);
    assert_int_equal(buffer_append(&packed, UNKNOWN, sizeof UNKNOWN), JWKD_OK);
    CLEANUP(shared_reply_unref_at) struct shared_reply *refused = ask_bytes(scene, buffer_bytes(&packed));
    assert_int_equal(refused->reply->status, JWKD__V1__STATUS__UNSUPPORTED);
}

static void request__that_is_none_is_answered(void **state)
{
    struct scene *scene = *state;
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *garbage = ask_bytes(scene, bytes_of("\xff\xff\xff", 3));
    assert_int_equal(garbage->reply->status, JWKD__V1__STATUS__MALFORMED);
    CLEANUP(shared_reply_unref_at) struct shared_reply *empty = ask_bytes(scene, bytes_of("", 0));
    assert_int_equal(empty->reply->status, JWKD__V1__STATUS__UNSUPPORTED);
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = new_request(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    CLEANUP(buffer_clear) struct buffer packed = {0};
    request.request_id.len = 15;
    assert_int_equal(wire_pack(&request.base, &packed), JWKD_OK);
    CLEANUP(shared_reply_unref_at) struct shared_reply *short_id = ask_bytes(scene, buffer_bytes(&packed));
    assert_int_equal(short_id->reply->status, JWKD__V1__STATUS__INVALID_ARGUMENT);
}

/* ---- a service that is not what it should be */

static void answer__to_something_else_is_not_passed_on(void **state)
{
    struct scene *scene = *state;
    fake_set_mode(&scene->fake, FAKE_OTHER_ID);
    assert_int_equal(ask_status(scene), JWKD_UNAVAILABLE);
    fake_set_mode(&scene->fake, FAKE_GARBAGE);
    assert_int_equal(ask_status(scene), JWKD_UNAVAILABLE);
    fake_set_mode(&scene->fake, FAKE_ANSWERS);
    assert_int_equal(ask_status(scene), JWKD_OK);
}

struct question {
    nng_ctx context;
    nng_aio *aio;
    atomic_uint *ended;
};

/* Is called when the question is sent, and again when the answer is there. */
static void on_question(void *argument)
{
    const struct question *question = argument;
    atomic_fetch_add(question->ended, 1);
}

static void flood_send(struct scene *scene, nng_socket socket, struct question *question)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    nng_msg *message;
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = new_request(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    assert_int_equal(wire_pack(&request.base, &packed), JWKD_OK);
    assert_int_equal(nng_msg_alloc(&message, packed.size), 0);
    memcpy(nng_msg_body(message), packed.data, packed.size);
    assert_int_equal(nng_ctx_open(&question->context, socket), 0);
    assert_int_equal(nng_aio_alloc(&question->aio, on_question, question), 0);
    nng_aio_set_timeout(question->aio, PATIENCE_SEC * 1000);
    nng_aio_set_msg(question->aio, message);
    nng_ctx_send(question->context, question->aio);
    nng_aio_wait(question->aio);
    assert_int_equal(nng_aio_result(question->aio), 0);
    nng_ctx_recv(question->context, question->aio);
}

static jwkd_status flood_receive(struct question *question)
{
    struct shared_reply *held = NULL;
    nng_aio_wait(question->aio);
    assert_int_equal(nng_aio_result(question->aio), 0);
    nng_msg *message = nng_aio_get_msg(question->aio);
    assert_int_equal(
        shared_reply_unpack(bytes_of(nng_msg_body(message), nng_msg_len(message)), &held), JWKD_OK);
    jwkd_status status = (jwkd_status)held->reply->status;
    shared_reply_unref(held);
    nng_msg_free(message);
    nng_aio_free(question->aio);
    nng_ctx_close(question->context);
    return status;
}

/* Requests beyond the number that may wait are refused at once. Those that still wait when the relay ends are
 * refused then. */
static void requests__to_a_silent_service_do_not_pile_up(void **state)
{
    struct scene *scene = *state;
    static struct question questions[FLOOD];
    static atomic_uint ended;
    unsigned busy = 0, unavailable = 0;
    nng_socket sockets[FLOOD_SOCKETS]; /* a connection has no more than 128 under way */
    for (size_t i = 0; i < FLOOD_SOCKETS; i++)
        sockets[i] = dial(scene->url);
    fake_set_mode(&scene->fake, FAKE_SILENT);
    for (size_t i = 0; i < FLOOD; i++) {
        questions[i].ended = &ended;
        flood_send(scene, sockets[i % FLOOD_SOCKETS], &questions[i]);
    }
    for (time_t until = time(NULL) + PATIENCE_SEC; ended < FLOOD + (FLOOD - IN_FLIGHT); pause_shortly())
        assert_true(time(NULL) < until);
    relay_stop(TAKE(scene->relay));
    for (size_t i = 0; i < FLOOD; i++) {
        jwkd_status status = flood_receive(&questions[i]);
        if (status == JWKD_BUSY) busy++;
        if (status == JWKD_UNAVAILABLE) unavailable++;
    }
    assert_int_equal(busy, FLOOD - IN_FLIGHT);
    assert_int_equal(unavailable, IN_FLIGHT);
    for (size_t i = 0; i < FLOOD_SOCKETS; i++)
        nng_close(sockets[i]);
}

static void request__to_a_silent_service_ends_with_its_deadline(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = new_request(scene, JWKD__V1__REQUEST__OPERATION_STATUS, &status);
    fake_set_mode(&scene->fake, FAKE_SILENT);
    request.boot_id = wire_bytes(bytes_of(scene->fake.boot_id, 16));
    request.deadline_ns = clock_elapsed_ns() + 200 * NS_PER_MS;
    CLEANUP(shared_reply_unref_at) struct shared_reply *held = ask_request(scene, &request);
    assert_int_equal(held->reply->status, JWKD__V1__STATUS__UNAVAILABLE);
    assert_non_null(strstr(held->reply->message, "does not answer in time"));
    fake_set_mode(&scene->fake, FAKE_ANSWERS);
    assert_int_equal(ask_status(scene), JWKD_OK);
}

/* ---- a service that is restarted */

/* How many requests fail before the relay has found the service again. */
static unsigned count_failures(struct scene *scene)
{
    unsigned failures = 0;
    for (; ask_status(scene) != JWKD_OK && failures < MOST_FAILURES; failures++)
        pause_shortly();
    return failures;
}

/* A service that stops turns connections away: a dialer of nng 1.5.2 may give up for good at any of them, and
 * one that was only replaced after seconds fails hundreds of requests here. */
static void relay__is_back_as_soon_as_the_service_is(void **state)
{
    struct scene *scene = *state;
    unsigned failures = 0;
    for (int round = 0; round < RESTARTS; round++) {
        struct slammer slammer;
        fake_down(&scene->fake);
        slammer_start(&slammer, scene->fake.url);
        for (time_t until = time(NULL) + PATIENCE_SEC; slammer.slammed < SLAMS && time(NULL) < until;)
            pause_shortly();
        slammer_stop(&slammer);
        assert_in_range(slammer.slammed, SLAMS, UINT_MAX);
        fake_up(&scene->fake);
        failures += count_failures(scene);
        await_upstream(scene);
    }
    assert_in_range(failures, 0, MOST_FAILURES - 1);
}

/* ---- starting */

static void check__asks_for_a_sign_of_life(void **state)
{
    struct scene *scene = *state;
    char nobody[64], version[64];
    snprintf(nobody, sizeof nobody, "ipc://%s/nobody.sock", scene->directory);
    jwkd_error error = {0};
    struct relay_options options = {.upstream = nobody, .patience_ms = PATIENCE_SEC * 1000};
    assert_int_equal(relay_check(&options, version, &error), JWKD_UNREACHABLE);
    options.upstream = "tcp://127.0.0.1:1"; /* is reserved */
    options.patience_ms = 50;
    assert_int_equal(relay_check(&options, version, &error), JWKD_UNREACHABLE);
    assert_non_null(strstr(error.message, "nobody listens at"));
    options.upstream = scene->url; /* a relay, which is as good */
    options.patience_ms = PATIENCE_SEC * 1000;
    assert_int_equal(relay_check(&options, version, &error), JWKD_OK);
    assert_string_equal(version, "fake");
}

static void relay__does_not_begin_what_cannot_work(void **state)
{
    struct scene *scene = *state;
    char other[64];
    snprintf(other, sizeof other, "ipc://%s/other.sock", scene->directory);
    const char *const taken[] = {scene->url}, *const own[] = {scene->fake.url},
                      *const events_urls[] = {other};
    struct relay *relay = NULL;
    jwkd_error error = {0};
    struct relay_options options = {.upstream = scene->fake.url,
        .urls = taken,
        .url_count = 1,
        .events_urls = events_urls,
        .events_url_count = 1,
        .patience_ms = PATIENCE_SEC * 1000};
    unsigned connections = scene->fake.connections;
    assert_int_equal(relay_start(&options, &relay, &error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(error.message, scene->url));
    assert_int_equal(scene->fake.connections, connections); /* it found out by itself */
    options.urls = own;
    assert_int_equal(relay_start(&options, &relay, &error), JWKD_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "ask itself"));
    options.upstream = "http://elsewhere";
    assert_int_equal(relay_start(&options, &relay, &error), JWKD_INVALID_ARGUMENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(published__bytes_pass_unchanged_and_in_order),
        CASE(hello__leads_to_the_relay_and_is_the_services_otherwise),
        CASE(renewal__passes_as_it_is),
        CASE(status__is_one_that_the_caller_understands),
        CASE(instance__of_somebody_else_is_not_passed_on),
        CASE(snapshot__is_the_relays_if_the_service_says_that_it_is_the_present_one),
        CASE(snapshot__is_the_services_if_that_has_a_newer_one),
        CASE(snapshot__that_the_caller_has_is_asked_for_as_the_caller_asks),
        CASE(changes__are_answered_here_once_their_event_is_heard),
        CASE(changes__are_the_services_where_the_caller_was_told_of_more),
        CASE(question__without_a_credential_is_a_verifiers_only),
        CASE(operation__that_changes_something_is_denied),
        CASE(field__that_is_not_known_is_not_passed_on),
        CASE(request__that_is_none_is_answered),
        CASE(answer__to_something_else_is_not_passed_on),
        CASE(requests__to_a_silent_service_do_not_pile_up),
        CASE(request__to_a_silent_service_ends_with_its_deadline),
        CASE(relay__is_back_as_soon_as_the_service_is),
        CASE(check__asks_for_a_sign_of_life),
        CASE(relay__does_not_begin_what_cannot_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
