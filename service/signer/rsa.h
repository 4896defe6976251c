/* The numbers of an RSA private key, and their PKCS#1 encoding (RFC 8017 appendix A.1.2). OpenSSL's own
 * encoders leave copies in ordinary memory, so the encoding is written here, into a secret. */
#ifndef SIGNER_RSA_H
#define SIGNER_RSA_H

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/secret.h"

enum {
    RSA_NUMBERS = 8,
    RSA_REQUIRED = 3, /* n, e, d: the others follow */
    RSA_PRIVATE_BITS_MAX = 8192
};

/* n, e, d, p, q, dp, dq, qi in the order of the encoding, all in the secure heap. */
struct rsa {
    BIGNUM *numbers[RSA_NUMBERS];
};

/* The member of a JWK (RFC 7518 section 6.3) that holds a number. */
const char *rsa_member(size_t index);

jwkd_status rsa_init(struct rsa *rsa) MUST_CHECK;
void rsa_clear(struct rsa *rsa); /* a zeroed one is fine */

/* `rsa` must be initialised. INVALID_ARGUMENT: the key has no factors, or more than two. */
jwkd_status rsa_from_pkey(const EVP_PKEY *pkey, struct rsa *rsa, jwkd_error *error) MUST_CHECK;
/* Finds p, q, dp, dq and qi from n, e and d, which are set (NIST SP 800-56B
 * revision 2, appendix C.1). INVALID_ARGUMENT: they are not those of a key of two primes, or of sizes that
 * rsa_check_sizes refuses. */
jwkd_status rsa_complete(struct rsa *rsa, jwkd_error *error) MUST_CHECK;
/* Refuses what would make later checks endless: a modulus over RSA_PRIVATE_BITS_MAX, a number longer than the
 * modulus, a zero; among the first `count` numbers. */
jwkd_status rsa_check_sizes(const struct rsa *rsa, size_t count, jwkd_error *error) MUST_CHECK;
/* The encoding behind `lead` zero bytes. `out` must be empty. */
jwkd_status rsa_encode(const struct rsa *rsa, size_t lead, struct secret *out) MUST_CHECK;

#endif
