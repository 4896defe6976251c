/* How long the kid of a deactivated key is named: as long as a token of it could be unexpired. */
#include "keyring/ring.h"

#include "keyring/state.h"

enum { DAY = 24 * 3600 };

static void set_lifetime(struct ring *ring, uint32_t seconds)
{
    uint8_t id[16];
    char *fields[] = {wire_text("max_token_lifetime_sec"), wire_text("default_token_lifetime_sec")};
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__UpdateEnvironmentRequest update = JWKD__V1__UPDATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT);
    environment.name = wire_text("shop");
    environment.max_token_lifetime_sec = environment.default_token_lifetime_sec = seconds;
    update.environment = &environment;
    update.fields = fields;
    update.n_fields = 2;
    request.update_environment = &update;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* Whether a key that was deactivated at 0 is still named `days` later. */
static bool named_after(struct ring *ring, int64_t days)
{
    struct ring_key key = {.state = KEY_DEACTIVATED};
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    return ring_key_worth_naming(snapshot_find(snapshot, "shop"), &key, days * DAY);
}

static void lifetime__that_was_lowered_still_counts(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    assert_false(named_after(ring, 2));
    set_lifetime(ring, 30 * DAY);
    assert_true(named_after(ring, 30));
    set_lifetime(ring, 60);
    assert_true(named_after(ring, 30));
    ring_restart(ring);
    assert_true(named_after(ring, 30));
    assert_false(named_after(ring, 31));
    set_lifetime(ring, 40 * DAY);
    assert_true(named_after(ring, 40));
}

static void lifetime__of_an_older_row_is_the_present_one(void **state)
{
    (void)state;
    struct ring ring;
    Jwkd__V1__State standing = JWKD__V1__STATE__INIT;
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    standing.environment_id = 7;
    standing.revision = 1;
    environment.state = &standing;
    environment.name = wire_text("shop");
    environment.default_algorithm = wire_text("ES256");
    environment.max_token_lifetime_sec = 30 * DAY;
    environment.default_token_lifetime_sec = environment.leeway_sec = 60;
    assert_int_equal(wire_pack(&environment.base, &packed), JWKD_OK);
    ring_open(&ring);
    ring_put(&ring, "env/shop", buffer_bytes(&packed));
    ring_start(&ring);
    assert_true(named_after(&ring, 30));
    assert_false(named_after(&ring, 31));
    ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(lifetime__that_was_lowered_still_counts, ring_setup, ring_teardown),
        cmocka_unit_test(lifetime__of_an_older_row_is_the_present_one),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
