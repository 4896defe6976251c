/* Waiting for an instant that others move. */
#include "client/cases.h"

#include "lib/follow/alarm.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"

enum { FAR_MS = 3600 * 1000 };

static int setup(void **state)
{
    static struct alarm alarm;
    *state = &alarm;
    return alarm_open(&alarm) == JWKD_OK ? 0 : -1;
}

static int teardown(void **state)
{
    alarm_close(*state);
    return 0;
}

static void alarm__rings_when_it_is_time(void **state)
{
    struct alarm *alarm = *state;
    uint64_t at_ns = clock_elapsed_ns() + 20 * NS_PER_MS;
    alarm_set(alarm, at_ns);
    alarm_wait(alarm);
    assert_true(
        clock_elapsed_ns() + NS_PER_MS >= at_ns); /* the two clocks differ by no more in so short a time */
}

static void alarm__for_what_is_past_rings_at_once(void **state)
{
    struct alarm *alarm = *state;
    alarm_set(alarm, 0);
    alarm_wait(alarm);
    alarm_set(alarm, clock_elapsed_ns());
    alarm_wait(alarm);
}

static void *move(void *alarm)
{
    alarm_set(alarm, UINT64_MAX);
    alarm_set(alarm, clock_elapsed_ns() + FAR_MS * NS_PER_MS);
    alarm_set(alarm, 0);
    return NULL;
}

static void alarm__is_moved_while_somebody_waits(void **state)
{
    struct alarm *alarm = *state;
    pthread_t mover;
    alarm_set(alarm, UINT64_MAX);
    assert_int_equal(pthread_create(&mover, NULL, move, alarm), 0);
    alarm_wait(alarm);
    pthread_join(mover, NULL);
}

static void *wait_for_it(void *alarm)
{
    alarm_wait(alarm);
    return NULL;
}

/* What rang before it was set again does not count. */
static void alarm__that_is_set_again_has_not_rung(void **state)
{
    struct alarm *alarm = *state;
    pthread_t waiter;
    alarm_set(alarm, 0);
    alarm_wait(alarm);
    alarm_set(alarm, 0);
    assert_int_equal(poll(&(struct pollfd){.fd = alarm->fd, .events = POLLIN}, 1, -1), 1);
    alarm_set(alarm, UINT64_MAX);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_it, alarm), 0);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20 * (long)NS_PER_MS;
    soon.tv_sec += soon.tv_nsec / (long)NS_PER_SEC;
    soon.tv_nsec %= (long)NS_PER_SEC;
    assert_int_not_equal(pthread_timedjoin_np(waiter, NULL, &soon), 0);
    alarm_set(alarm, 0);
    assert_int_equal(pthread_join(waiter, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alarm__rings_when_it_is_time, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm__for_what_is_past_rings_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm__is_moved_while_somebody_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm__that_is_set_again_has_not_rung, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
