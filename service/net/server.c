#include "net/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/wait.h"
#include "net/listen.h"
#include "net/server_internal.h"

enum {
    ROOM = 16 * 1024,    /* what one thread reads at once */
    EVENTS = 16,         /* that one thread takes at once */
    ACCEPTS = 64,        /* connections that are taken before others have their turn */
    MOST_THREADS = 16,   /* they only move bytes, and look things up */
    LOOK_AFTER_MS = 250, /* how often the keeper looks at each connection */
    GOODBYE_MS = 100,    /* for peers to see that nothing more comes */
    END_MS = 1000,       /* for the threads to end connections that are shut down */
};

static void tell(struct net_server *server, jwkd_status status, const char *message)
{
    const struct net_options *options = &server->options;
    if (options->on_trouble) options->on_trouble(options->trouble_context, status, message);
}

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

/* Keys of what is no connection: their number is 0. */
static uint64_t key_of_endpoint(size_t index)
{
    return index;
}

enum { KEY_END = SERVER_ENDPOINTS };

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

static bool enrol(struct roster *roster, struct connection *connection)
{
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

/* The one that the event is of, for whoever unrefs it; NULL: it has ended. */
static struct connection *find(struct roster *roster, uint64_t key)
{
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

/* For whoever unrefs it; NULL: there is none. */
static struct connection *take_postponed(struct roster *roster)
{
    pthread_mutex_lock(&roster->lock);
    struct connection *connection = TAILQ_FIRST(&roster->postponed);
    if (connection) {
        TAILQ_REMOVE(&roster->postponed, connection, postponed);
        roster->postponed_count--;
    }
    pthread_mutex_unlock(&roster->lock);
    return connection;
}

/* ---- taking connections */

static void watch_endpoint(struct net_server *server, size_t index, int operation)
{
    const struct endpoint *endpoint = &server->endpoints[index];
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = key_of_endpoint(index)};
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
    if (server->stopping || !enrol(&server->roster, connection)) connection_close(connection);
    pthread_mutex_unlock(&server->lock);
    connection_begin(connection);
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

static void on_endpoint(struct net_server *server, size_t index)
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
    watch_endpoint(server, index, EPOLL_CTL_MOD);
    pthread_mutex_unlock(&server->lock);
}

/* ---- the threads that move bytes */

/* False: it is the end. */
static bool on_event(struct net_server *server, const struct epoll_event *event, struct buffer *room)
{
    const uint64_t key = event->data.u64;
    if (key == KEY_END) return false;
    if (key < SERVER_ENDPOINTS) {
        on_endpoint(server, key);
        return true;
    }
    struct connection *connection = find(&server->roster, key);
    if (!connection) return true;
    connection_on_event(connection, event->events, room);
    connection_unref(connection);
    return true;
}

/* One that was postponed, between two looks at what is new. */
static void go_on(struct net_server *server, struct buffer *room)
{
    if (server->roster.postponed_count == 0) return;
    struct connection *connection = take_postponed(&server->roster);
    if (!connection) return;
    connection_go_on(connection, room);
    connection_unref(connection);
}

static void *move_bytes(void *argument)
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
    connection_look_after(connection, now_ns);
    if (!server->deaf || server->stopping) return;
    server->deaf = false;
    for (size_t i = 0; i < server->endpoint_count; i++)
        watch_endpoint(server, i, EPOLL_CTL_MOD);
}

static void *keep(void *argument)
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

/* ---- starting */

static jwkd_status listen_on(struct net_server *server, const char *url, jwkd_error *error)
{
    struct endpoint opened[ENDPOINT_ADDRESSES];
    size_t count = 0;
    if (server->endpoint_count + ENDPOINT_ADDRESSES > SERVER_ENDPOINTS)
        return fail(error, JWKD_INVALID_ARGUMENT, "too many URLs to listen on");
    TRY(endpoint_open(url, opened, &count, error));
    for (size_t i = 0; i < count; i++)
        server->endpoints[server->endpoint_count++] = opened[i];
    return JWKD_OK;
}

static jwkd_status start_threads(struct net_server *server, jwkd_error *error)
{
    const unsigned count = server->options.threads;
    server->threads = calloc(count, sizeof *server->threads);
    if (!server->threads) return fail(error, JWKD_NO_MEMORY, "out of memory");
    while (server->thread_count < count &&
           pthread_create(&server->threads[server->thread_count], NULL, move_bytes, server) == 0)
        server->thread_count++;
    if (server->thread_count < count) return fail(error, JWKD_NO_MEMORY, "no threads for requests");
    server->kept = pthread_create(&server->keeper, NULL, keep, server) == 0;
    return server->kept ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "no thread for connections");
}

static unsigned thread_count(unsigned wanted)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted == 0) wanted = processors > 0 ? (unsigned)processors : 1;
    return wanted < 2 ? 2 : wanted > MOST_THREADS ? MOST_THREADS : wanted;
}

