#include "operations/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"

enum { SLICE_MS = 1 };

struct jobs {
    struct pool_job *head, **tail;
};

/* What one caller has to be done. */
struct turn {
    TAILQ_ENTRY(turn) entry;
    const void *caller;
    struct jobs singles, batches; /* that nobody has begun */
    struct pool_shared *shared;   /* begun, oldest first; of each something is left to begin */
    unsigned waiting;             /* jobs */
    bool batch_next;              /* a single one was taken last */
};

TAILQ_HEAD(turns, turn);

struct pool {
    pthread_mutex_t lock; /* guards all below; not held while a job runs */
    pthread_cond_t filled;
    struct turns turns, spare; /* the first is next */
    struct turn *memory;
    unsigned capacity, waiting, idle;
    bool stopping;
    unsigned thread_count;
    pthread_t threads[];
};

/* ---- lists; with the lock held */

static void jobs_init(struct jobs *jobs)
{
    jobs->head = NULL;
    jobs->tail = &jobs->head;
}

static void jobs_append(struct jobs *jobs, struct pool_job *job)
{
    job->next = NULL;
    *jobs->tail = job;
    jobs->tail = &job->next;
}

static struct pool_job *jobs_take(struct jobs *jobs)
{
    struct pool_job *job = jobs->head;
    jobs->head = job->next;
    if (!jobs->head) jobs->tail = &jobs->head;
    return job;
}

static struct turn *find_turn(struct pool *pool, const void *caller)
{
    struct turn *turn;
    TAILQ_FOREACH(turn, &pool->turns, entry)
    if (turn->caller == caller) return turn;
    return NULL;
}

/* There is one for each that waits or is worked on: as many as there can be. */
static struct turn *need_turn(struct pool *pool, const void *caller)
{
    struct turn *turn = find_turn(pool, caller);
    if (turn) return turn;
    turn = TAILQ_FIRST(&pool->spare);
    TAILQ_REMOVE(&pool->spare, turn, entry);
    *turn = (struct turn){.caller = caller};
    jobs_init(&turn->singles);
    jobs_init(&turn->batches);
    TAILQ_INSERT_TAIL(&pool->turns, turn, entry);
    return turn;
}

static void put_turn(struct pool *pool, struct turn *turn)
{
    if (turn->waiting > 0 || turn->shared) return;
    TAILQ_REMOVE(&pool->turns, turn, entry);
    TAILQ_INSERT_HEAD(&pool->spare, turn, entry);
}

static struct pool_shared *find_shared(const struct turn *turn)
{
    struct pool_shared *shared = turn->shared;
    while (shared && shared->threads >= shared->most)
        shared = shared->next;
    return shared;
}

static bool has_batch(const struct turn *turn)
{
    return turn->batches.head || find_shared(turn);
}

static bool has_work(const struct turn *turn)
{
    return turn->singles.head || has_batch(turn);
}

/* ---- working; these are called with the lock held, and give it up meanwhile */

static void run_job(struct pool *pool, struct turn *turn, struct jobs *from)
{
    struct pool_job *job = jobs_take(from);
    turn->waiting--;
    pool->waiting--;
    put_turn(pool, turn);
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
}

/* Whether somebody waits for whom a batch of this caller is to be left: another caller, or a single job of
 * his own. His other batches wait: those of one size would all end at the same time, and leave everybody
 * without work until the next come. */
static bool is_waited_for(struct pool *pool, const struct pool_shared *shared)
{
    const struct turn *turn;
    TAILQ_FOREACH(turn, &pool->turns, entry)
    if (turn->singles.head || (turn->caller != shared->caller && has_batch(turn))) return true;
    return false;
}

/* For one slice of time. False: nothing was left to begin. */
static bool work_a_slice(struct pool_shared *shared)
{
    const uint64_t until_ns = clock_elapsed_ns() + SLICE_MS * NS_PER_MS;
    while (shared->work(shared))
        if (clock_elapsed_ns() >= until_ns) return true;
    return false;
}

static void unlist(struct pool *pool, struct pool_shared *shared)
{
    struct turn *turn = find_turn(pool, shared->caller);
    struct pool_shared **place = &turn->shared;
    while (*place != shared)
        place = &(*place)->next;
    *place = shared->next;
    shared->all_begun = true;
    put_turn(pool, turn);
}

