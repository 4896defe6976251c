/* The threads of the server; their argument is the server. */
#ifndef NET_THREADS_H
#define NET_THREADS_H

#include "net/state.h"

/* One of a few that move bytes: takes events, until the server's eventfd says that it is the end. */
void *thread_move_bytes(void *argument);
/* The keeper: looks at all connections now and then. */
void *thread_keep(void *argument);

#endif
