#include "bench/material.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "base/clock.h"
#include "jose/base64url.h"
#include "jose/jws.h"

jwkd_status material_rsa_pem(const struct bench *bench, unsigned bits, struct buffer *out, jwkd_error *error)
{
    char path[512];
    snprintf(path, sizeof path, "%s/keys/rsa-%u.pem", bench->data, bits);
    FILE *file = fopen(path, "r");
    if (!file) return fail(error, JWKD_NOT_FOUND, "%s cannot be read: name its folder with --data", path);
    jwkd_status status = buffer_reserve(out, 8192);
    if (status == JWKD_OK) out->size += fread(out->data + out->size, 1, 8192, file);
    fclose(file);
    return status;
}

DEFINE_CLEANUP(BIO *, BIO_vfree)

static jwkd_status read_rsa(const struct bench *bench, unsigned bits, EVP_PKEY **out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer pem = {0};
    TRY(material_rsa_pem(bench, bits, &pem, error));
    CLEANUP(BIO_vfree_at) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    if (!key) return fail(error, JWKD_MALFORMED, "keys/rsa-%u.pem is not a private key", bits);
    *out = key;
    return JWKD_OK;
}

jwkd_status material_key(
    const struct bench *bench, enum alg alg, unsigned bits, EVP_PKEY **out, jwkd_error *error)
{
    if (alg_kty(alg) == KTY_RSA) return read_rsa(bench, bits, out, error);
    const struct key_type *type;
    TRY(alg_key_type(alg, 0, &type));
    EVP_PKEY *key = type->kty == KTY_EC ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", type->group)
                                        : EVP_PKEY_Q_keygen(NULL, NULL, type->openssl);
    if (!key) return fail(error, JWKD_INTERNAL, "no %s key could be made", type->name);
    *out = key;
    return JWKD_OK;
}

jwkd_status material_claims(unsigned number, struct buffer *out)
{
    enum { SIZE = 300 };
    static const char end[] = "\"}";
    long long now = clock_wall_sec();
    size_t start = out->size;
    TRY(buffer_append_format(out,
        "{\"iss\":\"" BENCH_ISSUER "\",\"aud\":\"" BENCH_AUDIENCE "\",\"sub\":\"user-%012u\",\"client_id\":"
        "\"storefront\",\"jti\":\"9f3c0a7e-%08x\",\"iat\":%lld,\"exp\":%lld,\"scope\":\"orders:read",
        number, number, now, now + 3600));
    while (out->size - start < SIZE - (sizeof end - 1))
        TRY(buffer_append_text(out, out->size % 8 ? "s" : " "));
    return buffer_append_text(out, end);
}

/* RFC 7518 section 3.5: the salt is as long as the digest. */
static bool set_padding(EVP_PKEY_CTX *operation, enum alg alg)
{
    return !alg_is_pss(alg) || (EVP_PKEY_CTX_set_rsa_padding(operation, RSA_PKCS1_PSS_PADDING) == 1 &&
                                   EVP_PKEY_CTX_set_rsa_pss_saltlen(operation, RSA_PSS_SALTLEN_DIGEST) == 1);
}

jwkd_status bare_sign(
    EVP_PKEY *key, enum alg alg, struct bytes input, uint8_t *out_signature, size_t *in_out_size)
{
    CLEANUP(EVP_MD_CTX_free_at) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *operation;
    if (!context || EVP_DigestSignInit(context, &operation, alg_md(alg), NULL, key) != 1 ||
        !set_padding(operation, alg) ||
        EVP_DigestSign(context, out_signature, in_out_size, input.data, input.size) != 1)
        return JWKD_INTERNAL;
    return JWKD_OK;
}

jwkd_status bare_verify(EVP_PKEY *key, enum alg alg, struct bytes input, struct bytes signature)
{
    CLEANUP(EVP_MD_CTX_free_at) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *operation;
    if (!context || EVP_DigestVerifyInit(context, &operation, alg_md(alg), NULL, key) != 1 ||
        !set_padding(operation, alg) ||
        EVP_DigestVerify(context, signature.data, signature.size, input.data, input.size) != 1)
        return JWKD_REFUSED;
    return JWKD_OK;
}

static jwkd_status append_signature(const struct sample_token *token, enum alg alg, struct buffer *out)
{
    struct bytes signature = bytes_of(token->signature, token->signature_size);
    if (alg_kty(alg) != KTY_EC) return base64url_append(signature, out);
    const struct key_type *type;
    uint8_t both[132];
    TRY(alg_key_type(alg, 0, &type));
    TRY(ecdsa_from_der(signature, type->public_size, both));
    return base64url_append(bytes_of(both, type->signature_size), out);
}

jwkd_status material_token(EVP_PKEY *key, enum alg alg, const char *kid, unsigned number,
    struct sample_token *out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer claims = {0};
    TRY(material_claims(number, &claims));
    TRY(jws_append_header(alg, bytes_of_text("at+jwt"), bytes_of_text(kid), &out->text));
    TRY(buffer_append_text(&out->text, "."));
    TRY(base64url_append(buffer_bytes(&claims), &out->text));
    out->input_size = out->text.size;
    out->signature_size = sizeof out->signature;
    if (bare_sign(key, alg, buffer_bytes(&out->text), out->signature, &out->signature_size) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "%s does not sign", alg_name(alg));
    TRY(buffer_append_text(&out->text, "."));
    return append_signature(out, alg, &out->text);
}
