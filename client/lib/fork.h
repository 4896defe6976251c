/* Telling a process from its parent: sockets and threads do not survive fork(), so handles must not be used
 * in a child. */
#ifndef LIB_FORK_H
#define LIB_FORK_H

/* A number that differs between a process and every child forked after the first call. */
unsigned fork_generation(void);

#endif
