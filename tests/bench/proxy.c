#include "bench/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"

enum { CONNECTIONS = 64, CHUNK = 64 * 1024, GREETING = 8, HEAD = 9, LARGEST = 16 << 20 };

/* nng's ipc: a greeting, then messages, each behind a byte and its size in 8 bytes. */
struct frame {
    struct frame *next; /* in the order in which they came */
    uint64_t due_ns;
    size_t size;
    uint8_t bytes[];
};

struct connection {
    int client, service; /* -1: free */
    bool greeted;
    uint8_t *heard; /* by the service said and not yet a whole frame */
    size_t heard_size, heard_room;
    struct frame *waiting;
};

struct proxy {
    char path[256], behind[256];
    int listener;
    pthread_t thread;
    bool running;
    atomic_bool stop, hold, refuse;
    atomic_uint delay_ms;
    atomic_ulong overtaken;
    unsigned seed;
    struct connection connections[CONNECTIONS];
};

static void hang_up(struct connection *connection)
{
    close(connection->client);
    close(connection->service);
    free(connection->heard);
    while (connection->waiting) {
        struct frame *frame = connection->waiting;
        connection->waiting = frame->next;
        free(frame);
    }
    *connection = (struct connection){.client = -1, .service = -1};
}

static bool send_all(int socket, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    if (socket_ >= 0 && connect(socket_, (struct sockaddr *)&address, sizeof address) == 0) return socket_;
    if (socket_ >= 0) close(socket_);
    return -1;
}

static void take_in(struct proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return;
    for (size_t i = 0; i < CONNECTIONS && !proxy->refuse; i++) {
        if (proxy->connections[i].client >= 0) continue;
        int service = dial(proxy->behind);
        if (service < 0) break;
        proxy->connections[i] = (struct connection){.client = client, .service = service};
        return;
    }
    close(client);
}

static bool pass_client(struct connection *connection)
{
    uint8_t bytes[CHUNK];
    ssize_t got = recv(connection->client, bytes, sizeof bytes, 0);
    return got > 0 && send_all(connection->service, bytes, (size_t)got);
}

static bool queue_frame(struct proxy *proxy, struct connection *connection, const uint8_t *bytes, size_t size)
{
    struct frame *frame = malloc(sizeof *frame + size), **last = &connection->waiting;
    if (!frame) return false;
    unsigned most_ms = proxy->delay_ms;
    uint64_t delay_ms = most_ms ? (unsigned)rand_r(&proxy->seed) % most_ms : 0;
    *frame = (struct frame){.due_ns = clock_elapsed_ns() + delay_ms * NS_PER_MS, .size = size};
    memcpy(frame->bytes, bytes, size);
    while (*last)
        last = &(*last)->next;
    *last = frame;
    return true;
}

static bool hear_service(struct proxy *proxy, struct connection *connection)
{
    if (connection->heard_room - connection->heard_size < CHUNK) {
        size_t room = connection->heard_room + 4 * CHUNK;
        uint8_t *grown = realloc(connection->heard, room);
        if (!grown) return false;
        connection->heard = grown;
        connection->heard_room = room;
    }
    ssize_t got = recv(connection->service, connection->heard + connection->heard_size, CHUNK, 0);
    if (got <= 0) return false;
    connection->heard_size += (size_t)got;
    for (;;) {
        size_t size = connection->greeted ? HEAD : GREETING;
        if (connection->heard_size < size) return true;
        if (connection->greeted) {
            uint64_t body = 0;
            for (size_t i = 1; i < HEAD; i++)
                body = body << 8 | connection->heard[i];
            if (body > LARGEST) return false;
            size += body;
        }
        if (connection->heard_size < size) return true;
        if (!connection->greeted ? !send_all(connection->client, connection->heard, size)
                                 : !queue_frame(proxy, connection, connection->heard, size))
            return false;
        connection->greeted = true;
        connection->heard_size -= size;
        memmove(connection->heard, connection->heard + size, connection->heard_size);
    }
}

static bool deliver(struct proxy *proxy, struct connection *connection)
{
    uint64_t now_ns = clock_elapsed_ns();
    for (struct frame **at = &connection->waiting; *at;) {
        struct frame *frame = *at;
        if (proxy->hold || frame->due_ns > now_ns) {
            at = &frame->next;
            continue;
        }
        if (frame != connection->waiting) proxy->overtaken++;
        *at = frame->next;
        bool sent = send_all(connection->client, frame->bytes, frame->size);
        free(frame);
        if (!sent) return false;
    }
    return true;
}

static void *run(void *context)
{
    struct proxy *proxy = context;
    while (!proxy->stop) {
        struct pollfd ready[1 + 2 * CONNECTIONS] = {{.fd = proxy->listener, .events = POLLIN}};
        for (size_t i = 0; i < CONNECTIONS; i++) {
            ready[1 + 2 * i] = (struct pollfd){.fd = proxy->connections[i].client, .events = POLLIN};
            ready[2 + 2 * i] = (struct pollfd){.fd = proxy->connections[i].service, .events = POLLIN};
        }
        poll(ready, sizeof ready / sizeof *ready, 1);
        for (size_t i = 0; i < CONNECTIONS; i++) {
            struct connection *connection = &proxy->connections[i];
            if (connection->client < 0) continue;
            bool alive = !proxy->refuse && (ready[1 + 2 * i].revents == 0 || pass_client(connection)) &&
                         (ready[2 + 2 * i].revents == 0 || hear_service(proxy, connection)) &&
                         deliver(proxy, connection);
            if (!alive) hang_up(connection);
        }
        if (ready[0].revents) take_in(proxy);
    }
    return NULL;
}

jwkd_status proxy_start(const char *path, unsigned seed, struct proxy **out, jwkd_error *error)
{
    CLEANUP(proxy_stop_at) struct proxy *proxy = calloc(1, sizeof *proxy);
    if (!proxy) return JWKD_NO_MEMORY;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    proxy->seed = seed;
    for (size_t i = 0; i < CONNECTIONS; i++)
        proxy->connections[i] = (struct connection){.client = -1, .service = -1};
    snprintf(proxy->path, sizeof proxy->path, "%s", path);
    snprintf(proxy->behind, sizeof proxy->behind, "%.250s.real", path);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 || rename(path, proxy->behind) != 0 ||
        bind(proxy->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, 128) != 0)
        return fail(error, JWKD_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (pthread_create(&proxy->thread, NULL, run, proxy) != 0) return JWKD_NO_MEMORY;
    proxy->running = true;
    *out = TAKE(proxy);
    return JWKD_OK;
}

void proxy_stop(struct proxy *proxy)
{
    if (!proxy) return;
    proxy->stop = true;
    if (proxy->running) pthread_join(proxy->thread, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (proxy->connections[i].client >= 0) hang_up(&proxy->connections[i]);
    if (proxy->listener >= 0) close(proxy->listener);
    rename(proxy->behind, proxy->path);
    free(proxy);
}

void proxy_delay(struct proxy *proxy, unsigned most_ms)
{
    proxy->delay_ms = most_ms;
}

void proxy_hold(struct proxy *proxy, bool hold)
{
    proxy->hold = hold;
}

void proxy_refuse(struct proxy *proxy, bool refuse)
{
    proxy->refuse = refuse;
}

unsigned long proxy_overtaken(const struct proxy *proxy)
{
    return proxy->overtaken;
}
