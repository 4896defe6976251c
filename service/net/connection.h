/* A connection of the server: its beginning and end, and what it waits for. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include "net/state.h"

/* Takes the socket, in every case. RESOURCE_EXHAUSTED, NO_MEMORY. */
jwkd_status connection_open(
    struct net_server *server, int fd, enum transport transport, struct connection **out) MUST_CHECK;
/* Ends it soon. Any thread. */
void connection_close(struct connection *connection);
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