/* Each wakes the next: nobody has to wake them all. */
static void join_in(struct pool *pool, struct pool_shared *shared)
{
    shared->threads++;
    bool more = true;
    while (more) {
        if (pool->idle > 0 && shared->threads < shared->most) pthread_cond_signal(&pool->filled);
        pthread_mutex_unlock(&pool->lock);
        more = work_a_slice(shared);
        pthread_mutex_lock(&pool->lock);
        if (!more && !shared->all_begun) unlist(pool, shared);
        if (shared->all_begun || is_waited_for(pool, shared)) break;
    }
    if (--shared->threads > 0 || !shared->all_begun) return;
    pthread_mutex_unlock(&pool->lock);
    shared->end(shared);
    pthread_mutex_lock(&pool->lock);
}

static struct turn *next_turn(struct pool *pool)
{
    struct turn *turn = TAILQ_FIRST(&pool->turns);
    while (turn && !has_work(turn))
        turn = TAILQ_NEXT(turn, entry);
    if (!turn) return NULL;
    TAILQ_REMOVE(&pool->turns, turn, entry);
    TAILQ_INSERT_TAIL(&pool->turns, turn, entry);
    return turn;
}

static void take_turn(struct pool *pool, struct turn *turn)
{
    bool single = turn->singles.head && !(turn->batch_next && has_batch(turn));
    struct pool_shared *shared = single ? NULL : find_shared(turn);
    turn->batch_next = single;
    if (shared)
        join_in(pool, shared);
    else
        run_job(pool, turn, single ? &turn->singles : &turn->batches);
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
        struct turn *turn = next_turn(pool);
        if (turn)
            take_turn(pool, turn);
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
    struct pool_shared **place = &need_turn(pool, shared->caller)->shared;
    while (*place)
        place = &(*place)->next;
    *place = shared;
    shared->next = NULL;
    shared->threads = 0;
    shared->all_begun = false;
    join_in(pool, shared);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- for others */

static unsigned begun_batches(const struct pool *pool)
{
    unsigned count = 0;
    const struct turn *turn;
    TAILQ_FOREACH(turn, &pool->turns, entry)
    for (const struct pool_shared *shared = turn->shared; shared; shared = shared->next)
        count++;
    return count;
}

static bool make_turns(struct pool *pool, unsigned threads)
{
    size_t most = (size_t)pool->capacity + threads;
    pool->memory = calloc(most, sizeof *pool->memory);
    if (!pool->memory) return false;
    for (size_t i = 0; i < most; i++)
        TAILQ_INSERT_TAIL(&pool->spare, &pool->memory[i], entry);
    return true;
}

jwkd_status pool_start(unsigned threads, unsigned capacity, struct pool **out)
{
    struct pool *pool = calloc(1, sizeof *pool + threads * sizeof *pool->threads);
    if (!pool) return JWKD_NO_MEMORY;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    TAILQ_INIT(&pool->turns);
    TAILQ_INIT(&pool->spare);
    pool->capacity = 2 * capacity; /* one caller may have half */
    bool made = make_turns(pool, threads);
    while (made && pool->thread_count < threads &&
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

/* No caller may have more that waits than is left for all others; a batch that is begun takes a place as
 * well, since it may be left for a while. */
static bool has_place(struct pool *pool, const void *caller)
{
    const struct turn *turn = find_turn(pool, caller);
    unsigned own = turn ? turn->waiting : 0, taken = pool->waiting + begun_batches(pool);
    return !pool->stopping && taken < pool->capacity && own < pool->capacity - taken;
}

jwkd_status pool_submit(struct pool *pool, struct pool_job *job)
{
    jwkd_status status = JWKD_BUSY;
    pthread_mutex_lock(&pool->lock);
    if (has_place(pool, job->caller)) {
        struct turn *turn = need_turn(pool, job->caller);
        jobs_append(job->batch ? &turn->batches : &turn->singles, job);
        turn->waiting++;
        pool->waiting++;
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
    free(pool->memory);
    free(pool);
}
