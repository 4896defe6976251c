/* Answers are forgotten when they are old, and only then. */
#include "keyring/ring.h"

#include "base/clock.h"

#include <inttypes.h>

static void put_answer(struct ring *ring, int64_t at, unsigned number)
{
    char name[80];
    snprintf(name, sizeof name, "answer/%032x/uid:1000", number);
    ring_put(ring, name, bytes_of_text("an answer"));
    snprintf(name, sizeof name, "answered/%016" PRIx64 "/%032x/uid:1000", (uint64_t)at, number);
    ring_put(ring, name, (struct bytes){0});
}

/* Many more than one transaction takes, which would otherwise be a minute's. */
static void expiry__goes_on_until_nothing_old_is_left(void **state)
{
    (void)state;
    enum { OLD = 1000, YOUNG = 10 };
    struct ring ring;
    ring_open(&ring);
    int64_t now = clock_wall_sec();
    for (unsigned i = 0; i < OLD; i++)
        put_answer(&ring, now - LIMIT_ANSWER_AGE_SEC - 1 - i, i);
    for (unsigned i = 0; i < YOUNG; i++)
        put_answer(&ring, now, OLD + i);
    ring_start(&ring);
    AWAIT(memory_count(ring.memory, "answered/") == YOUNG);
    assert_int_equal(memory_count(ring.memory, "answer/"), YOUNG);
    ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(expiry__goes_on_until_nothing_old_is_left),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
