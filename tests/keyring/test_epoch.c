/* A store that was put back from a backup begins another epoch, and takes every live key for one that has
 * signed until now. */
#include "keyring/clocks.h"

enum { LEEWAY = 30, LONGEST = 24 * 3600, MARGIN = 1 };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

static void put_back(struct ring *ring, bool put_back)
{
    memory_go_back(ring->memory, put_back);
    ring_restart(ring);
}

static bool is_of_epoch(struct ring *ring, const uint8_t epoch[16])
{
    return memcmp(keyring_epoch(ring->keyring), epoch, 16) == 0;
}

static void epoch__stays_as_long_as_the_store_goes_on(void **state)
{
    struct ring *ring = *state;
    uint8_t first[16];
    memcpy(first, keyring_epoch(ring->keyring), sizeof first);
    ring_create(ring, "shop");
    ring_restart(ring);
    assert_true(is_of_epoch(ring, first));
    assert_false(ring_complained(ring, "epoch"));
}

static void epoch__another_begins_with_a_store_that_was_put_back(void **state)
{
    struct ring *ring = *state;
    uint8_t first[16], second[16];
    memcpy(first, keyring_epoch(ring->keyring), sizeof first);
    put_back(ring, true);
    memcpy(second, keyring_epoch(ring->keyring), sizeof second);
    assert_false(is_of_epoch(ring, first));
    assert_true(ring_complained(ring, "put back from a backup"));
    put_back(ring, false);
    assert_true(is_of_epoch(ring, second)); /* it is durable, */
    ring_create(ring, "shop");
    ring_restart(ring);
    assert_true(is_of_epoch(ring, second)); /* and later commits keep it */
}

static void epoch__begins_although_it_cannot_be_written(void **state)
{
    struct ring *ring = *state;
    uint8_t first[16], second[16];
    memcpy(first, keyring_epoch(ring->keyring), sizeof first);
    memory_next(ring->memory, "meta/service", MEMORY_REFUSED);
    put_back(ring, true);
    memcpy(second, keyring_epoch(ring->keyring), sizeof second);
    assert_false(is_of_epoch(ring, first));
    put_back(ring, true); /* nothing was committed, so that it shows again */
    assert_false(is_of_epoch(ring, first));
    assert_false(is_of_epoch(ring, second));
}

