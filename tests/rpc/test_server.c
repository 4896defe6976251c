#include "keyring/ring.h"

#include "rpc/server.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/sp.h"

/* With as many workers as a large host has processors. */
enum {
    WORKERS = 80,
    QUEUE = 128,
    TOO_MANY = 8,
    ASKERS = WORKERS + QUEUE + TOO_MANY,
    SOCKETS = 3, /* a connection has no more than 128 requests under way */
};

struct service {
    struct door *door;
    struct rpc_server *rpc;
};

static void start(struct service *service, const struct door_options *options, const char *url)
{
    jwkd_error error = {0};
    assert_int_equal(door_open(options, &service->door, &error), JWKD_OK);
    const struct rpc_options rpc = {.door = service->door, .urls = &url, .url_count = 1};
    assert_int_equal(rpc_start(&rpc, &service->rpc, &error), JWKD_OK);
}

static void stop(struct service *service)
{
    rpc_stop(service->rpc);
    door_close(service->door);
    rpc_free(service->rpc);
    door_free(service->door);
}

struct answers {
    atomic_uint ok, busy, other;
};

/* Sends one request and receives its answer, without waiting for either. */
struct asker {
    struct answers *answers;
    nng_ctx context;
    nng_aio *aio;
    bool sent;
};

static void count_reply(struct answers *answers, nng_msg *message)
{
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *unpacked;
    jwkd_status status = wire_unpack(&jwkd__v1__reply__descriptor,
        bytes_of(nng_msg_body(message), nng_msg_len(message)), &arena, &unpacked);
    if (status == JWKD_OK) status = (jwkd_status)((const Jwkd__V1__Reply *)unpacked)->status;
    if (status == JWKD_OK)
        answers->ok++;
    else if (status == JWKD_BUSY)
        answers->busy++;
    else
        answers->other++;
}

static void on_aio(void *argument)
{
    struct asker *asker = argument;
    if (nng_aio_result(asker->aio) != 0) return;
    if (!asker->sent) {
        asker->sent = true;
        nng_ctx_recv(asker->context, asker->aio);
        return;
    }
    count_reply(asker->answers, nng_aio_get_msg(asker->aio));
    nng_msg_free(nng_aio_get_msg(asker->aio));
}

static void ask(struct asker *asker, nng_socket socket, struct answers *answers, struct bytes packed)
{
    nng_msg *message;
    asker->answers = answers;
    assert_int_equal(nng_ctx_open(&asker->context, socket), 0);
    assert_int_equal(nng_aio_alloc(&asker->aio, on_aio, asker), 0);
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, packed.data, packed.size), 0);
    nng_aio_set_msg(asker->aio, message);
    nng_ctx_send(asker->context, asker->aio);
}

/* A request that reads the store, and so can be held. */
static void pack_request(struct ring *ring, struct buffer *out)
{
    uint8_t id[16];
    Jwkd__V1__State since = JWKD__V1__STATE__INIT;
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_CHANGES);
    since.epoch = wire_bytes(bytes_of(keyring_epoch(ring->keyring), 16));
    since.environment_id = 1;
    get.environment = wire_text("shop");
    get.since = &since;
    request.get_changes = &get;
    assert_int_equal(wire_pack(&request.base, out), JWKD_OK);
}

