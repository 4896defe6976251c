#include "net/incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/connection.h"

enum {
    TURN_MESSAGES = 8, /* handled of one connection before others have their turn */
    LEAST_ROOM = 4096, /* for a message that is not complete */
};

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
    bool may = connection_may_read(connection);
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
        connection_shut(connection);
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

void incoming_forget(struct connection *connection)
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
        incoming_forget(connection);
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
bool incoming_read(struct connection *connection, struct buffer *room, enum taken *out_taken)
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
