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

/* Likewise: what several threads can work on at once. */
struct pool_shared {
    struct pool_shared *next;
    void (*run)(struct pool_shared *shared); /* on any number of them; returns when nothing is left to begin */
    void (*end)(struct pool_shared *shared); /* once, when all have returned; the last to touch it */
    unsigned most;                           /* threads that it can keep busy */
    unsigned threads;                        /* that run it */
};

jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out) MUST_CHECK;
/* Takes the job unless `capacity` are waiting: BUSY. Never waits. */
jwkd_status pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;
/* Within a job: runs it, with those threads that have no job to do. May return before it has ended. */
void pool_share(struct pool *pool, struct pool_shared *shared);
/* Runs what is queued, then ends the threads; from then on jobs are answered with BUSY. NULL is fine; may be called twice. */
void pool_stop(struct pool *pool);
/* After pool_stop(), when nobody submits any more. NULL is fine. */
void pool_free(struct pool *pool);

#endif
