/* Many verifiers in this process, each with a connection of its own, and when the last of them judged by a
 * change. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "bench/bench.h"

struct member {
    jwkd_client *client;
    jwkd_verifier *verifier;
};

struct crowd {
    const char *environment;
    size_t count;
    struct member members[];
};

/* Of `size` verifiers, all fresh on return. */
jwkd_status crowd_new(
    const char *url, const char *environment, size_t size, struct crowd **out, jwkd_error *error) MUST_CHECK;
void crowd_free(struct crowd *crowd); /* NULL is fine */
DEFINE_CLEANUP(struct crowd *, crowd_free)
/* Waits until all judge by `revision`. *out_last: when the last of them began to, by now_sec(). */
jwkd_status crowd_await(
    struct crowd *crowd, uint64_t revision, double *out_last, jwkd_error *error) MUST_CHECK;
/* Whether everyone's verdict is this. */
bool crowd_judges(struct crowd *crowd, const char *token, jwkd_verdict verdict);

/* Keys that are deactivated one by one, from sending to the last acceptance, each beside a bare round of the
 * same fan-out. `url`: where the crowd connects; `place`: where the bare process listens. `figure` has its
 * names and goal. */
struct fanout {
    const char *url, *place;
    size_t size, batches;
};
jwkd_status fanout_measure(const struct bench *bench, jwkd_client *client, const struct fanout *fanout,
    struct figure *figure, jwkd_error *error) MUST_CHECK;

#endif
