/* The only place where private keys are plaintext. Its interface is message-shaped (bytes in, bytes out), so
 * that it can move into a process of its own without its callers noticing. All calls: any thread. */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include "jose/jwk.h"
#include "seal/seal.h"

struct signer;

struct signer_options {
    const struct seal *seal; /* outlives the signer */
    size_t max_unsealed;     /* keys held unsealed at a time, least recently used first out; 0: 1024 */
};

jwkd_status signer_new(
    const struct signer_options *options, struct signer **out, jwkd_error *error) MUST_CHECK;
/* Wipes every key; no call may be under way. NULL is fine. */
void signer_free(struct signer *signer);

/* Sets up OpenSSL's secure heap of `bytes` (rounded up to a power of two) and makes OpenSSL wipe whatever it
 * frees, for its decoders leave copies of private keys behind. Once, and before OpenSSL is used for anything
 * in this process: else FAILED_PRECONDITION. *out_locked says whether the system locks the heap in memory. */
jwkd_status signer_secure_heap(size_t bytes, bool *out_locked) MUST_CHECK;

/* What a sealed key is bound to: the owner is an environment id in hexadecimal, or "reserve". */
struct signer_key {
    const char *owner;
    const char *kid;
    enum alg alg; /* what it signs with */
    struct bytes sealed;
};

/* A JWS signature over `input` (ECDSA as r || s), appended to `out`. Unseals the key on first use and keeps
 * it until it is forgotten or pushed out; when the secure heap is full, others are pushed out before it gives
 * up with NO_MEMORY. CORRUPT when the sealed bytes do not open, INVALID_ARGUMENT when the key does not sign
 * with that alg. */
jwkd_status signer_sign(
    struct signer *signer, const struct signer_key *key, struct bytes input, struct buffer *out) MUST_CHECK;

/* Drops a key from memory (deactivated, destroyed): it is wiped at once, or with the end of the last
 * signature under way. To be called when no new signature with it can begin, since the next one would unseal
 * it again. */
void signer_forget(struct signer *signer, const char *owner, const char *kid);
/* How many keys are held unsealed now. */
size_t signer_unsealed(struct signer *signer);

/* Makes a key pair: the sealed private key bound to `owner` and the thumbprint as kid, and the public key
 * with `alg`. RSA-4096 takes seconds. *stop (may be NULL) is looked at now and then: true gives CLOSED. */
jwkd_status signer_generate(struct signer *signer, const struct key_type *type, enum alg alg,
    const char *owner, const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public,
    jwkd_error *error) MUST_CHECK;

/* Seals the same key for another owner (a key from the reserve that an environment takes). */
jwkd_status signer_rebind(struct signer *signer, const struct signer_key *key, const char *new_owner,
    struct buffer *out_sealed) MUST_CHECK;

/* Reads a private JWK (RFC 7517, 7518 section 6, 8037; RSA with all of p, q, dp, dq, qi or none) or an
 * unencrypted PEM (PKCS#8, PKCS#1, SEC 1), checks it (private and public part belong together, strength as
 * jwk_from_json, RSA of at most 8192 bits), and seals it bound to `owner`, kid = the JWK's own kid or the
 * thumbprint. `alg` ALG_NONE: the JWK's alg; without one: `default_alg` if it fits the key, else the type's
 * usual algorithm (RS256, ES256/384/512 by curve, EdDSA). INVALID_ARGUMENT when the key is not acceptable or
 * alg does not fit; MALFORMED; UNSUPPORTED for encrypted keys and for types, curves and algs that are not
 * signed with; RESOURCE_EXHAUSTED over LIMIT_JWK. The caller wipes `text`. */
jwkd_status signer_import(struct signer *signer, struct bytes text, enum alg alg, enum alg default_alg,
    const char *owner, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error) MUST_CHECK;

#endif
