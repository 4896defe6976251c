/* The vectors that a service has to answer, byte by byte over a raw socket: proto/vectors/messages.json,
 * "answers", and a session of a client of 0.1.0. */
#include "integration/harness.h"

#include <nng/protocol/pubsub0/sub.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vectors/fields.h"

enum { ID = 16 };

struct scene {
    struct service service;
    struct raw raw;
    nng_socket events;
    struct script script;
    /* What the vector calls so, and what it is here. */
    struct buffer said_instance, said_epoch;
    uint8_t instance[ID], epoch[ID];
    bool registered;
};

static void open_events(struct scene *scene)
{
    char url[160];
    snprintf(url, sizeof url, "ipc://%s/events.sock", scene->service.sockets);
    assert_int_equal(nng_sub0_open(&scene->events), 0);
    assert_int_equal(nng_socket_set_ms(scene->events, NNG_OPT_RECVTIMEO, PATIENCE_SEC * 1000), 0);
    assert_int_equal(nng_socket_set(scene->events, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
    assert_int_equal(nng_dial(scene->events, url, NULL, 0), 0);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    service_prepare(&scene->service);
    service_start(&scene->service);
    raw_open(&scene->raw, &scene->service);
    open_events(scene);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    raw_close(&scene->raw);
    service_stop(&scene->service); /* first: nng 1.5.2 may hang in a close that meets a message */
    nng_close(scene->events);
    service_remove(&scene->service);
    script_close(&scene->script);
    buffer_clear(&scene->said_instance);
    buffer_clear(&scene->said_epoch);
    free(scene);
    return 0;
}

/* ---- asking */

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

/* A key that is being made is asked for again, with the same bytes. */
static Jwkd__V1__Reply *ask(struct scene *scene, struct bytes packed, struct arena *arena)
{
    time_t until = time(NULL) + PATIENCE_SEC;
    for (;;) {
        Jwkd__V1__Reply *reply = raw_ask_bytes(&scene->raw, packed, arena);
        if (reply->status != JWKD__V1__STATUS__IN_PROGRESS) return reply;
        assert_true(time(NULL) < until);
        arena_clear(arena);
        pause_shortly();
    }
}

static void compare_result(struct scene *scene, int vector, const Jwkd__V1__Reply *reply, const char *name)
{
    struct script *script = &scene->script;
    const char *result = script_text_of(script, vector, "result");
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(&jwkd__v1__reply__descriptor, result);
    unsigned wanted = field ? field->id : 0;
    if ((*result && !field) || (unsigned)reply->result_case != wanted)
        fail_msg("%s: the result is %u, not \"%s\"", name, (unsigned)reply->result_case, result);
    int fields = script_member(script, vector, "fields");
    if (fields != JSON_NONE) fields_compare(script, fields, &reply->base, false, name);
}

static void compare_status(struct scene *scene, int vector, const Jwkd__V1__Reply *reply, const char *name)
{
    const char *wanted = script_text_of(&scene->script, vector, "status");
    const char *found = jwkd_status_name((jwkd_status)reply->status);
    if (strcmp(found, wanted) != 0) fail_msg("%s: %s, not %s (%s)", name, found, wanted, reply->message);
    bool ok = reply->status == JWKD__V1__STATUS__OK;
    if (ok == (*reply->message != '\0')) fail_msg("%s: \"%s\" is said to it", name, reply->message);
}

static void answer__is_the_one_of_the_vector(void **state)
{
    struct scene *scene = *state;
    struct script *script = &scene->script;
    size_t count = 0;
    script_open(script, VECTORS_DIR "/messages.json");
    for (int at = JSON_NONE; script_next(script, script_must(script, JSON_ROOT, "answers"), &at); count++) {
        const char *name = script_text_of(script, at, "name");
        CLEANUP(buffer_clear) struct buffer packed = {0}, id = {0};
        CLEANUP(arena_clear) struct arena arena;
        script_hex_of(script, at, "send", &packed);
        script_hex_of(script, at, "request_id", &id);
        const Jwkd__V1__Reply *reply = ask(scene, buffer_bytes(&packed), &arena);
        compare_status(scene, at, reply, name);
        compare_result(scene, at, reply, name);
        if (!bytes_equal(wire_view(reply->request_id), buffer_bytes(&id))) fail_msg("%s: another id", name);
    }
    assert_true(count >= 30);
}

/* ---- a client of 0.1.0 */

static void put_in_place(struct buffer *message, const struct buffer *said, const uint8_t id[ID])
{
    for (size_t at = 0; at + ID <= message->size; at++)
        if (memcmp(message->data + at, said->data, ID) == 0) memcpy(message->data + at, id, ID);
}

static void learn(struct scene *scene, const Jwkd__V1__Reply *reply)
{
    if (reply->result_case != JWKD__V1__REPLY__RESULT_HELLO) return;
    assert_int_equal(reply->hello->instance_id.len, ID);
    memcpy(scene->instance, reply->hello->instance_id.data, ID);
    memcpy(scene->epoch, reply->hello->epoch.data, ID);
    scene->registered = true;
}

static void send_step(struct scene *scene, int step, const char *name)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    CLEANUP(arena_clear) struct arena arena;
    script_hex_of(&scene->script, step, "send", &packed);
    if (scene->registered) {
        put_in_place(&packed, &scene->said_instance, scene->instance);
        put_in_place(&packed, &scene->said_epoch, scene->epoch);
    }
    const Jwkd__V1__Reply *reply = ask(scene, buffer_bytes(&packed), &arena);
    compare_status(scene, step, reply, name);
    compare_result(scene, step, reply, name);
    learn(scene, reply);
}

/* The next event; or a heartbeat that has seen what is wanted, of those that come. */
static void hear_step(struct scene *scene, int step, const char *name)
{
    struct script *script = &scene->script;
    bool beats = strcmp(script_text_of(script, step, "hear"), "Heartbeat") == 0;
    int fields = script_must(script, step, "fields");
    for (;;) {
        void *heard;
        size_t size;
        struct bytes topic, body;
        CLEANUP(arena_clear) struct arena arena;
        ProtobufCMessage *message;
        assert_int_equal(nng_recv(scene->events, &heard, &size, NNG_FLAG_ALLOC), 0);
        assert_ok(wire_split(bytes_of(heard, size), &topic, &body));
        bool beat = topic.size == 0;
        assert_ok(wire_unpack(fields_type(script, beat ? "Heartbeat" : "Event"), body, &arena, &message));
        nng_free(heard, size);
        if (beat != beats) continue;
        int64_t seen = script_number_of(script, fields, "service_revision", 0);
        if (beat && ((Jwkd__V1__Heartbeat *)message)->service_revision < (uint64_t)seen) continue;
        int64_t revision = 0;
        int at = script_member(script, fields, "state");
        if (at != JSON_NONE) revision = script_number_of(script, at, "revision", 0);
        if (!beat && ((Jwkd__V1__Event *)message)->state->revision < (uint64_t)revision) continue;
        fields_compare(script, fields, message, false, name);
        return;
    }
}

static void client_of_0_1_0__follows_and_confirms(void **state)
{
    struct scene *scene = *state;
    struct script *script = &scene->script;
    size_t count = 0;
    script_open(script, VECTORS_DIR "/session-0.1.0.json");
    script_hex_of(script, JSON_ROOT, "instance_id", &scene->said_instance);
    script_hex_of(script, JSON_ROOT, "epoch", &scene->said_epoch);
    assert_true(scene->said_instance.size == ID && scene->said_epoch.size == ID);
    for (int at = JSON_NONE; script_next(script, script_must(script, JSON_ROOT, "steps"), &at); count++) {
        const char *name = script_text_of(script, at, "says");
        if (script_member(script, at, "send") != JSON_NONE)
            send_step(scene, at, name);
        else
            hear_step(scene, at, name);
    }
    assert_true(count >= 15);
}

/* ---- what counts as size */

/* The request, with a field in front that is not known, so that the frame has `size` bytes. */
static void pack_frame(size_t size, struct buffer *out)
{
    static const uint8_t HEADER[] = {0x80, 0, 0, 1}, FIELD[] = {0xf2, 0x06}; /* 110, of bytes */
    CLEANUP(buffer_clear) struct buffer request = {0};
    uint8_t id[ID];
    Jwkd__V1__Request status = raw_request(id);
    Jwkd__V1__StatusRequest nothing = JWKD__V1__STATUS_REQUEST__INIT;
    status.operation_case = JWKD__V1__REQUEST__OPERATION_STATUS;
    status.status = &nothing;
    assert_ok(wire_pack(&status.base, &request));
    size_t padding = size - sizeof HEADER - request.size - sizeof FIELD - 3; /* its length takes 3 */
    uint8_t ipc[9] = {1},
            length[3] = {(uint8_t)(padding | 0x80), (uint8_t)(padding >> 7 | 0x80), (uint8_t)(padding >> 14)};
    for (size_t i = 0; i < 8; i++)
        ipc[1 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    assert_ok(buffer_append(out, ipc, sizeof ipc));
    assert_ok(buffer_append(out, HEADER, sizeof HEADER));
    assert_ok(buffer_append(out, FIELD, sizeof FIELD));
    assert_ok(buffer_append(out, length, sizeof length));
    assert_ok(buffer_reserve(out, padding));
    memset(out->data + out->size, 0, padding);
    out->size += padding;
    assert_ok(buffer_append_bytes(out, buffer_bytes(&request)));
}

/* Whether an answer comes; otherwise the connection ends. */
static bool is_answered(struct scene *scene, size_t size)
{
    static const uint8_t GREETING[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_SEC};
    CLEANUP(buffer_clear) struct buffer frame = {0};
    uint8_t heard[9];
    snprintf(address.sun_path, sizeof address.sun_path, "%s/rpc.sock", scene->service.sockets);
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(end >= 0);
    assert_int_equal(setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(end, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(end, GREETING, sizeof GREETING, MSG_NOSIGNAL), sizeof GREETING);
    assert_int_equal(recv(end, heard, sizeof GREETING, MSG_WAITALL), sizeof GREETING);
    pack_frame(size, &frame);
    for (size_t sent = 0; sent < frame.size;) { /* the other end may close while it is sent */
        ssize_t now = send(end, frame.data + sent, frame.size - sent, MSG_NOSIGNAL);
        if (now < 0) break;
        sent += (size_t)now;
    }
    ssize_t got = recv(end, heard, sizeof heard, MSG_WAITALL);
    bool timed_out = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    assert_false(timed_out);
    close(end);
    return got == sizeof heard;
}

static void size__is_that_of_the_message_with_its_header(void **state)
{
    struct scene *scene = *state;
    assert_true(is_answered(scene, LIMIT_REQUEST));
    assert_false(is_answered(scene, LIMIT_REQUEST + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answer__is_the_one_of_the_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(client_of_0_1_0__follows_and_confirms, setup, teardown),
        cmocka_unit_test_setup_teardown(size__is_that_of_the_message_with_its_header, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
