/* What comes from one connection: messages, and the start of one that is not complete. By the thread that has
 * the care, without the lock. */
#ifndef NET_INCOMING_H
#define NET_INCOMING_H

#include "net/state.h"

enum taken { TAKEN_ALL, TAKEN_PART, TAKEN_WAITING, TAKEN_WRONG };

/* Reads once, and hands on what is complete, a few messages at most. `room` is the thread's own. False: the
 * connection has ended, or speaks something else. */
bool incoming_read(struct connection *connection, struct buffer *room, enum taken *out_taken);
/* Frees what is not complete. */
void incoming_forget(struct connection *connection);

#endif
