/* Signatures that have to wait for the disk, which does not answer. */
#include "keyring/clocks.h"

#include <errno.h>

#include "keyring/changes/queue.h"
#include "keyring/state.h"

static _Thread_local bool impatient; /* this thread's waits end at once, as if their time were over */
static struct timespec waits[LIMIT_BATCH];
static size_t wait_count;

int __real_pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_cond_timedwait(
    pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    if (!impatient) return __real_pthread_cond_timedwait(condition, lock, until);
    assert_true(wait_count < LIMIT_BATCH);
    waits[wait_count++] = *until;
    pthread_mutex_unlock(lock); /* as long as it takes for the clock to go on */
    pause_shortly();
    pthread_mutex_lock(lock);
    return ETIMEDOUT;
}

static int setup(void **state)
{
    clocks_reset();
    wait_count = 0;
    return ring_setup(state);
}

/* The writer is kept busy listing old answers. */
static void hold_writer(struct ring *ring)
{
    memory_hold(ring->memory, true);
    clocks_pass(24 * 3600); /* answers expire, and no ceiling is high enough */
    keyring_poke(ring->keyring);
    AWAIT(memory_waiting(ring->memory) == 1);
}

static void ceiling__is_waited_for_once_in_a_batch(void **state)
{
    enum { ITEMS = 3 };
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    hold_writer(ring);
    impatient = true;
    jwkd_status statuses[ITEMS];
    ring_sign_batch(ring, "shop", statuses, ITEMS);
    impatient = false;
    memory_hold(ring->memory, false);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(statuses[i], JWKD_UNAVAILABLE);
    assert_int_equal(wait_count, ITEMS);
    for (size_t i = 1; i < wait_count; i++) {
        assert_int_equal(waits[i].tv_sec, waits[0].tv_sec);
        assert_int_equal(waits[i].tv_nsec, waits[0].tv_nsec);
    }
    AWAIT(ring_sign(ring, "shop") == JWKD_OK);
}

/* The database does not take a deactivation, which is durable in its note. Its outcome is certain, so the
 * ceiling only has to wait until it is settled. */
static void ceiling__waits_for_what_was_noted_before(void **state)
{
    struct ring *ring = *state;
    char gone[LIMIT_KID + 1], signs[LIMIT_KID + 1];
    memory_take_notes(ring->memory);
    ring_restart(ring);
    ring_create(ring, "shop");
    ring_generate(ring, "shop", gone);
    ring_generate(ring, "shop", signs);
    memory_next(ring->memory, "answer/", MEMORY_DONE_UNSEEN);
    ring_deactivate(ring, "shop", gone);
    AWAIT(ring_complained(ring, "the disk failed"));
    clocks_pass(24 * 3600); /* no ceiling is high enough */
    assert_int_equal(ring_sign(ring, "shop"), JWKD_UNAVAILABLE);
    memory_mend(ring->memory);
    AWAIT(ring_sign(ring, "shop") == JWKD_OK);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(ceiling__is_waited_for_once_in_a_batch, setup, ring_teardown),
        cmocka_unit_test_setup_teardown(ceiling__waits_for_what_was_noted_before, setup, ring_teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
