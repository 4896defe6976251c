#include "rpc/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock; /* guards all below; not held while a job runs */
    pthread_cond_t filled;
    struct pool_job *head, **tail;
    struct pool_shared *shared; /* of which something is left to begin */
    unsigned queued, capacity, idle;
    bool stopping;
    unsigned thread_count;
    pthread_t threads[];
};

/* These are called with the lock held, and give it up meanwhile. */

static void run_first(struct pool *pool)
{
    struct pool_job *job = pool->head;
    pool->head = job->next;
    if (!pool->head) pool->tail = &pool->head;
    pool->queued--;
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
}

static void unlist(struct pool *pool, const struct pool_shared *shared)
{
    struct pool_shared **place = &pool->shared;
    while (*place && *place != shared) place = &(*place)->next;
    if (*place) *place = shared->next;
}

/* Each wakes the next: nobody has to wake them all. */
static void join_in(struct pool *pool, struct pool_shared *shared)
{
    shared->threads++;
    if (pool->idle > 0 && shared->threads < shared->most) pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    shared->run(shared);
    pthread_mutex_lock(&pool->lock);
    unlist(pool, shared);
    if (--shared->threads > 0) return;
    pthread_mutex_unlock(&pool->lock);
    shared->end(shared);
    pthread_mutex_lock(&pool->lock);
}

static void wait_for_work(struct pool *pool)
{
    pool->idle++;
    pthread_cond_wait(&pool->filled, &pool->lock);
    pool->idle--;
}

static void *run_jobs(void *argument)
{
    struct pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (true) {
        if (pool->head) run_first(pool);
        else if (pool->shared) join_in(pool, pool->shared);
        else if (!pool->stopping) wait_for_work(pool);
        else break;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void pool_share(struct pool *pool, struct pool_shared *shared)
{
    pthread_mutex_lock(&pool->lock);
    shared->threads = 0;
    shared->next = pool->shared;
    pool->shared = shared;
    join_in(pool, shared);
    pthread_mutex_unlock(&pool->lock);
}

jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out)
{
    struct pool *pool = calloc(1, sizeof *pool + threads * sizeof *pool->threads);
    if (!pool) return JWKD_NO_MEMORY;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->tail = &pool->head;
    pool->capacity = capacity;
    while (pool->thread_count < threads &&
        pthread_create(&pool->threads[pool->thread_count], NULL, run_jobs, pool) == 0)
        pool->thread_count++;
    if (pool->thread_count < threads) {
        pool_stop(pool);
        pool_free(pool);
        return JWKD_NO_MEMORY;
    }
    *out = pool;
    return JWKD_OK;
}

jwkd_status pool_submit(struct pool *pool, struct pool_job *job)
{
    jwkd_status status = JWKD_BUSY;
    pthread_mutex_lock(&pool->lock);
    if (pool->queued < pool->capacity && !pool->stopping) {
        job->next = NULL;
        *pool->tail = job;
        pool->tail = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->filled);
        status = JWKD_OK;
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void pool_stop(struct pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pool->thread_count = 0;
}

void pool_free(struct pool *pool)
{
    if (!pool) return;
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
