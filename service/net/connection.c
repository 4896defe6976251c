#include "net/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/server_internal.h"

enum {
    TURN_MESSAGES = 8,  /* handled of one connection before others have their turn */
    WRITE_TOGETHER = 8, /* answers in one system call */
    LEAST_ROOM = 4096,  /* for a message that is not complete */
};

/* ---- what waits to be sent; under the lock */

static void set_closing(struct connection *connection)
{
    connection->closing = true;
    if (connection->fd >= 0) shutdown(connection->fd, SHUT_RDWR); /* an event follows, for who ends it */
}

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

static void append(struct connection *connection, struct net_request *request)
{
    if (!connection->first) connection->taken_ns = clock_elapsed_ns();
    request->next = NULL;
    *connection->last = request;
    connection->last = &request->next;
    connection->unsent += request->head_size + request->answer.size + overhead(connection);
    atomic_fetch_add(&connection->server->unsent, 1);
}

static void put_aside(struct net_request **aside, struct net_request *request)
{
    request->next = *aside;
    *aside = request;
}

static void drop_answers(struct connection *connection, struct net_request **out_gone)
{
    while (connection->first)
        put_aside(out_gone, pop(connection));
    connection->unsent = 0; /* with what was left of the first */
}

static void close_socket(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
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
        put_aside(out_gone, pop(connection));
    }
}

/* One writes at a time, and the lock is not held meanwhile. */
static void write_answers(struct connection *connection, struct net_request **out_gone)
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
            set_closing(connection);
            break;
        }
        advance(connection, (size_t)taken, out_gone);
        if (connection->first) connection->taken_ns = clock_elapsed_ns();
        if ((size_t)taken < bytes) break;
    }
    connection->writing = false;
    if (!connection->ended) return;
    drop_answers(connection, out_gone);
    close_socket(connection);
}

static void account_answers(struct connection *connection)
{
    size_t was = connection->accounted, is = connection->ended ? 0 : connection->unsent;
    if (is > was) share_add(connection->share, SHARE_OUTGOING, is - was);
    if (is < was) share_give(connection->share, SHARE_OUTGOING, was - is);
    connection->accounted = is;
}

static void free_requests(struct net_server *server, struct net_request *gone)
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

/* ---- which events it waits for; under the lock */

static bool may_read(const struct connection *connection)
{
    return !connection->closing && !connection->starved && connection->working < LIMIT_UNDER_WAY &&
           connection->unsent <= LIMIT_UNREAD && !connection->server->stopping;
}

