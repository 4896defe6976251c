/* The answers of one connection that are to be sent. All but outgoing_free() under the connection's lock. */
#ifndef NET_OUTGOING_H
#define NET_OUTGOING_H

#include "net/state.h"

void outgoing_append(struct connection *connection, struct net_request *request);
/* Writes what the peer takes. One thread does at a time, and does not hold the lock meanwhile. What is done
 * with is put in front of *out_gone, as with the next. */
void outgoing_write(struct connection *connection, struct net_request **out_gone);
void outgoing_drop(struct connection *connection, struct net_request **out_gone);
void outgoing_put_aside(struct net_request **aside, struct net_request *request);
/* Tells the caller's share of what has changed. */
void outgoing_account(struct connection *connection);
/* Wipes and frees what was put aside; without the lock. */
void outgoing_free(struct net_server *server, struct net_request *gone);

#endif
