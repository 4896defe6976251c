#include "jose/jwk.h"

#include <openssl/pem.h>
#include <stdio.h>

#include "base/limits.h"
#include "jose/base64url.h"
#include "jose/support.h"

/* The key of RFC 7515 appendix A.3. */
#define X256 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y256 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC256 "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\""
/* That of RFC 8037 appendix A.2. */
#define X25519 "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED25519 "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X25519 "\""

static const struct jwk_rules RULES = {.default_alg = ALG_RS256};

static void refuse_with(jwkd_status status, const char *json, const char *why)
{
    struct jwk *jwk = NULL;
    jwkd_error error = {0};
    jwkd_status got = jwk_from_json(B(json), &RULES, &jwk, &error);
    if (got != status || !strstr(error.message, why))
        fail_msg("%s: %s, %s", json, jwkd_status_name(got), error.message);
    assert_null(jwk);
}

static void jwk__publishes_its_key(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at)
    struct jwk *jwk = jwk_read("{\"x5c\":[\"...\"]," EC256 ",\"kid\":\"k-1\",\"ext\":true}");
    assert_bytes("{\"kty\":\"EC\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"k-1\",\"crv\":\"P-256\","
                 "\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}",
        jwk_json(jwk));
    assert_string_equal("k-1", jwk_kid(jwk));
    assert_int_equal(ALG_ES256, jwk_alg(jwk));
    assert_int_equal(KTY_EC, jwk_kty(jwk));
    assert_int_equal(0, jwk_bits(jwk));
    assert_string_equal("P-256", jwk_key_type(jwk)->name);
}

static void jwk__is_named_by_its_thumbprint(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at) struct jwk *jwk = jwk_read("{" ED25519 "}");
    assert_string_equal("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", jwk_thumbprint(jwk));
    assert_string_equal(jwk_thumbprint(jwk), jwk_kid(jwk));
    struct jwk *none = NULL;
    assert_status(JWKD_INVALID_ARGUMENT,
        jwk_from_json(B("{" ED25519 "}"), &(struct jwk_rules){.require_kid = true}, &none, NULL));
}

/* Every kind of key goes from OpenSSL to JSON and back, and to PEM. */
static void jwk__goes_there_and_back(void **state)
{
    (void)state;
    for (enum alg alg = ALG_RS256; alg < ALG_COUNT; alg++) {
        if (!alg_available(alg)) continue;
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(alg, 2048);
        CLEANUP(jwk_unref_at) struct jwk *made = public_key(pkey, alg, NULL), *read = NULL;
        assert_ok(jwk_from_json(jwk_json(made), &(struct jwk_rules){.require_kid = true}, &read, NULL));
        assert_int_equal(alg, jwk_alg(read));
        assert_string_equal(jwk_kid(made), jwk_thumbprint(read));
        assert_memory_equal(jwk_json(made).data, jwk_json(read).data, jwk_json(made).size);

        CLEANUP(buffer_clear) struct buffer pem = {0};
        assert_ok(jwk_pem(read, &pem));
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *back = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        BIO_free(bio);
        assert_int_equal(1, EVP_PKEY_eq(back, pkey));
    }
}

static void jwk__knows_rsa_sizes(void **state)
{
    (void)state;
    static const int SIZES[] = {2048, 3072, 4096};
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_PS256, SIZES[i]);
        CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, ALG_PS256, "rsa");
        assert_int_equal(SIZES[i], jwk_bits(jwk));
        assert_int_equal(SIZES[i], jwk_key_type(jwk)->bits);
    }
}

/* An RSA key with a modulus of `bytes` bytes, the first and the last as given, and the exponent as given. */
static char *rsa_json(size_t bytes, uint8_t first, uint8_t last, const char *exponent)
{
    uint8_t modulus[2100] = {0};
    CLEANUP(buffer_clear) struct buffer text = {0};
    memset(modulus, 0xa5, sizeof modulus);
    modulus[0] = first;
    modulus[bytes - 1] = last;
    assert_ok(buffer_append_text(&text, "{\"kty\":\"RSA\",\"n\":\""));
    assert_ok(base64url_append(bytes_of(modulus, bytes), &text));
    assert_ok(buffer_append_format(&text, "\",\"e\":\"%s\"}", exponent));
    return bytes_to_text(buffer_bytes(&text));
}

