#include "wire/cases.h"

#include "domain/plan.h"

static const struct plan_key KEYS[] = {
    {.kid = "gone", .state = KEY_DESTROYED, .born = 1},
    {.kid = "old", .state = KEY_DEACTIVATED, .born = 2},
    {.kid = "primary", .state = KEY_PRIMARY, .born = 3},
    {.kid = "younger", .state = KEY_ACTIVE, .born = 5},
    {.kid = "elder", .state = KEY_ACTIVE, .born = 4},
    {.kid = "held", .state = KEY_ACTIVE, .born = 6, .held = true},
};
static const struct plan_view OVERLAP = {.mode = MODE_OVERLAP, .keys = KEYS, .count = 6};
static const struct plan_view EXCLUSIVE = {.mode = MODE_EXCLUSIVE, .keys = KEYS, .count = 3};
static const struct plan_view EMPTY = {.mode = MODE_OVERLAP};

#define assert_step(plan, i, wanted_action, wanted_key)          \
    do {                                                         \
        assert_true((i) < (plan).count);                         \
        assert_int_equal((plan).steps[i].action, wanted_action); \
        assert_int_equal((plan).steps[i].key, wanted_key);       \
    } while (0)

static void publish__promotes_unless_held(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(plan_publish(&EMPTY, PROMOTE_NOW, false, NULL, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 2);
    assert_step(plan, 0, KEY_PUBLISH, PLAN_NEW_KEY);
    assert_step(plan, 1, KEY_PROMOTE, PLAN_NEW_KEY);
    assert_int_equal(plan_publish(&OVERLAP, PROMOTE_NOW, false, "", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 3);
    assert_step(plan, 1, KEY_DEMOTE, 2);
    assert_step(plan, 2, KEY_PROMOTE, PLAN_NEW_KEY);
    assert_int_equal(plan_publish(&OVERLAP, PROMOTE_NEVER, false, NULL, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
    assert_int_equal(
        plan_publish(&OVERLAP, PROMOTE_NOW, false, "primary", &plan, NULL), JWKD_INVALID_ARGUMENT);
}

static void publish__may_leave_promotion_for_later(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(plan_publish(&OVERLAP, PROMOTE_LATER, true, NULL, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
    assert_step(plan, 0, KEY_PUBLISH, PLAN_NEW_KEY);
    assert_int_equal(plan_promote(&OVERLAP, "younger", true, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 3);
    assert_step(plan, 0, KEY_DEMOTE, 2);
    assert_step(plan, 1, KEY_PROMOTE, 3);
    assert_step(plan, 2, KEY_RETIRE, 2);
    assert_int_equal(plan_publish(&EMPTY, PROMOTE_NOW, true, NULL, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 2); /* no key retires */
}

static void retire__is_for_active_keys(void **state)
{
    (void)state;
    struct plan plan;
    const struct plan_key keys[] = {
        KEYS[2], KEYS[3], {.kid = "retiring", .state = KEY_ACTIVE, .born = 1, .retiring = true}};
    const struct plan_view view = {.mode = MODE_OVERLAP, .keys = keys, .count = 3};
    assert_int_equal(plan_retire(&view, "younger", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
    assert_step(plan, 0, KEY_RETIRE, 1);
    assert_int_equal(plan_retire(&view, "retiring", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 0);
    assert_int_equal(plan_retire(&view, "primary", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_retire(&OVERLAP, "old", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_retire(&OVERLAP, "no such", &plan, NULL), JWKD_NOT_FOUND);
}

static void abort_rotation__goes_back_to_the_old_key(void **state)
{
    (void)state;
    struct plan plan;
    const struct plan_key done[] = {
        {.kid = "by hand", .state = KEY_ACTIVE, .born = 2, .retiring = true, .revision = 8},
        {.kid = "old", .state = KEY_ACTIVE, .born = 1, .retiring = true, .revision = 9},
        {.kid = "new", .state = KEY_PRIMARY, .born = 3, .revision = 9},
    };
    const struct plan_view view = {.mode = MODE_OVERLAP, .keys = done, .count = 3};
    assert_int_equal(plan_abort_rotation(&view, "new", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 3);
    assert_step(plan, 0, KEY_DEMOTE, 2);
    assert_step(plan, 1, KEY_PROMOTE, 1);
    assert_step(plan, 2, KEY_HOLD, 2);
    const struct plan_view alone = {.mode = MODE_OVERLAP, .keys = done + 2, .count = 1};
    assert_int_equal(plan_abort_rotation(&alone, "new", &plan, NULL), JWKD_FAILED_PRECONDITION);
    const struct plan_key by_hand[] = {done[0], done[2]};
    const struct plan_view no_rotation = {.mode = MODE_OVERLAP, .keys = by_hand, .count = 2};
    assert_int_equal(plan_abort_rotation(&no_rotation, "new", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_abort_rotation(&OVERLAP, "younger", &plan, NULL), JWKD_OK); /* not promoted yet */
    assert_int_equal(plan.count, 1);
    assert_step(plan, 0, KEY_HOLD, 3);
    assert_int_equal(plan_abort_rotation(&OVERLAP, "old", &plan, NULL), JWKD_FAILED_PRECONDITION);
}

static void successor__is_confirmed_and_neither_held_nor_retiring(void **state)
{
    (void)state;
    struct plan plan;
    const struct plan_key keys[] = {
        {.kid = "p", .state = KEY_PRIMARY, .born = 1, .confirmed = true},
        {.kid = "confirmed", .state = KEY_ACTIVE, .born = 2, .confirmed = true},
        {.kid = "young", .state = KEY_ACTIVE, .born = 3},
        {.kid = "retiring", .state = KEY_ACTIVE, .born = 4, .retiring = true, .confirmed = true},
        {.kid = "held", .state = KEY_ACTIVE, .born = 5, .held = true, .confirmed = true},
    };
    const struct plan_view all = {.mode = MODE_OVERLAP, .keys = keys, .count = 5};
    assert_int_equal(plan_deactivate(&all, "p", false, &plan, NULL), JWKD_OK);
    assert_step(plan, 1, KEY_PROMOTE, 1);
    const struct plan_key rest[] = {keys[0], keys[3], keys[2]};
    const struct plan_view without = {.mode = MODE_OVERLAP, .keys = rest, .count = 3};
    assert_int_equal(plan_deactivate(&without, "p", false, &plan, NULL), JWKD_OK);
    assert_step(plan, 1, KEY_PROMOTE, 2); /* not confirmed, but it stays */
}

static void publish__in_exclusive_mode_names_the_live_key(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(
        plan_publish(&EXCLUSIVE, PROMOTE_LATER, false, NULL, &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(
        plan_publish(&EXCLUSIVE, PROMOTE_LATER, false, "old", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(
        plan_publish(&EXCLUSIVE, PROMOTE_NEVER, false, "primary", &plan, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(plan_publish(&EXCLUSIVE, PROMOTE_LATER, false, "primary", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 3);
    assert_step(plan, 0, KEY_PUBLISH, PLAN_NEW_KEY);
    assert_step(plan, 1, KEY_DEACTIVATE, 2);
    assert_step(plan, 2, KEY_PROMOTE, PLAN_NEW_KEY);
    const struct plan_view none = {.mode = MODE_EXCLUSIVE, .keys = KEYS, .count = 2};
    assert_int_equal(plan_publish(&none, PROMOTE_LATER, false, "old", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_publish(&none, PROMOTE_LATER, false, NULL, &plan, NULL), JWKD_OK);
}

static void promote__demotes_the_other(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(plan_promote(&OVERLAP, "elder", false, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 2);
    assert_step(plan, 0, KEY_DEMOTE, 2);
    assert_step(plan, 1, KEY_PROMOTE, 4);
    assert_int_equal(plan_promote(&OVERLAP, "primary", false, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 0);
    assert_int_equal(plan_promote(&OVERLAP, "old", false, &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_promote(&OVERLAP, "no such", false, &plan, NULL), JWKD_NOT_FOUND);
}

static void deactivate__is_succeeded_by_the_youngest(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(plan_deactivate(&OVERLAP, "primary", false, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 2);
    assert_step(plan, 0, KEY_DEACTIVATE, 2);
    assert_step(plan, 1, KEY_PROMOTE, 3); /* the held one is younger still, and passed over */
    assert_int_equal(plan_deactivate(&OVERLAP, "elder", false, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan_deactivate(&OVERLAP, "old", false, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 0);
    const struct plan_key pair[] = {KEYS[2], KEYS[5]};
    const struct plan_view two = {.mode = MODE_OVERLAP, .keys = pair, .count = 2};
    assert_int_equal(plan_deactivate(&two, "primary", false, &plan, NULL), JWKD_OK);
    assert_step(plan, 1, KEY_PROMOTE, 1); /* held, but there is no other */
    const struct plan_key three[] = {KEYS[5], KEYS[2], KEYS[4]};
    const struct plan_view held_first = {.mode = MODE_OVERLAP, .keys = three, .count = 3};
    assert_int_equal(plan_deactivate(&held_first, "primary", false, &plan, NULL), JWKD_OK);
    assert_step(plan, 1, KEY_PROMOTE, 2);
}

static void deactivate__of_the_last_wants_allow_none(void **state)
{
    (void)state;
    struct plan plan;
    const struct plan_view last = {.mode = MODE_OVERLAP, .keys = KEYS, .count = 3};
    jwkd_error error = {0};
    assert_int_equal(plan_deactivate(&last, "primary", false, &plan, &error), JWKD_FAILED_PRECONDITION);
    assert_true(error.message[0] != '\0');
    assert_int_equal(plan_deactivate(&last, "primary", true, &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
}

static void destroy__is_for_deactivated_keys(void **state)
{
    (void)state;
    struct plan plan;
    assert_int_equal(plan_destroy(&OVERLAP, "primary", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_destroy(&OVERLAP, "elder", &plan, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_destroy(&OVERLAP, "old", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 1);
    assert_step(plan, 0, KEY_DESTROY, 1);
    assert_int_equal(plan_destroy(&OVERLAP, "gone", &plan, NULL), JWKD_OK);
    assert_int_equal(plan.count, 0);
}

static void mode__exclusive_wants_at_most_one_live_key(void **state)
{
    (void)state;
    assert_int_equal(plan_live_keys(&OVERLAP), 4);
    assert_int_equal(plan_mode(&OVERLAP, MODE_EXCLUSIVE, NULL), JWKD_FAILED_PRECONDITION);
    assert_int_equal(plan_mode(&OVERLAP, MODE_OVERLAP, NULL), JWKD_OK);
    assert_int_equal(plan_mode(&EXCLUSIVE, MODE_EXCLUSIVE, NULL), JWKD_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish__promotes_unless_held),
        cmocka_unit_test(publish__may_leave_promotion_for_later),
        cmocka_unit_test(retire__is_for_active_keys),
        cmocka_unit_test(abort_rotation__goes_back_to_the_old_key),
        cmocka_unit_test(successor__is_confirmed_and_neither_held_nor_retiring),
        cmocka_unit_test(publish__in_exclusive_mode_names_the_live_key),
        cmocka_unit_test(promote__demotes_the_other),
        cmocka_unit_test(deactivate__is_succeeded_by_the_youngest),
        cmocka_unit_test(deactivate__of_the_last_wants_allow_none),
        cmocka_unit_test(destroy__is_for_deactivated_keys),
        cmocka_unit_test(mode__exclusive_wants_at_most_one_live_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
