#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/wait.h"
#include "net/accept.h"
#include "net/connection.h"
#include "net/listen.h"
#include "net/threads.h"
#include "net/turn.h"

enum {
    MOST_THREADS = 16, /* they only move bytes, and look things up */
    GOODBYE_MS = 100,  /* for peers to see that nothing more comes */
    END_MS = 1000,     /* for the threads to end connections that are shut down */
};

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
           pthread_create(&server->threads[server->thread_count], NULL, thread_move_bytes, server) == 0)
        server->thread_count++;
    if (server->thread_count < count) return fail(error, JWKD_NO_MEMORY, "no threads for requests");
    server->kept = pthread_create(&server->keeper, NULL, thread_keep, server) == 0;
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
    struct epoll_event end = {.events = EPOLLIN, .data.u64 = SERVER_KEY_END};
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
        accept_watch(server, i, EPOLL_CTL_ADD);
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
    while ((connection = server_take_postponed(server)))
        connection_unref(connection);
    while ((connection = TAILQ_FIRST(&server->connections)))
        turn_end(connection);
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