static void jwk__refuses_weak_rsa(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint8_t first, last;
        const char *exponent, *why;
        jwkd_status status;
    } BAD[] = {
        {128, 0x80, 1, "AQAB", "under 2048", JWKD_INVALID_ARGUMENT},
        {255, 0xff, 1, "AQAB", "under 2048", JWKD_INVALID_ARGUMENT},
        {256, 0x7f, 1, "AQAB", "under 2048", JWKD_INVALID_ARGUMENT},
        {2049, 0x01, 1, "AQAB", "over 16384", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 2, "AQAB", "even RSA modulus", JWKD_INVALID_ARGUMENT},
        {257, 0x00, 1, "AQAB", "leading zeros", JWKD_MALFORMED},
        {256, 0x80, 1, "AQAC", "even RSA exponent", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 1, "AQ", "under 65537", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 1, "Aw", "under 65537", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 1, "__8", "under 65537", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 1, "AAEAAQ", "leading zeros", JWKD_MALFORMED},
        {256, 0x80, 1, "AQAAAAAAAAAB", "over 64 bits", JWKD_INVALID_ARGUMENT},
        {256, 0x80, 1, "", "leading zeros", JWKD_MALFORMED},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CLEANUP(free_at) char *json = rsa_json(BAD[i].bytes, BAD[i].first, BAD[i].last, BAD[i].exponent);
        refuse_with(BAD[i].status, json, BAD[i].why);
    }
    CLEANUP(free_at)
    char *smallest = rsa_json(256, 0x80, 1, "AQAB"), *largest = rsa_json(2048, 0xff, 1, "AQAB");
    CLEANUP(jwk_unref_at) struct jwk *small = jwk_read(smallest), *large = jwk_read(largest);
    assert_int_equal(2048, jwk_bits(small));
    assert_int_equal(16384, jwk_bits(large));
    assert_null(jwk_key_type(large));
}

static void jwk__refuses_points_off_their_curve(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        /* x and y exchanged, the last bit of y changed, all zero, p as a coordinate */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y256 "\",\"y\":\"" X256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256
        "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw\"}",
        ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"_____wAAAAEAAAAAAAAAAAAAAAD_______________8\",\"y\":"
        "\"" Y256 "\"}",
        /* no x belongs to y = 2 on either Edwards curve; p itself is no coordinate */
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"7f_______________________________________38\"}",
        ("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":"
         "\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        refuse_with(JWKD_INVALID_ARGUMENT, BAD[i], "not a point of");
}

static void refuse_low_order(const char *crv, size_t size, const char *hex)
{
    uint8_t x[57] = {0};
    char json[256], text[80] = {0};
    for (size_t i = 0; hex[2 * i]; i++)
        assert_int_equal(1, sscanf(hex + 2 * i, "%2hhx", &x[i]));
    base64url_encode(bytes_of(x, size), text);
    snprintf(json, sizeof json, "{\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"}", crv, text);
    refuse_with(JWKD_INVALID_ARGUMENT, json, "low order");
}

/* All points of order 1, 2, 4 and 8 (of Ed448: 1, 2 and 4) as RFC 8032 spells them, with either sign. */
static void jwk__refuses_points_of_low_order(void **state)
{
    (void)state;
    static const char *const LOW_25519[] = {"00", "01",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"};
    static const char *const LOW_448[] = {"00", "01",
        ("feffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "feffffffffffffffffffffffffffffffffffffffffffffffffffffff00")};
    for (size_t i = 0; i < sizeof LOW_25519 / sizeof *LOW_25519; i++)
        refuse_low_order("Ed25519", 32, LOW_25519[i]);
    for (size_t i = 0; i < sizeof LOW_448 / sizeof *LOW_448; i++)
        refuse_low_order("Ed448", 57, LOW_448[i]);
}

static void jwk__takes_every_generated_edwards_key(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        enum alg alg = i % 2 ? ALG_ED448 : ALG_ED25519;
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(alg, 0);
        CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, alg, NULL);
        assert_non_null(jwk);
    }
}

static void jwk__refuses_private_keys(void **state)
{
    (void)state;
    static const char *const MEMBERS[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "priv"};
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        char json[512];
        snprintf(json, sizeof json, "{" EC256 ",\"%s\":\"AQ\"}", MEMBERS[i]);
        refuse_with(JWKD_INVALID_ARGUMENT, json, "private");
    }
}

static void jwk__leaves_keys_for_others_alone(void **state)
{
    (void)state;
    refuse_with(JWKD_UNSUPPORTED, "{\"kty\":\"oct\",\"k\":\"AQAB\"}", "kty");
    refuse_with(JWKD_UNSUPPORTED, "{\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "kty");
    refuse_with(
        JWKD_UNSUPPORTED, "{\"kty\":\"EC\",\"crv\":\"brainpoolP256r1\",\"x\":\"AA\",\"y\":\"AA\"}", "crv");
    refuse_with(JWKD_UNSUPPORTED, "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519 "\"}", "crv");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"use\":\"enc\"}", "use");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"key_ops\":[\"sign\"]}", "key_ops");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"key_ops\":[]}", "key_ops");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"alg\":\"HS256\"}", "alg");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"alg\":\"none\"}", "alg");
    refuse_with(JWKD_UNSUPPORTED, "{" EC256 ",\"alg\":\"ECDH-ES\"}", "alg");
    CLEANUP(jwk_unref_at) struct jwk *jwk = jwk_read("{" EC256 ",\"key_ops\":[\"sign\",\"verify\"]}");
    assert_int_equal(ALG_ES256, jwk_alg(jwk));
}

