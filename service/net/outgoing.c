#include "net/outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/connection.h"

enum { WRITE_TOGETHER = 8 }; /* answers in one system call */

/* What a waiting answer costs: mostly much more than a small one has bytes. */
static size_t overhead(const struct connection *connection)
{
    return connection->server->options.request_size;
}

static struct net_request *pop(struct connection *connection)
{
    struct net_request *request = connection->first;
    connection->unsent -= overhead(connection);
    connection->first = request->next;
    if (!connection->first) connection->last = &connection->first;
    atomic_fetch_sub(&connection->server->unsent, 1);
    return request;
}

void outgoing_append(struct connection *connection, struct net_request *request)
{
    if (!connection->first) connection->taken_ns = clock_elapsed_ns();
    request->next = NULL;
    *connection->last = request;
    connection->last = &request->next;
    connection->unsent += request->head_size + request->answer.size + overhead(connection);
    atomic_fetch_add(&connection->server->unsent, 1);
}

void outgoing_put_aside(struct net_request **aside, struct net_request *request)
{
    request->next = *aside;
    *aside = request;
}

void outgoing_drop(struct connection *connection, struct net_request **out_gone)
{
    while (connection->first)
        outgoing_put_aside(out_gone, pop(connection));
    connection->unsent = 0; /* with what was left of the first */
}

static size_t part(struct iovec *out, const void *data, size_t size, size_t *skip)
{
    size_t skipped = *skip < size ? *skip : size;
    *skip -= skipped;
    if (size == skipped) return 0;
    *out = (struct iovec){.iov_base = (char *)(uintptr_t)data + skipped, .iov_len = size - skipped};
    return 1;
}

static size_t gather(
    const struct connection *connection, struct iovec out[2 * WRITE_TOGETHER], size_t *out_bytes)
{
    size_t count = 0, requests = 0;
    *out_bytes = 0;
    for (const struct net_request *request = connection->first; request && requests < WRITE_TOGETHER;
         request = request->next, requests++) {
        size_t skip = request->sent;
        count += part(&out[count], request->head, request->head_size, &skip);
        count += part(&out[count], request->answer.data, request->answer.size, &skip);
        *out_bytes += request->head_size + request->answer.size - request->sent;
    }
    return count;
}

static void advance(struct connection *connection, size_t taken, struct net_request **out_gone)
{
    connection->unsent -= taken;
    while (taken > 0) {
        struct net_request *request = connection->first;
        size_t left = request->head_size + request->answer.size - request->sent;
        if (taken < left) {
            request->sent += taken;
            return;
        }
        taken -= left;
        outgoing_put_aside(out_gone, pop(connection));
    }
}

/* One writes at a time, and the lock is not held meanwhile. */
void outgoing_write(struct connection *connection, struct net_request **out_gone)
{
    struct iovec parts[2 * WRITE_TOGETHER];
    size_t bytes;
    connection->writing = true;
    while (connection->first && !connection->closing) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = gather(connection, parts, &bytes)};
        pthread_mutex_unlock(&connection->lock);
        ssize_t taken = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        int why = taken < 0 ? errno : 0;
        pthread_mutex_lock(&connection->lock);
        if (why == EINTR) continue;
        if (why == EAGAIN || why == EWOULDBLOCK) break;
        if (why != 0) {
            connection_shut(connection);
            break;
        }
        advance(connection, (size_t)taken, out_gone);
        if (connection->first) connection->taken_ns = clock_elapsed_ns();
        if ((size_t)taken < bytes) break;
    }
    connection->writing = false;
    if (!connection->ended) return;
    outgoing_drop(connection, out_gone);
    connection_close_socket(connection);
}

void outgoing_account(struct connection *connection)
{
    size_t was = connection->accounted, is = connection->ended ? 0 : connection->unsent;
    if (is > was) share_add(connection->share, SHARE_OUTGOING, is - was);
    if (is < was) share_give(connection->share, SHARE_OUTGOING, was - is);
    connection->accounted = is;
}

void outgoing_free(struct net_server *server, struct net_request *gone)
{
    if (!gone) return;
    while (gone) {
        struct net_request *next = gone->next;
        buffer_clear(&gone->answer);
        free(gone);
        gone = next;
    }
    server_less_to_do(server);
}
