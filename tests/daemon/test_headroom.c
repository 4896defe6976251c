/* How many descriptors are left, and when that is told. */
#include "wire/cases.h"

#include "base/clock.h"
#include "daemon/headroom.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void judge__tells_once_in_a_while(void **state)
{
    (void)state;
    struct headroom headroom = {0};
    uint64_t now = 5 * NS_PER_SEC;
    assert_int_equal(headroom_judge(&headroom, 899, 1000, now), HEADROOM_NO_NEWS);
    assert_int_equal(headroom_judge(&headroom, 900, 1000, now), HEADROOM_SHORT);
    assert_int_equal(headroom_judge(&headroom, 1000, 1000, now + NS_PER_SEC), HEADROOM_NO_NEWS);
    now += HEADROOM_REPEAT_SEC * NS_PER_SEC;
    assert_int_equal(headroom_judge(&headroom, 900, 1000, now - 1), HEADROOM_NO_NEWS);
    assert_int_equal(headroom_judge(&headroom, 900, 1000, now), HEADROOM_SHORT);
}

static void judge__tells_the_end_when_it_is_well_over(void **state)
{
    (void)state;
    struct headroom headroom = {0};
    assert_int_equal(headroom_judge(&headroom, 950, 1000, 1), HEADROOM_SHORT);
    assert_int_equal(headroom_judge(&headroom, 800, 1000, 2), HEADROOM_NO_NEWS);
    assert_int_equal(headroom_judge(&headroom, 799, 1000, 3), HEADROOM_AGAIN);
    assert_int_equal(headroom_judge(&headroom, 799, 1000, 4), HEADROOM_NO_NEWS);
    assert_int_equal(headroom_judge(&headroom, 950, 1000, 5), HEADROOM_SHORT); /* and is told anew at once */
}

static void count__is_that_of_the_process(void **state)
{
    (void)state;
    enum { MORE = 700 /* more entries than one look at the directory takes */ };
    int opened[MORE], directory = headroom_open();
    assert_true(directory >= 0);
    uint64_t before = headroom_count(directory);
    assert_true(before >= 4);
    for (int i = 0; i < MORE; i++)
        assert_true((opened[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    assert_int_equal(headroom_count(directory), before + MORE);
    assert_int_equal(headroom_count_entries(directory), before + MORE);
    for (int i = 0; i < MORE; i++)
        close(opened[i]);
    assert_int_equal(headroom_count(directory), before);
    close(directory);
}

static void raise__takes_what_the_system_allows(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max / 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(headroom_limit(), limit.rlim_max / 2);
    headroom_raise();
    assert_int_equal(headroom_limit(), limit.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge__tells_once_in_a_while),
        cmocka_unit_test(judge__tells_the_end_when_it_is_well_over),
        cmocka_unit_test(raise__takes_what_the_system_allows),
        cmocka_unit_test(count__is_that_of_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
