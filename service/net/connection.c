#include "net/connection.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

void connection_shut(struct connection *connection)
{
    connection->closing = true;
    if (connection->fd >= 0) shutdown(connection->fd, SHUT_RDWR); /* an event follows, for who ends it */
}

void connection_close_socket(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

/* ---- which events it waits for; under the lock */

bool connection_may_read(const struct connection *connection)
{
    return !connection->closing && !connection->starved && connection->working < LIMIT_UNDER_WAY &&
           connection->unsent <= LIMIT_UNREAD && !connection->server->stopping;
}

/* Where messages came already that had to wait, a socket that can be written to stands for "go on". */
void connection_arm(struct connection *connection)
{
    if (connection->cared || connection->ended) return;
    uint32_t wanted = EPOLLRDHUP | EPOLLONESHOT;
    if (connection_may_read(connection)) wanted |= connection->waiting ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (connection->first && !connection->writing) wanted |= EPOLLOUT;
    if (wanted == connection->armed) return;
    struct epoll_event event = {.events = wanted, .data.u64 = server_key(connection)};
    if (epoll_ctl(connection->server->epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0)
        connection->armed = wanted;
    else
        connection_shut(connection);
}

/* ---- beginning and end */

static jwkd_status admit(struct connection *connection)
{
    struct net_server *server = connection->server;
    if (peer_of(connection->fd, connection->transport, &connection->peer) != JWKD_OK) return JWKD_UNAVAILABLE;
    connection->share = shares_get(server->shares, connection->peer.origin);
    if (!connection->share) return JWKD_NO_MEMORY;
    return share_take(connection->share, SHARE_CONNECTIONS, 1) ? JWKD_OK : JWKD_RESOURCE_EXHAUSTED;
}

static void free_connection(struct connection *connection)
{
    if (connection->share) shares_put(connection->server->shares, connection->share);
    pthread_mutex_destroy(&connection->lock);
    free(connection);
}

jwkd_status connection_open(
    struct net_server *server, int fd, enum transport transport, struct connection **out)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        close(fd);
        return JWKD_NO_MEMORY;
    }
    *connection = (struct connection){.server = server, .transport = transport, .fd = fd, .users = 1};
    connection->last = &connection->first;
    connection->came_ns = clock_elapsed_ns();
    connection->cared = true;
    pthread_mutex_init(&connection->lock, NULL);
    jwkd_status status = admit(connection);
    if (status == JWKD_OK) {
        *out = connection;
        return JWKD_OK;
    }
    close(fd);
    free_connection(connection);
    return status;
}

void connection_close(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection_shut(connection);
    pthread_mutex_unlock(&connection->lock);
}

void connection_finish(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->fd >= 0) shutdown(connection->fd, SHUT_WR);
    pthread_mutex_unlock(&connection->lock);
}

void connection_unref(struct connection *connection)
{
    if (atomic_fetch_sub(&connection->users, 1) == 1) free_connection(connection);
}