/* Where messages came already that had to wait, a socket that can be written to stands for "go on". */
static void arm(struct connection *connection)
{
    if (connection->cared || connection->ended) return;
    uint32_t wanted = EPOLLRDHUP | EPOLLONESHOT;
    if (may_read(connection)) wanted |= connection->waiting ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (connection->first && !connection->writing) wanted |= EPOLLOUT;
    if (wanted == connection->armed) return;
    struct epoll_event event = {.events = wanted, .data.u64 = server_key(connection)};
    if (epoll_ctl(connection->server->epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0)
        connection->armed = wanted;
    else
        set_closing(connection);
}

/* ---- reading; by the thread that has the care */

/* What a message of that size counts among its caller's that are not answered; small ones are as many as the
 * pool lets wait. */
static size_t asked_by(size_t size)
{
    return size > LEAST_ROOM ? size : 0;
}

/* Whether a message, which is complete, may be handled now; then it counts. */
static bool begin(struct connection *connection, size_t size)
{
    const size_t asked = asked_by(size);
    pthread_mutex_lock(&connection->lock);
    bool may = may_read(connection);
    connection->partial = false;
    if (may && asked > 0 && !share_take(connection->share, SHARE_ASKED, asked)) {
        connection->starved = true;
        may = false;
    }
    if (may) {
        connection->working++;
        atomic_fetch_add(&connection->server->working, 1);
    }
    pthread_mutex_unlock(&connection->lock);
    return may;
}

static void handle(struct connection *connection, const struct sp_message *message, size_t size)
{
    const struct net_options *options = &connection->server->options;
    struct net_request *request = calloc(1, options->request_size);
    if (!request) { /* no answer, and no memory for one */
        share_give(connection->share, SHARE_ASKED, asked_by(size));
        pthread_mutex_lock(&connection->lock);
        connection->working--;
        atomic_fetch_sub(&connection->server->working, 1);
        set_closing(connection);
        pthread_mutex_unlock(&connection->lock);
        return;
    }
    atomic_fetch_add_explicit(&connection->users, 1, memory_order_relaxed);
    request->connection = connection;
    request->asked = asked_by(size);
    request->head_size = message->backtrace.size;
    memcpy(request->head, message->backtrace.data, message->backtrace.size);
    options->handle(options->context, request, message->body);
}

enum taken { TAKEN_ALL, TAKEN_PART, TAKEN_WAITING, TAKEN_WRONG };

/* Handles the messages among the bytes; *out_used of them are behind us. PART: what follows is no whole
 * message. WAITING: it may be one, but others have their turn, or this connection has too much under way. */
static enum taken take_messages(
    struct connection *connection, struct bytes came, size_t *out_used, size_t *out_needed)
{
    const size_t largest = connection->server->options.largest;
    struct sp_message message;
    size_t used = 0, handled = 0;
    *out_used = *out_needed = 0;
    if (!connection->greeted) {
        if (came.size < SP_GREETING) return came.size ? TAKEN_PART : TAKEN_ALL;
        if (!sp_is_req(bytes_of(came.data, SP_GREETING))) return TAKEN_WRONG;
        pthread_mutex_lock(&connection->lock);
        connection->greeted = true;
        pthread_mutex_unlock(&connection->lock);
        *out_used = used = SP_GREETING;
    }
    while (used < came.size) {
        struct bytes rest = bytes_of(came.data + used, came.size - used);
        size_t size;
        switch (sp_next(connection->transport, rest, largest, &message, &size)) {
        case SP_WRONG:
            return TAKEN_WRONG;
        case SP_PART:
            *out_needed = size;
            return TAKEN_PART;
        case SP_MESSAGE:
            break;
        }
        if (handled++ == TURN_MESSAGES || !begin(connection, size)) return TAKEN_WAITING;
        handle(connection, &message, size);
        *out_used = used += size;
    }
    return TAKEN_ALL;
}

static bool is_favoured(struct connection *connection)
{
    struct connection *who = NULL;
    return atomic_compare_exchange_strong(&connection->server->favoured, &who, connection) ||
           who == connection;
}

static void favour_no_more(struct connection *connection)
{
    struct connection *who = connection;
    atomic_compare_exchange_strong(&connection->server->favoured, &who, NULL);
}

/* More memory for what comes, no more ahead than what came already. False: not at present. */
static bool make_room(struct connection *connection, size_t needed)
{
    struct buffer *incoming = &connection->incoming;
    size_t more = incoming->size > LEAST_ROOM ? incoming->size : LEAST_ROOM, before = incoming->capacity;
    if (needed > incoming->size && needed - incoming->size < more) more = needed - incoming->size;
    if (incoming->capacity - incoming->size >= more) return true;
    if (!share_is_left(connection->share, SHARE_INCOMING, incoming->size + more) && !is_favoured(connection))
        return false;
    if (buffer_reserve(incoming, more) != JWKD_OK) return false;
    share_add(connection->share, SHARE_INCOMING, incoming->capacity - before);
    return true;
}

static void forget_incoming(struct connection *connection)
{
    favour_no_more(connection);
    share_give(connection->share, SHARE_INCOMING, connection->incoming.capacity);
    buffer_clear(&connection->incoming);
}

/* Bytes that were read elsewhere, and are to wait here. False: the caller has too many that wait. */
static bool keep(struct connection *connection, struct bytes rest)
{
    if (rest.size == 0) return true;
    if (!share_is_left(connection->share, SHARE_INCOMING, rest.size)) return false;
    if (buffer_append_bytes(&connection->incoming, rest) != JWKD_OK) return false;
    share_add(connection->share, SHARE_INCOMING, connection->incoming.capacity);
    return true;
}

static void drop_used(struct connection *connection, size_t used)
{
    struct buffer *incoming = &connection->incoming;
    if (used == 0) return;
    if (used == incoming->size) {
        forget_incoming(connection);
        return;
    }
    favour_no_more(connection);
    memmove(incoming->data, incoming->data + used, incoming->size - used);
    bytes_wipe(incoming->data + incoming->size - used, used);
    incoming->size -= used;
}

enum came { CAME_SOMETHING, CAME_NOTHING, CAME_END };

static enum came receive(struct connection *connection, uint8_t *to, size_t size, size_t *out_size)
{
    ssize_t came;
    do
        came = read(connection->fd, to, size);
    while (came < 0 && errno == EINTR);
    if (came < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? CAME_NOTHING : CAME_END;
    *out_size = (size_t)came;
    return came == 0 ? CAME_END : CAME_SOMETHING;
}

/* Nothing waits: into the thread's own room, so that a message costs no memory. */
static bool read_anew(struct connection *connection, struct buffer *room, enum taken *out_taken)
{
    size_t size = 0, used, needed;
    switch (receive(connection, room->data, room->capacity, &size)) {
    case CAME_END:
        return false;
    case CAME_NOTHING:
        *out_taken = TAKEN_ALL;
        return true;
    case CAME_SOMETHING:
        break;
    }
    *out_taken = take_messages(connection, bytes_of(room->data, size), &used, &needed);
    bool kept = *out_taken == TAKEN_WRONG || keep(connection, bytes_of(room->data + used, size - used));
    bytes_wipe(room->data, size); /* perhaps a private key */
    return kept;
}

/* Behind what waits. */
static bool read_on(struct connection *connection, size_t needed, enum taken *out_taken)
{
    struct buffer *incoming = &connection->incoming;
    size_t size = 0, used;
    if (!make_room(connection, needed)) {
        pthread_mutex_lock(&connection->lock);
        connection->starved = true;
        pthread_mutex_unlock(&connection->lock);
        return true;
    }
    switch (
        receive(connection, incoming->data + incoming->size, incoming->capacity - incoming->size, &size)) {
    case CAME_END:
        return false;
    case CAME_NOTHING:
        return true;
    case CAME_SOMETHING:
        break;
    }
    incoming->size += size;
    *out_taken = take_messages(connection, buffer_bytes(incoming), &used, &needed);
    drop_used(connection, used);
    return true;
}

/* False: it has ended, or speaks something else. */
static bool read_requests(struct connection *connection, struct buffer *room, enum taken *out_taken)
{
    size_t used, needed = 0;
    *out_taken = TAKEN_ALL;
    if (connection->incoming.size > 0) {
        *out_taken = take_messages(connection, buffer_bytes(&connection->incoming), &used, &needed);
        drop_used(connection, used);
    }
    bool open = true;
    if (*out_taken == TAKEN_PART)
        open = read_on(connection, needed, out_taken);
    else if (*out_taken == TAKEN_ALL)
        open = read_anew(connection, room, out_taken);
    return open && *out_taken != TAKEN_WRONG;
}

/* ---- its events */

static void note_part(struct connection *connection, bool partial)
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
    connection->ended = connection->closing = true;
    server_forget(server, connection);
    if (!connection->writing) {
        drop_answers(connection, &gone);
        close_socket(connection);
    } /* else the one that writes does */
    account_answers(connection);
    pthread_mutex_unlock(&connection->lock);
    free_requests(server, gone);
    forget_incoming(connection);
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
        write_answers(connection, &gone);
        account_answers(connection);
    }
    bool reading = may_read(connection);
    bool open = !(events & EPOLLERR) && (reading || !(events & (EPOLLHUP | EPOLLRDHUP)));
    pthread_mutex_unlock(&connection->lock);
    free_requests(connection->server, gone);
    if (open && reading) open = read_requests(connection, room, &taken);
    pthread_mutex_lock(&connection->lock);
    if (!open || connection->closing) {
        end(connection);
        return;
    }
    if (reading) {
        note_part(connection, taken == TAKEN_PART);
        connection->waiting = taken == TAKEN_WAITING;
    }
    bool more = connection->waiting && may_read(connection);
    if (!more) {
        connection->cared = false;
        arm(connection);
    }
    pthread_mutex_unlock(&connection->lock);
    if (more) server_postpone(connection->server, connection);
}

