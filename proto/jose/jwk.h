/* One public key: from and to JWK (RFC 7517, 7518 section 6, 8037) and OpenSSL, and verifying with it.
 * Private keys never come here. */
#ifndef JOSE_JWK_H
#define JOSE_JWK_H

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "jose/alg.h"

/* Immutable, reference counted, shared by any number of threads. OpenSSL's form of the key is made when
 * it is first needed and checked when it is read. */
struct jwk;

enum { JWK_THUMBPRINT_SIZE = 43 }; /* base64url of SHA-256, RFC 7638 section 3 */

struct jwk_rules {
    /* The algorithm of an RSA key without `alg`; ALG_NONE refuses it. The curve gives the algorithm of an EC
     * or OKP key without one (ES256, ES384, ES512, EdDSA); AKP must have it. */
    enum alg default_alg;
    bool require_kid; /* otherwise a key without `kid` is named by its thumbprint */
    bool taken_in;    /* a key that the service has already: only then may it have ROCA's fingerprint, which
                         0.1.0 did not look for */
};

/* Reads a public JWK of at most LIMIT_JWK bytes (RESOURCE_EXHAUSTED). MALFORMED; UNSUPPORTED: well formed,
 * but not a key that verifies here (kty, crv or alg not ours or not offered by OpenSSL, use other than sig,
 * key_ops without verify); INVALID_ARGUMENT: private members; RSA under 2048 or over 16384 bits, with an even
 * modulus, ROCA's fingerprint, or an exponent that is even, under 65537 or over 64 bits; a point off its
 * curve or of low order; an alg that does not fit the key; a kid that is empty, over LIMIT_KID or not visible
 * ASCII without quotes and backslash. Members unknown to us are ignored. */
jwkd_status jwk_from_json(
    struct bytes text, const struct jwk_rules *rules, struct jwk **out, jwkd_error *error) MUST_CHECK;
/* As jwk_from_json, without parsing again: `node` is an object of a parsed document (used for sets). */
struct json;
jwkd_status jwk_from_node(const struct json *json, int node, const struct jwk_rules *rules, struct jwk **out,
    jwkd_error *error) MUST_CHECK;
/* Whether it is an object with members of a private key, of a kty of ours or of none. */
bool jwk_node_is_private(const struct json *json, int node);
/* From OpenSSL's key (only its public part is taken; the caller keeps `pkey`). `kid` NULL: the
 * thumbprint. The same strength checks. */
jwkd_status jwk_from_pkey(
    const EVP_PKEY *pkey, enum alg alg, const char *kid, struct jwk **out, jwkd_error *error) MUST_CHECK;

/* The same key and kid for another algorithm of its type. INVALID_ARGUMENT when the type does not fit. */
jwkd_status jwk_with_alg(const struct jwk *jwk, enum alg alg, struct jwk **out) MUST_CHECK;

struct jwk *jwk_ref(const struct jwk *jwk);
void jwk_unref(struct jwk *jwk); /* NULL is fine */
DEFINE_CLEANUP(struct jwk *, jwk_unref)

const char *jwk_kid(const struct jwk *jwk);
enum alg jwk_alg(const struct jwk *jwk);
enum kty jwk_kty(const struct jwk *jwk);
const struct key_type *jwk_key_type(const struct jwk *jwk); /* NULL for an RSA size that is not generated */
uint32_t jwk_bits(const struct jwk *jwk);                   /* RSA modulus bits, 0 for the others */
/* NUL-terminated, JWK_THUMBPRINT_SIZE characters. */
const char *jwk_thumbprint(const struct jwk *jwk);
/* The published form: kty, use "sig", alg, kid and the key's own members; no white space. */
struct bytes jwk_json(const struct jwk *jwk);
/* SubjectPublicKeyInfo in PEM, RFC 7468 section 13. */
jwkd_status jwk_pem(const struct jwk *jwk, struct buffer *out) MUST_CHECK;

/* Whether the token's alg may be verified with this key: equal to the key's own; for Edwards curves
 * EdDSA and the curve's own name are the same (RFC 9864 section 2.2). */
bool jwk_accepts(const struct jwk *jwk, enum alg alg);

/* Verifies a JWS signature over `input` (RFC 7515 section 5.2 step 8): JWKD_OK, REFUSED when it does not
 * match, else NO_MEMORY or INTERNAL. Any thread; prepared contexts are pooled inside the key, so that
 * the cost is that of the bare operation. */
jwkd_status jwk_verify(const struct jwk *jwk, struct bytes input, struct bytes signature) MUST_CHECK;

#endif
