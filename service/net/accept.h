/* Taking connections, as they come to the endpoints. */
#ifndef NET_ACCEPT_H
#define NET_ACCEPT_H

#include "net/state.h"

/* Has epoll (by this operation of it) say once when somebody comes to the endpoint. Under the server's lock.
 */
void accept_watch(struct net_server *server, size_t index, int operation);
/* Somebody came. On a thread of the server. */
void accept_on_endpoint(struct net_server *server, size_t index);

#endif
