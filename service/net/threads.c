#include "net/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/wait.h"
#include "net/accept.h"
#include "net/connection.h"
#include "net/turn.h"

enum {
    ROOM = 16 * 1024,    /* what one thread reads at once */
    EVENTS = 16,         /* that one thread takes at once */
    LOOK_AFTER_MS = 250, /* how often the keeper looks at each connection */
};

/* False: it is the end. */
static bool on_event(struct net_server *server, const struct epoll_event *event, struct buffer *room)
{
    const uint64_t key = event->data.u64;
    if (key == SERVER_KEY_END) return false;
    if (key < SERVER_ENDPOINTS) {
        accept_on_endpoint(server, key);
        return true;
    }
    struct connection *connection = server_find(server, key);
    if (!connection) return true;
    turn_on_event(connection, event->events, room);
    connection_unref(connection);
    return true;
}

/* One that was postponed, between two looks at what is new. */
static void go_on(struct net_server *server, struct buffer *room)
{
    if (server->roster.postponed_count == 0) return;
    struct connection *connection = server_take_postponed(server);
    if (!connection) return;
    turn_go_on(connection, room);
    connection_unref(connection);
}

void *thread_move_bytes(void *argument)
{
    struct net_server *server = argument;
    struct epoll_event events[EVENTS];
    struct buffer room = {0};
    if (buffer_reserve(&room, ROOM) != JWKD_OK) abort(); /* at the start, of 16 KiB */
    bool end = false;
    while (!end) {
        int patience = server->roster.postponed_count > 0 ? 0 : -1;
        int count = epoll_wait(server->epoll, events, EVENTS, patience);
        for (int i = 0; i < count; i++)
            if (!on_event(server, &events[i], &room)) end = true;
        go_on(server, &room);
    }
    buffer_clear(&room);
    return NULL;
}

/* ---- the keeper */

static void look_after_all(struct net_server *server)
{
    struct connection *connection;
    const uint64_t now_ns = clock_elapsed_ns();
    TAILQ_FOREACH(connection, &server->connections, listed)
    turn_look_after(connection, now_ns);
    if (!server->deaf || server->stopping) return;
    server->deaf = false;
    for (size_t i = 0; i < server->endpoint_count; i++)
        accept_watch(server, i, EPOLL_CTL_MOD);
}

void *thread_keep(void *argument)
{
    struct net_server *server = argument;
    pthread_mutex_lock(&server->lock);
    while (!server->ending) {
        const struct timespec until = wait_end(LOOK_AFTER_MS * NS_PER_MS);
        int result = 0;
        while (!server->ending && result != ETIMEDOUT)
            result = pthread_cond_timedwait(&server->changed, &server->lock, &until);
        look_after_all(server);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}