static void jwk__refuses_an_alg_that_does_not_fit(void **state)
{
    (void)state;
    static const char *const EC[] = {"ES384", "ES512", "ES256K", "RS256", "EdDSA", "ML-DSA-44"};
    static const char *const OKP[] = {"Ed448", "ES256", "PS256"};
    char json[512];
    for (size_t i = 0; i < sizeof EC / sizeof *EC; i++) {
        snprintf(json, sizeof json, "{" EC256 ",\"alg\":\"%s\"}", EC[i]);
        refuse_with(JWKD_INVALID_ARGUMENT, json, "does not fit");
    }
    for (size_t i = 0; i < sizeof OKP / sizeof *OKP; i++) {
        snprintf(json, sizeof json, "{" ED25519 ",\"alg\":\"%s\"}", OKP[i]);
        refuse_with(JWKD_INVALID_ARGUMENT, json, "does not fit");
    }
    CLEANUP(free_at) char *rsa = rsa_json(256, 0x80, 1, "AQAB");
    struct jwk *none = NULL;
    jwkd_error error;
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_json(B(rsa), &(struct jwk_rules){0}, &none, &error));
    assert_non_null(strstr(error.message, "alg is missing"));
    CLEANUP(jwk_unref_at) struct jwk *jwk = jwk_read(rsa);
    assert_int_equal(ALG_RS256, jwk_alg(jwk));
}

static void jwk__refuses_malformed_keys(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "[]", "\"EC\"", "{}", "{\"kty\":1}", "{\"kty\":\"EC\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "=\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"" Y256 "\"}", "{" EC256 ",\"kid\":1}",
        "{" EC256 ",\"use\":1}", "{" EC256 ",\"alg\":null}", "{" EC256 ",\"key_ops\":\"verify\"}",
        "{" EC256 ",\"key_ops\":[1]}", "{" EC256 ",\"kty\":\"EC\"}", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        refuse_with(JWKD_MALFORMED, BAD[i], "");
    refuse_with(JWKD_INVALID_ARGUMENT,
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}", "bytes");
    refuse_with(JWKD_INVALID_ARGUMENT, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}", "bytes");
}

static void jwk__limits_the_kid(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "a b", "a\\\"b", "a\\\\b", "\\u00e9", "tab\\t"};
    char json[1024], kid[LIMIT_KID + 2] = {0};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(json, sizeof json, "{" EC256 ",\"kid\":\"%s\"}", BAD[i]);
        refuse_with(JWKD_INVALID_ARGUMENT, json, "kid");
    }
    memset(kid, 'k', LIMIT_KID);
    snprintf(json, sizeof json, "{" EC256 ",\"kid\":\"%s\"}", kid);
    CLEANUP(jwk_unref_at) struct jwk *jwk = jwk_read(json);
    assert_string_equal(kid, jwk_kid(jwk));
    kid[LIMIT_KID] = 'k';
    snprintf(json, sizeof json, "{" EC256 ",\"kid\":\"%s\"}", kid);
    refuse_with(JWKD_INVALID_ARGUMENT, json, "kid");
}

static void jwk__limits_its_text(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer text = {0};
    assert_ok(buffer_append_text(&text, "{" EC256 "}"));
    while (text.size <= LIMIT_JWK)
        assert_ok(buffer_append_text(&text, " "));
    struct jwk *jwk = NULL;
    assert_status(JWKD_RESOURCE_EXHAUSTED, jwk_from_json(buffer_bytes(&text), &RULES, &jwk, NULL));
    text.size = LIMIT_JWK;
    assert_ok(jwk_from_json(buffer_bytes(&text), &RULES, &jwk, NULL));
    jwk_unref(jwk);
}

