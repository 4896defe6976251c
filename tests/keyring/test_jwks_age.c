/* Readers of the JWKS cannot confirm anything: they are waited for as long as they were told that they may
 * keep it. */
#include "keyring/clocks.h"

enum { LONG = 3600, SHORT = 60, COMMIT = 10 /* and so much more */ };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

static int setup_counting(void **state)
{
    clocks_reset();
    return ring_setup_counting(state);
}

static void set_age(struct ring *ring, uint32_t sec)
{
    ring_set(ring, "shop", "jwks_max_age_sec", sec);
}

/* An environment with a primary key, and a JWKS that was handed out with the long age. */
static void prepare(struct ring *ring, char kid[LIMIT_KID + 1])
{
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    set_age(ring, LONG);
}

static bool promoted(struct ring *ring, const char *kid)
{
    clocks_look(ring);
    return ring_is_primary(ring, "shop", kid);
}

static void jwks_age__is_waited_for(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], kid[LIMIT_KID + 1];
    prepare(ring, first);
    ring_generate(ring, "shop", kid);
    clocks_pass(LONG - 1);
    assert_false(promoted(ring, kid));
    clocks_pass(1);
    assert_true(promoted(ring, kid));
}

static void check_lowered(struct ring *ring, uint32_t to_sec, bool restart)
{
    char first[LIMIT_KID + 1], kid[LIMIT_KID + 1];
    prepare(ring, first);
    set_age(ring, to_sec);
    clocks_pass(SHORT);
    if (restart) ring_restart(ring);
    ring_generate(ring, "shop", kid);
    clocks_pass(LONG - SHORT - 1);
    assert_false(promoted(ring, kid));
    clocks_pass(1 + COMMIT);
    assert_true(promoted(ring, kid));
    ring_generate(ring, "shop", kid); /* from now on the lower one alone counts */
    clocks_pass(to_sec);
    assert_true(promoted(ring, kid));
}

static void jwks_age__that_was_lowered_still_counts(void **state)
{
    check_lowered(*state, SHORT, false);
}

static void jwks_age__that_was_taken_away_still_counts(void **state)
{
    check_lowered(*state, 0, false);
}

static void jwks_age__that_was_lowered_still_counts_in_the_next_run(void **state)
{
    check_lowered(*state, SHORT, true);
}

/* A JWKS that was handed out since the publication has the key. So a lower age neither brings the promotion
 * forward nor puts it off. */
static void jwks_age__of_a_promotion_is_that_of_its_publication(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], kid[LIMIT_KID + 1];
    prepare(ring, first);
    ring_generate(ring, "shop", kid);
    clocks_pass(LONG / 2);
    set_age(ring, SHORT);
    clocks_pass(LONG / 2 - 1);
    assert_false(promoted(ring, kid));
    clocks_pass(1);
    assert_true(promoted(ring, kid));
}

static void jwks_age__of_a_promotion_outlives_a_restart(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], kid[LIMIT_KID + 1];
    prepare(ring, first);
    ring_generate(ring, "shop", kid);
    set_age(ring, SHORT);
    ring_restart(ring); /* counts from the start: the last run's swap is not known */
    clocks_pass(LONG - 1);
    assert_false(promoted(ring, kid));
    clocks_pass(1);
    assert_true(promoted(ring, kid));
}

static uint32_t told_by_receipt(struct ring *ring, char *kid)
{
    uint8_t id[16];
    Jwkd__V1__GetReceiptRequest get = JWKD__V1__GET_RECEIPT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_RECEIPT);
    get.environment = wire_text("shop");
    get.kid = kid;
    request.get_receipt = &get;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_receipt(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    return reply.message.receipt->receipt->jwks_max_age_sec;
}

static void jwks_age__that_was_lowered_stands_in_receipts(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    prepare(ring, kid);
    set_age(ring, SHORT);
    clocks_pass(LONG / 2);
    ring_deactivate(ring, "shop", kid);
    assert_in_range(told_by_receipt(ring, kid), LONG / 2, LONG / 2 + COMMIT);
    clocks_pass(LONG);
    ring_restart(ring);
    assert_in_range(
        told_by_receipt(ring, kid), LONG / 2, LONG / 2 + COMMIT); /* it speaks of the deactivation */
}

static void jwks_age__of_a_receipt_is_that_of_the_deactivation(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    prepare(ring, kid);
    ring_deactivate(ring, "shop", kid);
    set_age(ring, SHORT);
    assert_int_equal(told_by_receipt(ring, kid), LONG);
    ring_restart(ring);
    assert_int_equal(told_by_receipt(ring, kid), LONG);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)
#define COUNTING(name) cmocka_unit_test_setup_teardown(name, setup_counting, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(jwks_age__is_waited_for),
        CASE(jwks_age__that_was_lowered_still_counts),
        CASE(jwks_age__that_was_taken_away_still_counts),
        CASE(jwks_age__that_was_lowered_still_counts_in_the_next_run),
        CASE(jwks_age__of_a_promotion_is_that_of_its_publication),
        CASE(jwks_age__of_a_promotion_outlives_a_restart),
        COUNTING(jwks_age__that_was_lowered_stands_in_receipts),
        COUNTING(jwks_age__of_a_receipt_is_that_of_the_deactivation),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
