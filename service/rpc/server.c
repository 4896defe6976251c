#include "rpc/server.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/caller.h"
#include "net/listen.h"
#include "rpc/dispatch.h"
#include "rpc/hello.h"
#include "rpc/pool.h"

enum {
    DEFAULT_QUEUE = 128,
    SPARE_CONTEXTS =
        32, /* beyond what workers, queue and writer can hold: who comes to a full queue is told so */
    SEND_TIMEOUT_MS = 5000, /* a client that does not read */
    MOST_TOGETHER = 8,      /* workers that sign one batch: for each the signer keeps an RSA key once more */
};

enum phase { PHASE_RECEIVING, PHASE_WORKING, PHASE_SENDING, PHASE_CLOSED };

/* One context: receives a request, has it answered, sends the answer, and again. */
struct call {
    struct pool_job job;
    struct pool_shared shared;
    struct keyring_signing *signing; /* what is shared */
    struct keyring_command command;
    struct rpc_server *server;
    nng_ctx context;
    nng_aio *aio;
    _Atomic enum phase phase;
    nng_msg *message; /* the request's bytes; the unpacked form does not borrow from them */
    struct arena arena;
    Jwkd__V1__Request *request; /* in the arena; NULL when it could not be read */
    struct reply reply;         /* borrows from the request */
    const struct dispatch_entry *entry;
    char principal[NET_PRINCIPAL];
    nng_pipe pipe; /* where the request came from */
};

struct rpc_server {
    struct rpc_options options;
    nng_socket socket;
    struct pool *pool;
    atomic_uint_fast64_t requests, failed, busy;
    _Atomic bool stopping;
    struct call *calls; /* requests that can be under way; more wait in nng */
    size_t call_count;
};

