/* When the writer looks at what may be due: as seldom as can be, and in time. */
#include "keyring/clocks.h"

#include "keyring/internal.h"

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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(agenda__looks_only_at_what_may_be_due),
        CASE(agenda__follows_a_clock_that_is_set),
        CASE(agenda__follows_a_clock_that_is_set_little_by_little),
        CASE(agenda__forgets_the_environment_that_had_the_name),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
