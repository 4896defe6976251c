/* Keeps a socket connected.
 *
 * nng's own dialer cannot: that of 1.5.2 gives up for good, without a word, when the other end closes a new
 * connection before the greeting is written (the system says EPIPE, nng makes "closed" of it, and takes that
 * for its own end), as a service that is being stopped does. And of its pauses chance makes half none at all.
 * So each of its dialers gets one attempt, after a probe was greeted: where nobody listens probes are all
 * there is, and what one of them reaches a dialer reaches, too.
 *
 * The pause before the next attempt is about a quarter of the time for which there has been no connection:
 * who was away for a moment is back in a moment, and some hundred clients of a service that is away for long
 * do not keep the processors from its start.
 *
 * All this is done by a thread that is there only while there is no connection: closing a dialer waits for
 * nng's threads, so none of these may do it. */
#ifndef DIAL_DIAL_H
#define DIAL_DIAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>

#include "wire/url.h"

enum dial_thread { DIAL_NO_THREAD, DIAL_THREAD_RUNS, DIAL_THREAD_ENDED };

struct dial {
    nng_socket socket;
    uint8_t peer; /* probe.h */
    nng_aio *aio; /* of the probe */
    nng_dialer dialer;
    bool dialled; /* there is a dialer; these two are of the thread alone */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows; held across no call into nng */
    pthread_cond_t changed;
    enum dial_thread state;
    char url[URL_SIZE];
    bool connected, stopped;
    bool moved;       /* there is another URL: do not pause */
    bool sure;        /* that the service is there: do not probe */
    uint64_t lost_ns; /* since when there is no connection */
};

/* Sets the socket up. 0, or why nng cannot: dial_clear() all the same. */
int dial_init(struct dial *dial, nng_socket socket, uint8_t peer) MUST_CHECK;
/* Dials there, now and whenever the connection is lost; what was dialled before is given up. `sure`: somebody
 * has just been heard to listen. */
void dial_to(struct dial *dial, const char *url, bool sure);
/* From the socket's pipe callbacks. */
void dial_connected(struct dial *dial);
void dial_lost(struct dial *dial);
/* Dials no more, and waits for what is under way. Not on a thread of nng's. */
void dial_stop(struct dial *dial);
/* After dial_stop(), when no callback runs any more. */
void dial_clear(struct dial *dial);

#endif
