#include "jose/support.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "jose/base64url.h"
#include "jose/jws.h"

char *fixture(const char *path)
{
    char name[512];
    snprintf(name, sizeof name, "%s/data/%s", TEST_SOURCE_DIR, path);
    FILE *file = fopen(name, "r");
    if (!file) fail_msg("%s cannot be opened", name);
    char *text = calloc(1, 64 * 1024);
    size_t size = fread(text, 1, 64 * 1024 - 1, file);
    fclose(file);
    while (size > 0 && text[size - 1] == '\n')
        text[--size] = '\0';
    return text;
}

EVP_PKEY *private_key(enum alg alg, int bits)
{
    const struct key_type *type;
    assert_ok(alg_key_type(alg, 0, &type));
    if (type->kty == KTY_EC) return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type->group);
    if (type->kty != KTY_RSA) return EVP_PKEY_Q_keygen(NULL, NULL, type->openssl);
    char name[512];
    snprintf(name, sizeof name, "%s/data/keys/rsa-%d.pem", TEST_SOURCE_DIR, bits ? bits : 2048);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    return pkey;
}

struct jwk *public_key(const EVP_PKEY *pkey, enum alg alg, const char *kid)
{
    struct jwk *jwk = NULL;
    jwkd_error error = {0};
    if (jwk_from_pkey(pkey, alg, kid, &jwk, &error) != JWKD_OK) fail_msg("%s", error.message);
    return jwk;
}

struct jwk *jwk_read(const char *json)
{
    const struct jwk_rules rules = {.default_alg = ALG_RS256};
    struct jwk *jwk = NULL;
    jwkd_error error = {0};
    if (jwk_from_json(B(json), &rules, &jwk, &error) != JWKD_OK) fail_msg("%s", error.message);
    return jwk;
}

struct buffer sign(EVP_PKEY *pkey, enum alg alg, struct bytes input)
{
    uint8_t signature[8192];
    size_t size = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *operation;
    assert_int_equal(1, EVP_DigestSignInit_ex(ctx, &operation, alg_digest(alg), NULL, NULL, pkey, NULL));
    if (alg_is_pss(alg)) {
        assert_int_equal(1, EVP_PKEY_CTX_set_rsa_padding(operation, RSA_PKCS1_PSS_PADDING));
        assert_int_equal(1, EVP_PKEY_CTX_set_rsa_pss_saltlen(operation, RSA_PSS_SALTLEN_DIGEST));
    }
    assert_int_equal(1, EVP_DigestSign(ctx, signature, &size, input.data, input.size));
    EVP_MD_CTX_free(ctx);
    if (alg_kty(alg) == KTY_EC) {
        const struct key_type *type;
        uint8_t both[132];
        assert_ok(alg_key_type(alg, 0, &type));
        assert_ok(ecdsa_from_der(bytes_of(signature, size), type->public_size, both));
        size = type->signature_size;
        memcpy(signature, both, size);
    }
    struct buffer out = {0};
    assert_ok(buffer_append(&out, signature, size));
    return out;
}

char *token(EVP_PKEY *pkey, enum alg alg, const char *header, const char *payload)
{
    CLEANUP(buffer_clear) struct buffer text = {0};
    assert_ok(base64url_append(B(header), &text));
    assert_ok(buffer_append_text(&text, "."));
    assert_ok(base64url_append(B(payload), &text));
    CLEANUP(buffer_clear) struct buffer signature = sign(pkey, alg, buffer_bytes(&text));
    assert_ok(buffer_append_text(&text, "."));
    assert_ok(base64url_append(buffer_bytes(&signature), &text));
    return bytes_to_text(buffer_bytes(&text));
}

struct keyset *set_of(struct jwk *key)
{
    struct keyset *set = NULL;
    assert_ok(keyset_new(&key, 1, NULL, &set, NULL));
    return set;
}
