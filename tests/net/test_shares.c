#include "wire/cases.h"

#include "net/shares.h"

static struct shares *new_shares(size_t capacity)
{
    const size_t capacities[SHARE_KINDS] = {[SHARE_HELD] = capacity, [SHARE_INCOMING] = capacity};
    struct shares *shares = NULL;
    assert_int_equal(shares_new(capacities, &shares), JWKD_OK);
    return shares;
}

static size_t take_all(struct share *share, enum share_kind kind)
{
    size_t taken = 0;
    while (share_take(share, kind, 1))
        taken++;
    return taken;
}

static void share__is_what_is_left_for_all_others(void **state)
{
    (void)state;
    struct shares *shares = new_shares(100);
    struct share *one = shares_get(shares, "uid:1"), *two = shares_get(shares, "uid:2");
    struct share *three = shares_get(shares, "uid:3");
    assert_int_equal(take_all(one, SHARE_HELD), 50);
    assert_int_equal(take_all(two, SHARE_HELD), 25);
    assert_int_equal(take_all(three, SHARE_HELD), 13);
    assert_int_equal(shares_used(shares, SHARE_HELD), 88);
    assert_int_equal(take_all(one, SHARE_INCOMING), 50); /* each kind by itself */
    share_give(one, SHARE_HELD, 50);
    assert_int_equal(take_all(two, SHARE_HELD), 19); /* 44 of 100, 13 are of three, and 43 are left */
    shares_put(shares, one);
    shares_put(shares, two);
    shares_put(shares, three);
    shares_free(shares);
}

static void share__is_the_callers_as_long_as_it_is_used(void **state)
{
    (void)state;
    struct shares *shares = new_shares(100);
    struct share *first = shares_get(shares, "uid:1"), *again = shares_get(shares, "uid:1");
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, shares_get(shares, "uid:11"));
    shares_put(shares, first);
    assert_true(share_take(again, SHARE_HELD, 50));
    assert_false(share_is_left(again, SHARE_HELD, 1));
    share_give(again, SHARE_HELD, 50);
    shares_put(shares, again);
    shares_put(shares, shares_get(shares, "uid:11"));
    struct share *last = shares_get(shares, "uid:11");
    shares_put(shares, last);
    shares_put(shares, last);
    shares_free(shares);
}

static void share__of_much_at_once_is_no_larger(void **state)
{
    (void)state;
    struct shares *shares = new_shares(100);
    struct share *share = shares_get(shares, "10.0.0.1");
    assert_false(share_take(share, SHARE_HELD, 51));
    assert_int_equal(shares_used(shares, SHARE_HELD), 0);
    assert_true(share_take(share, SHARE_HELD, 50));
    share_add(share, SHARE_HELD, 70); /* what is there is there */
    assert_int_equal(shares_used(shares, SHARE_HELD), 120);
    assert_false(share_is_left(share, SHARE_HELD, 0));
    shares_put(shares, share);
    shares_free(shares);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share__is_what_is_left_for_all_others),
        cmocka_unit_test(share__is_the_callers_as_long_as_it_is_used),
        cmocka_unit_test(share__of_much_at_once_is_no_larger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
