/* Many verifiers in this process, each with a connection of its own, and when the last of them has heard of a change. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <pthread.h>

#include "bench/bench.h"

struct crowd;
struct member {
    struct crowd *crowd;
    jwkd_client *client;
    jwkd_verifier *verifier;
    uint64_t revision; /* that it judges by */
};

/* What is waited for is counted as it comes, and the one who waits is woken once: a wake a member would be
 * measured as well. */
struct crowd {
    _Atomic(const char *) token; /* the one to be refused; NULL: members are to reach `revision` */
    pthread_mutex_t lock; /* guards the next four, and every member's revision */
    pthread_cond_t complete;
    uint64_t revision;
    size_t arrived; /* members that refused the token, or reached the revision */
    double last;    /* when the last of them did */
    const char *environment;
    size_t count;
    struct member members[];
};

/* Of `size` verifiers, all fresh on return. */
jwkd_status crowd_new(const char *url, const char *environment, size_t size, struct crowd **out, jwkd_error *error) MUST_CHECK;
void crowd_free(struct crowd *crowd); /* NULL is fine */
DEFINE_CLEANUP(struct crowd *, crowd_free)
/* From now on refusals of `token` count, or, when it is NULL, arrivals at `revision`. */
void crowd_expect(struct crowd *crowd, const char *token, uint64_t revision);
jwkd_status crowd_await(struct crowd *crowd, jwkd_error *error) MUST_CHECK;

/* Keys that are deactivated one by one, from sending to the last refusal, each beside a bare round of the same fan-out. `url`: where
 * the crowd connects; `place`: where the bare process listens. `figure` has its names and goal. */
struct fanout {
    const char *url, *place;
    size_t size, batches;
};
jwkd_status fanout_measure(const struct bench *bench, jwkd_client *client, const struct fanout *fanout, struct figure *figure,
    jwkd_error *error) MUST_CHECK;

#endif
