#include "base/clock.h"

#include "wire/cases.h"

#include <time.h>

enum { TICK_NS = 5 }; /* each reading takes so long */

/* The system's clocks, as a test sets them. */
static struct {
    uint64_t wall_ns, raw_ns, monotonic_ns, boottime_ns;
    bool reading_takes_time;
} now;

static uint64_t value_of(clockid_t clock)
{
    if (clock == CLOCK_REALTIME) return now.wall_ns;
    if (clock == CLOCK_MONOTONIC_RAW) return now.raw_ns;
    if (clock == CLOCK_MONOTONIC) return now.monotonic_ns;
    if (clock == CLOCK_BOOTTIME) return now.boottime_ns;
    fail_msg("clock %d is not one of ours", (int)clock);
    return 0;
}

/* The system adjusts the rate of all clocks but the raw one. */
static void pass(uint64_t raw_ns, uint64_t slewed_ns)
{
    now.raw_ns += raw_ns;
    now.wall_ns += slewed_ns;
    now.monotonic_ns += slewed_ns;
    now.boottime_ns += slewed_ns;
}

static void suspend(uint64_t ns)
{
    now.wall_ns += ns;
    now.boottime_ns += ns;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    uint64_t ns = value_of(clock);
    out->tv_sec = (time_t)(ns / NS_PER_SEC);
    out->tv_nsec = (long)(ns % NS_PER_SEC);
    if (now.reading_takes_time) pass(TICK_NS, TICK_NS);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    now.wall_ns = 1800000000 * NS_PER_SEC + 999999999;
    now.raw_ns = 1000 * NS_PER_SEC;
    now.monotonic_ns = 1001 * NS_PER_SEC;
    now.boottime_ns = 5001 * NS_PER_SEC;
    now.reading_takes_time = false;
    return 0;
}

static void clock__is_not_slewed(void **state)
{
    (void)state;
    uint64_t before_ns = clock_elapsed_ns();
    pass(1000 * NS_PER_SEC, 1001 * NS_PER_SEC);
    assert_int_equal(clock_elapsed_ns() - before_ns, 1000 * NS_PER_SEC);
    pass(1000 * NS_PER_SEC, 999 * NS_PER_SEC);
    assert_int_equal(clock_elapsed_ns() - before_ns, 2000 * NS_PER_SEC);
}

static void clock__is_not_stopped_by_suspend(void **state)
{
    (void)state;
    uint64_t before_ns = clock_elapsed_ns();
    suspend(3600 * NS_PER_SEC);
    assert_int_equal(clock_elapsed_ns() - before_ns, 3600 * NS_PER_SEC);
}

static void clock__does_not_follow_the_wall_clock(void **state)
{
    (void)state;
    uint64_t before_ns = clock_elapsed_ns();
    now.wall_ns -= 86400 * NS_PER_SEC;
    assert_int_equal(clock_elapsed_ns(), before_ns);
}

/* A later reading is never lower than an earlier one. */
static void clock__is_never_behind_while_it_is_read(void **state)
{
    (void)state;
    uint64_t before_ns = clock_elapsed_ns();
    now.reading_takes_time = true;
    assert_true(clock_elapsed_ns() >= before_ns);
}

static void clock__of_the_wall_is_told_in_seconds_and_nanoseconds(void **state)
{
    (void)state;
    assert_int_equal(clock_wall_sec(), 1800000000);
    assert_int_equal(clock_wall_ns(), INT64_C(1800000000999999999));
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(clock__is_not_slewed),
        CASE(clock__is_not_stopped_by_suspend),
        CASE(clock__does_not_follow_the_wall_clock),
        CASE(clock__is_never_behind_while_it_is_read),
        CASE(clock__of_the_wall_is_told_in_seconds_and_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
