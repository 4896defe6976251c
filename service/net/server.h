/* The answering side of nng's request-reply (SP's REP) over ipc and tcp, such that no connection can make
 * another wait, or take memory that it does not fill. nng's own REP cannot promise that: it allocates what
 * nine bytes announce, holds an answering context for a peer that does not read, and does not say which.
 *
 * A few threads read whatever connection has something to say, a bounded number of messages each time, and
 * hand them to `handle`. A request is answered from any thread; what the peer does not take at once waits at
 * its connection, which is not read meanwhile. So a peer that asks and does not read stops itself alone.
 *
 * The bounds stand in base/limits.h; what callers share, they share as net/shares.h says. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "net/shares.h"
#include "net/sp.h"

struct net_server;
struct connection;

/* One request, from its arrival until its answer has left: the first member of what the handler keeps of it.
 */
struct net_request {
    struct connection *connection;
    struct net_request *next;
    struct buffer answer;
    size_t asked; /* bytes of it that its caller's share was told of */
    size_t sent;  /* of head and answer */
    size_t head_size;
    uint8_t head[SP_HEAD]; /* the backtrace, until it is answered */
    bool held;
};

struct net_options {
    const char *const *urls; /* where to listen; ipc sockets get mode 0660 */
    size_t url_count;
    unsigned threads;    /* 0: one a processor, 2 at least */
    size_t largest;      /* bytes of a request, with the backtrace */
    size_t request_size; /* of what the handler keeps; it begins with a net_request, the rest is zero */
    /* On a thread of the server: must not wait. `message` is borrowed for the call. */
    void (*handle)(void *context, struct net_request *request, struct bytes message);
    /* With a sentence for the operator; any thread; may come often. May be NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context, *trouble_context;
    /* What is 0 is as base/limits.h says; tests are less patient. */
    uint32_t greeting_ms, silence_ms, message_ms, unread_ms;
    size_t capacities[SHARE_KINDS];
};

/* Listens, and serves from then on. UNAVAILABLE says which URL could not be listened on. */
jwkd_status net_start(
    const struct net_options *options, struct net_server **out, jwkd_error *error) MUST_CHECK;

/* Listens no more, reads no more, and waits until what was read is answered and the answers are taken: for
 * `patience_ms` at most. Returns how many requests were not answered, or not taken. Held ones do not count.
 */
size_t net_drain(struct net_server *server, unsigned patience_ms);

/* Ends every connection, and the threads. Drained or not; every request is answered already, or still will be
 * before net_free(). NULL is fine. */
void net_stop(struct net_server *server);
/* When no request is left. NULL is fine. */
void net_free(struct net_server *server);

/* ---- of one request; until it is answered */

/* Who asks: "uid:1000", or "anonymous". Lives as long as the request. */
const char *net_principal(const struct net_request *request);
/* Whether it came over ipc; and whether nobody else can read the connection. */
bool net_is_local(const struct net_request *request);
bool net_is_private(const struct net_request *request);
/* Whose share the caller's are: as the principal, but over tcp the address. */
const char *net_origin(const struct net_request *request);
/* The same pointer for all requests of one origin, as long as one of them is there. */
const void *net_caller(const struct net_request *request);
/* False: its connection is gone, so nobody will have the answer; it still takes one. */
bool net_is_awaited(const struct net_request *request);
/* False: so much of this caller's answers was not taken that it is to have a short one only, BUSY. */
bool net_may_answer(const struct net_request *request);
/* From now on it does not count among those that the connection has under way, and may stay unanswered for
 * long. RESOURCE_EXHAUSTED: too many are held, by this caller or by all. */
jwkd_status net_hold(struct net_request *request) MUST_CHECK;
/* One of the caller's share, to be given back before the answer. RESOURCE_EXHAUSTED. */
jwkd_status net_take(struct net_request *request, enum share_kind kind) MUST_CHECK;
void net_give(struct net_request *request, enum share_kind kind);
/* Sends the answer, which is taken (wiped and freed) in every case; nothing but the request's memory is left
 * to this side, and that goes too. An empty answer is none: the caller's own timeout tells it. Any thread;
 * never waits. */
void net_answer(struct net_request *request, struct buffer *answer);

/* What is there at present. */
struct net_figures {
    size_t connections, refused; /* refused: since the start, over the bounds */
    size_t working, held, incoming, outgoing;
};
void net_read_figures(struct net_server *server, struct net_figures *out);

#endif
