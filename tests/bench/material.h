/* Keys, claims and tokens to measure with. */
#ifndef BENCH_MATERIAL_H
#define BENCH_MATERIAL_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "bench/bench.h"
#include "jose/alg.h"

#define BENCH_ISSUER "https://issuer.example"
#define BENCH_AUDIENCE "https://api.example"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* The text of tests/data/keys/rsa-BITS.pem. */
jwkd_status material_rsa_pem(
    const struct bench *bench, unsigned bits, struct buffer *out, jwkd_error *error) MUST_CHECK;
/* RSA keys are read (making one takes seconds), the others made. */
jwkd_status material_key(
    const struct bench *bench, enum alg alg, unsigned bits, EVP_PKEY **out, jwkd_error *error) MUST_CHECK;
/* Claims of 300 bytes as of an access token, telling `number` in them. */
jwkd_status material_claims(unsigned number, struct buffer *out) MUST_CHECK;
/* Claims without those that the service adds. */
#define BENCH_BARE_CLAIMS                                                                               \
    "{\"sub\":\"user-000000000042\",\"client_id\":\"storefront\",\"scope\":\"orders:read orders:write " \
    "invoices:read profile\",\"tenant\":\"northwind\",\"roles\":[\"buyer\",\"approver\"]}"

/* The bare operations, each with a fresh context. `signature` as OpenSSL has it. */
jwkd_status bare_sign(
    EVP_PKEY *key, enum alg alg, struct bytes input, uint8_t *out_signature, size_t *in_out_size) MUST_CHECK;
jwkd_status bare_verify(EVP_PKEY *key, enum alg alg, struct bytes input, struct bytes signature) MUST_CHECK;

/* A token, and what the bare verification of it needs. */
struct sample_token {
    struct buffer text;
    size_t input_size; /* the part of `text` that is signed */
    uint8_t signature[1024];
    size_t signature_size;
};
jwkd_status material_token(EVP_PKEY *key, enum alg alg, const char *kid, unsigned number,
    struct sample_token *out, jwkd_error *error) MUST_CHECK;

#endif
