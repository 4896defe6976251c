/* The plaintext of a sealed private key: one byte that says its form (key_type.sealed), then RSA's PKCS#1
 * encoding, an elliptic curve's scalar (big-endian, fixed width), an Edwards curve's raw private key (RFC
 * 8032), or an ML-DSA seed. */
#ifndef SIGNER_MATERIAL_H
#define SIGNER_MATERIAL_H

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "jose/alg.h"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/* `out` must be empty. UNSUPPORTED: a kind of key that is not signed with here, or an ML-DSA key without its
 * seed; INVALID_ARGUMENT: an RSA key without factors, with more than two, or of outlandish sizes. */
jwkd_status material_write(const EVP_PKEY *pkey, struct secret *out, jwkd_error *error) MUST_CHECK;

/* Whether the parts of an RSA or EC key belong together, for keys that somebody brings; of the others the
 * public part is derived. Call it after material_write, which refuses sizes that would take for ever here. */
jwkd_status material_check(EVP_PKEY *pkey, jwkd_error *error) MUST_CHECK;

/* An elliptic-curve key comes without its public part, which signing does not need. */
jwkd_status material_read(struct bytes material, const struct key_type **out_type, EVP_PKEY **out) MUST_CHECK;

/* Makes a key from its private value (of type->private_size bytes; not RSA). `point`: for EC, the
 * uncompressed public point to go with it, or an empty view. MALFORMED when OpenSSL refuses the values. */
jwkd_status material_from_value(
    const struct key_type *type, struct bytes value, struct bytes point, EVP_PKEY **out) MUST_CHECK;
/* From PKCS#1's encoding. MALFORMED likewise. */
jwkd_status material_from_rsa(struct bytes encoded, EVP_PKEY **out) MUST_CHECK;

#endif
