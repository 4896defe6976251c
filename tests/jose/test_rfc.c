/* The examples of the RFCs, from tests/data/rfc. */
#include <stdio.h>

#include "jose/jwt.h"
#include "jose/support.h"

static const struct jwt_expectation SIGNATURE = {.signature_only = true};

static char *rfc_file(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "rfc/%s", name);
    return fixture(path);
}

/* The set of one fixture's key. What has no alg takes the one given. */
static struct keyset *rfc_key(const char *name, enum alg alg)
{
    CLEANUP(free_at) char *json = rfc_file(name);
    CLEANUP(jwk_unref_at) struct jwk *jwk = NULL;
    jwkd_error error;
    if (jwk_from_json(B(json), &(struct jwk_rules){.default_alg = alg}, &jwk, &error) != JWKD_OK)
        fail_msg("%s: %s", name, error.message);
    return set_of(jwk);
}

static void check_signature(const char *key, enum alg alg, const char *token_name, const char *payload)
{
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key(key, alg);
    CLEANUP(free_at) char *text = rfc_file(token_name);
    CLEANUP(jwt_clear) struct jwt jwt;
    jwkd_error error = {0};
    if (jwt_verify(set, B(text), &SIGNATURE, &jwt, &error) != JWKD_VERDICT_VALID)
        fail_msg("%s: %s", token_name, error.message);
    assert_bytes(payload, jwt.payload);
    jwt_clear(&jwt);
    char *last = text + strlen(text) - 20;
    *last = *last == 'A' ? 'B' : 'A';
    assert_verdict(BAD_SIGNATURE, jwt_verify(set, B(text), &SIGNATURE, &jwt, NULL));
}

static void check_refused(const char *key, const char *token_name, jwkd_verdict verdict)
{
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key(key, ALG_RS256);
    CLEANUP(free_at) char *text = rfc_file(token_name);
    CLEANUP(jwt_clear) struct jwt jwt;
    assert_string_equal(
        jwkd_verdict_name(verdict), jwkd_verdict_name(jwt_verify(set, B(text), &SIGNATURE, &jwt, NULL)));
}

#define JOE "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"

static void rfc7515__appendix_a(void **state)
{
    (void)state;
    check_signature("7515-a.2.jwk", ALG_RS256, "7515-a.2.jws", JOE);
    check_signature("7515-a.3.jwk", ALG_NONE, "7515-a.3.jws", JOE);
    check_signature("7515-a.4.jwk", ALG_NONE, "7515-a.4.jws", "Payload");
    check_refused("7515-a.2.jwk", "7515-a.1.jws", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
    check_refused("7515-a.2.jwk", "7515-a.5.jws", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
    check_refused("7515-a.2.jwk", "7515-e.jws", JWKD_VERDICT_MALFORMED);
    check_refused("7515-a.2.jwk", "7515-a.3.jws", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
}

static void rfc7515__appendix_a_as_a_token(void **state)
{
    (void)state;
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key("7515-a.2.jwk", ALG_RS256);
    CLEANUP(free_at) char *text = rfc_file("7515-a.2.jws");
    const struct jwt_expectation then = {.now = 1300819379, .issuer = B("joe")};
    const struct jwt_expectation after = {.now = 1300819380, .issuer = B("joe")};
    CLEANUP(jwt_clear) struct jwt jwt;
    assert_verdict(VALID, jwt_verify(set, B(text), &then, &jwt, NULL));
    jwt_clear(&jwt);
    assert_verdict(EXPIRED, jwt_verify(set, B(text), &after, &jwt, NULL));
}

static void rfc7517__appendix_a(void **state)
{
    (void)state;
    const struct keyset_rules own = {0}, foreign = {.foreign = true, .default_algs = ALG_BIT(ALG_RS256)};
    CLEANUP(free_at) char *public_keys = rfc_file("7517-a.1.jwks"), *private_keys = rfc_file("7517-a.2.jwks");
    CLEANUP(free_at) char *symmetric = rfc_file("7517-a.3.jwks");
    CLEANUP(keyset_unref_at) struct keyset *set = NULL, *empty = NULL;
    struct keyset *none = NULL;
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0}, both = {0};
    assert_ok(keyset_from_json(B(public_keys), &foreign, &set, &skipped, NULL));
    assert_int_equal(1, skipped.count);
    assert_bytes("1", skipped.items[0].kid);
    assert_string_equal("use is not \"sig\"", skipped.items[0].reason);
    assert_int_equal(1, keyset_count(set));
    assert_string_equal("2011-04-29", jwk_kid(keyset_at(set, 0)));
    assert_int_equal(2048, jwk_bits(keyset_at(set, 0)));
    assert_status(JWKD_INVALID_ARGUMENT, keyset_from_json(B(private_keys), &foreign, &none, NULL, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, keyset_from_json(B(private_keys), &own, &none, NULL, NULL));
    assert_ok(keyset_from_json(B(symmetric), &foreign, &empty, &both, NULL));
    assert_int_equal(2, both.count);
    assert_int_equal(0, keyset_count(empty));
}

/* The certificate, whose owner signs nothing here, is neither believed nor handed on. */
static void rfc7517__appendix_b(void **state)
{
    (void)state;
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key("7517-b.jwk", ALG_RS256);
    assert_string_equal("1b94c", jwk_kid(keyset_at(set, 0)));
    assert_int_equal(2048, jwk_bits(keyset_at(set, 0)));
    struct bytes written = jwk_json(keyset_at(set, 0));
    assert_null(memmem(written.data, written.size, "x5c", 3));
}

#define FRODO                                                                                               \
    "It\xe2\x80\x99s a dangerous business, Frodo, going out your door. You step onto the road, and if you " \
    "don't "                                                                                                \
    "keep your feet, there\xe2\x80\x99s no knowing where you might be swept off to."

static void rfc7520__sections_3_and_4(void **state)
{
    (void)state;
    check_signature("7520-3.3.jwk", ALG_RS256, "7520-4.1.jws", FRODO);
    check_signature("7520-3.3.jwk", ALG_PS384, "7520-4.2.jws", FRODO);
    check_signature("7520-3.1.jwk", ALG_NONE, "7520-4.3.jws", FRODO);
    check_refused("7520-3.3.jwk", "7520-4.4.jws", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
    check_refused(
        "7520-3.3.jwk", "7520-4.2.jws", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED); /* the key is RS256's */
}

static void rfc7638__section_3_1(void **state)
{
    (void)state;
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key("7638-3.1.jwk", ALG_NONE);
    assert_string_equal("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", jwk_thumbprint(keyset_at(set, 0)));
}

static void rfc8037__appendix_a(void **state)
{
    (void)state;
    check_signature("8037-a.2.jwk", ALG_NONE, "8037-a.4.jws", "Example of Ed25519 signing");
    CLEANUP(keyset_unref_at) struct keyset *set = rfc_key("8037-a.2.jwk", ALG_NONE);
    assert_string_equal("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", jwk_thumbprint(keyset_at(set, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7515__appendix_a),
        cmocka_unit_test(rfc7515__appendix_a_as_a_token),
        cmocka_unit_test(rfc7517__appendix_a),
        cmocka_unit_test(rfc7517__appendix_b),
        cmocka_unit_test(rfc7520__sections_3_and_4),
        cmocka_unit_test(rfc7638__section_3_1),
        cmocka_unit_test(rfc8037__appendix_a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
