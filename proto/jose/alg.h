/* The signature algorithms: RFC 7518 section 3.1, RFC 8037, RFC 9864, ML-DSA for JOSE. */
#ifndef JOSE_ALG_H
#define JOSE_ALG_H

#include <openssl/evp.h>

#include "base/bytes.h"

// clang-format off
enum alg {
    ALG_NONE, /* "no such algorithm"; the JWS algorithm "none" has no name here at all */
    ALG_RS256, ALG_RS384, ALG_RS512,
    ALG_PS256, ALG_PS384, ALG_PS512,
    ALG_ES256, ALG_ES384, ALG_ES512,
    ALG_EDDSA, /* the curve is the key's */
    ALG_ED25519, ALG_ED448, /* RFC 9864's fully specified names */
    ALG_ML_DSA_44, ALG_ML_DSA_65, ALG_ML_DSA_87,
    ALG_COUNT,
    ALG_RSA_FIRST = ALG_RS256, ALG_RSA_LAST = ALG_PS512
};
// clang-format on

/* JWK key types, RFC 7518 section 6.1, RFC 8037, AKP of ML-DSA for JOSE. */
enum kty { KTY_NONE, KTY_RSA, KTY_EC, KTY_OKP, KTY_AKP };

/* What sort of key an algorithm signs with, one row for each that can be generated. */
struct key_type {
    enum kty kty;
    const char *name;        /* "RSA-4096", "P-256", "Ed25519", "ML-DSA-65": for people and for reserves */
    const char *curve;       /* the JWK's crv; NULL for RSA and AKP */
    const char *openssl;     /* what EVP_PKEY_CTX_new_from_name takes; with group for EC */
    const char *group;       /* EC only: OpenSSL's group name */
    uint32_t bits;           /* RSA only */
    uint16_t public_size;    /* bytes of a coordinate (EC), of x (OKP), of pub (AKP); 0 for RSA */
    uint16_t signature_size; /* bytes of a JWS signature */
};

/* A set of algorithms is a uint32_t with a bit for each. */
#define ALG_BIT(alg) (UINT32_C(1) << (alg))
_Static_assert(ALG_COUNT <= 32, "an alg is a bit of a set");

/* The first of RSA's in a set, or ALG_NONE. */
enum alg alg_first_rsa(uint32_t algs);

const char *alg_name(enum alg alg);
/* ALG_NONE for any name that is not exactly one of ours (case matters). */
enum alg alg_from_name(struct bytes name);
/* Whether the OpenSSL that runs offers it (ML-DSA needs 3.5). */
bool alg_available(enum alg alg);
enum kty alg_kty(enum alg alg);
/* The digest's OpenSSL name, or NULL where the algorithm has none of its own. */
const char *alg_digest(enum alg alg);
/* The digest itself, fetched once for the whole process and never freed; NULL likewise. */
const EVP_MD *alg_md(enum alg alg);
/* SHA-256, by that digest: EVP_sha256() is looked up each time that it is used. */
enum { SHA256_SIZE = 32 };
jwkd_status alg_sha256(struct bytes input, uint8_t out[SHA256_SIZE]) MUST_CHECK;
/* Whether it is one of RSASSA-PSS. */
static inline bool alg_is_pss(enum alg alg)
{
    return alg >= ALG_PS256 && alg <= ALG_PS512;
}
/* The type of key for an algorithm; `bits` matters for RSA only (0: 4096). UNSUPPORTED: no such
 * combination, or not offered by OpenSSL. ALG_EDDSA means Ed25519. Static storage. */
jwkd_status alg_key_type(enum alg alg, uint32_t bits, const struct key_type **out) MUST_CHECK;
/* Look-up by key_type.name, NULL when there is none. */
const struct key_type *key_type_by_name(struct bytes name);
/* Look-up by a JWK's crv, NULL when there is none. */
const struct key_type *key_type_by_curve(enum kty kty, struct bytes crv);
/* The row of an RSA modulus of `bits`, NULL for a size that is not generated. */
const struct key_type *key_type_by_rsa_bits(uint32_t bits);
/* The row of an algorithm that belongs to one type of key only, NULL for RSA's and for ALG_EDDSA. */
const struct key_type *key_type_by_alg(enum alg alg);

#endif
