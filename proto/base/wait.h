/* Waiting for a condition for a bounded time, which nobody who sets the wall clock makes longer. */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* A condition that is waited for until an instant of CLOCK_MONOTONIC. */
void wait_init(pthread_cond_t *condition);
/* The instant `ns` from now, as pthread_cond_timedwait() takes it for such a condition. */
struct timespec wait_end(uint64_t ns);

#endif
