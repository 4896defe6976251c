#include "jose/kid_set.h"

#include <stdio.h>

#include "jose/support.h"

static void kid_set__of_none_contains_nothing(void **state)
{
    (void)state;
    CLEANUP(kid_set_unref_at) struct kid_set *empty = NULL;
    assert_ok(kid_set_new(NULL, 0, &empty));
    assert_int_equal(0, kid_set_count(empty));
    assert_int_equal(0, kid_set_count(NULL));
    assert_false(kid_set_contains(empty, B("")));
    assert_false(kid_set_contains(NULL, B("a")));
    assert_null(kid_set_ref(NULL));
}

static void kid_set__keeps_each_kid_once_and_its_own_copy(void **state)
{
    (void)state;
    char kid[] = "bb";
    const struct bytes kids[] = {B("a"), B(kid), B(""), B("a"), B("ccc"), B("ab"), B(kid)};
    CLEANUP(kid_set_unref_at) struct kid_set *set = NULL;
    assert_ok(kid_set_new(kids, 7, &set));
    memset(kid, 'x', 2);
    assert_int_equal(5, kid_set_count(set));
    static const char *const IN[] = {"", "a", "ab", "bb", "ccc"}, *const OUT[] = {
                                                                      "b", "xx", "aa", "abc", "cccc"};
    for (size_t i = 0; i < 5; i++) {
        assert_true(kid_set_contains(set, B(IN[i])));
        assert_false(kid_set_contains(set, B(OUT[i])));
    }
}

/* A set that grows one by one, in any order, equals one that is made at once. The older sets stay as they
 * are. */
static void kid_set__grows_by_one_at_a_time(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct kid_set *sets[COUNT + 1] = {NULL};
    char kids[COUNT][16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(kids[i], sizeof kids[i], "%d", i * 7919 % 1009);
        assert_ok(kid_set_with(sets[i], B(kids[i]), &sets[i + 1]));
    }
    for (int i = 0; i <= COUNT; i += 20) {
        assert_int_equal(i, kid_set_count(sets[i]));
        for (int j = 0; j < COUNT; j++)
            assert_int_equal(j < i, kid_set_contains(sets[i], B(kids[j])));
    }
    struct kid_set *same = NULL;
    assert_ok(kid_set_with(sets[COUNT], B(kids[3]), &same));
    assert_ptr_equal(sets[COUNT], same);
    kid_set_unref(same);
    for (int i = 0; i <= COUNT; i++)
        kid_set_unref(sets[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kid_set__of_none_contains_nothing),
        cmocka_unit_test(kid_set__keeps_each_kid_once_and_its_own_copy),
        cmocka_unit_test(kid_set__grows_by_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
