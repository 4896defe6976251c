/* What the tests of the formats share: fixtures, keys of every kind, and signing as an issuer would. */
#ifndef TESTS_JOSE_SUPPORT_H
#define TESTS_JOSE_SUPPORT_H

#include <openssl/evp.h>

/* Ours before cmocka's, which has a macro of the name fail. */
#include "base/cleanup.h"
#include "jose/jwk.h"
#include "jose/keyset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define B(literal) bytes_of_text(literal)
#define assert_status(expected, actual) \
    assert_string_equal(jwkd_status_name(expected), jwkd_status_name(actual))
#define assert_ok(actual) assert_status(JWKD_OK, actual)
#define assert_verdict(expected, actual) \
    assert_string_equal(jwkd_verdict_name(JWKD_VERDICT_##expected), jwkd_verdict_name(actual))
#define assert_bytes(expected, actual)                             \
    do {                                                           \
        struct bytes actual_ = (actual);                           \
        assert_int_equal(strlen(expected), actual_.size);          \
        assert_memory_equal(expected, actual_.data, actual_.size); \
    } while (0)

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/* A file below tests/data without its final newline, to be freed. */
char *fixture(const char *path);
/* A private key fit for the algorithm: RSA from a fixture of `bits`, the others generated. */
EVP_PKEY *private_key(enum alg alg, int bits);
struct jwk *public_key(const EVP_PKEY *pkey, enum alg alg, const char *kid);
struct jwk *jwk_read(const char *json);
/* The JWS signature as it stands in a token. */
struct buffer sign(EVP_PKEY *pkey, enum alg alg, struct bytes input);
/* A compact serialisation, to be freed. */
char *token(EVP_PKEY *pkey, enum alg alg, const char *header, const char *payload);
/* A set of one key. */
struct keyset *set_of(struct jwk *key);

#endif
