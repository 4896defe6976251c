/* What a thread of the server does with a connection: one turn at a time, beginning with an event. */
#ifndef NET_TURN_H
#define NET_TURN_H

#include "net/state.h"

/* On a thread of the server, which has the care from then on. */
void turn_begin(struct connection *connection);
void turn_on_event(struct connection *connection, uint32_t events, struct buffer *room);
/* Its next turn, after it was postponed. */
void turn_go_on(struct connection *connection, struct buffer *room);
/* Now and then: ends one that keeps what it does not use, and reads one on that was starved. Under the
 * server's lock. */
void turn_look_after(struct connection *connection, uint64_t now_ns);
/* Ends it at once, when no thread of the server runs any more. */
void turn_end(struct connection *connection);

#endif
