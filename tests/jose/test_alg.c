#include "jose/alg.h"

#include "jose/support.h"

static void alg__finds_every_name(void **state)
{
    (void)state;
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++) {
        assert_int_equal(alg, alg_from_name(B(alg_name(alg))));
        assert_int_not_equal(KTY_NONE, alg_kty(alg));
        assert_int_equal(alg_digest(alg) != NULL, alg_md(alg) != NULL);
    }
}

static void alg__has_no_name_for_what_does_not_sign(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {"", "none", "None", "NONE", "HS256", "HS384", "HS512", "rs256",
        "RS256 ", "ES256K", "RSA-OAEP", "dir", "RS25", "RS2566"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_int_equal(ALG_NONE, alg_from_name(B(OTHERS[i])));
    assert_int_equal(ALG_NONE, alg_from_name(bytes_of("RS256\0", 6)));
    assert_string_equal("", alg_name(ALG_NONE));
    assert_false(alg_available(ALG_NONE));
}

static void alg__names_the_type_of_key(void **state)
{
    (void)state;
    static const struct {
        enum alg alg;
        uint32_t bits;
        const char *name;
    } ROWS[] = {{ALG_RS256, 0, "RSA-4096"}, {ALG_RS256, 2048, "RSA-2048"}, {ALG_PS512, 3072, "RSA-3072"},
        {ALG_ES256, 0, "P-256"}, {ALG_ES384, 0, "P-384"}, {ALG_ES512, 0, "P-521"}, {ALG_EDDSA, 0, "Ed25519"},
        {ALG_ED25519, 0, "Ed25519"}, {ALG_ED448, 0, "Ed448"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct key_type *type = NULL;
        assert_ok(alg_key_type(ROWS[i].alg, ROWS[i].bits, &type));
        assert_string_equal(ROWS[i].name, type->name);
        assert_ptr_equal(type, key_type_by_name(B(ROWS[i].name)));
    }
    const struct key_type *type = NULL;
    assert_status(JWKD_UNSUPPORTED, alg_key_type(ALG_RS256, 1024, &type));
    assert_status(JWKD_UNSUPPORTED, alg_key_type(ALG_NONE, 0, &type));
    assert_null(type);
    assert_null(key_type_by_name(B("RSA-1024")));
    assert_null(key_type_by_curve(KTY_EC, B("Ed25519")));
    assert_null(key_type_by_curve(KTY_EC, B("secp256k1")));
}

static void alg__offers_ml_dsa_where_openssl_does(void **state)
{
    (void)state;
    const struct key_type *type = NULL;
    bool offered = OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 5;
    assert_int_equal(offered, alg_available(ALG_ML_DSA_44));
    assert_status(offered ? JWKD_OK : JWKD_UNSUPPORTED, alg_key_type(ALG_ML_DSA_65, 0, &type));
    assert_true(alg_available(ALG_ES256));
    assert_true(alg_available(ALG_ED448));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alg__finds_every_name),
        cmocka_unit_test(alg__has_no_name_for_what_does_not_sign),
        cmocka_unit_test(alg__names_the_type_of_key),
        cmocka_unit_test(alg__offers_ml_dsa_where_openssl_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
