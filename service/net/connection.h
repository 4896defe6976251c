/* One connection of the server: reads requests, writes answers, and says when it may be read again.
 *
 * One thread of the server at a time has the care of it, beginning with an event: it alone reads, and it
 * alone ends the connection. Writing may be any thread that answers; one does at a time, without the lock,
 * and takes along what the others append meanwhile. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "net/peer.h"
#include "net/server.h"

struct connection {
    struct net_server *server;
    uint32_t number; /* what epoll says instead of the address: it may speak of one that has ended */
    TAILQ_ENTRY(connection) listed;    /* under the server's lock */
    TAILQ_ENTRY(connection) postponed; /* under the roster's */
    atomic_uint users;                 /* the server, each request, and each thread that has an event of it */
    enum transport transport;
    struct peer peer;
    struct share *share;
    struct buffer incoming; /* of the thread that has the care: what came and is not handled */
    pthread_mutex_t lock;   /* guards all below */
    int fd; /* who reads or writes may use it without the lock; it is closed when nobody does */
    struct net_request *first, **last; /* answers to be sent */
    size_t unsent;                     /* what they cost, */
    size_t accounted;                  /* and what of that the caller's share was told of */
    unsigned working;                  /* requests that are neither answered nor held */
    uint32_t armed;                    /* the events that epoll waits for */
    bool cared;                        /* a thread of the server has the care */
    bool writing, ended;
    atomic_bool closing; /* set under the lock; never taken back */
    bool greeted;
    bool waiting;      /* messages came and are not handled */
    bool starved;      /* not read, since there is no memory for its message */
    bool partial;      /* a message has begun and is not complete: */
    uint64_t begun_ns; /* when, */
    uint64_t came_ns;  /* and when its last part came; before the greeting: when the connection did */
    uint64_t taken_ns; /* when something of the answers was last taken, or they became some */
    int on_its_way;    /* bytes that the system had taken, and the peer had not, at the keeper's last look */
};

/* Takes the socket, in every case. RESOURCE_EXHAUSTED, NO_MEMORY. */
jwkd_status connection_open(
    struct net_server *server, int fd, enum transport transport, struct connection **out) MUST_CHECK;
/* On a thread of the server, which has the care from then on. */
void connection_begin(struct connection *connection);
void connection_on_event(struct connection *connection, uint32_t events, struct buffer *room);
/* Its next turn, after it was postponed. */
void connection_go_on(struct connection *connection, struct buffer *room);
/* Now and then: ends one that keeps what it does not use, and reads one on that was starved. Under the
 * server's lock. */
void connection_look_after(struct connection *connection, uint64_t now_ns);
/* Ends it soon. Any thread. */
void connection_close(struct connection *connection);
/* Ends it at once, when no thread of the server runs any more. */
void connection_end(struct connection *connection);
/* Says that nothing more is sent. Any thread. */
void connection_finish(struct connection *connection);
void connection_unref(struct connection *connection);

/* ---- for the files that read and write; under the lock */

/* Ends it soon: an event follows, for who ends it. */
void connection_shut(struct connection *connection);
void connection_close_socket(struct connection *connection); /* when nobody uses it any more */
bool connection_may_read(const struct connection *connection);
/* Has epoll wait for what it waits for now, unless a thread has the care. */
void connection_arm(struct connection *connection);

#endif