static void jwk__refuses_a_pkey_of_another_kind(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *p256 = private_key(ALG_ES256, 0), *rsa = private_key(ALG_RS256, 2048);
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    struct jwk *none = NULL;
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(p256, ALG_ES384, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(p256, ALG_RS256, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(p256, ALG_EDDSA, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(rsa, ALG_ES256, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(x25519, ALG_EDDSA, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(weak, ALG_RS256, NULL, &none, NULL));
    assert_status(JWKD_UNSUPPORTED, jwk_from_pkey(rsa, ALG_NONE, NULL, &none, NULL));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_from_pkey(rsa, ALG_RS256, "a b", &none, NULL));
    assert_null(none);
}

static void jwk__accepts_its_own_algorithm_only(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at) struct jwk *ec = jwk_read("{" EC256 "}"), *ed = jwk_read("{" ED25519 "}");
    CLEANUP(jwk_unref_at) struct jwk *named = jwk_read("{" ED25519 ",\"alg\":\"Ed25519\"}");
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_RS256, 2048);
    CLEANUP(jwk_unref_at) struct jwk *rsa = public_key(pkey, ALG_PS256, NULL);
    for (enum alg alg = ALG_NONE; alg < ALG_COUNT; alg++) {
        assert_int_equal(alg == ALG_ES256, jwk_accepts(ec, alg));
        assert_int_equal(alg == ALG_PS256, jwk_accepts(rsa, alg));
        assert_int_equal(alg == ALG_EDDSA || alg == ALG_ED25519, jwk_accepts(ed, alg));
        assert_int_equal(alg == ALG_EDDSA || alg == ALG_ED25519, jwk_accepts(named, alg));
    }
}

static void jwk__becomes_one_for_another_algorithm(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at)
    EVP_PKEY *rsa = private_key(ALG_RS256, 2048), *ed448 = private_key(ALG_ED448, 0);
    CLEANUP(jwk_unref_at) struct jwk *rs256 = public_key(rsa, ALG_RS256, "k"), *ps384 = NULL;
    CLEANUP(jwk_unref_at) struct jwk *direct = public_key(rsa, ALG_PS384, "k"), *same = NULL;
    CLEANUP(jwk_unref_at) struct jwk *edwards = public_key(ed448, ALG_EDDSA, NULL), *named = NULL;
    struct jwk *none = NULL;
    assert_ok(jwk_with_alg(rs256, ALG_PS384, &ps384));
    assert_memory_equal(jwk_json(direct).data, jwk_json(ps384).data, jwk_json(direct).size + 1);
    assert_int_equal(2048, jwk_bits(ps384));
    assert_ok(jwk_with_alg(rs256, ALG_RS256, &same));
    assert_ptr_equal(rs256, same);
    assert_ok(jwk_with_alg(edwards, ALG_ED448, &named));
    assert_string_equal(jwk_kid(edwards), jwk_kid(named));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_with_alg(edwards, ALG_ED25519, &none));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_with_alg(rs256, ALG_ES256, &none));
    assert_status(JWKD_INVALID_ARGUMENT, jwk_with_alg(rs256, ALG_NONE, &none));
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwk__publishes_its_key),
        cmocka_unit_test(jwk__is_named_by_its_thumbprint),
        cmocka_unit_test(jwk__goes_there_and_back),
        cmocka_unit_test(jwk__knows_rsa_sizes),
        cmocka_unit_test(jwk__refuses_weak_rsa),
        cmocka_unit_test(jwk__refuses_points_off_their_curve),
        cmocka_unit_test(jwk__refuses_points_of_low_order),
        cmocka_unit_test(jwk__takes_every_generated_edwards_key),
        cmocka_unit_test(jwk__refuses_private_keys),
        cmocka_unit_test(jwk__leaves_keys_for_others_alone),
        cmocka_unit_test(jwk__refuses_an_alg_that_does_not_fit),
        cmocka_unit_test(jwk__refuses_malformed_keys),
        cmocka_unit_test(jwk__limits_the_kid),
        cmocka_unit_test(jwk__limits_its_text),
        cmocka_unit_test(jwk__refuses_a_pkey_of_another_kind),
        cmocka_unit_test(jwk__becomes_one_for_another_algorithm),
        cmocka_unit_test(jwk__accepts_its_own_algorithm_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
