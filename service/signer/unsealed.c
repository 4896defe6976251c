#include "signer/unsealed.h"

#include <openssl/rsa.h>

#include "jose/jws.h"
#include "signer/heap.h"
#include "signer/material.h"

/* What one thread at a time signs with. */
struct slot {
    struct slot *next;
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *sign;  /* signs a digest; NULL when the algorithm takes the message itself */
    EVP_MD_CTX *message; /* computes the digest, or signs the message */
};

static void slot_free(struct slot *slot)
{
    if (!slot) return;
    EVP_MD_CTX_free(slot->message);
    EVP_PKEY_CTX_free(slot->sign);
    EVP_PKEY_free(slot->pkey);
    free(slot);
}
DEFINE_CLEANUP(struct slot *, slot_free)

static bool prepare_sign(EVP_PKEY_CTX *sign, const struct unsealed *key)
{
    if (EVP_PKEY_sign_init(sign) <= 0) return false;
    if (alg_is_pss(key->alg) && (EVP_PKEY_CTX_set_rsa_padding(sign, RSA_PKCS1_PSS_PADDING) <= 0 ||
                                    EVP_PKEY_CTX_set_rsa_pss_saltlen(sign, RSA_PSS_SALTLEN_DIGEST) <= 0))
        return false;
    return EVP_PKEY_CTX_set_signature_md(sign, key->digest) > 0;
}

/* Takes over `pkey`, also when it fails. */
static jwkd_status slot_new(const struct unsealed *key, EVP_PKEY *pkey, struct slot **out)
{
    CLEANUP(slot_free_at) struct slot *slot = calloc(1, sizeof *slot);
    if (!slot) {
        EVP_PKEY_free(pkey);
        return JWKD_NO_MEMORY;
    }
    slot->pkey = pkey;
    slot->message = EVP_MD_CTX_new();
    if (!slot->message) return heap_failure();
    if (key->digest) {
        slot->sign = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        if (!slot->sign || !prepare_sign(slot->sign, key)) return heap_failure();
    }
    *out = TAKE(slot);
    return JWKD_OK;
}

/* Another slot from one that may be signing at this moment. Threads that share an RSA key queue for its
 * blinding, so each gets a duplicate; the other kinds of key are only read. */
static jwkd_status slot_copy(const struct unsealed *key, struct slot **out)
{
    EVP_PKEY *copy = NULL;
    if (key->type->kty == KTY_RSA)
        copy = EVP_PKEY_dup(key->pkey);
    else if (EVP_PKEY_up_ref(key->pkey))
        copy = key->pkey;
    return copy ? slot_new(key, copy, out) : heap_failure();
}

static void unsealed_free(struct unsealed *key)
{
    if (!key) return;
    for (struct slot *slot = key->idle; slot;) {
        struct slot *next = slot->next;
        slot_free(slot);
        slot = next;
    }
    pthread_cond_destroy(&key->returned);
    pthread_mutex_destroy(&key->mutex);
    free(key);
}
DEFINE_CLEANUP(struct unsealed *, unsealed_free)

jwkd_status unsealed_new(
    struct bytes material, enum alg alg, const struct binding *name, struct unsealed **out)
{
    CLEANUP(unsealed_free_at) struct unsealed *key = calloc(1, sizeof *key);
    if (!key) return JWKD_NO_MEMORY;
    pthread_mutex_init(&key->mutex, NULL);
    pthread_cond_init(&key->returned, NULL);
    key->name = *name;
    key->references = 1;
    key->alg = alg;

    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = NULL;
    jwkd_status status = material_read(material, &key->type, &pkey);
    if (status != JWKD_OK) return status == JWKD_MALFORMED ? JWKD_CORRUPT : status;
    if (!key_type_signs_with(key->type, alg)) return JWKD_INVALID_ARGUMENT;
    if (key->type->kty == KTY_EC) key->coordinate = key->type->private_size;
    key->digest = alg_md(alg);
    if (!key->digest && alg_digest(alg)) return JWKD_INTERNAL;
    key->pkey = pkey;
    TRY(slot_new(key, TAKE(pkey), &key->idle));
    key->slots = 1;
    *out = TAKE(key);
    return JWKD_OK;
}

