#include "net/state.h"

#include <stdlib.h>

void server_less_to_do(struct net_server *server)
{
    if (!server->stopping) return;
    pthread_mutex_lock(&server->lock);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void server_gone(struct net_server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    TAILQ_REMOVE(&server->connections, connection, listed);
    server->connection_count--;
    if (server->stopping) pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* ---- the roster */

uint64_t server_key(const struct connection *connection)
{
    return (uint64_t)connection->number << 32 | (uint32_t)connection->fd;
}

static bool make_room(struct roster *roster, size_t size)
{
    if (size <= roster->size) return true;
    size_t larger = size > 2 * roster->size ? size : 2 * roster->size;
    struct connection **by_fd = reallocarray(roster->by_fd, larger, sizeof *by_fd);
    if (!by_fd) return false;
    memset(by_fd + roster->size, 0, (larger - roster->size) * sizeof *by_fd);
    roster->by_fd = by_fd;
    roster->size = larger;
    return true;
}

bool server_enrol(struct net_server *server, struct connection *connection)
{
    struct roster *roster = &server->roster;
    pthread_mutex_lock(&roster->lock);
    bool done = make_room(roster, (size_t)connection->fd + 1);
    if (done) {
        if (++roster->numbers == 0) roster->numbers = 1;
        connection->number = roster->numbers;
        roster->by_fd[connection->fd] = connection;
    }
    pthread_mutex_unlock(&roster->lock);
    return done;
}

void server_forget(struct net_server *server, struct connection *connection)
{
    struct roster *roster = &server->roster;
    pthread_mutex_lock(&roster->lock);
    if (connection->number != 0) roster->by_fd[connection->fd] = NULL;
    pthread_mutex_unlock(&roster->lock);
}

struct connection *server_find(struct net_server *server, uint64_t key)
{
    struct roster *roster = &server->roster;
    const size_t fd = (uint32_t)key;
    pthread_mutex_lock(&roster->lock);
    struct connection *connection = fd < roster->size ? roster->by_fd[fd] : NULL;
    if (connection && connection->number != key >> 32) connection = NULL;
    if (connection) atomic_fetch_add_explicit(&connection->users, 1, memory_order_relaxed);
    pthread_mutex_unlock(&roster->lock);
    return connection;
}

void server_postpone(struct net_server *server, struct connection *connection)
{
    struct roster *roster = &server->roster;
    atomic_fetch_add_explicit(&connection->users, 1, memory_order_relaxed);
    pthread_mutex_lock(&roster->lock);
    TAILQ_INSERT_TAIL(&roster->postponed, connection, postponed);
    roster->postponed_count++;
    pthread_mutex_unlock(&roster->lock);
}

struct connection *server_take_postponed(struct net_server *server)
{
    struct roster *roster = &server->roster;
    pthread_mutex_lock(&roster->lock);
    struct connection *connection = TAILQ_FIRST(&roster->postponed);
    if (connection) {
        TAILQ_REMOVE(&roster->postponed, connection, postponed);
        roster->postponed_count--;
    }
    pthread_mutex_unlock(&roster->lock);
    return connection;
}
