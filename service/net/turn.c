#include "net/turn.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/connection.h"
#include "net/incoming.h"
#include "net/outgoing.h"

static void see_part(struct connection *connection, bool partial)
{
    if (!connection->greeted) return; /* for that there is one time */
    if (partial) {
        connection->came_ns = clock_elapsed_ns();
        if (!connection->partial) connection->begun_ns = connection->came_ns;
    }
    connection->partial = partial;
}

/* By the thread that has the care; with the lock, which is given up. */
static void end(struct connection *connection)
{
    struct net_server *server = connection->server;
    struct net_request *gone = NULL;
    connection->ended = true;
    connection->closing = true;
    server_forget(server, connection);
    if (!connection->writing) {
        outgoing_drop(connection, &gone);
        connection_close_socket(connection);
    } /* else the one that writes does */
    outgoing_account(connection);
    pthread_mutex_unlock(&connection->lock);
    outgoing_free(server, gone);
    incoming_forget(connection);
    share_give(connection->share, SHARE_CONNECTIONS, 1);
    server_gone(server, connection);
    connection_unref(connection);
}

/* One turn. By the thread that has the care, which it gives up: to whoever gets the next event, or, where
 * more waits, to whoever has time. */
static void take_turn(struct connection *connection, uint32_t events, struct buffer *room)
{
    struct net_request *gone = NULL;
    enum taken taken = TAKEN_ALL;
    pthread_mutex_lock(&connection->lock);
    if ((events & EPOLLOUT) && connection->first && !connection->writing) {
        outgoing_write(connection, &gone);
        outgoing_account(connection);
    }
    bool reading = connection_may_read(connection);
    bool open = !(events & EPOLLERR) && (reading || !(events & (EPOLLHUP | EPOLLRDHUP)));
    pthread_mutex_unlock(&connection->lock);
    outgoing_free(connection->server, gone);
    if (open && reading) open = incoming_read(connection, room, &taken);
    pthread_mutex_lock(&connection->lock);
    if (!open || connection->closing) {
        end(connection);
        return;
    }
    if (reading) {
        see_part(connection, taken == TAKEN_PART);
        connection->waiting = taken == TAKEN_WAITING;
    }
    bool more = connection->waiting && connection_may_read(connection);
    if (!more) {
        connection->cared = false;
        connection_arm(connection);
    }
    pthread_mutex_unlock(&connection->lock);
    if (more) server_postpone(connection->server, connection);
}

void turn_on_event(struct connection *connection, uint32_t events, struct buffer *room)
{
    pthread_mutex_lock(&connection->lock);
    bool mine =
        !connection->cared && !connection->ended; /* else it was armed again before this event came here */
    if (mine) {
        connection->armed = 0;
        connection->cared = true;
    }
    pthread_mutex_unlock(&connection->lock);
    if (mine) take_turn(connection, events, room);
}

void turn_go_on(struct connection *connection, struct buffer *room)
{
    take_turn(connection, 0, room);
}

void turn_begin(struct connection *connection)
{
    struct epoll_event nothing = {.events = EPOLLONESHOT, .data.u64 = server_key(connection)};
    bool watched = epoll_ctl(connection->server->epoll, EPOLL_CTL_ADD, connection->fd, &nothing) == 0;
    ssize_t sent = send(connection->fd, SP_REP_GREETS, SP_GREETING, MSG_NOSIGNAL | MSG_DONTWAIT);
    pthread_mutex_lock(&connection->lock);
    if (!watched || sent != SP_GREETING || connection->closing) {
        end(connection);
        return;
    }
    connection->cared = false;
    connection_arm(connection);
    pthread_mutex_unlock(&connection->lock);
}

static bool is_over(uint64_t since_ns, uint32_t ms, uint64_t now_ns)
{
    return now_ns > since_ns + ms * NS_PER_MS;
}

static bool is_too_late(const struct connection *connection, uint64_t now_ns)
{
    const struct net_options *options = &connection->server->options;
    if (!connection->greeted) return is_over(connection->came_ns, options->greeting_ms, now_ns);
    if (connection->partial && (is_over(connection->came_ns, options->silence_ms, now_ns) ||
                                   is_over(connection->begun_ns, options->message_ms, now_ns)))
        return true;
    return connection->first && is_over(connection->taken_ns, options->unread_ms, now_ns);
}

/* The system says that it has room only when much was taken of what it has: a slow peer takes longer. */
static void see_taken(struct connection *connection, uint64_t now_ns)
{
    int on_its_way = 0;
    if (!connection->first || ioctl(connection->fd, SIOCOUTQ, &on_its_way) != 0) return;
    if (on_its_way < connection->on_its_way) connection->taken_ns = now_ns;
    connection->on_its_way = on_its_way;
}

void turn_look_after(struct connection *connection, uint64_t now_ns)
{
    pthread_mutex_lock(&connection->lock);
    if (!connection->closing) see_taken(connection, now_ns);
    if (!connection->closing && is_too_late(connection, now_ns)) {
        connection_shut(connection);
    } else if (connection->starved) {
        connection->starved = false;
        connection->came_ns = now_ns; /* it was not listened to */
        connection_arm(connection);
    }
    pthread_mutex_unlock(&connection->lock);
}

void turn_end(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    end(connection);
}
