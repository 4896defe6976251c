/* The plaintext of a sealed private key: one byte that says its form, then RSA's PKCS#1 encoding, an elliptic
 * curve's scalar (big-endian, fixed width), an Edwards curve's raw private key (RFC 8032), or an ML-DSA seed.
 */
#ifndef SIGNER_MATERIAL_H
#define SIGNER_MATERIAL_H

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "jose/alg.h"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

/* A kind of private key. Static storage. */
struct form {
    uint8_t tag; /* as stored: never given another meaning */
    enum kty kty;
    const char *name;    /* the JWK's crv, or the alg of an AKP key */
    const char *openssl; /* OpenSSL's name of the key type */
    const char *group;   /* EC: OpenSSL's name of the curve */
    size_t size;         /* of the private value; 0 for RSA */
    enum alg usual;      /* what such a key signs with when nobody says */
    uint32_t algs;       /* bit 1 << alg for everything it can sign with */
};

/* NULL: a kind of key that is not signed with here. */
const struct form *form_of(const EVP_PKEY *pkey);
/* By key type and name; RSA has no name. */
const struct form *form_find(enum kty kty, struct bytes name);
static inline bool form_fits(const struct form *form, enum alg alg)
{
    return form->algs >> alg & 1;
}

/* `out` must be empty. UNSUPPORTED: a kind of key that is not signed with here, or an ML-DSA key without its
 * seed; INVALID_ARGUMENT: an RSA key without factors, with more than two, or of outlandish sizes. */
jwkd_status material_write(const EVP_PKEY *pkey, struct secret *out, jwkd_error *error) MUST_CHECK;

/* Whether the parts of an RSA or EC key belong together, for keys that somebody brings; of the others the
 * public part is derived. Call it after material_write, which refuses sizes that would take for ever here. */
jwkd_status material_check(EVP_PKEY *pkey, jwkd_error *error) MUST_CHECK;

/* An elliptic-curve key comes without its public part, which signing does not need. */
jwkd_status material_read(struct bytes material, const struct form **out_form, EVP_PKEY **out) MUST_CHECK;

/* Makes a key from its private value (of form->size bytes; not RSA). `point`: for EC, the uncompressed public
 * point to go with it, or an empty view. MALFORMED when OpenSSL refuses the values. */
jwkd_status material_from_value(
    const struct form *form, struct bytes value, struct bytes point, EVP_PKEY **out) MUST_CHECK;
/* From PKCS#1's encoding. MALFORMED likewise. */
jwkd_status material_from_rsa(struct bytes encoded, EVP_PKEY **out) MUST_CHECK;

#endif
