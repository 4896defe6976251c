/* A bounded queue before a few threads: for cryptography, which would starve nng's own threads. */
#ifndef RPC_POOL_H
#define RPC_POOL_H

#include "base/bytes.h"

struct pool;

/* Embedded in what is to be worked on. */
struct pool_job {
    struct pool_job *next;
    void (*run)(struct pool_job *job);
};

/* Likewise: what several threads can work on at once, up to `most` of them. */
struct pool_shared {
    struct pool_shared *next;
    bool (*work)(struct pool_shared *shared); /* does a piece of it; false: there was none left to begin */
    void (*end)(struct pool_shared *shared);  /* once, when all pieces are done; the last to touch it */
    unsigned most;
    unsigned threads; /* that work on it */
};

jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out) MUST_CHECK;
/* Takes the job unless `capacity` are waiting: BUSY. Never waits. */
jwkd_status pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;
/* Within a job: works on it until nothing is left to begin, with those threads that have no job to do; when
 * one comes they go on for a few milliseconds at most. May return before it has ended. */
void pool_share(struct pool *pool, struct pool_shared *shared);
/* Runs what is queued, then ends the threads; from then on jobs are answered with BUSY. NULL is fine; may be
 * called twice. */
void pool_stop(struct pool *pool);
/* After pool_stop(), when nobody submits any more. NULL is fine. */
void pool_free(struct pool *pool);

#endif
