#include "net/accept.h"

#include <errno.h>
#include <sys/epoll.h>

#include "net/connection.h"
#include "net/turn.h"

enum { ACCEPTS = 64 }; /* connections that are taken before others have their turn */

static void tell(struct net_server *server, jwkd_status status, const char *message)
{
    const struct net_options *options = &server->options;
    if (options->on_trouble) options->on_trouble(options->trouble_context, status, message);
}

void accept_watch(struct net_server *server, size_t index, int operation)
{
    const struct endpoint *endpoint = &server->endpoints[index];
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = index};
    if (endpoint->fd >= 0) epoll_ctl(server->epoll, operation, endpoint->fd, &event);
}

/* The socket of the next that waits; -1: none, with errno. */
static int accept_one(struct net_server *server, const struct endpoint *endpoint)
{
    pthread_mutex_lock(&server->lock); /* the endpoint may be closed at any time */
    errno = EAGAIN;
    int fd = endpoint->fd >= 0 ? endpoint_accept(endpoint) : -1;
    int why = errno;
    pthread_mutex_unlock(&server->lock);
    errno = why;
    return fd;
}

static void take(struct net_server *server, int fd, enum transport transport)
{
    struct connection *connection;
    jwkd_status status = connection_open(server, fd, transport, &connection);
    if (status != JWKD_OK) {
        atomic_fetch_add(&server->refused, 1);
        if (status == JWKD_RESOURCE_EXHAUSTED)
            tell(
                server, status, "a connection is refused: its caller has as many as are left for all others");
        return;
    }
    pthread_mutex_lock(&server->lock);
    TAILQ_INSERT_TAIL(&server->connections, connection, listed);
    server->connection_count++;
    /* Who ends them all may have been here before. */
    if (server->stopping || !server_enrol(server, connection)) connection_close(connection);
    pthread_mutex_unlock(&server->lock);
    turn_begin(connection);
}

/* Until descriptors are there again, whoever comes waits in the system. */
static void go_deaf(struct net_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->deaf = true;
    pthread_mutex_unlock(&server->lock);
    tell(server, JWKD_RESOURCE_EXHAUSTED,
        "no file descriptor is left for a connection: raise the limit on open files (LimitNOFILE=)");
}

static bool is_out_of_descriptors(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM;
}

void accept_on_endpoint(struct net_server *server, size_t index)
{
    const struct endpoint *endpoint = &server->endpoints[index];
    for (int i = 0; i < ACCEPTS && !server->stopping; i++) {
        int fd = accept_one(server, endpoint);
        if (fd >= 0) {
            take(server, fd, endpoint->transport);
        } else if (is_out_of_descriptors(errno)) {
            go_deaf(server);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } /* else that one has gone again */
    }
    pthread_mutex_lock(&server->lock);
    accept_watch(server, index, EPOLL_CTL_MOD);
    pthread_mutex_unlock(&server->lock);
}
