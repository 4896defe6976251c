#include "rpc/server.h"

#include <unistd.h>

#include "base/clock.h"
#include "net/server.h"
#include "rpc/dispatch.h"
#include "rpc/hello.h"
#include "rpc/pool.h"

enum {
    DEFAULT_QUEUE = 128,
    MOST_TOGETHER = 8, /* workers that sign one batch: for each the signer keeps an RSA key once more */
};

/* One request, from its arrival to its answer. */
struct call {
    struct net_request from; /* first: the server makes it */
    struct rpc_server *server;
    struct pool_job job;
    struct pool_shared shared;
    struct keyring_signing *signing;     /* what is shared: */
    struct keyring_verifying *verifying; /* either of them */
    struct keyring_command command;
    struct arena arena;
    Jwkd__V1__Request *request; /* in the arena; NULL when it could not be read */
    struct reply reply;         /* borrows from the request */
    const struct dispatch_entry *entry;
};

struct rpc_server {
    struct rpc_options options;
    struct net_server *net;
    struct pool *pool;
    atomic_uint_fast64_t requests, failed, busy;
};

/* Forgets the request; what may have been a private key is wiped. */
static void release(struct call *call)
{
    reply_clear(&call->reply);
    keyring_command_clear(&call->command);
    arena_clear(&call->arena);
}

/* Nothing of the call is there afterwards. Without memory for an answer there is none: the client's own
 * timeout tells it. */
static void send_packed(struct call *call, struct buffer *packed)
{
    release(call);
    net_answer(&call->from, packed);
}

static void count(struct call *call, jwkd_status status)
{
    if (status != JWKD_OK && status != JWKD_IN_PROGRESS)
        atomic_fetch_add_explicit(&call->server->failed, 1, memory_order_relaxed);
    if (status == JWKD_BUSY) atomic_fetch_add_explicit(&call->server->busy, 1, memory_order_relaxed);
}

static void send_reply(struct call *call)
{
    struct reply *reply = &call->reply;
    struct buffer packed = {0};
    if (!net_is_awaited(&call->from)) { /* and a batch may have been left in the middle */
        send_packed(call, &packed);
        return;
    }
    count(call, (jwkd_status)reply->message.status);
    size_t size = protobuf_c_message_get_packed_size(&reply->message.base);
    if (size > LIMIT_REPLY) {
        reply_fail(reply, JWKD_RESOURCE_EXHAUSTED, NULL);
        size = protobuf_c_message_get_packed_size(&reply->message.base);
    }
    if (buffer_reserve(&packed, size) == JWKD_OK)
        packed.size = protobuf_c_message_pack(&reply->message.base, packed.data);
    send_packed(call, &packed);
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

static struct caller caller_of(const struct call *call)
{
    return (struct caller){.principal = net_principal(&call->from), .origin = net_origin(&call->from)};
}

static jwkd_status carry_out(struct call *call, jwkd_error *error)
{
    const struct rpc_options *options = &call->server->options;
    const struct dispatch_entry *entry = call->entry;
    const struct caller caller = caller_of(call);
    if (entry->use_case)
        return entry->use_case(options->keyring, &caller, call->request, &call->reply, error);
    return hello_answer(options, &caller, call->request->hello, &call->reply, error);
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
    const struct call *call = sharing_call(shared);
    return net_is_awaited(&call->from) && keyring_sign_next(call->signing);
}

static void sign_end(struct pool_shared *shared)
{
    struct call *call = sharing_call(shared);
    jwkd_error error = {0};
    jwkd_status status = keyring_sign_end(call->signing, &error);
    send_outcome(call, status, &error);
}

static void share(struct call *call, const struct pool_shared *how)
{
    call->shared = *how;
    call->shared.caller = call->job.caller;
    pool_share(call->server->pool, &call->shared);
}

static void sign_together(struct call *call)
{
    jwkd_error error = {0};
    const struct caller caller = caller_of(call);
    jwkd_status status = keyring_sign_begin(
        call->server->options.keyring, &caller, call->request, &call->reply, &call->signing, &error);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    size_t tokens = call->request->sign->n_items;
    const struct pool_shared how = {.work = sign_next,
        .end = sign_end,
        .most = tokens < MOST_TOGETHER ? (unsigned)tokens : MOST_TOGETHER};
    share(call, &how);
}

static bool verify_next(struct pool_shared *shared)
{
    const struct call *call = sharing_call(shared);
    return net_is_awaited(&call->from) && keyring_verify_next(call->verifying);
}

static void verify_end(struct pool_shared *shared)
{
    struct call *call = sharing_call(shared);
    jwkd_error error = {0};
    jwkd_status status = keyring_verify_end(call->verifying, &error);
    send_outcome(call, status, &error);
}

static void verify_in_turns(struct call *call)
{
    jwkd_error error = {0};
    const struct caller caller = caller_of(call);
    jwkd_status status = keyring_verify_begin(
        call->server->options.keyring, &caller, call->request, &call->reply, &call->verifying, &error);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    share(call, &(struct pool_shared){.work = verify_next, .end = verify_end, .most = 1});
}

/* From the writer's thread. */
static void change_done(struct keyring_command *command, struct bytes packed, jwkd_status status)
{
    struct call *call = command->context;
    struct buffer copy = {0};
    count(call, status);
    if (packed.size > 0 && buffer_append_bytes(&copy, packed) != JWKD_OK) buffer_clear(&copy);
    send_packed(call, &copy);
}

static void change(struct call *call)
{
    jwkd_error error = {0};
    call->command.request = call->request;
    call->command.caller = caller_of(call);
    call->command.done = change_done;
    call->command.context = call;
    jwkd_status status = JWKD_OK;
    if (call->entry->class == DISPATCH_IMPORT)
        status = keyring_prepare_import(call->server->options.keyring, &call->command, &error);
    if (status == JWKD_OK) status = keyring_change(call->server->options.keyring, &call->command, &error);
    if (status != JWKD_OK) send_failure(call, status, &error);
}

/* Nobody has to wait, at the end of the service or before, for what nobody will hear. */
static jwkd_status check_unread(const struct call *call, jwkd_error *error)
{
    if (net_may_answer(&call->from)) return JWKD_OK;
    return fail(error, JWKD_BUSY, "too much of what was answered here is not read yet; read it first");
}

/* Much may have been answered since it came. */
static void work(struct pool_job *job)
{
    struct call *call = (struct call *)(void *)((char *)job - offsetof(struct call, job));
    jwkd_error error = {0};
    jwkd_status status = dispatch_check_deadline(call->request, clock_elapsed_ns(), &error);
    if (status == JWKD_OK) status = check_unread(call, &error);
    if (!net_is_awaited(&call->from))
        send_reply(call);
    else if (status != JWKD_OK)
        send_failure(call, status, &error);
    else if (call->entry->class == DISPATCH_IMPORT)
        change(call);
    else if (!call->job.batch)
        answer(call);
    else if (call->entry->class == DISPATCH_SIGN)
        sign_together(call);
    else
        verify_in_turns(call);
}

/* ---- receiving ---- */

static jwkd_status read_request(struct call *call, struct bytes packed, jwkd_error *error)
{
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__request__descriptor, packed, &call->arena, &message) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "the message is not a jwkd.v1.Request");
    call->request = (Jwkd__V1__Request *)message;
    TRY(dispatch_check(call->request, call->server->options.boot_id, clock_elapsed_ns(), error));
    call->entry = dispatch_find(call->request);
    return check_unread(call, error);
}

