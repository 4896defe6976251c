#include "rpc/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

enum { HELP_MS = 5 };

struct pool {
    pthread_mutex_t lock; /* guards all below; not held while a job runs */
    pthread_cond_t filled;
    struct pool_job *head, **tail;
    struct pool_shared *shared; /* oldest first; of each something is left to begin */
    atomic_uint queued;         /* changed with the lock held */
    unsigned capacity, idle;
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
    while (*place && *place != shared)
        place = &(*place)->next;
    if (*place) *place = shared->next;
}

/* Until nothing is left to begin; then true. A helper leaves for a job that waits, but not at once: requests
 * of the same size from one client would all end at the same time, and leave everybody without work until the
 * next come. */
static bool work_on(struct pool *pool, struct pool_shared *shared, bool helps)
{
    const uint64_t until_ns = clock_elapsed_ns() + HELP_MS * NS_PER_MS;
    while (shared->work(shared))
        if (helps && atomic_load_explicit(&pool->queued, memory_order_relaxed) > 0 &&
            clock_elapsed_ns() >= until_ns)
            return false;
    return true;
}

/* Each wakes the next: nobody has to wake them all. */
static void join_in(struct pool *pool, struct pool_shared *shared)
{
    bool helps = shared->threads++ > 0;
    if (pool->idle > 0 && shared->threads < shared->most) pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    bool all_begun = work_on(pool, shared, helps);
    pthread_mutex_lock(&pool->lock);
    if (all_begun) unlist(pool, shared);
    if (--shared->threads > 0) return;
    pthread_mutex_unlock(&pool->lock);
    shared->end(shared);
    pthread_mutex_lock(&pool->lock);
}

static struct pool_shared *find_shared(struct pool *pool)
{
    struct pool_shared *shared = pool->shared;
    while (shared && shared->threads >= shared->most)
        shared = shared->next;
    return shared;
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
        struct pool_shared *shared = find_shared(pool);
        if (pool->head)
            run_first(pool);
        else if (shared)
            join_in(pool, shared);
        else if (!pool->stopping)
            wait_for_work(pool);
        else
            break;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void pool_share(struct pool *pool, struct pool_shared *shared)
{
    pthread_mutex_lock(&pool->lock);
    struct pool_shared **place = &pool->shared;
    while (*place)
        place = &(*place)->next;
    *place = shared;
    shared->next = NULL;
    shared->threads = 0;
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
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pool->thread_count = 0;
}

void pool_free(struct pool *pool)
{
    if (!pool) return;
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