static void server__tells_who_comes_to_a_full_queue(void **state)
{
    struct ring *ring = *state;
    static struct asker askers[ASKERS];
    struct answers answers = {0};
    char url[96];
    snprintf(url, sizeof url, "ipc://%s/rpc.sock", ring->signing.folder);
    const struct door_options options = {.keyring = ring->keyring,
        .version = "test",
        .access = {.ipc_role = ROLE_OPERATOR},
        .workers = WORKERS,
        .queue = QUEUE};
    struct service service;
    nng_socket sockets[SOCKETS];
    CLEANUP(buffer_clear) struct buffer packed = {0};
    ring_create(ring, "shop");
    pack_request(ring, &packed);
    start(&service, &options, url);
    for (size_t i = 0; i < SOCKETS; i++) {
        assert_int_equal(nng_req0_open(&sockets[i]), 0);
        assert_int_equal(nng_socket_set_ms(sockets[i], NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
        assert_int_equal(nng_dial(sockets[i], url, NULL, 0), 0);
    }

    memory_hold(ring->memory, true);
    size_t count = 0;
    while (count < WORKERS)
        ask(&askers[count], sockets[count % SOCKETS], &answers, buffer_bytes(&packed)), count++;
    AWAIT(memory_waiting(ring->memory) == WORKERS);
    while (count < ASKERS)
        ask(&askers[count], sockets[count % SOCKETS], &answers, buffer_bytes(&packed)), count++;
    AWAIT(answers.busy == TOO_MANY);
    assert_int_equal(answers.ok, 0);
    memory_hold(ring->memory, false);
    AWAIT(answers.ok == WORKERS + QUEUE);
    assert_int_equal(answers.busy, TOO_MANY);
    assert_int_equal(answers.other, 0);

    for (size_t i = 0; i < ASKERS; i++)
        nng_aio_free(askers[i].aio);
    for (size_t i = 0; i < SOCKETS; i++)
        nng_close(sockets[i]);
    keyring_stop(ring->keyring);
    stop(&service);
}

/* ---- a client without a library */

static int greet(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char heard[SP_GREETING];
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, "\0SP\0\0\x30\0\0", SP_GREETING), SP_GREETING);
    assert_int_equal(recv(fd, heard, sizeof heard, MSG_WAITALL), SP_GREETING);
    return fd;
}

static void append_framed(struct buffer *out, struct bytes packed)
{
    uint8_t head[SP_HEAD];
    size_t size = sp_head(TRANSPORT_IPC, bytes_of("\x80\0\0\1", 4), packed.size, head);
    assert_int_equal(buffer_append(out, head, size), JWKD_OK);
    assert_int_equal(buffer_append_bytes(out, packed), JWKD_OK);
}

static bool is_closed(int fd)
{
    return send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

static void *stop_service(void *service)
{
    stop(service);
    return NULL;
}

/* What waits when the service ends is not worked on: it could take minutes. The last question is answered at
 * once, so all before it have come. */
static void server__does_not_work_for_who_is_gone(void **state)
{
    struct ring *ring = *state;
    CLEANUP(buffer_clear) struct buffer packed = {0}, status = {0}, all = {0};
    char url[96], heard[16];
    uint8_t id[16];
    snprintf(url, sizeof url, "ipc://%s/rpc.sock", ring->signing.folder);
    const struct door_options options = {
        .keyring = ring->keyring, .version = "test", .access = {.ipc_role = ROLE_OPERATOR}, .workers = 1};
    struct service service;
    pthread_t stopping;
    ring_create(ring, "shop");
    pack_request(ring, &packed);
    Jwkd__V1__Request ask_status = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_STATUS);
    Jwkd__V1__StatusRequest nothing = JWKD__V1__STATUS_REQUEST__INIT;
    ask_status.status = &nothing;
    assert_int_equal(wire_pack(&ask_status.base, &status), JWKD_OK);
    for (int i = 0; i < 20; i++)
        append_framed(&all, buffer_bytes(&packed));
    append_framed(&all, buffer_bytes(&status));
    start(&service, &options, url);

    memory_hold(ring->memory, true);
    unsigned before = memory_lists(ring->memory);
    int fd = greet(url + strlen("ipc://"));
    assert_int_equal(send(fd, all.data, all.size, 0), (ssize_t)all.size);
    assert_int_equal(recv(fd, heard, sizeof heard, MSG_WAITALL), sizeof heard);
    AWAIT(memory_waiting(ring->memory) == 1);
    keyring_stop(ring->keyring);
    assert_int_equal(pthread_create(&stopping, NULL, stop_service, &service), 0);
    AWAIT(is_closed(fd));
    memory_hold(ring->memory, false);
    pthread_join(stopping, NULL);
    assert_int_equal(memory_lists(ring->memory), before + 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(server__tells_who_comes_to_a_full_queue, ring_setup, ring_teardown),
        cmocka_unit_test_setup_teardown(server__does_not_work_for_who_is_gone, ring_setup, ring_teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
