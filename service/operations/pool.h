/* A bounded queue before a few threads: for cryptography, which would keep the threads that read.
 *
 * Callers have their turns: a thread takes the next job from the next caller who has one. What is worked on
 * in pieces is left after a few milliseconds when somebody else waits, so that nobody's batch makes others
 * wait for its end. */
#ifndef OPERATIONS_POOL_H
#define OPERATIONS_POOL_H

#include "base/bytes.h"

struct pool;

/* Embedded in what is to be worked on. */
struct pool_job {
    struct pool_job *next;
    const void *caller; /* whose turn it takes: the same pointer for the same caller */
    bool batch; /* it will be shared; its caller's other jobs go before it, and batches one after another */
    void (*run)(struct pool_job *job);
};

/* Likewise: what several threads can work on at once, up to `most` of them. */
struct pool_shared {
    struct pool_shared *next;
    const void *caller;
    bool (*work)(struct pool_shared *shared); /* does a piece of it; false: there was none left to begin */
    void (*end)(struct pool_shared *shared);  /* once, when all pieces are done; the last to touch it */
    unsigned most;
    unsigned threads; /* that work on it */
    bool all_begun;
};

/* `capacity`: jobs of one caller that may wait, when nobody else has any; the share of several is smaller. */
jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out) MUST_CHECK;
/* Takes the job unless its caller has as many that wait as are left for all others: BUSY. Never waits. */
jwkd_status pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;
/* Within a job: works on it, with those threads that have nothing else to do, until nothing is left to begin
 * or somebody else has waited for a few milliseconds; then whoever has time goes on. May return before it has
 * ended. */
void pool_share(struct pool *pool, struct pool_shared *shared);
/* Runs what is queued, then ends the threads; from then on jobs are answered with BUSY. NULL is fine; may be
 * called twice. */
void pool_stop(struct pool *pool);
/* After pool_stop(), when nobody submits any more. NULL is fine. */
void pool_free(struct pool *pool);

#endif
