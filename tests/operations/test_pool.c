#include "keyring/ring.h"

#include <stdatomic.h>

#include "operations/pool.h"

/* Work for several threads, until it is let go. Each piece lasts until then, too, unless pieces are short. */
struct together {
    struct pool_job job;
    struct pool_shared shared;
    struct pool *pool;
    unsigned most;
    atomic_uint inside, most_inside, ended, inside_at_end;
    atomic_bool let_go, short_pieces;
};

static bool work_together(struct pool_shared *shared)
{
    struct together *together =
        (struct together *)(void *)((char *)shared - offsetof(struct together, shared));
    unsigned inside = ++together->inside;
    if (inside > together->most_inside) together->most_inside = inside;
    do
        pause_shortly();
    while (!together->let_go && !together->short_pieces);
    together->inside--;
    return !together->let_go;
}

static void end_together(struct pool_shared *shared)
{
    struct together *together =
        (struct together *)(void *)((char *)shared - offsetof(struct together, shared));
    together->inside_at_end = together->inside;
    together->ended++;
}

static void share(struct pool_job *job)
{
    struct together *together = (struct together *)(void *)job;
    together->shared =
        (struct pool_shared){.work = work_together, .end = end_together, .most = together->most};
    pool_share(together->pool, &together->shared);
}

static void begin_together(struct together *together, struct pool *pool, unsigned most)
{
    *together = (struct together){.job.run = share, .pool = pool, .most = most};
    assert_int_equal(pool_submit(pool, &together->job), JWKD_OK);
}

/* A job that lasts until it is let go, and says how many worked together when it began. */
struct alone {
    struct pool_job job;
    const struct together *others;
    atomic_uint began, ended, others_then;
    atomic_bool let_go;
};

static void work_alone(struct pool_job *job)
{
    struct alone *alone = (struct alone *)(void *)job;
    alone->others_then = alone->others->inside;
    alone->began++;
    while (!alone->let_go)
        pause_shortly();
    alone->ended++;
}

static void begin_alone(struct alone *alone, struct pool *pool, const struct together *others)
{
    *alone = (struct alone){.job.run = work_alone, .others = others};
    assert_int_equal(pool_submit(pool, &alone->job), JWKD_OK);
}

static void shared__is_worked_on_by_all_who_have_nothing_to_do(void **state)
{
    (void)state;
    struct pool *pool;
    struct together together;
    assert_int_equal(pool_start(4, 8, &pool), JWKD_OK);
    begin_together(&together, pool, 64);
    AWAIT(together.inside == 4);
    assert_int_equal(together.ended, 0);
    together.let_go = true;
    AWAIT(together.ended == 1);
    assert_int_equal(together.inside_at_end, 0);
    pool_stop(pool);
    assert_int_equal(together.ended, 1);
    pool_free(pool);
}

static void job__goes_before_what_is_shared(void **state)
{
    (void)state;
    struct pool *pool;
    struct together together = {0};
    struct alone first, second;
    assert_int_equal(pool_start(2, 8, &pool), JWKD_OK);
    begin_alone(&first, pool, &together);
    AWAIT(first.began == 1);
    begin_together(&together, pool, 64);
    AWAIT(together.inside == 1);
    begin_alone(&second, pool, &together);
    first.let_go = true;
    AWAIT(second.began == 1);
    assert_int_equal(second.others_then, 1);
    second.let_go = true;
    AWAIT(together.inside == 2);
    begin_alone(&first, pool, &together); /* a thread leaves for it, in the end */
    together.short_pieces = true;
    AWAIT(first.began == 1);
    assert_int_equal(together.ended, 0);
    first.let_go = true;
    together.short_pieces = false;
    AWAIT(together.inside == 2);
    together.let_go = true;
    pool_stop(pool);
    assert_int_equal(together.ended, 1);
    pool_free(pool);
}

static void shared__is_worked_on_by_no_more_than_it_can_keep_busy(void **state)
{
    (void)state;
    struct pool *pool;
    struct together together;
    struct alone jobs[2];
    assert_int_equal(pool_start(4, 8, &pool), JWKD_OK);
    begin_together(&together, pool, 2);
    AWAIT(together.inside == 2);
    for (int i = 0; i < 20; i++) { /* the others look for something to do behind each job */
        for (size_t k = 0; k < 2; k++)
            begin_alone(&jobs[k], pool, &together);
        AWAIT(jobs[0].began && jobs[1].began);
        for (size_t k = 0; k < 2; k++)
            jobs[k].let_go = true;
        AWAIT(jobs[0].ended && jobs[1].ended && together.inside == 2);
    }
    together.let_go = true;
    pool_stop(pool);
    assert_int_equal(together.ended, 1);
    assert_in_range(together.most_inside, 1, 2);
    pool_free(pool);
}

