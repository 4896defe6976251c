/* A private key in the clear, ready to sign at the speed of the bare operation. */
#ifndef SIGNER_UNSEALED_H
#define SIGNER_UNSEALED_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "jose/alg.h"
#include "signer/binding.h"

/* How many threads sign with one key at the same time; others wait their turn. */
enum { UNSEALED_SLOTS = 16 };

struct slot;

/* Reference counted, any thread; wiped with the last reference. */
struct unsealed {
    struct binding name;
    _Atomic unsigned references;
    struct unsealed *bucket_next, *newer, *older; /* the cache's, under its mutex */

    const struct key_type *type;
    enum alg alg;
    const EVP_MD *digest; /* NULL: the algorithm takes the message itself */
    size_t coordinate;    /* ECDSA: bytes of r and of s */
    EVP_PKEY *pkey;       /* the first slot's */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t returned;
    struct slot *idle;
    unsigned slots;
};

/* From the material's plaintext. CORRUPT: not a key; INVALID_ARGUMENT: one that does not sign with `alg`. */
jwkd_status unsealed_new(
    struct bytes material, enum alg alg, const struct binding *name, struct unsealed **out) MUST_CHECK;
struct unsealed *unsealed_ref(struct unsealed *unsealed);
void unsealed_unref(struct unsealed *unsealed); /* NULL is fine */
DEFINE_CLEANUP(struct unsealed *, unsealed_unref)

/* Whether it was unsealed for that algorithm; an Edwards curve has two names for its one (RFC 9864
 * section 2.2). */
bool unsealed_signs_as(const struct unsealed *unsealed, enum alg alg);

/* Appends the JWS signature of `input` (RFC 7515 section 5.1 step 5). NO_MEMORY also when the secure heap is
 * full. */
jwkd_status unsealed_sign(struct unsealed *unsealed, struct bytes input, struct buffer *out) MUST_CHECK;

#endif
