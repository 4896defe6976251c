#include "base/wait.h"

#include "wire/cases.h"

#include <errno.h>
#include <sched.h>

#include "base/clock.h"

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

/* If it is not zero: the instant that the test pretends. */
static struct timespec now;

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    assert_int_equal(clock, CLOCK_MONOTONIC);
    if (now.tv_sec == 0) return __real_clock_gettime(clock, out);
    *out = now;
    return 0;
}

static int at_no_instant(void **state)
{
    (void)state;
    now = (struct timespec){0};
    return 0;
}

static void expect(uint64_t ns, time_t sec, long nsec)
{
    struct timespec end = wait_end(ns);
    assert_int_equal(end.tv_sec, sec);
    assert_int_equal(end.tv_nsec, nsec);
}

static void wait_end__is_so_much_later(void **state)
{
    (void)state;
    now = (struct timespec){.tv_sec = 10, .tv_nsec = 999999999};
    expect(0, 10, 999999999);
    expect(1, 11, 0);
    expect(NS_PER_SEC, 11, 999999999);
    expect(3 * NS_PER_SEC + 2, 14, 1);
    now.tv_nsec = 0;
    expect(999999999, 10, 999999999);
}

enum { WAKES = 100 };

struct waiter {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t condition;
    int wakes, result;
};

static void *wait_for_an_hour(void *argument)
{
    struct waiter *waiter = argument;
    const struct timespec end = wait_end(3600 * NS_PER_SEC);
    pthread_mutex_lock(&waiter->lock);
    while (waiter->wakes < WAKES && waiter->result == 0) {
        waiter->result = pthread_cond_timedwait(&waiter->condition, &waiter->lock, &end);
        waiter->wakes++;
    }
    pthread_mutex_unlock(&waiter->lock);
    return NULL;
}

/* By the wall clock, which counts from 1970, the hour was over long ago. */
static void wait__goes_by_the_clock_that_nobody_sets(void **state)
{
    (void)state;
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bool over = false;
    wait_init(&waiter.condition);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_an_hour, &waiter), 0);
    while (!over) {
        pthread_mutex_lock(&waiter.lock);
        pthread_cond_broadcast(&waiter.condition);
        over = waiter.wakes == WAKES || waiter.result != 0;
        pthread_mutex_unlock(&waiter.lock);
        sched_yield();
    }
    pthread_join(thread, NULL);
    assert_int_equal(waiter.result, 0);
    pthread_cond_destroy(&waiter.condition);
}

static void wait__ends(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    wait_init(&condition);
    const struct timespec end = wait_end(NS_PER_MS);
    int result = 0;
    pthread_mutex_lock(&lock);
    while (result == 0)
        result = pthread_cond_timedwait(&condition, &lock, &end);
    pthread_mutex_unlock(&lock);
    assert_int_equal(result, ETIMEDOUT);
    pthread_cond_destroy(&condition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(wait_end__is_so_much_later, at_no_instant),
        cmocka_unit_test(wait__goes_by_the_clock_that_nobody_sets),
        cmocka_unit_test(wait__ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