struct unsealed *unsealed_ref(struct unsealed *key)
{
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void unsealed_unref(struct unsealed *key)
{
    if (key && atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) == 1) unsealed_free(key);
}

bool unsealed_signs_as(const struct unsealed *key, enum alg alg)
{
    return key_type_same_alg(key->type, key->alg, alg);
}

static void slot_return(struct unsealed *key, struct slot *slot)
{
    pthread_mutex_lock(&key->mutex);
    slot->next = key->idle;
    key->idle = slot;
    pthread_cond_signal(&key->returned);
    pthread_mutex_unlock(&key->mutex);
}

/* An idle slot, a new one, or the first that comes back: the first slot always exists, so that waiting ends
 * even when memory has no room for another. */
static struct slot *slot_take(struct unsealed *key)
{
    struct slot *slot = NULL;
    bool may_add = true;
    pthread_mutex_lock(&key->mutex);
    while (!key->idle) {
        if (may_add && key->slots < UNSEALED_SLOTS) {
            key->slots++;
            pthread_mutex_unlock(&key->mutex);
            if (slot_copy(key, &slot) == JWKD_OK) return slot;
            may_add = false;
            pthread_mutex_lock(&key->mutex);
            key->slots--;
        } else {
            pthread_cond_wait(&key->returned, &key->mutex);
        }
    }
    slot = key->idle;
    key->idle = slot->next;
    pthread_mutex_unlock(&key->mutex);
    return slot;
}

/* Both write at most EVP_PKEY_get_size() bytes to `out`. */

static bool sign_digest(
    const struct unsealed *key, struct slot *slot, struct bytes input, uint8_t *out, size_t *size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    return EVP_DigestInit_ex2(slot->message, key->digest, NULL) &&
           EVP_DigestUpdate(slot->message, input.data, input.size) &&
           EVP_DigestFinal_ex(slot->message, digest, &digest_size) &&
           EVP_PKEY_sign(slot->sign, out, size, digest, digest_size) > 0;
}

static bool sign_message(struct slot *slot, struct bytes input, uint8_t *out, size_t *size)
{
    return EVP_DigestSignInit(slot->message, NULL, NULL, NULL, slot->pkey) > 0 &&
           EVP_DigestSign(slot->message, out, size, input.data, input.size) > 0;
}

/* The signature as OpenSSL gives it, which for ECDSA is DER. */
static jwkd_status sign_plainly(struct unsealed *key, struct bytes input, uint8_t *out, size_t *size)
{
    struct slot *slot = slot_take(key);
    bool done = key->digest ? sign_digest(key, slot, input, out, size) : sign_message(slot, input, out, size);
    slot_return(key, slot);
    return done ? JWKD_OK : heap_failure();
}

static jwkd_status sign_ecdsa(struct unsealed *key, struct bytes input, struct buffer *out)
{
    uint8_t der[3 + 2 * (3 + COORDINATE_MAX)];
    size_t size = sizeof der;
    TRY(buffer_reserve(out, 2 * key->coordinate));
    TRY(sign_plainly(key, input, der, &size));
    TRY(ecdsa_from_der(bytes_of(der, size), key->coordinate, out->data + out->size));
    out->size += 2 * key->coordinate;
    return JWKD_OK;
}

jwkd_status unsealed_sign(struct unsealed *key, struct bytes input, struct buffer *out)
{
    if (key->coordinate) return sign_ecdsa(key, input, out);
    size_t size = (size_t)EVP_PKEY_get_size(key->pkey);
    TRY(buffer_reserve(out, size));
    TRY(sign_plainly(key, input, out->data + out->size, &size));
    out->size += size;
    return JWKD_OK;
}
