/* The service's clock as others reckon it: never behind what it really shows. */
#include "wire/service_clock.h"

#include "wire/cases.h"

#define SEC 1000000000ull

/* The service's clock is ahead of ours by this, or behind. */
static void clock__is_at_most_what_it_may_show(void **state)
{
    (void)state;
    const uint64_t aheads[] = {0, 5 * SEC, -(5 * SEC)};
    for (size_t i = 0; i < 3; i++) {
        const uint64_t sent_ns = 100 * SEC, read_ns = sent_ns + SEC / 10; /* the answer's way is not known */
        const struct service_clock clock = service_clock_of(read_ns + aheads[i], sent_ns);
        const uint64_t shown_ns = service_clock_ns(&clock, read_ns);
        assert_true((int64_t)(shown_ns - (read_ns + aheads[i])) >= 0);
        assert_int_equal(shown_ns, read_ns + aheads[i] + SEC / 10 + SEC / 10 / 1000);
    }
}

static void clock__grows_by_the_drift(void **state)
{
    (void)state;
    const struct service_clock clock = service_clock_of(0, 0);
    assert_int_equal(service_clock_ns(&clock, 1000 * SEC), 1001 * SEC);
}

static void clock__keeps_the_better_bound(void **state)
{
    (void)state;
    struct service_clock clock = service_clock_of(100 * SEC + SEC / 10, 100 * SEC);
    service_clock_improve(&clock, 101 * SEC + SEC / 2, 101 * SEC); /* a longer way: worth less */
    assert_int_equal(clock.measured_ns, 100 * SEC);
    service_clock_improve(&clock, 102 * SEC + SEC / 1000, 102 * SEC);
    assert_int_equal(clock.measured_ns, 102 * SEC);
    assert_int_equal(service_clock_ns(&clock, 102 * SEC), 102 * SEC + SEC / 1000);
}

/* What was measured long ago is worth less than a new answer that is nearly as good. */
static void clock__prefers_what_is_new(void **state)
{
    (void)state;
    struct service_clock clock = service_clock_of(SEC, SEC);
    service_clock_improve(&clock, 1001 * SEC + SEC / 2, 1001 * SEC); /* by then the drift is a second */
    assert_int_equal(clock.measured_ns, 1001 * SEC);
}

/* A service's clock that was started at another moment, and drifts. */
struct far_clock {
    uint64_t started_ns; /* what it shows at zero of ours; modulo 2^64 */
    int64_t drift_ppm;
};

static uint64_t shown(const struct far_clock *clock, uint64_t our_ns)
{
    return clock->started_ns + our_ns + (uint64_t)((int64_t)our_ns / 1000000 * clock->drift_ppm);
}

/* No stamp of the service may seem younger than it is. That holds for every drift, for slow and quick
 * answers, and for answers of long ago. */
static void stamp__is_never_taken_for_younger_than_it_is(void **state)
{
    (void)state;
    static const int64_t DRIFTS_PPM[] = {-999, -1, 0, 1, 999};
    static const uint64_t STARTED_NS[] = {0, 7 * SEC, -(50 * SEC)},
                          UNDER_WAY_NS[] = {0, SEC / 1000, 20 * SEC},
                          SINCE_NS[] = {0, SEC, 30 * SEC, 86400 * SEC};
    for (size_t world = 0; world < 5 * 3 * 3 * 4; world++) {
        const struct far_clock far = {STARTED_NS[world / 5 % 3], DRIFTS_PPM[world % 5]};
        const uint64_t sent_ns = 100 * SEC, read_ns = sent_ns + UNDER_WAY_NS[world / 15 % 3],
                       now_ns = read_ns + SINCE_NS[world / 45];
        const struct service_clock clock = service_clock_of(shown(&far, read_ns), sent_ns);
        uint64_t age_ns = 0;
        assert_true(service_clock_age(&clock, shown(&far, read_ns), now_ns, &age_ns));
        assert_true(age_ns >= shown(&far, now_ns) - shown(&far, read_ns));
        assert_true(age_ns <= shown(&far, now_ns) - shown(&far, read_ns) + (read_ns - sent_ns) +
                                  (now_ns - sent_ns) / 1000 * 2 + 1);
    }
}

static void stamp__that_lies_ahead_is_not_believed(void **state)
{
    (void)state;
    const struct service_clock clock = service_clock_of(5 * SEC, 100 * SEC);
    uint64_t age_ns = 77;
    assert_true(service_clock_age(&clock, 5 * SEC, 100 * SEC, &age_ns));
    assert_int_equal(age_ns, 0);
    age_ns = 77;
    assert_false(service_clock_age(&clock, 5 * SEC + 1, 100 * SEC, &age_ns));
    assert_int_equal(age_ns, 77);
}

/* A subscriber that was cut off, by a clock that is slower by as much as it may be. */
static void horizon__is_reached_after_every_lease_has_ended(void **state)
{
    (void)state;
    static const uint64_t LENGTHS_SEC[] = {1, 3, 30, 600};
    for (size_t i = 0; i < 4; i++) {
        const uint64_t length_ns = LENGTHS_SEC[i] * SEC, horizon_ns = lease_horizon_ns(length_ns);
        assert_true(horizon_ns - horizon_ns / 1001 >= length_ns); /* by the slower clock */
        assert_int_equal(horizon_ns, length_ns + LENGTHS_SEC[i] * (SEC / 1000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__is_at_most_what_it_may_show),
        cmocka_unit_test(clock__grows_by_the_drift),
        cmocka_unit_test(clock__keeps_the_better_bound),
        cmocka_unit_test(clock__prefers_what_is_new),
        cmocka_unit_test(stamp__is_never_taken_for_younger_than_it_is),
        cmocka_unit_test(stamp__that_lies_ahead_is_not_believed),
        cmocka_unit_test(horizon__is_reached_after_every_lease_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
