/* Stands in for one of the service's sockets and passes everything on; what the service says it can delay,
 * reorder, or hold back, a message at a time. */
#ifndef BENCH_PROXY_H
#define BENCH_PROXY_H

#include "bench/bench.h"

struct proxy;
/* `path` is a socket that somebody listens on: it is renamed, and from now on whoever dials it gets the
 * proxy. */
jwkd_status proxy_start(const char *path, unsigned seed, struct proxy **out, jwkd_error *error) MUST_CHECK;
void proxy_stop(struct proxy *proxy); /* NULL is fine */
DEFINE_CLEANUP(struct proxy *, proxy_stop)

/* Each message from now on waits a time of its own, up to `most_ms`, so that they overtake each other. */
void proxy_delay(struct proxy *proxy, unsigned most_ms);
/* Nothing that the service says passes until it is let go: then all of it does, late. */
void proxy_hold(struct proxy *proxy, bool hold);
/* Hangs up, and upon whoever calls, too. */
void proxy_refuse(struct proxy *proxy, bool refuse);
unsigned long proxy_overtaken(const struct proxy *proxy); /* messages that others have overtaken */

#endif
