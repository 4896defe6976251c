/* The signature algorithms and the types of key, as alg_table.h lists them. */
#ifndef JOSE_ALG_H
#define JOSE_ALG_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "jose/alg_table.h"

/* ALG_EDDSA leaves the curve to the key; ALG_ED25519 and ALG_ED448 are RFC 9864's fully specified names. */
// clang-format off
enum alg {
    ALG_NONE, /* "no such algorithm"; the JWS algorithm "none" has no name here at all */
#define ROW(id, ...) ALG_##id,
    ALG_TABLE(ROW)
#undef ROW
    ALG_COUNT
};
// clang-format on

/* JWK key types, RFC 7518 section 6.1, RFC 8037, AKP of ML-DSA for JOSE. */
enum kty { KTY_NONE, KTY_RSA, KTY_EC, KTY_OKP, KTY_AKP };

/* What a kty is called in a JWK, and the members of its keys. */
struct kty_names {
    const char *kty, *first, *second; /* public; `second` may be NULL */
    const char *secret;               /* the member without which it is no private key */
};
const struct kty_names *kty_names(enum kty kty);
/* KTY_NONE for any other name (case matters). */
enum kty kty_from_name(struct bytes name);

// clang-format off
enum key_id {
#define ROW(id, ...) KEY_##id,
    KEY_TYPE_TABLE(ROW)
#undef ROW
    KEY_TYPE_COUNT
};
// clang-format on

enum { COORDINATE_MAX = 66, PUBLIC_MAX = 2592 }; /* bytes: the largest of EC, of all types in public_size */

/* What sort of key an algorithm signs with. */
struct key_type {
    enum key_id id;
    enum kty kty;
    uint8_t sealed; /* the number of its form in sealed private keys, never given another meaning; 0: none */
    const char *name;        /* "RSA-4096", "P-256", "Ed25519", "ML-DSA-65": for people and for reserves */
    const char *curve;       /* the JWK's crv; NULL for RSA and AKP */
    const char *openssl;     /* what EVP_PKEY_CTX_new_from_name takes; with group for EC */
    const char *group;       /* EC only: OpenSSL's group name */
    uint32_t bits;           /* RSA only; 0 in the row for whatever size, which is not generated */
    uint16_t public_size;    /* bytes of a coordinate (EC), of x (OKP), of pub (AKP); 0 for RSA */
    uint16_t private_size;   /* bytes of the scalar (EC), of d (OKP), of the seed (AKP); 0 for RSA */
    uint16_t signature_size; /* bytes of a JWS signature; 0 in RSA's row for whatever size */
    enum alg usual;          /* what such a key signs with when nobody says */
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
bool alg_is_pss(enum alg alg);
/* The type of key for an algorithm; `bits` matters for RSA only (0: 4096). UNSUPPORTED: no such
 * combination, or not offered by OpenSSL. ALG_EDDSA means Ed25519. Static storage. */
jwkd_status alg_key_type(enum alg alg, uint32_t bits, const struct key_type **out) MUST_CHECK;

const struct key_type *key_type_by_id(enum key_id id);
/* A type that is generated here, by its name; NULL when there is none. */
const struct key_type *key_type_by_name(struct bytes name);
/* Look-up by a JWK's crv, NULL when there is none. */
const struct key_type *key_type_by_curve(enum kty kty, struct bytes crv);
/* The row of an RSA modulus of `bits`, NULL for a size that is not generated. */
const struct key_type *key_type_by_rsa_bits(uint32_t bits);
/* The row of an algorithm that belongs to one type of key only, NULL for RSA's and for ALG_EDDSA. */
const struct key_type *key_type_by_alg(enum alg alg);
/* By the number of a sealed form, NULL when there is none. RSA: the row for whatever size. */
const struct key_type *key_type_by_sealed(uint8_t sealed);
/* Of OpenSSL's key, NULL for what is none of ours. RSA: the row for whatever size. */
const struct key_type *key_type_of_pkey(const EVP_PKEY *pkey);
/* Whether the OpenSSL that runs offers it. */
bool key_type_available(const struct key_type *type);
/* Whether keys of this type sign with the algorithm. */
bool key_type_signs_with(const struct key_type *type, enum alg alg);
/* Whether a key of this type that is for `a` is for `b`, too: on an Edwards curve EdDSA and the curve's own
 * name are the same (RFC 9864 section 2.2). */
bool key_type_same_alg(const struct key_type *type, enum alg a, enum alg b);

#endif