void connection_on_event(struct connection *connection, uint32_t events, struct buffer *room)
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

void connection_go_on(struct connection *connection, struct buffer *room)
{
    take_turn(connection, 0, room);
}

/* ---- answering */

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
        put_aside(&gone, request);
    else
        append(connection, request);
    if (connection->first && !connection->writing) write_answers(connection, &gone);
    account_answers(connection);
    arm(connection);
    pthread_mutex_unlock(&connection->lock);
    free_requests(server, gone);
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
    arm(connection);
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

void connection_begin(struct connection *connection)
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
    arm(connection);
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
static void note_taken(struct connection *connection, uint64_t now_ns)
{
    int on_its_way = 0;
    if (!connection->first || ioctl(connection->fd, SIOCOUTQ, &on_its_way) != 0) return;
    if (on_its_way < connection->on_its_way) connection->taken_ns = now_ns;
    connection->on_its_way = on_its_way;
}

void connection_look_after(struct connection *connection, uint64_t now_ns)
{
    pthread_mutex_lock(&connection->lock);
    if (!connection->closing) note_taken(connection, now_ns);
    if (!connection->closing && is_too_late(connection, now_ns)) {
        set_closing(connection);
    } else if (connection->starved) {
        connection->starved = false;
        connection->came_ns = now_ns; /* it was not listened to */
        arm(connection);
    }
    pthread_mutex_unlock(&connection->lock);
}

void connection_close(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    set_closing(connection);
    pthread_mutex_unlock(&connection->lock);
}

void connection_end(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    end(connection);
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
