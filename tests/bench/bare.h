/* Bare nng, as a floor: a child process that answers requests and publishes, with none of our
 * code between. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "bench/bench.h"

/* The child: `place` is the directory where its two sockets stand, or "tcp://host:port", with the next port
 * for events. Never returns to the benchmarks. */
int bare_serve(const char *place);

struct bare;
/* Starts the child and connects one requester and `subscribers` subscribers, all of them attached
 * on return. */
jwkd_status bare_start(
    const char *place, size_t subscribers, struct bare **out, jwkd_error *error) MUST_CHECK;
int bare_pid(const struct bare *bare);
void bare_stop(struct bare *bare); /* NULL is fine */
DEFINE_CLEANUP(struct bare *, bare_stop)

/* One request and its answer. */
jwkd_status bare_ask(struct bare *bare, double *out_sec, jwkd_error *error) MUST_CHECK;
/* One request upon which the child publishes: until the last subscriber has it. */
jwkd_status bare_announce(struct bare *bare, double *out_sec, jwkd_error *error) MUST_CHECK;

#endif
