#include <sys/epoll.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/connection.h"
#include "net/outgoing.h"

/* It is no longer under way. Under the lock. */
static void uncount(struct connection *connection, const struct net_request *request)
{
    if (request->asked > 0) share_give(connection->share, SHARE_ASKED, request->asked);
    if (request->held) {
        share_give(connection->share, SHARE_HELD, 1);
        return;
    }
    connection->working--;
    atomic_fetch_sub(&connection->server->working, 1);
}

static void make_head(struct net_request *request)
{
    uint8_t backtrace[SP_BACKTRACE];
    const size_t size = request->head_size;
    memcpy(backtrace, request->head, size);
    request->head_size = sp_head(
        request->connection->transport, bytes_of(backtrace, size), request->answer.size, request->head);
}

void net_answer(struct net_request *request, struct buffer *answer)
{
    struct connection *connection = request->connection;
    struct net_server *server = connection->server;
    struct net_request *gone = NULL;
    request->answer = *answer;
    *answer = (struct buffer){0};
    make_head(request);
    pthread_mutex_lock(&connection->lock);
    uncount(connection, request);
    if (connection->closing || request->answer.size == 0)
        outgoing_put_aside(&gone, request);
    else
        outgoing_append(connection, request);
    if (connection->first && !connection->writing) outgoing_write(connection, &gone);
    outgoing_account(connection);
    connection_arm(connection);
    pthread_mutex_unlock(&connection->lock);
    outgoing_free(server, gone);
    connection_unref(connection);
}

jwkd_status net_hold(struct net_request *request)
{
    struct connection *connection = request->connection;
    if (!share_take(connection->share, SHARE_HELD, 1)) return JWKD_RESOURCE_EXHAUSTED;
    pthread_mutex_lock(&connection->lock);
    request->held = true;
    connection->working--;
    atomic_fetch_sub(&connection->server->working, 1);
    connection_arm(connection);
    pthread_mutex_unlock(&connection->lock);
    server_less_to_do(connection->server);
    return JWKD_OK;
}

jwkd_status net_take(struct net_request *request, enum share_kind kind)
{
    return share_take(request->connection->share, kind, 1) ? JWKD_OK : JWKD_RESOURCE_EXHAUSTED;
}

void net_give(struct net_request *request, enum share_kind kind)
{
    share_give(request->connection->share, kind, 1);
}

const char *net_principal(const struct net_request *request)
{
    return request->connection->peer.principal;
}

bool net_is_local(const struct net_request *request)
{
    return request->connection->peer.is_local;
}

bool net_is_private(const struct net_request *request)
{
    return request->connection->peer.is_private;
}

const char *net_origin(const struct net_request *request)
{
    return request->connection->peer.origin;
}

const void *net_caller(const struct net_request *request)
{
    return request->connection->share;
}

bool net_is_awaited(const struct net_request *request)
{
    return !request->connection->closing;
}

/* Where nothing waits at this connection, what others of the caller leave unread is held against it late. */
bool net_may_answer(const struct net_request *request)
{
    struct connection *connection = request->connection;
    const struct shares *shares = connection->server->shares;
    if (share_is_left(connection->share, SHARE_OUTGOING, 1)) return true;
    pthread_mutex_lock(&connection->lock);
    bool takes_all = connection->unsent == 0;
    pthread_mutex_unlock(&connection->lock);
    return takes_all && shares_used(shares, SHARE_OUTGOING) < shares_capacity(shares, SHARE_OUTGOING) / 4 * 3;
}
