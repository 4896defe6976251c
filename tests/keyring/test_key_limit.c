/* An environment keeps so many keys. What is past makes room; what could still be of use does not. */
#include "keyring/clocks.h"

#include "base/clock.h"
#include "records.pb-c.h"

enum { HOUR = 3600 };
static const char SHOP_ID[] = "0000000000000001"; /* the first environment of a store */

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* The row of an imported key that was deactivated just now: it may have signed elsewhere, so that it counts
 * for a day. */
static void put_imported(struct ring *ring, unsigned number)
{
    char name[64], kid[16], jwk[160];
    Jwkd__Row__Key row = JWKD__ROW__KEY__INIT;
    Jwkd__V1__Key key = JWKD__V1__KEY__INIT;
    snprintf(kid, sizeof kid, "key-%u", number);
    snprintf(name, sizeof name, "key/%s/%s", SHOP_ID, kid);
    snprintf(jwk, sizeof jwk,
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"11qYAYKxCrfVS_"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        kid);
    key.kid = kid;
    key.state = JWKD__V1__KEY_STATE__DEACTIVATED;
    key.created_at = key.deactivated_at = clock_wall_sec();
    key.revision = 1;
    key.imported = true;
    key.public_jwk = wire_bytes(bytes_of_text(jwk));
    row.key = &key;
    row.born = 1;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    assert_int_equal(wire_pack(&row.base, &packed), JWKD_OK);
    ring_put(ring, name, buffer_bytes(&packed));
}

static void limit__is_made_room_under_by_keys_that_are_past(void **state)
{
    struct ring *ring = *state;
    char first[LIMIT_KID + 1], second[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", first);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_generate(ring, "shop", second);
    ring_deactivate(ring, "shop", first);
    ring_stop(ring);
    for (unsigned i = 0; i < LIMIT_KEYS_PER_ENVIRONMENT - 2; i++)
        put_imported(ring, i);
    ring_start(ring);
    assert_int_equal(ring_try_generate(ring, "shop", false, NULL),
        JWKD_RESOURCE_EXHAUSTED); /* a token of the first may be valid yet */
    assert_int_equal(ring_key_state(ring, "shop", first), JWKD__V1__KEY_STATE__DEACTIVATED);

    clocks_pass(2 * HOUR);
    assert_int_equal(ring_try_generate(ring, "shop", true, NULL), JWKD_OK);
    assert_true(ring_is_primary(ring, "shop", second));
    assert_int_equal(ring_key_state(ring, "shop", first), JWKD__V1__KEY_STATE__KEY_STATE_NONE);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_restart(ring);
    assert_int_equal(ring_key_state(ring, "shop", first), JWKD__V1__KEY_STATE__KEY_STATE_NONE);
    assert_int_equal(ring_try_generate(ring, "shop", false, NULL), JWKD_RESOURCE_EXHAUSTED);

    clocks_pass(25 * HOUR);
    assert_int_equal(ring_try_generate(ring, "shop", false, NULL), JWKD_OK);
    assert_false(ring_is_primary(ring, "shop", second));
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(
            limit__is_made_room_under_by_keys_that_are_past, setup, ring_teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
