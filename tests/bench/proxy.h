/* Stands in for one of the service's sockets and passes everything on. It can delay, reorder or hold back the
 * service's messages, one by one. */
#ifndef BENCH_PROXY_H
#define BENCH_PROXY_H

#include "bench/bench.h"

struct proxy;
/* `path` is a socket that a program listens on. It is renamed; from now on clients that dial it reach the
 * proxy. */
jwkd_status proxy_start(const char *path, unsigned seed, struct proxy **out, jwkd_error *error) MUST_CHECK;
void proxy_stop(struct proxy *proxy); /* NULL is fine */
DEFINE_CLEANUP(struct proxy *, proxy_stop)

/* Each message from now on waits a time of its own, up to `most_ms`, so that they overtake each other. */
void proxy_delay(struct proxy *proxy, unsigned most_ms);
/* While held, no message of the service passes. When let go, all of them do, late. */
void proxy_hold(struct proxy *proxy, bool hold);
/* Closes the connections, and from now on each new one. */
void proxy_refuse(struct proxy *proxy, bool refuse);
unsigned long proxy_overtaken(const struct proxy *proxy); /* messages that others have overtaken */

#endif
