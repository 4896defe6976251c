/* What the files of jwk share. Nobody else includes this. */
#ifndef JOSE_KEY_PARTS_H
#define JOSE_KEY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "jose/jwk.h"

enum {
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 16384, /* OpenSSL's own limit too */
    RSA_EXPONENT_MAX = 8, /* bytes; more would only make verifying slow */
    MATERIAL_MAX = PUBLIC_MAX + COORDINATE_MAX,
};

/* A key taken apart, before it is believed. */
struct jwk_material {
    enum kty kty;
    enum alg alg;
    const struct key_type *type; /* NULL for RSA, whose size speaks for itself */
    struct bytes kid;            /* empty: the thumbprint */
    bool taken_in;               /* as in jwk_rules */
    struct bytes first, second;  /* raw: n and e, x and y, x, or pub */
    uint8_t memory[MATERIAL_MAX];
};

/* The bits of a modulus without leading zero bytes. */
static inline uint32_t rsa_bits(struct bytes modulus)
{
    return (uint32_t)modulus.size * 8 - (uint32_t)(__builtin_clz(modulus.data[0]) - 24);
}

struct jwk {
    atomic_uint references;
    enum kty kty;
    enum alg alg;
    const struct key_type *type;
    uint32_t bits;
    const char *kid;
    struct bytes json;
    struct bytes first, second; /* as in jwk_material, in base64url: parts of json */
    char thumbprint[JWK_THUMBPRINT_SIZE + 1];

    pthread_mutex_t lock; /* guards what follows, held for no more than making `pkey` */
    EVP_PKEY *pkey;       /* NULL until first needed */
    struct verify_slot *free_slots;
    unsigned free_slot_count;
    bool pkey_taken; /* the first slot uses `pkey` itself, the others a duplicate */

    char text[]; /* kid NUL json NUL */
};

/* A key is immutable for its users; its counter and its pool are not. */
static inline struct jwk *jwk_mutable(const struct jwk *jwk)
{
    return (struct jwk *)(uintptr_t)jwk;
}

/* Refuses what is weak or no key at all: INVALID_ARGUMENT, MALFORMED, UNSUPPORTED, NO_MEMORY. */
jwkd_status jwk_check(const struct jwk_material *material, jwkd_error *error) MUST_CHECK;
/* Whether an RSA modulus is one of those that can be factored for their form (CVE-2017-15361). */
bool jwk_has_roca(struct bytes modulus);
/* Whether an algorithm is one for this type of key: RSA's take any size, EdDSA any curve of its kind. */
bool jwk_alg_fits(enum alg alg, enum kty kty, const struct key_type *type);
/* Takes a key apart again; the views are into *out and the key. */
jwkd_status jwk_take_apart(const struct jwk *jwk, struct jwk_material *out) MUST_CHECK;
/* Makes the key of checked material. */
jwkd_status jwk_new(const struct jwk_material *material, struct jwk **out) MUST_CHECK;
/* OpenSSL's form; the lock is held. The key keeps it. */
jwkd_status jwk_pkey_locked(struct jwk *jwk, EVP_PKEY **out) MUST_CHECK;
void jwk_free_slots(struct jwk *jwk);

#endif
