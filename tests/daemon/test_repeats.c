#include "daemon/repeats.h"

#include "wire/cases.h"

#include <stdio.h>

#include "base/clock.h"

static const uint64_t AGAIN_NS = REPEATS_SEC * NS_PER_SEC;

static void expect_told(struct repeats *repeats, const char *text, uint64_t now_ns, unsigned silent)
{
    unsigned found = 99;
    assert_true(repeats_tell(repeats, text, now_ns, &found));
    assert_int_equal(found, silent);
}

static void expect_silence(struct repeats *repeats, const char *text, uint64_t now_ns)
{
    unsigned found = 99;
    assert_false(repeats_tell(repeats, text, now_ns, &found));
}

static void repeats__are_told_once_and_then_counted(void **state)
{
    (void)state;
    struct repeats repeats = {0};
    expect_told(&repeats, "full", 5, 0);
    for (int i = 0; i < 1000; i++)
        expect_silence(&repeats, "full", 5);
    expect_silence(&repeats, "full", 4); /* read before, by another thread */
    expect_silence(&repeats, "full", 5 + AGAIN_NS - 1);
    expect_told(&repeats, "full", 5 + AGAIN_NS, 1002);
    expect_silence(&repeats, "full", 5 + AGAIN_NS);
    expect_told(&repeats, "full", 5 + 3 * AGAIN_NS, 1);
    expect_told(&repeats, "full", 5 + 9 * AGAIN_NS, 0);
}

static void repeats__do_not_hide_what_is_new(void **state)
{
    (void)state;
    struct repeats repeats = {0};
    expect_told(&repeats, "full", 5, 0);
    expect_told(&repeats, "broken", 5, 0);
    expect_silence(&repeats, "full", 6);
    expect_silence(&repeats, "broken", 6);
    expect_told(&repeats, "ful", 6, 0);
    expect_told(&repeats, "full of it", 6, 0);
    expect_told(&repeats, "", 6, 0);
}

/* What was told longest ago makes room. */
static void repeats__remember_the_latest(void **state)
{
    (void)state;
    struct repeats repeats = {0};
    char text[16];
    for (unsigned i = 0; i <= REPEATS_KEPT; i++) {
        snprintf(text, sizeof text, "trouble %u", i);
        expect_told(&repeats, text, 1 + i, 0);
    }
    for (unsigned i = 1; i <= REPEATS_KEPT; i++) {
        snprintf(text, sizeof text, "trouble %u", i);
        expect_silence(&repeats, text, 20);
    }
    expect_told(&repeats, "trouble 0", 20, 0);
}

static void repeats__know_long_ones_by_their_beginning(void **state)
{
    (void)state;
    struct repeats repeats = {0};
    char text[REPEATS_TEXT + 10];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    expect_told(&repeats, text, 1, 0);
    text[sizeof text - 2] = 'y';
    expect_silence(&repeats, text, 1);
    text[REPEATS_TEXT - 2] = 'y';
    expect_told(&repeats, text, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats__are_told_once_and_then_counted),
        cmocka_unit_test(repeats__do_not_hide_what_is_new),
        cmocka_unit_test(repeats__remember_the_latest),
        cmocka_unit_test(repeats__know_long_ones_by_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
