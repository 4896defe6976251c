/* When the writer looks at what may be due: as seldom as can be, and in time. */
#include "keyring/clocks.h"
#include "keyring/making.h"

#include "base/clock.h"
#include "keyring/state.h"

enum { DAY = 24 * 3600, LIFETIME = 900, LEEWAY = 30 };

static atomic_uint looked;

struct ring_environment *__real_snapshot_find(const struct snapshot *snapshot, const char *name);
struct ring_environment *__wrap_snapshot_find(const struct snapshot *snapshot, const char *name);
struct ring_environment *__wrap_snapshot_find(const struct snapshot *snapshot, const char *name)
{
    looked++;
    return __real_snapshot_find(snapshot, name);
}

static int setup(void **state)
{
    making_hold(false);
    clocks_reset();
    return ring_setup(state);
}

static void agenda__looks_only_at_what_may_be_due(void **state)
{
    enum { MANY = 200 };
    struct ring *ring = *state;
    char name[32];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "scheduled-%u", i);
        ring_create(ring, name);
        ring_set(ring, name, "rotate_every_sec", DAY);
    }
    clocks_look(ring);
    looked = 0;
    clocks_look(ring);
    assert_in_range(looked, 1, MANY / 2);
}

/* A key that has signed and retires, with the wall clock set back so far. */
static void let_retire(struct ring *ring, int64_t back_sec, char kid[LIMIT_KID + 1])
{
    uint8_t id[16];
    char next[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_generate(ring, "shop", next);
    clocks_set_wall(-back_sec);
    Jwkd__V1__RetireRequest retire = JWKD__V1__RETIRE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_RETIRE);
    retire.environment = wire_text("shop");
    retire.kid = kid;
    request.retire = &retire;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    clocks_look(ring);
}

static void agenda__follows_a_clock_that_is_set(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    let_retire(ring, DAY, kid);
    clocks_pass(LIFETIME + LEEWAY + 1);
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__ACTIVE);
    clocks_set_wall(DAY);
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

static void agenda__follows_a_clock_that_is_set_little_by_little(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    let_retire(ring, 40, kid);
    for (int i = 0; i < 10; i++) {
        clocks_set_wall(4);
        clocks_look(ring);
    }
    clocks_pass(LIFETIME + LEEWAY + 1);
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

/* An environment that has the name of one that is gone. */
static void agenda__forgets_the_environment_that_had_the_name(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char kid[LIMIT_KID + 1], next[LIMIT_KID + 1];
    let_retire(ring, 0, kid);
    ring_set(ring, "shop", "rotate_every_sec", DAY);
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text("shop");
    delete.with_live_keys = true;
    request.delete_environment = &delete;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    ring_create(ring, "shop");
    ring_generate(ring, "shop", next);
    clocks_pass(2 * DAY);
    clocks_look(ring);
    assert_true(ring_is_primary(ring, "shop", next));
    ring_set(ring, "shop", "rotate_every_sec", DAY);
    clocks_pass(DAY);
    ring_create(ring, "another"); /* the writer looks, lacks a key, and has it made */
    AWAIT(!ring_is_primary(ring, "shop", next));
}

/* How many keys "shop" ever had, and when it rotates by itself. */
static void read_schedule(struct ring *ring, size_t *out_keys, int64_t *out_rotate_at)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct ring_environment *shop = snapshot_find(snapshot, "shop");
    *out_keys = shop->count;
    *out_rotate_at = shop->rotate_at;
}

static bool has_keys(struct ring *ring, size_t expected)
{
    size_t keys;
    int64_t rotate_at;
    read_schedule(ring, &keys, &rotate_at);
    return keys == expected;
}

static void expect_schedule(struct ring *ring, size_t expected_keys, int64_t expected_at)
{
    size_t keys;
    int64_t rotate_at;
    clocks_look(ring);
    read_schedule(ring, &keys, &rotate_at);
    assert_int_equal(keys, expected_keys);
    assert_int_equal(rotate_at, expected_at);
}

/* A rotation falls due while no service runs, and begins anew at a restart while its key is being made. It
 * stays a single rotation. */
static void agenda__rotates_once_however_often_it_is_started(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_import(ring, "shop", "rfc7515-a3.jwk", kid); /* so that no other key is made beside it */
    ring_set(ring, "shop", "rotate_every_sec", DAY);
    const int64_t first_at = clock_wall_sec() + DAY;
    ring_stop(ring);
    clocks_pass(DAY + 1);
    making_hold(true);
    ring_start(ring);
    expect_schedule(ring, 1, first_at);
    assert_int_equal(memory_count(ring->memory, "work/"), 0); /* nothing but the schedule asks for it */
    ring_restart(ring);
    making_hold(false);
    AWAIT(has_keys(ring, 2));
    const int64_t second_at = clock_wall_sec() + DAY;
    ring_restart(ring);
    expect_schedule(ring, 2, second_at);
    clocks_pass(DAY - 1);
    expect_schedule(ring, 2, second_at);
    clocks_pass(1);
    ring_create(ring, "another"); /* the writer looks */
    AWAIT(has_keys(ring, 3));
}

static void agenda__says_that_a_clock_was_set(void **state)
{
    struct ring *ring = *state;
    clocks_pass(DAY);
    clocks_look(ring);
    clocks_set_wall(5); /* as it is corrected */
    clocks_look(ring);
    assert_false(ring_complained(ring, "clock"));
    clocks_set_wall(6);
    clocks_look(ring);
    assert_true(ring_complained(ring, "the wall clock was set 6 s forward"));
    clocks_set_wall(-DAY);
    clocks_look(ring);
    assert_true(ring_was_told(ring, "the wall clock was set 86400 s back"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(agenda__looks_only_at_what_may_be_due),
        CASE(agenda__follows_a_clock_that_is_set),
        CASE(agenda__follows_a_clock_that_is_set_little_by_little),
        CASE(agenda__forgets_the_environment_that_had_the_name),
        CASE(agenda__rotates_once_however_often_it_is_started),
        CASE(agenda__says_that_a_clock_was_set),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
