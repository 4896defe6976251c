/* The service's clock as others take it: never for less than it shows. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__is_at_most_what_it_may_show),
        cmocka_unit_test(clock__grows_by_the_drift),
        cmocka_unit_test(clock__keeps_the_better_bound),
        cmocka_unit_test(clock__prefers_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
