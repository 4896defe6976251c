/* Guessing is made slow. */
#include "keyring/ring.h"

#include "base/clock.h"
#include "operations/late.h"

static uint64_t ahead_ns;

uint64_t __real_clock_elapsed_ns(void);
uint64_t __wrap_clock_elapsed_ns(void);
uint64_t __wrap_clock_elapsed_ns(void)
{
    return __real_clock_elapsed_ns() + ahead_ns;
}

struct job {
    struct late_job late;
    atomic_bool ran;
    uint64_t at_ns;
};

static void run(struct late_job *late)
{
    struct job *job = (struct job *)(void *)late;
    job->at_ns = __real_clock_elapsed_ns();
    job->ran = true;
}

static void failures__beyond_ten_a_minute_are_late(void **state)
{
    struct late *late;
    (void)state;
    ahead_ns = 0;
    assert_int_equal(late_start(&late), JWKD_OK);
    for (int i = 0; i < LATE_FREE; i++)
        assert_false(late_failed(late, "uid:7"));
    assert_true(late_failed(late, "uid:7"));
    assert_false(late_failed(late, "uid:8")); /* somebody else is not delayed */
    ahead_ns = LATE_WINDOW_SEC * NS_PER_SEC;
    assert_false(late_failed(late, "uid:7"));
    late_free(late);
}

static void answer__comes_a_second_later_and_in_order(void **state)
{
    struct late *late;
    struct job jobs[2] = {{.late.run = run}, {.late.run = run}};
    (void)state;
    ahead_ns = 0;
    assert_int_equal(late_start(&late), JWKD_OK);
    uint64_t begun_ns = __real_clock_elapsed_ns();
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(late_put(late, &jobs[i].late), JWKD_OK);
    AWAIT(jobs[1].ran);
    assert_true(jobs[0].ran);
    assert_true(jobs[0].at_ns >= begun_ns + LATE_MS * NS_PER_MS);
    assert_true(jobs[0].at_ns <= jobs[1].at_ns);
    late_free(late);
}

static void answers__that_wait_are_bounded_and_given_at_the_end(void **state)
{
    static struct job jobs[LATE_WAITING + 1];
    struct late *late;
    (void)state;
    ahead_ns = 0;
    assert_int_equal(late_start(&late), JWKD_OK);
    for (size_t i = 0; i <= LATE_WAITING; i++) {
        jobs[i].late.run = run;
        assert_int_equal(late_put(late, &jobs[i].late), i < LATE_WAITING ? JWKD_OK : JWKD_BUSY);
    }
    late_stop(late);
    for (size_t i = 0; i < LATE_WAITING; i++)
        assert_true(jobs[i].ran);
    assert_false(jobs[LATE_WAITING].ran);
    assert_int_equal(late_put(late, &jobs[LATE_WAITING].late), JWKD_BUSY);
    late_free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures__beyond_ten_a_minute_are_late),
        cmocka_unit_test(answer__comes_a_second_later_and_in_order),
        cmocka_unit_test(answers__that_wait_are_bounded_and_given_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
