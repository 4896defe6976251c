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

jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out) MUST_CHECK;
/* Takes the job unless `capacity` are waiting: BUSY. Never waits. */
jwkd_status pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;
/* Runs what is queued, then ends the threads; from then on jobs are answered with BUSY. NULL is fine; may be called twice. */
void pool_stop(struct pool *pool);
/* After pool_stop(), when nobody submits any more. NULL is fine. */
void pool_free(struct pool *pool);

#endif