static void receive(struct call *call)
{
    call->phase = PHASE_RECEIVING;
    nng_aio_set_timeout(call->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(call->context, call->aio);
}

/* Forgets the request; what may have been a private key is wiped. */
static void release(struct call *call)
{
    reply_clear(&call->reply);
    keyring_command_clear(&call->command);
    arena_clear(&call->arena);
    if (call->message) {
        bytes_wipe(nng_msg_body(call->message), nng_msg_len(call->message));
        nng_msg_free(call->message);
    }
    call->message = NULL;
    call->request = NULL;
}

static void send_packed(struct call *call, nng_msg *message)
{
    release(call);
    call->phase = PHASE_SENDING;
    nng_aio_set_timeout(call->aio, SEND_TIMEOUT_MS);
    nng_aio_set_msg(call->aio, message);
    nng_ctx_send(call->context, call->aio);
}

static void count(struct call *call, jwkd_status status)
{
    if (status != JWKD_OK && status != JWKD_IN_PROGRESS)
        atomic_fetch_add_explicit(&call->server->failed, 1, memory_order_relaxed);
    if (status == JWKD_BUSY) atomic_fetch_add_explicit(&call->server->busy, 1, memory_order_relaxed);
}

/* Without memory for an answer there is none: the client's own timeout tells it. */
static void give_up(struct call *call)
{
    release(call);
    receive(call);
}

static void send_reply(struct call *call)
{
    struct reply *reply = &call->reply;
    count(call, (jwkd_status)reply->message.status);
    nng_msg *message;
    size_t size = protobuf_c_message_get_packed_size(&reply->message.base);
    if (size > LIMIT_REPLY) {
        reply_fail(reply, JWKD_RESOURCE_EXHAUSTED, NULL);
        size = protobuf_c_message_get_packed_size(&reply->message.base);
    }
    if (nng_msg_alloc(&message, size) != 0) {
        give_up(call);
        return;
    }
    protobuf_c_message_pack(&reply->message.base, nng_msg_body(message));
    send_packed(call, message);
}

static void send_failure(struct call *call, jwkd_status status, const jwkd_error *error)
{
    reply_fail(&call->reply, status, error);
    send_reply(call);
}

static void send_outcome(struct call *call, jwkd_status status, const jwkd_error *error)
{
    if (status == JWKD_OK)
        send_reply(call);
    else
        send_failure(call, status, error);
}

/* ---- answering ---- */

static jwkd_status carry_out(struct call *call, jwkd_error *error)
{
    const struct rpc_options *options = &call->server->options;
    const struct dispatch_entry *entry = call->entry;
    call->reply.principal = entry->class == DISPATCH_CALLER ? call->principal : NULL;
    if (entry->use_case) return entry->use_case(options->keyring, call->request, &call->reply, error);
    return hello_answer(options, call->request->hello, &call->reply, error);
}

static void answer(struct call *call)
{
    jwkd_error error = {0};
    jwkd_status status = carry_out(call, &error);
    send_outcome(call, status, &error);
}

static struct call *sharing_call(struct pool_shared *shared)
{
    return (struct call *)(void *)((char *)shared - offsetof(struct call, shared));
}

static bool sign_next(struct pool_shared *shared)
{
    return keyring_sign_next(sharing_call(shared)->signing);
}

static void sign_end(struct pool_shared *shared)
{
    struct call *call = sharing_call(shared);
    jwkd_error error = {0};
    jwkd_status status = keyring_sign_end(call->signing, &error);
    send_outcome(call, status, &error);
}

static void sign_together(struct call *call)
{
    jwkd_error error = {0};
    jwkd_status status = keyring_sign_begin(
        call->server->options.keyring, call->request, &call->reply, &call->signing, &error);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    size_t tokens = call->request->sign->n_items;
    call->shared = (struct pool_shared){.work = sign_next,
        .end = sign_end,
        .most = tokens < MOST_TOGETHER ? (unsigned)tokens : MOST_TOGETHER};
    pool_share(call->server->pool, &call->shared);
}

/* From the writer's thread. */
static void change_done(struct keyring_command *command, struct bytes packed, jwkd_status status)
{
    struct call *call = command->context;
    nng_msg *message;
    count(call, status);
    if (packed.size == 0 || nng_msg_alloc(&message, packed.size) != 0) {
        give_up(call);
        return;
    }
    memcpy(nng_msg_body(message), packed.data, packed.size);
    send_packed(call, message);
}

static void change(struct call *call)
{
    jwkd_error error = {0};
    call->command.request = call->request;
    call->command.principal = call->principal;
    call->command.done = change_done;
    call->command.context = call;
    jwkd_status status = JWKD_OK;
    if (call->entry->class == DISPATCH_IMPORT)
        status = keyring_prepare_import(call->server->options.keyring, &call->command, &error);
    if (status == JWKD_OK) status = keyring_change(call->server->options.keyring, &call->command, &error);
    if (status != JWKD_OK) send_failure(call, status, &error);
}

static void work(struct pool_job *job)
{
    struct call *call = (struct call *)(void *)((char *)job - offsetof(struct call, job));
    jwkd_error error = {0};
    jwkd_status status = dispatch_check_deadline(call->request, clock_elapsed_ns(), &error);
    if (status != JWKD_OK)
        send_failure(call, status, &error);
    else if (call->entry->class == DISPATCH_IMPORT)
        change(call);
    else if (call->entry->class == DISPATCH_SIGN && call->request->sign->n_items > 1)
        sign_together(call);
    else
        answer(call);
}

/* ---- receiving ---- */

static bool matters_who_asks(const struct dispatch_entry *entry)
{
    return entry->class != DISPATCH_INLINE && entry->class != DISPATCH_POOL && entry->class != DISPATCH_SIGN;
}

static jwkd_status read_request(struct call *call, jwkd_error *error)
{
    ProtobufCMessage *message;
    struct bytes packed = bytes_of(nng_msg_body(call->message), nng_msg_len(call->message));
    if (wire_unpack(&jwkd__v1__request__descriptor, packed, &call->arena, &message) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "the message is not a jwkd.v1.Request");
    call->request = (Jwkd__V1__Request *)message;
    TRY(dispatch_check(call->request, call->server->options.boot_id, clock_elapsed_ns(), error));
    call->entry = dispatch_find(call->request);
    return JWKD_OK;
}

static void handle(struct call *call)
{
    jwkd_error error = {0};
    call->phase = PHASE_WORKING;
    atomic_fetch_add_explicit(&call->server->requests, 1, memory_order_relaxed);
    jwkd_status status = read_request(call, &error);
    reply_init(&call->reply, call->request);
    if (status == JWKD_OK && matters_who_asks(call->entry))
        status = net_principal(call->pipe, call->principal, &error);
    if (status == JWKD_OK) {
        switch (call->entry->class) {
        case DISPATCH_INLINE:
        case DISPATCH_CALLER:
            answer(call);
            return;
        case DISPATCH_CHANGE:
            change(call);
            return;
        case DISPATCH_IMPORT:
        case DISPATCH_SIGN:
        case DISPATCH_POOL:
            break;
        }
        call->job.run = work;
        status = pool_submit(call->server->pool, &call->job);
        if (status == JWKD_OK) return;
        fail(&error, status, "the service has too much to do at present; try again in a moment");
    }
    send_failure(call, status, &error);
}

static void on_aio(void *argument)
{
    struct call *call = argument;
    int result = nng_aio_result(call->aio);
    if (call->phase == PHASE_SENDING && result != 0) {
        nng_msg *unsent = nng_aio_get_msg(call->aio);
        if (unsent) nng_msg_free(unsent);
        nng_aio_set_msg(call->aio, NULL);
        if (result == NNG_ETIMEDOUT) nng_pipe_close(call->pipe); /* it asks and does not read */
    }
    if (result == NNG_ECLOSED || result == NNG_ECANCELED ||
        (call->server->stopping && call->phase == PHASE_SENDING)) {
        call->phase = PHASE_CLOSED;
        return;
    }
    if (call->phase == PHASE_SENDING || result != 0) {
        receive(call);
        return;
    }
    call->message = nng_aio_get_msg(call->aio);
    nng_aio_set_msg(call->aio, NULL);
    call->pipe = nng_msg_get_pipe(call->message);
    handle(call);
}

/* ---- starting and stopping ---- */

static void read_traffic(void *context, struct keyring_traffic *out)
{
    struct rpc_server *server = context;
    *out = (struct keyring_traffic){
        .requests = server->requests, .failed = server->failed, .busy = server->busy};
}

static jwkd_status open_calls(struct rpc_server *server, size_t count, jwkd_error *error)
{
    server->calls = calloc(count, sizeof *server->calls);
    if (!server->calls) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (; server->call_count < count; server->call_count++) {
        struct call *call = &server->calls[server->call_count];
        call->server = server;
        if (nng_aio_alloc(&call->aio, on_aio, call) != 0) return fail(error, JWKD_NO_MEMORY, "out of memory");
        if (nng_ctx_open(&call->context, server->socket) != 0) {
            nng_aio_free(call->aio);
            return fail(error, JWKD_NO_MEMORY, "out of memory");
        }
    }
    return JWKD_OK;
}

static jwkd_status open_server(struct rpc_server *server, jwkd_error *error)
{
    const struct rpc_options *options = &server->options;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = options->workers ? options->workers : (unsigned)(processors > 0 ? processors : 1);
    unsigned queue = options->queue ? options->queue : DEFAULT_QUEUE;
    int result = nng_rep0_open(&server->socket);
    if (result != 0) return fail(error, JWKD_UNAVAILABLE, "no request socket: %s", nng_strerror(result));
    if (pool_start(workers, queue, &server->pool) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "no threads for requests");
    TRY(open_calls(
        server, workers + queue + keyring_change_capacity(options->keyring) + SPARE_CONTEXTS, error));
    keyring_set_traffic(options->keyring, read_traffic, server);
    for (size_t i = 0; i < server->call_count; i++)
        receive(&server->calls[i]);
    for (size_t i = 0; i < options->url_count; i++)
        TRY(net_listen(server->socket, options->urls[i], LIMIT_REQUEST, error));
    return JWKD_OK;
}

jwkd_status rpc_start(const struct rpc_options *options, struct rpc_server **out, jwkd_error *error)
{
    struct rpc_server *server = calloc(1, sizeof *server);
    if (!server) return fail(error, JWKD_NO_MEMORY, "out of memory");
    server->options = *options;
    jwkd_status status = open_server(server, error);
    if (status != JWKD_OK) {
        rpc_stop(server);
        return status;
    }
    *out = server;
    return JWKD_OK;
}

void rpc_stop(struct rpc_server *server)
{
    if (!server) return;
    server->stopping = true; /* a context that has sent its answer receives no more */
    pool_stop(server->pool); /* its jobs send their answers */
    for (size_t i = 0; i < server->call_count; i++)
        if (server->calls[i].phase == PHASE_SENDING) nng_aio_wait(server->calls[i].aio);
    nng_close(server->socket);
    for (size_t i = 0; i < server->call_count; i++)
        nng_aio_stop(server->calls[i].aio);
    keyring_set_traffic(server->options.keyring, NULL, NULL); /* no callback runs any more */
    for (size_t i = 0; i < server->call_count; i++) {
        release(&server->calls[i]);
        nng_aio_free(server->calls[i].aio);
    }
    pool_free(server->pool);
    free(server->calls);
    free(server);
}
