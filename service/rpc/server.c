#include "rpc/server.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/server.h"

struct call {
    struct net_request from; /* first: the server makes it */
    struct door_call asked;
};

struct rpc_server {
    struct door *door;
    struct net_server *net;
};

/* ---- what the door wants to know */

static const struct call *call_of(const struct door_call *asked)
{
    return (const struct call *)(const void *)((const char *)asked - offsetof(struct call, asked));
}

static bool is_awaited(const struct door_call *asked)
{
    return net_is_awaited(&call_of(asked)->from);
}

static bool may_answer(const struct door_call *asked)
{
    return net_may_answer(&call_of(asked)->from);
}

static void answer(struct door_call *asked, struct buffer *packed)
{
    struct call *call = (struct call *)(void *)((char *)asked - offsetof(struct call, asked));
    net_answer(&call->from, packed);
}

static const struct door_transport TRANSPORT = {
    .is_awaited = is_awaited, .may_answer = may_answer, .answer = answer};

/* ---- from the net to the door */

static void handle(void *context, struct net_request *from, struct bytes message)
{
    const struct rpc_server *server = context;
    struct call *call = (struct call *)(void *)from;
    call->asked.transport = &TRANSPORT;
    call->asked.caller = (struct caller){.principal = net_principal(from),
        .origin = net_origin(from),
        .is_local = net_is_local(from),
        .is_private = net_is_private(from)};
    call->asked.turn = net_caller(from);
    door_ask(server->door, &call->asked, message);
}

/* ---- starting and stopping */

jwkd_status rpc_start(const struct rpc_options *options, struct rpc_server **out, jwkd_error *error)
{
    struct rpc_server *server = calloc(1, sizeof *server);
    if (!server) return fail(error, JWKD_NO_MEMORY, "out of memory");
    server->door = options->door;
    const struct net_options net = {.urls = options->urls,
        .url_count = options->url_count,
        .largest = LIMIT_REQUEST,
        .request_size = sizeof(struct call),
        .handle = handle,
        .on_trouble = options->on_trouble,
        .context = server,
        .trouble_context = options->context};
    jwkd_status status = net_start(&net, &server->net, error);
    if (status != JWKD_OK) {
        free(server);
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
    if (server) net_stop(server->net);
}

void rpc_free(struct rpc_server *server)
{
    if (!server) return;
    net_free(server->net);
    free(server);
}
