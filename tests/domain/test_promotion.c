#include "wire/cases.h"

#include "domain/promotion.h"

static const struct promotion WAITING = {
    .published_ns = 1000, .horizon_ns = 300, .all_known = true, .subscribers = 2, .confirmed = 1};

static void promotion__waits_for_the_last_subscriber(void **state)
{
    (void)state;
    struct promotion p = WAITING;
    assert_int_equal(1300, promotion_due_ns(&p)); /* not a moment before every lease has run out */
    p.confirmed = 2;
    assert_int_equal(1000, promotion_due_ns(&p));
    p.subscribers = p.confirmed = 0;
    assert_int_equal(1000, promotion_due_ns(&p));
}

static void promotion__trusts_no_count_before_all_are_known(void **state)
{
    (void)state;
    struct promotion p = WAITING;
    p.confirmed = 2;
    p.all_known = false;
    p.known_from_ns = 1250;
    assert_int_equal(1250, promotion_due_ns(&p)); /* then all that can be fresh will have been counted */
    assert_false(promotion_is_confirmed(&p));
    p.confirmed = 1;
    assert_int_equal(1300, promotion_due_ns(&p));
    p.known_from_ns = 1400;
    assert_int_equal(1400, promotion_due_ns(&p));
}

static void promotion__waits_for_readers_over_http(void **state)
{
    (void)state;
    struct promotion p = WAITING;
    p.jwks_max_age_ns = 200;
    assert_int_equal(1300, promotion_due_ns(&p));
    p.confirmed = 2;
    assert_int_equal(1200, promotion_due_ns(&p));
    p.jwks_max_age_ns = 900;
    p.confirmed = 1;
    assert_int_equal(1900, promotion_due_ns(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promotion__waits_for_the_last_subscriber),
        cmocka_unit_test(promotion__trusts_no_count_before_all_are_known),
        cmocka_unit_test(promotion__waits_for_readers_over_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