static void use_up(struct ring *ring, char kid[LIMIT_KID + 1])
{
    char next[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_generate(ring, "shop", next);
    clocks_pass(3 * LONGEST); /* by what is known, all that it signed has expired */
}

static void expect_to_retire_late(struct ring *ring, const char *kid)
{
    ring_retire(ring, "shop", kid);
    clocks_pass(LONGEST + LEEWAY - MARGIN);
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__ACTIVE);
    clocks_pass(2 * MARGIN);
    clocks_look(ring);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

/* It is not known what the key signed in the lost history: it may have signed until just before the end. */
static void check_retirement(struct ring *ring, bool restart)
{
    char kid[LIMIT_KID + 1];
    use_up(ring, kid);
    put_back(ring, true);
    if (restart) put_back(ring, false);
    expect_to_retire_late(ring, kid);
}

static void epoch__another_covers_what_keys_may_have_signed(void **state)
{
    check_retirement(*state, false);
}

static void epoch__another_covers_it_in_the_next_run_too(void **state)
{
    check_retirement(*state, true);
}

/* A change comes before the next start: with it the epoch becomes durable, and the store no longer looks as
 * if it was put back. */
static void epoch__another_covers_it_where_it_could_not_be_written_at_once(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    uint8_t second[16];
    use_up(ring, kid);
    memory_next(ring->memory, "meta/service", MEMORY_REFUSED);
    put_back(ring, true);
    memcpy(second, keyring_epoch(ring->keyring), sizeof second);
    ring_create(ring, "another");
    put_back(ring, false);
    assert_true(is_of_epoch(ring, second));
    expect_to_retire_late(ring, kid);
}

static void epoch__an_uncertain_commit_is_found_out(void **state)
{
    struct ring *ring = *state;
    uint8_t second[16];
    memory_next(ring->memory, "meta/service", MEMORY_DONE_UNKNOWN);
    put_back(ring, true);
    memcpy(second, keyring_epoch(ring->keyring), sizeof second);
    ring_create(ring, "shop");
    put_back(ring, false);
    assert_true(is_of_epoch(ring, second));
}

/* It is not known whether the epoch was stored. So nothing is changed on top of either one. */
static void epoch__where_the_disk_does_not_say_nothing_is_changed_until_the_next_start(void **state)
{
    struct ring *ring = *state;
    uint8_t second[16], id[16];
    memory_next(ring->memory, "meta/service", MEMORY_DONE_UNSEEN);
    put_back(ring, true);
    memcpy(second, keyring_epoch(ring->keyring), sizeof second);
    memory_mend(ring->memory);
    Jwkd__V1__Environment shop = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    shop.name = wire_text("shop");
    shop.issuer = wire_text("https://shop.example");
    create.environment = &shop;
    request.create_environment = &create;
    assert_int_equal(ring_status(ring, &request), JWKD_UNAVAILABLE);
    put_back(ring, false);
    assert_true(is_of_epoch(ring, second));
    ring_create(ring, "shop");
}

/* A state as a reader holds it. */
struct held {
    uint8_t epoch[16];
    uint64_t environment_id, revision;
};

/* Asks for the JWKS of "shop" unless it is still in the held state. Returns whether it is; *held becomes the
 * answered state. */
static bool is_unchanged(struct ring *ring, struct held *held)
{
    uint8_t id[16];
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__GetJwksRequest get = JWKD__V1__GET_JWKS_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_JWKS);
    state.epoch = wire_bytes(bytes_of(held->epoch, sizeof held->epoch));
    state.environment_id = held->environment_id;
    state.revision = held->revision;
    get.environment = wire_text("shop");
    get.unless = &state;
    request.get_jwks = &get;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_jwks(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    const Jwkd__V1__JwksReply *jwks = reply.message.jwks;
    assert_int_equal(jwks->unchanged, jwks->jwks.len == 0);
    memcpy(held->epoch, jwks->state->epoch.data, sizeof held->epoch);
    held->environment_id = jwks->state->environment_id;
    held->revision = jwks->state->revision;
    return jwks->unchanged;
}

/* The changes that were lost had revisions, too. Other changes have had the same revisions since. */
static void state__of_another_epoch_is_another_at_the_same_revision(void **state)
{
    struct ring *ring = *state;
    struct held held = {.revision = 0};
    ring_create(ring, "shop");
    assert_false(is_unchanged(ring, &held));
    assert_true(is_unchanged(ring, &held));
    const uint64_t revision = held.revision;
    put_back(ring, true);
    assert_false(is_unchanged(ring, &held));
    assert_int_equal(held.revision, revision);
    assert_true(is_unchanged(ring, &held));
}

static void state__of_another_environment_is_another_at_the_same_revision(void **state)
{
    struct ring *ring = *state;
    struct held held = {.revision = 0};
    uint8_t id[16];
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    ring_create(ring, "shop");
    assert_false(is_unchanged(ring, &held));
    const uint64_t revision = held.revision;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text("shop");
    request.delete_environment = &delete;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    ring_create(ring, "shop");
    assert_false(is_unchanged(ring, &held));
    assert_int_equal(held.revision, revision);
    ring_set(ring, "shop", "jwks_max_age_sec", 60);
    assert_false(is_unchanged(ring, &held));
    assert_int_not_equal(held.revision, revision);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(epoch__stays_as_long_as_the_store_goes_on),
        CASE(epoch__another_begins_with_a_store_that_was_put_back),
        CASE(epoch__begins_although_it_cannot_be_written),
        CASE(epoch__another_covers_what_keys_may_have_signed),
        CASE(epoch__another_covers_it_in_the_next_run_too),
        CASE(epoch__another_covers_it_where_it_could_not_be_written_at_once),
        CASE(epoch__an_uncertain_commit_is_found_out),
        CASE(epoch__where_the_disk_does_not_say_nothing_is_changed_until_the_next_start),
        CASE(state__of_another_epoch_is_another_at_the_same_revision),
        CASE(state__of_another_environment_is_another_at_the_same_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
