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
        "RS256 ", "ES256k", "RSA-OAEP", "dir", "RS25", "RS2566"};
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
        {ALG_ES256, 0, "P-256"}, {ALG_ES384, 0, "P-384"}, {ALG_ES512, 0, "P-521"},
        {ALG_ES256K, 0, "secp256k1"}, {ALG_EDDSA, 0, "Ed25519"}, {ALG_ED25519, 0, "Ed25519"},
        {ALG_ED448, 0, "Ed448"}};
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
    assert_null(key_type_by_curve(KTY_EC, B("brainpoolP256r1")));
    assert_null(key_type_by_name(B("RSA"))); /* a size that is not said is not generated */
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

/* What is sealed in stores that are there already is read by these numbers for ever. */
static void alg__keeps_the_numbers_of_sealed_forms(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"RSA", "P-256", "P-384", "P-521", "Ed25519", "Ed448", "ML-DSA-44",
        "ML-DSA-65", "ML-DSA-87", "secp256k1"};
    enum { FORMS = sizeof NAMES / sizeof *NAMES };
    for (uint8_t i = 0; i < FORMS; i++)
        assert_string_equal(NAMES[i], key_type_by_sealed(i + 1)->name);
    assert_null(key_type_by_sealed(0));
    assert_null(key_type_by_sealed(FORMS + 1));
}

static void alg__has_rows_that_fit_together(void **state)
{
    (void)state;
    for (int id = 0; id < KEY_TYPE_COUNT; id++) {
        const struct key_type *type = key_type_by_id((enum key_id)id);
        assert_int_equal(id, type->id);
        assert_true(key_type_signs_with(type, type->usual));
        assert_true(type->public_size <= (type->kty == KTY_EC ? (int)COORDINATE_MAX : (int)PUBLIC_MAX));
        assert_int_equal(type->kty == KTY_EC, type->group != NULL);
        if (type->kty == KTY_EC) assert_int_equal(2 * type->public_size, type->signature_size);
        if (type->kty != KTY_RSA) assert_ptr_equal(type, key_type_by_sealed(type->sealed));
        if (type->curve) assert_ptr_equal(type, key_type_by_curve(type->kty, B(type->curve)));
        for (int other = 0; type->sealed && other < id; other++)
            assert_int_not_equal(type->sealed, key_type_by_id((enum key_id)other)->sealed);
    }
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++) {
        const struct key_type *type = key_type_by_alg(alg);
        if (type) assert_true(key_type_signs_with(type, alg));
        assert_int_equal(alg_kty(alg) == KTY_RSA || alg == ALG_EDDSA, type == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alg__finds_every_name),
        cmocka_unit_test(alg__has_no_name_for_what_does_not_sign),
        cmocka_unit_test(alg__names_the_type_of_key),
        cmocka_unit_test(alg__keeps_the_numbers_of_sealed_forms),
        cmocka_unit_test(alg__has_rows_that_fit_together),
        cmocka_unit_test(alg__offers_ml_dsa_where_openssl_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