static void fill_in(struct net_options *options)
{
    const size_t capacities[SHARE_KINDS] = {[SHARE_CONNECTIONS] = net_most_connections(),
        [SHARE_INCOMING] = LIMIT_INCOMING,
        [SHARE_ASKED] = LIMIT_ASKED,
        [SHARE_OUTGOING] = LIMIT_OUTGOING,
        [SHARE_HELD] = LIMIT_HELD,
        [SHARE_PASSED] = LIMIT_PASSED};
    for (size_t i = 0; i < SHARE_KINDS; i++)
        if (!options->capacities[i]) options->capacities[i] = capacities[i];
    options->threads = thread_count(options->threads);
    if (!options->greeting_ms) options->greeting_ms = LIMIT_GREETING_SEC * 1000;
    if (!options->silence_ms) options->silence_ms = LIMIT_SILENCE_SEC * 1000;
    if (!options->message_ms) options->message_ms = LIMIT_MESSAGE_SEC * 1000;
    if (!options->unread_ms) options->unread_ms = LIMIT_UNREAD_SEC * 1000;
}

static jwkd_status open_server(struct net_server *server, jwkd_error *error)
{
    struct epoll_event end = {.events = EPOLLIN, .data.u64 = KEY_END};
    fill_in(&server->options);
    if (shares_new(server->options.capacities, &server->shares) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->epoll < 0 || server->wake < 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->wake, &end) != 0)
        return fail(error, JWKD_UNAVAILABLE, "no request sockets: %s", strerror(errno));
    for (size_t i = 0; i < server->options.url_count; i++)
        TRY(listen_on(server, server->options.urls[i], error));
    TRY(start_threads(server, error));
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->endpoint_count; i++)
        watch_endpoint(server, i, EPOLL_CTL_ADD);
    pthread_mutex_unlock(&server->lock);
    return JWKD_OK;
}

jwkd_status net_start(const struct net_options *options, struct net_server **out, jwkd_error *error)
{
    struct net_server *server = calloc(1, sizeof *server);
    if (!server) return fail(error, JWKD_NO_MEMORY, "out of memory");
    server->options = *options;
    server->epoll = server->wake = -1;
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->roster.postponed);
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->roster.lock, NULL);
    wait_init(&server->changed);
    jwkd_status status = open_server(server, error);
    if (status != JWKD_OK) {
        net_stop(server);
        net_free(server);
        return status;
    }
    *out = server;
    return JWKD_OK;
}

/* ---- stopping; the lock is held where it says `await` */

static void close_endpoints(struct net_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (size_t i = 0; i < server->endpoint_count; i++)
        endpoint_close(&server->endpoints[i]);
    pthread_mutex_unlock(&server->lock);
}

static bool is_drained(const struct net_server *server)
{
    return server->working == 0 && server->unsent == 0;
}

static bool is_empty(const struct net_server *server)
{
    return server->connection_count == 0;
}

static void await(struct net_server *server, bool (*reached)(const struct net_server *server), unsigned ms)
{
    const struct timespec until = wait_end(ms * NS_PER_MS);
    int result = 0;
    while (!reached(server) && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

size_t net_drain(struct net_server *server, unsigned patience_ms)
{
    close_endpoints(server);
    pthread_mutex_lock(&server->lock);
    await(server, is_drained, patience_ms);
    pthread_mutex_unlock(&server->lock);
    return server->working + server->unsent;
}

static void each_connection(struct net_server *server, void (*what)(struct connection *connection))
{
    struct connection *connection;
    TAILQ_FOREACH(connection, &server->connections, listed)
    what(connection);
}

/* Peers see the end of what is sent, and close; so nothing that was sent is lost on the way. */
static void end_connections(struct net_server *server)
{
    pthread_mutex_lock(&server->lock);
    each_connection(server, connection_finish);
    await(server, is_empty, GOODBYE_MS);
    each_connection(server, connection_close);
    await(server, is_empty, END_MS);
    server->ending = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void net_stop(struct net_server *server)
{
    const uint64_t once = 1;
    if (!server || server->ending) return;
    close_endpoints(server);
    end_connections(server);
    if (server->wake >= 0 && write(server->wake, &once, sizeof once) != sizeof once)
        abort(); /* a counter of 1 */
    for (unsigned i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
    if (server->kept) pthread_join(server->keeper, NULL);
    struct connection *connection;
    while ((connection = take_postponed(&server->roster)))
        connection_unref(connection);
    while ((connection = TAILQ_FIRST(&server->connections)))
        connection_end(connection);
}

void net_free(struct net_server *server)
{
    if (!server) return;
    if (server->epoll >= 0) close(server->epoll);
    if (server->wake >= 0) close(server->wake);
    free(server->threads);
    shares_free(server->shares);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->roster.lock);
    free(server->roster.by_fd);
    free(server);
}

void net_read_figures(struct net_server *server, struct net_figures *out)
{
    pthread_mutex_lock(&server->lock);
    size_t connections = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    *out = (struct net_figures){.connections = connections,
        .refused = server->refused,
        .working = server->working,
        .held = shares_used(server->shares, SHARE_HELD),
        .incoming = shares_used(server->shares, SHARE_INCOMING),
        .outgoing = shares_used(server->shares, SHARE_OUTGOING)};
}
