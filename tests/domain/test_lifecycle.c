#include "wire/cases.h"

#include "domain/lifecycle.h"

/* Every state and every action, written down a second time from the table of states in the product's
 * description. KEY_ABSENT: refused. */
// clang-format off
static const enum key_state EXPECTED[KEY_STATE_COUNT][KEY_ACTION_COUNT] = {
    /*                    PUBLISH     PROMOTE      DEMOTE      HOLD        RETIRE      DEACTIVATE       DESTROY       */
    [KEY_ABSENT]      = {KEY_ACTIVE, KEY_ABSENT,  KEY_ABSENT, KEY_ABSENT, KEY_ABSENT, KEY_ABSENT,      KEY_ABSENT},
    [KEY_ACTIVE]      = {KEY_ABSENT, KEY_PRIMARY, KEY_ACTIVE, KEY_ACTIVE, KEY_ACTIVE, KEY_DEACTIVATED, KEY_ABSENT},
    [KEY_PRIMARY]     = {KEY_ABSENT, KEY_PRIMARY, KEY_ACTIVE, KEY_ABSENT, KEY_ABSENT, KEY_DEACTIVATED, KEY_ABSENT},
    [KEY_DEACTIVATED] = {KEY_ABSENT, KEY_ABSENT,  KEY_ABSENT, KEY_ABSENT, KEY_ABSENT, KEY_DEACTIVATED, KEY_DESTROYED},
    [KEY_DESTROYED]   = {KEY_ABSENT, KEY_ABSENT,  KEY_ABSENT, KEY_ABSENT, KEY_ABSENT, KEY_DESTROYED,   KEY_DESTROYED},
};
// clang-format on

static void lifecycle__allows_what_the_table_says(void **state)
{
    (void)state;
    for (unsigned from = 0; from < KEY_STATE_COUNT; from++) {
        for (unsigned action = 0; action < KEY_ACTION_COUNT; action++) {
            enum key_state next = KEY_STATE_COUNT;
            jwkd_error error = {0};
            jwkd_status status = lifecycle_next((enum key_state)from, (enum key_action)action, &next, &error);
            if (EXPECTED[from][action] == KEY_ABSENT) {
                assert_int_equal(status, JWKD_FAILED_PRECONDITION);
                assert_int_equal(next, KEY_STATE_COUNT); /* untouched */
                assert_true(error.message[0] != '\0');
            } else {
                assert_int_equal(status, JWKD_OK);
                assert_int_equal(next, EXPECTED[from][action]);
            }
        }
    }
}

static void lifecycle__never_revives_a_key(void **state)
{
    (void)state;
    for (unsigned action = 0; action < KEY_ACTION_COUNT; action++) {
        enum key_state next = KEY_DEACTIVATED;
        if (lifecycle_next(KEY_DEACTIVATED, (enum key_action)action, &next, NULL) == JWKD_OK)
            assert_false(key_state_live(next));
        if (lifecycle_next(KEY_DESTROYED, (enum key_action)action, &next, NULL) == JWKD_OK)
            assert_int_equal(next, KEY_DESTROYED);
    }
    assert_true(key_state_live(KEY_ACTIVE) && key_state_live(KEY_PRIMARY));
    assert_false(key_state_live(KEY_ABSENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifecycle__allows_what_the_table_says),
        cmocka_unit_test(lifecycle__never_revives_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