static bool is_batch(const struct call *call)
{
    return (call->entry->class == DISPATCH_SIGN && call->request->sign->n_items > 1) ||
           (call->entry->class == DISPATCH_VERIFY && call->request->verify->n_items > 1);
}

static void queue(struct call *call)
{
    jwkd_error error = {0};
    call->job = (struct pool_job){.run = work, .caller = net_caller(&call->from), .batch = is_batch(call)};
    if (pool_submit(call->server->pool, &call->job) == JWKD_OK) return;
    fail(&error, JWKD_BUSY, "the service has too much to do at present; try again in a moment");
    send_failure(call, JWKD_BUSY, &error);
}

static void handle(void *context, struct net_request *from, struct bytes message)
{
    struct call *call = (struct call *)(void *)from;
    jwkd_error error = {0};
    call->server = context;
    atomic_fetch_add_explicit(&call->server->requests, 1, memory_order_relaxed);
    jwkd_status status = read_request(call, message, &error);
    reply_init(&call->reply, call->request);
    if (status != JWKD_OK) {
        send_failure(call, status, &error);
        return;
    }
    switch (call->entry->class) {
    case DISPATCH_INLINE:
        answer(call);
        return;
    case DISPATCH_CHANGE:
        change(call);
        return;
    case DISPATCH_IMPORT:
    case DISPATCH_SIGN:
    case DISPATCH_VERIFY:
    case DISPATCH_POOL:
        queue(call);
        return;
    }
}

/* ---- starting and stopping ---- */

static void read_traffic(void *context, struct keyring_traffic *out)
{
    struct rpc_server *server = context;
    *out = (struct keyring_traffic){
        .requests = server->requests, .failed = server->failed, .busy = server->busy};
}

static jwkd_status open_server(struct rpc_server *server, jwkd_error *error)
{
    const struct rpc_options *options = &server->options;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = options->workers ? options->workers : (unsigned)(processors > 0 ? processors : 1);
    unsigned queued = options->queue ? options->queue : DEFAULT_QUEUE;
    const struct net_options net = {.urls = options->urls,
        .url_count = options->url_count,
        .largest = LIMIT_REQUEST,
        .request_size = sizeof(struct call),
        .handle = handle,
        .on_trouble = options->on_trouble,
        .context = server,
        .trouble_context = options->context};
    if (pool_start(workers, queued, &server->pool) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "no threads for requests");
    keyring_set_traffic(options->keyring, read_traffic, server);
    return net_start(&net, &server->net, error);
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

size_t rpc_drain(struct rpc_server *server, unsigned patience_ms)
{
    return server ? net_drain(server->net, patience_ms) : 0;
}

void rpc_stop(struct rpc_server *server)
{
    if (!server) return;
    net_stop(server->net);
    pool_stop(server->pool); /* its jobs end */
    keyring_set_traffic(server->options.keyring, NULL, NULL);
    net_free(server->net);
    pool_free(server->pool);
    free(server);
}
