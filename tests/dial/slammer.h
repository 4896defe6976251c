/* Listens at an ipc URL, and closes each connection without a word: those that it accepts, and those that
 * still wait to be accepted when it ends. Writing to such a connection fails at once, as with a service that
 * is being stopped. After that a dialer of nng 1.5.2 may dial no more, and say nothing of it. */
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

/* Takes the place of a socket that was bound there. */
void slammer_start(struct slammer *slammer, const char *url);
void slammer_stop(struct slammer *slammer);

#endif