/* Two at once, of which the second has ended when the first has not. */
static void shared__ends_each_by_itself(void **state)
{
    (void)state;
    struct pool *pool;
    struct together first, second;
    assert_int_equal(pool_start(2, 8, &pool), JWKD_OK);
    begin_together(&first, pool, 64);
    AWAIT(first.inside == 2); /* both threads work on it */
    begin_together(&second, pool, 64);
    second.let_go = true;
    first.let_go = true;
    AWAIT(second.ended == 1);
    AWAIT(first.ended == 1);
    for (int i = 0; i < 100; i++) { /* and again, with the same memory */
        begin_together(&first, pool, 64);
        first.let_go = i % 2 == 0;
        begin_together(&second, pool, 64);
        second.let_go = true;
        first.let_go = true;
        AWAIT(first.ended == 1 && second.ended == 1);
    }
    pool_stop(pool);
    pool_free(pool);
}

/* Jobs that say in which order they ran. */
struct queued {
    struct pool_job job;
    atomic_uint *ran;
    unsigned place; /* from 1 */
};

static void note_place(struct pool_job *job)
{
    struct queued *queued = (struct queued *)(void *)job;
    queued->place = ++*queued->ran;
}

static const char ONE[1], TWO[1], THREE[1]; /* callers */

static jwkd_status queue(struct queued *queued, struct pool *pool, const void *caller, atomic_uint *ran)
{
    *queued = (struct queued){.job = {.run = note_place, .caller = caller}, .ran = ran};
    return pool_submit(pool, &queued->job);
}

/* A pool of one thread, which is kept busy until it is let go. */
static struct pool *busy_pool(struct alone *keeper, struct together *nobody, unsigned capacity)
{
    struct pool *pool;
    *nobody = (struct together){0};
    assert_int_equal(pool_start(1, capacity, &pool), JWKD_OK);
    begin_alone(keeper, pool, nobody);
    AWAIT(keeper->began == 1);
    return pool;
}

static void callers__have_their_turns(void **state)
{
    (void)state;
    enum { MANY = 6 };
    struct together nobody;
    struct alone keeper;
    struct queued many[MANY], few[2], last;
    atomic_uint ran = 0;
    struct pool *pool = busy_pool(&keeper, &nobody, 16);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(queue(&many[i], pool, ONE, &ran), JWKD_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(queue(&few[i], pool, TWO, &ran), JWKD_OK);
    assert_int_equal(queue(&last, pool, THREE, &ran), JWKD_OK);
    keeper.let_go = true;
    pool_stop(pool);
    const unsigned places[MANY] = {1, 4, 6, 7, 8, 9};
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(many[i].place, places[i]);
    assert_int_equal(few[0].place, 2);
    assert_int_equal(last.place, 3);
    assert_int_equal(few[1].place, 5);
    pool_free(pool);
}

static void caller__may_have_as_many_that_wait_as_are_left(void **state)
{
    (void)state;
    enum { CAPACITY = 8 };
    struct together nobody;
    struct alone keeper;
    static struct queued jobs[3 * CAPACITY];
    atomic_uint ran = 0;
    size_t count = 0, of_one, of_two;
    struct pool *pool = busy_pool(&keeper, &nobody, CAPACITY);
    while (queue(&jobs[count], pool, ONE, &ran) == JWKD_OK)
        count++;
    of_one = count;
    while (queue(&jobs[count], pool, TWO, &ran) == JWKD_OK)
        count++;
    of_two = count - of_one;
    assert_int_equal(of_one, CAPACITY);
    assert_int_equal(of_two, CAPACITY / 2);
    assert_int_equal(queue(&jobs[count++], pool, THREE, &ran), JWKD_OK);
    keeper.let_go = true;
    pool_stop(pool);
    assert_int_equal(ran, count);
    pool_free(pool);
}

/* The pool's only thread leaves the batch for a single job, of another caller or of the same, and then ends
 * the batch. */
static void batch__is_left_for_who_waits(void **state)
{
    static const char *const CALLERS[] = {TWO, NULL};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pool *pool;
        struct together together;
        struct alone single;
        assert_int_equal(pool_start(1, 8, &pool), JWKD_OK);
        begin_together(&together, pool, 64);
        AWAIT(together.inside == 1);
        single = (struct alone){.job = {.run = work_alone, .caller = CALLERS[i]}, .others = &together};
        assert_int_equal(pool_submit(pool, &single.job), JWKD_OK);
        together.short_pieces = true;
        AWAIT(single.began == 1);
        assert_int_equal(together.ended, 0);
        assert_int_equal(single.others_then, 0);
        single.let_go = true;
        together.let_go = true;
        AWAIT(together.ended == 1);
        pool_stop(pool);
        pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(shared__is_worked_on_by_all_who_have_nothing_to_do),
        cmocka_unit_test(job__goes_before_what_is_shared),
        cmocka_unit_test(shared__is_worked_on_by_no_more_than_it_can_keep_busy),
        cmocka_unit_test(shared__ends_each_by_itself),
        cmocka_unit_test(callers__have_their_turns),
        cmocka_unit_test(caller__may_have_as_many_that_wait_as_are_left),
        cmocka_unit_test(batch__is_left_for_who_waits),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
