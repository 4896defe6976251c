/* How many may hear what a socket of nng publishes: as many connections as there are descriptors for, and of
 * one caller no more than are left for all others. Whoever is over that is refused before nng takes the
 * connection. */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H

#include <nng/nng.h>

#include "base/bytes.h"

struct admission;

/* `capacity` 0: as many as may be registered, and as there are descriptors for. */
jwkd_status admission_new(size_t capacity, struct admission **out) MUST_CHECK;
/* Before it is watched: who is told, with a sentence for the operator, that somebody was refused; any thread,
 * and it may come often. */
void admission_on_trouble(struct admission *admission,
    void (*on_trouble)(void *context, jwkd_status status, const char *message), void *context);
/* Likewise: who is asked whether a principal ("uid:1000", "anonymous") may hear events at all; any thread,
 * under no lock. Without it everybody may. */
void admission_on_ask(
    struct admission *admission, bool (*may)(void *context, const char *principal), void *context);
/* Asks again about all that hear, and closes the connections of those who may no longer. Returns when nothing
 * is sent to them any more. */
void admission_review(struct admission *admission);
/* Nobody is admitted any more, and `may` not asked: nobody is being asked on return. */
void admission_close(struct admission *admission);
/* Before the socket listens; it alone is watched. UNAVAILABLE. */
jwkd_status admission_watch(struct admission *admission, nng_socket socket, jwkd_error *error) MUST_CHECK;
size_t admission_count(const struct admission *admission);   /* that hear at present */
size_t admission_refused(const struct admission *admission); /* since the start */
/* After the socket was closed. NULL is fine. */
void admission_free(struct admission *admission);

#endif
