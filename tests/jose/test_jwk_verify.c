#include "jose/jwk.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <pthread.h>

#include "jose/support.h"

static const struct bytes INPUT = {(const uint8_t *)"header.payload", 14};

/* Every algorithm verifies what OpenSSL signed, again and again, and nothing else. */
static void jwk_verify__judges_every_algorithm(void **state)
{
    (void)state;
    for (enum alg alg = ALG_RS256; alg < ALG_COUNT; alg++) {
        if (!alg_available(alg)) continue;
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(alg, 2048);
        CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, alg, NULL);
        CLEANUP(buffer_clear) struct buffer signature = sign(pkey, alg, INPUT);
        struct bytes good = buffer_bytes(&signature);
        for (int i = 0; i < 3; i++) {
            assert_ok(jwk_verify(jwk, INPUT, good));
            assert_status(JWKD_REFUSED, jwk_verify(jwk, B("header.payloae"), good));
            assert_status(JWKD_REFUSED, jwk_verify(jwk, bytes_of(INPUT.data, 13), good));
            assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(good.data, good.size - 1)));
            assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, (struct bytes){0}));
        }
        for (size_t at = 0; at < good.size; at += good.size / 7) {
            signature.data[at] ^= 0x40;
            assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, good));
            signature.data[at] ^= 0x40;
        }
        assert_ok(jwk_verify(jwk, INPUT, good));
    }
}

static void jwk_verify__keeps_padding_and_digest_apart(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_RS256, 2048);
    for (enum alg signing = ALG_RS256; signing <= ALG_PS512; signing++) {
        CLEANUP(buffer_clear) struct buffer signature = sign(pkey, signing, INPUT);
        for (enum alg verifying = ALG_RS256; verifying <= ALG_PS512; verifying++) {
            CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, verifying, NULL);
            assert_status(signing == verifying ? JWKD_OK : JWKD_REFUSED,
                jwk_verify(jwk, INPUT, buffer_bytes(&signature)));
        }
    }
}

/* RFC 7518 section 3.5: the salt is as long as the digest, no other length will do. */
static void jwk_verify__refuses_another_salt_length(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_PS256, 2048);
    CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, ALG_PS256, NULL);
    for (int salt = 31; salt <= 33; salt++) {
        uint8_t signature[256];
        size_t size = sizeof signature;
        EVP_PKEY_CTX *operation;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_int_equal(1, EVP_DigestSignInit_ex(ctx, &operation, "SHA256", NULL, NULL, pkey, NULL));
        assert_int_equal(1, EVP_PKEY_CTX_set_rsa_padding(operation, RSA_PKCS1_PSS_PADDING));
        assert_int_equal(1, EVP_PKEY_CTX_set_rsa_pss_saltlen(operation, salt));
        assert_int_equal(1, EVP_DigestSign(ctx, signature, &size, INPUT.data, INPUT.size));
        EVP_MD_CTX_free(ctx);
        assert_status(salt == 32 ? JWKD_OK : JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(signature, size)));
    }
}

/* CVE-2022-21449 in Java, and its kin: zeros, the order of the curve, and DER in place of r || s. */
static void jwk_verify__refuses_degenerate_ecdsa(void **state)
{
    (void)state;
    static const uint8_t ORDER[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25,
        0x51};
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_ES256, 0);
    CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, ALG_ES256, NULL);
    uint8_t signature[64] = {0};
    assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(signature, 64)));
    memcpy(signature, ORDER, 32);
    memcpy(signature + 32, ORDER, 32);
    assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(signature, 64)));
    uint8_t der[80];
    size_t size = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(1, EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, pkey, NULL));
    assert_int_equal(1, EVP_DigestSign(ctx, der, &size, INPUT.data, INPUT.size));
    EVP_MD_CTX_free(ctx);
    assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(der, size)));
}

static void jwk_verify__leaves_the_error_queue_alone(void **state)
{
    (void)state;
    static const enum alg ALGS[] = {ALG_RS256, ALG_PS256, ALG_ES256, ALG_EDDSA};
    for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALGS[i], 2048);
        CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, ALGS[i], NULL);
        uint8_t bad[256] = {1};
        size_t size = alg_kty(ALGS[i]) == KTY_RSA ? 256 : 64;
        ERR_clear_error();
        ERR_raise(ERR_LIB_USER, 42);
        assert_status(JWKD_REFUSED, jwk_verify(jwk, INPUT, bytes_of(bad, size)));
        assert_int_equal(42, ERR_GET_REASON(ERR_peek_last_error()));
        assert_int_equal(42, ERR_GET_REASON(ERR_get_error()));
        assert_int_equal(0, ERR_get_error());
    }
}

struct work {
    const struct jwk *jwk;
    struct bytes signature;
    int failures;
};

static void *verify_often(void *argument)
{
    struct work *work = argument;
    for (int i = 0; i < 50; i++) {
        work->failures += jwk_verify(work->jwk, INPUT, work->signature) != JWKD_OK;
        work->failures += jwk_verify(work->jwk, B("other"), work->signature) != JWKD_REFUSED;
    }
    return NULL;
}

static void jwk_verify__serves_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 80 }; /* more than are kept prepared */
    static const enum alg ALGS[] = {ALG_RS256, ALG_ES256, ALG_EDDSA};
    for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALGS[i], 2048);
        CLEANUP(jwk_unref_at) struct jwk *jwk = public_key(pkey, ALGS[i], NULL);
        CLEANUP(buffer_clear) struct buffer signature = sign(pkey, ALGS[i], INPUT);
        struct work work[THREADS];
        pthread_t threads[THREADS];
        for (int t = 0; t < THREADS; t++) {
            work[t] = (struct work){.jwk = jwk, .signature = buffer_bytes(&signature)};
            assert_int_equal(0, pthread_create(&threads[t], NULL, verify_often, &work[t]));
        }
        for (int t = 0; t < THREADS; t++) {
            pthread_join(threads[t], NULL);
            assert_int_equal(0, work[t].failures);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwk_verify__judges_every_algorithm),
        cmocka_unit_test(jwk_verify__keeps_padding_and_digest_apart),
        cmocka_unit_test(jwk_verify__refuses_another_salt_length),
        cmocka_unit_test(jwk_verify__refuses_degenerate_ecdsa),
        cmocka_unit_test(jwk_verify__leaves_the_error_queue_alone),
        cmocka_unit_test(jwk_verify__serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
