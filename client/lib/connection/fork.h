/* Telling a process from its parent: sockets and threads do not survive fork(), so handles must not be used
 * in a child. */
#ifndef LIB_FORK_H
#define LIB_FORK_H

#include <stdbool.h>

/* A number that differs between a process and every child forked after the first call. */
unsigned fork_generation(void);

/* Before the first use of nng: false where a process that this one was forked from has used it through this
 * library. There nng aborts the process (it has fork handlers, and nothing resets it), 1.5.2 and 1.10 alike.
 * Whether the program itself has used nng cannot be known. */
bool fork_may_use_nng(void);

#endif
