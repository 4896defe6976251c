/* What the files of the server share: the server, and its connections. */
#ifndef NET_STATE_H
#define NET_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "net/endpoint.h"
#include "net/peer.h"
#include "net/server.h"

/* One connection. One thread of the server at a time has the care of it, beginning with an event: it alone
 * reads, and it alone ends the connection. Writing may be any thread that answers; one does at a time,
 * without the lock, and takes along what the others append meanwhile. */
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

/* What epoll says of: an endpoint, its index; the end; a connection, its server_key(), which is larger. */
enum { SERVER_ENDPOINTS = 64, SERVER_KEY_END = SERVER_ENDPOINTS };

TAILQ_HEAD(connections, connection);

/* Connections by their sockets. An event may come late, of one that has ended, when the number of its socket
 * is another's. So each has a number of its own, and no event is looked at that has another.
 *
 * And those of which more came than one turn takes: they go on when nobody else has anything new to say. */
struct roster {
    pthread_mutex_t lock; /* guards all below; taken last */
    struct connection **by_fd;
    size_t size;
    uint32_t numbers; /* given out; 0 is none */
    struct connections postponed;
    atomic_size_t postponed_count;
};

struct net_server {
    struct net_options options;
    struct shares *shares;
    int epoll, wake; /* wake: an eventfd that ends the threads */
    struct roster roster;
    atomic_bool stopping;  /* nothing more is read */
    atomic_size_t working; /* requests neither answered nor held, of all connections */
    atomic_size_t unsent;  /* answers of which something is not sent */
    atomic_size_t refused; /* connections */
    /* Which may have more than its caller's share until its message is complete: many that are in the middle
     * of one would wait for each other for ever. */
    _Atomic(struct connection *) favoured;
    pthread_mutex_t lock;   /* guards all below; taken before a connection's */
    pthread_cond_t changed; /* while draining: less is to be done; or the end */
    struct connections connections;
    size_t connection_count;
    struct endpoint endpoints[SERVER_ENDPOINTS];
    size_t endpoint_count;
    bool deaf; /* no descriptors: the endpoints are not watched for a moment */
    bool ending;
    bool kept; /* there is a keeper */
    pthread_t keeper;
    unsigned thread_count;
    pthread_t *threads;
};

/* A request was answered, or an answer was sent: whoever drains may want to know. */
void server_less_to_do(struct net_server *server);
/* The connection has ended, and is in no list any more. */
void server_gone(struct net_server *server, struct connection *connection);

/* What epoll is to say of the connection's events. */
uint64_t server_key(const struct connection *connection);
/* Gives it a number. False: memory is short. */
bool server_enrol(struct net_server *server, struct connection *connection);
/* No event of the connection is looked at any more. Before its socket is closed. */
void server_forget(struct net_server *server, struct connection *connection);
/* The one that the event is of, for whoever unrefs it; NULL: it has ended. */
struct connection *server_find(struct net_server *server, uint64_t key);
/* It has its next turn after whoever has something new to say. By the thread that has the care. */
void server_postpone(struct net_server *server, struct connection *connection);
/* For whoever unrefs it; NULL: there is none. */
struct connection *server_take_postponed(struct net_server *server);

#endif
