/* Somebody who listens at an ipc URL, and closes connections without a word: those that are taken, and those
 * that wait when it ends. What is written to these fails at once, as to a service that is being stopped: a
 * dialer of nng 1.5.2 dials no more after that, and says nothing. */
#ifndef TESTS_DIAL_SLAMMER_H
#define TESTS_DIAL_SLAMMER_H

#include <pthread.h>
#include <stdatomic.h>

struct slammer {
    int listener;
    atomic_uint slammed;
    atomic_bool stop;
    pthread_t thread;
};

/* In place of whatever was bound there. */
void slammer_start(struct slammer *slammer, const char *url);
void slammer_stop(struct slammer *slammer);

#endif
