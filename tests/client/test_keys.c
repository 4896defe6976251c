/* What events make of a verifier's keys. */
#include "client/cases.h"

#include "lib/judge/keys.h"

enum { MOST = 2 };

/* The key of both changes is shown by a JWK, or by "" not at all. */
static jwkd_status apply_shown(
    const char *jwk, Jwkd__V1__Change__Kind first, Jwkd__V1__Change__Kind second, struct keys **out)
{
    static uint8_t epoch[16] = {1};
    static char kid[] = "one";
    struct keys *none;
    Jwkd__V1__Key key = JWKD__V1__KEY__INIT;
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    Jwkd__V1__Change changes[MOST] = {JWKD__V1__CHANGE__INIT, JWKD__V1__CHANGE__INIT},
                     *pointers[MOST] = {&changes[0], &changes[1]};
    key.kid = kid;
    key.public_jwk = wire_bytes(bytes_of_text(jwk));
    state.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    state.environment_id = state.revision = 1;
    changes[0].kind = first;
    changes[1].kind = second;
    changes[0].key = changes[1].key = &key;
    event.state = &state;
    event.changes = pointers;
    event.n_changes = MOST;
    assert_int_equal(keys_none(&none), JWKD_OK);
    jwkd_status status = keys_after(none, &event, &(struct pins){0}, out);
    keys_unref(none);
    return status;
}

static jwkd_status apply(Jwkd__V1__Change__Kind first, Jwkd__V1__Change__Kind second, struct keys **out)
{
    return apply_shown("", first, second, out);
}

static void keys__that_are_not_shown_are_withheld_until_they_go(void **state)
{
    (void)state;
    struct keys *keys;
    assert_int_equal(
        apply(JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, JWKD__V1__CHANGE__KIND__KEY_CHANGED, &keys), JWKD_OK);
    assert_true(names_contain(&keys->withheld, "one"));
    keys_unref(keys);
    assert_int_equal(
        apply(JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED, &keys),
        JWKD_OK);
    assert_false(names_contain(&keys->withheld, "one"));
    keys_unref(keys);
}

/* Not even where they are not shown. */
static void keys__do_not_come_back(void **state)
{
    (void)state;
    static const char JWK[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"kid\":\"one\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    struct keys *keys;
    assert_int_equal(
        apply_shown(JWK, JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, JWKD__V1__CHANGE__KIND__KEY_CHANGED, &keys),
        JWKD_OK);
    keys_unref(keys);
    assert_int_equal(apply_shown(JWK, JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED,
                         JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, &keys),
        JWKD_MALFORMED);
    assert_int_equal(
        apply(JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED, JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, &keys),
        JWKD_MALFORMED);
    assert_int_equal(
        apply(JWKD__V1__CHANGE__KIND__KEY_DESTROYED, JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, &keys),
        JWKD_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys__that_are_not_shown_are_withheld_until_they_go),
        cmocka_unit_test(keys__do_not_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
