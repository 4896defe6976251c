/* A retiring key is deactivated when its last token has expired by the wall clock, and has also lived for its
 * full time. That holds if the clocks are set in between, and if the service or the machine is restarted. */
#include "keyring/clocks.h"

#include "records.pb-c.h"

enum {
    LIFETIME = 900, /* of the tokens signed here, in seconds */
    LEEWAY = 30,
    CEILING = 3600 + 900, /* how far a key may sign from its promotion on, which is what the next run knows */
    MARGIN = 1,           /* exp is a whole second */
};

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* A key that has signed and was replaced. */
static void use_up(struct ring *ring, char kid[LIMIT_KID + 1])
{
    char next[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_generate(ring, "shop", next);
}

static void expect_active(struct ring *ring, const char *kid)
{
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__ACTIVE);
}

static void expect_gone(struct ring *ring, const char *kid)
{
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

static void retirement__ends_with_the_last_token(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    ring_retire(ring, "shop", kid);
    clocks_pass(LIFETIME + LEEWAY - MARGIN);
    expect_active(ring, kid);
    clocks_pass(2 * MARGIN);
    expect_gone(ring, kid);
}

/* When the key retires, the wall clock says already that its tokens have expired, which they have not. */
static void retirement__waits_though_the_wall_clock_was_set_forward_before(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    clocks_set_wall(2 * LIFETIME);
    ring_retire(ring, "shop", kid);
    expect_active(ring, kid);
    clocks_pass(LIFETIME + LEEWAY - MARGIN);
    expect_active(ring, kid);
    clocks_pass(2 * MARGIN);
    expect_gone(ring, kid);
}

static void retirement__waits_though_the_wall_clock_was_set_forward_since(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    ring_retire(ring, "shop", kid);
    clocks_set_wall(2 * LIFETIME);
    expect_active(ring, kid);
    clocks_pass(LIFETIME + LEEWAY + MARGIN);
    expect_gone(ring, kid);
}

static void retirement__waits_for_a_wall_clock_that_was_set_back(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    clocks_set_wall(-LIFETIME);
    ring_retire(ring, "shop", kid);
    clocks_pass(LIFETIME + LEEWAY + MARGIN);
    expect_active(ring, kid);
    clocks_pass(LIFETIME);
    expect_gone(ring, kid);
}

/* Tokens that are made after the wall clock was set back have an early exp, and live as long as any others.
 * The key's row has to say so before they are handed out. */
static void retirement__of_the_next_run_knows_what_was_signed_with_the_clock_set_back(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    clocks_pass(2 * CEILING);
    ring_generate(ring, "shop", kid);
    clocks_pass(CEILING - LEEWAY);
    clocks_set_wall(
        LEEWAY - CEILING); /* as it was at the promotion: by the wall clock no higher ceiling is needed */
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_restart(ring);
    clocks_set_wall(3 * CEILING);
    char next[LIMIT_KID + 1];
    ring_generate(ring, "shop", next);
    ring_retire(ring, "shop", kid);
    clocks_pass(LIFETIME + LEEWAY - MARGIN);
    expect_active(ring, kid);
    clocks_pass(CEILING);
    expect_gone(ring, kid);
}

/* The key may have signed before it was imported, and it is not known for how long. It is given a day, in
 * this run and the next. */
static void check_imported(struct ring *ring, bool restart)
{
    enum { ELSEWHERE = 24 * 3600 };
    char kid[LIMIT_KID + 1], next[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_import(ring, "shop", "rsa-2048.jwk", kid);
    ring_generate(ring, "shop", next);
    ring_retire(ring, "shop", kid);
    if (restart) ring_restart(ring);
    clocks_pass(ELSEWHERE + LEEWAY - MARGIN);
    expect_active(ring, kid);
    clocks_pass(2 * MARGIN);
    expect_gone(ring, kid);
}

static void retirement__of_an_imported_key_covers_its_earlier_use(void **state)
{
    check_imported(*state, false);
}

static void retirement__of_an_imported_key_covers_its_earlier_use_in_the_next_run(void **state)
{
    check_imported(*state, true);
}

/* The age of the store goes on: what passes while the service is down counts. */
static void retirement__is_put_off_by_no_restart(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    ring_retire(ring, "shop", kid);
    ring_stop(ring);
    clocks_pass(CEILING - LEEWAY);
    ring_start(ring);
    expect_active(ring, kid);
    clocks_pass(2 * LEEWAY + MARGIN);
    expect_gone(ring, kid);
}

static void retirement__waits_though_the_wall_clock_was_set_forward_at_a_restart(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    clocks_set_wall(2 * CEILING);
    ring_restart(ring);
    ring_retire(ring, "shop", kid);
    clocks_pass(CEILING + LEEWAY - MARGIN);
    expect_active(ring, kid);
    clocks_pass(2 * MARGIN);
    expect_gone(ring, kid);
}

/* It is not known how long the machine was down. Time is counted on from the last commit. */
static void retirement__counts_nothing_while_the_machine_was_down(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    clocks_pass(LIFETIME);
    ring_retire(ring, "shop", kid);
    ring_stop(ring);
    clocks_pass(2 * CEILING);
    ring->machine_boot = "the next run";
    ring_start(ring);
    clocks_pass(CEILING - LIFETIME + LEEWAY - MARGIN);
    expect_active(ring, kid);
    ring_restart(ring); /* the same run of the machine */
    clocks_pass(2 * MARGIN);
    expect_gone(ring, kid);
}

/* A row that says nothing of the age. */
static void retirement__by_an_older_row_waits_for_the_largest_lifetime(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], name[LIMIT_KID + 64];
    use_up(ring, kid);
    ring_stop(ring);
    CLEANUP(buffer_clear) struct buffer packed = {0};
    Jwkd__Row__Ceiling row = JWKD__ROW__CEILING__INIT;
    row.at = 1;
    assert_int_equal(wire_pack(&row.base, &packed), JWKD_OK);
    snprintf(name, sizeof name, "ceiling/0000000000000001/%s", kid);
    assert_int_equal(memory_count(ring->memory, name), 1);
    ring_put(ring, name, buffer_bytes(&packed));
    ring_start(ring);
    ring_retire(ring, "shop", kid);
    clocks_pass(3600);
    expect_active(ring, kid);
    clocks_pass(CEILING - 3600 + LEEWAY + MARGIN);
    expect_gone(ring, kid);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(retirement__ends_with_the_last_token),
        CASE(retirement__waits_though_the_wall_clock_was_set_forward_before),
        CASE(retirement__waits_though_the_wall_clock_was_set_forward_since),
        CASE(retirement__waits_for_a_wall_clock_that_was_set_back),
        CASE(retirement__of_the_next_run_knows_what_was_signed_with_the_clock_set_back),
        CASE(retirement__of_an_imported_key_covers_its_earlier_use),
        CASE(retirement__of_an_imported_key_covers_its_earlier_use_in_the_next_run),
        CASE(retirement__is_put_off_by_no_restart),
        CASE(retirement__waits_though_the_wall_clock_was_set_forward_at_a_restart),
        CASE(retirement__counts_nothing_while_the_machine_was_down),
        CASE(retirement__by_an_older_row_waits_for_the_largest_lifetime),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
