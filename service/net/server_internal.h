/* What the server's files share. */
#ifndef NET_SERVER_INTERNAL_H
#define NET_SERVER_INTERNAL_H

#include "net/connection.h"
#include "net/endpoint.h"

enum { SERVER_ENDPOINTS = 64 };

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
/* What epoll is to say of the connection's events. */
uint64_t server_key(const struct connection *connection);
/* No event of the connection is looked at any more. Before its socket is closed. */
void server_forget(struct net_server *server, struct connection *connection);
/* It has its next turn after whoever has something new to say. By the thread that has the care. */
void server_postpone(struct net_server *server, struct connection *connection);
/* The connection has ended, and is in no list any more. */
void server_gone(struct net_server *server, struct connection *connection);

#endif
