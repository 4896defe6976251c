/* Verifying with prepared contexts: what OpenSSL looks up and sets up for each call is done once per key and
 * concurrent thread, and kept in the key. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "jose/jws.h"
#include "jose/key_parts.h"

/* One verification at a time. For RSA and ECDSA `operation` is set up once and used again with each digest
 * (EVP_PKEY_verify(3) allows that); the other algorithms hash by themselves and start from a copy of
 * `prepared` each time. */
struct verify_slot {
    struct verify_slot *next;
    EVP_PKEY *pkey;
    const EVP_MD *md;
    EVP_PKEY_CTX *operation;
    EVP_MD_CTX *prepared;
    EVP_MD_CTX *work;
};

enum { FREE_SLOTS_MAX = 64, DER_MAX = 3 + 2 * (2 + 1 + COORDINATE_MAX) };

static void slot_free(struct verify_slot *slot)
{
    if (!slot) return;
    EVP_PKEY_CTX_free(slot->operation);
    EVP_MD_CTX_free(slot->prepared);
    EVP_MD_CTX_free(slot->work);
    EVP_PKEY_free(slot->pkey);
    free(slot);
}

void jwk_free_slots(struct jwk *jwk)
{
    while (jwk->free_slots) {
        struct verify_slot *slot = jwk->free_slots;
        jwk->free_slots = slot->next;
        slot_free(slot);
    }
}

/* RFC 7518 sections 3.3 to 3.5. */
static bool prepare_digest_operation(struct verify_slot *slot, enum alg alg)
{
    slot->md = alg_md(alg);
    slot->operation = EVP_PKEY_CTX_new_from_pkey(NULL, slot->pkey, NULL);
    if (!slot->md || !slot->operation || EVP_PKEY_verify_init(slot->operation) != 1) return false;
    if (alg_kty(alg) == KTY_RSA) {
        int padding = alg_is_pss(alg) ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
        if (EVP_PKEY_CTX_set_rsa_padding(slot->operation, padding) != 1) return false;
    }
    if (EVP_PKEY_CTX_set_signature_md(slot->operation, slot->md) != 1) return false;
    return !alg_is_pss(alg) ||
           (EVP_PKEY_CTX_set_rsa_mgf1_md(slot->operation, slot->md) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(slot->operation, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool prepare_message_operation(struct verify_slot *slot)
{
    slot->prepared = EVP_MD_CTX_new();
    return slot->prepared &&
           EVP_DigestVerifyInit_ex(slot->prepared, NULL, NULL, NULL, NULL, slot->pkey, NULL) == 1;
}

static jwkd_status slot_new(const struct jwk *jwk, EVP_PKEY *pkey, bool duplicate, struct verify_slot **out)
{
    struct verify_slot *slot = calloc(1, sizeof *slot);
    if (!slot) return JWKD_NO_MEMORY;
    /* Threads that share an RSA key contend for its Montgomery constants. */
    if (duplicate) {
        slot->pkey = EVP_PKEY_dup(pkey);
    } else if (EVP_PKEY_up_ref(pkey) == 1) {
        slot->pkey = pkey;
    }
    slot->work = EVP_MD_CTX_new();
    bool ready =
        slot->pkey && slot->work &&
        (alg_digest(jwk->alg) ? prepare_digest_operation(slot, jwk->alg) : prepare_message_operation(slot));
    if (!ready) {
        slot_free(slot);
        return JWKD_INTERNAL;
    }
    *out = slot;
    return JWKD_OK;
}

static jwkd_status acquire_slot(struct jwk *jwk, struct verify_slot **out)
{
    EVP_PKEY *pkey = NULL;
    bool duplicate = false;
    jwkd_status status = JWKD_OK;
    pthread_mutex_lock(&jwk->lock);
    struct verify_slot *slot = jwk->free_slots;
    if (slot) {
        jwk->free_slots = slot->next;
        jwk->free_slot_count--;
    } else {
        status = jwk_pkey_locked(jwk, &pkey);
        duplicate = jwk->pkey_taken && jwk->kty == KTY_RSA;
        jwk->pkey_taken = true;
    }
    pthread_mutex_unlock(&jwk->lock);
    if (status == JWKD_OK && !slot) status = slot_new(jwk, pkey, duplicate, &slot);
    if (status == JWKD_OK) *out = slot;
    return status;
}

static void release_slot(struct jwk *jwk, struct verify_slot *slot)
{
    pthread_mutex_lock(&jwk->lock);
    bool keep = jwk->free_slot_count < FREE_SLOTS_MAX;
    if (keep) {
        slot->next = jwk->free_slots;
        jwk->free_slots = slot;
        jwk->free_slot_count++;
    }
    pthread_mutex_unlock(&jwk->lock);
    if (!keep) slot_free(slot);
}

/* What OpenSSL's answer says: a signature that is not even well formed is one that does not match. */
static jwkd_status answer(int result)
{
    if (result == 1) return JWKD_OK;
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? JWKD_NO_MEMORY : JWKD_REFUSED;
}

static jwkd_status verify_digest(
    const struct jwk *jwk, struct verify_slot *slot, struct bytes input, struct bytes signature)
{
    uint8_t digest[EVP_MAX_MD_SIZE], der[DER_MAX];
    unsigned digest_size;
    if (jwk->kty == KTY_EC) {
        size_t der_size = sizeof der;
        TRY(ecdsa_to_der(signature, jwk->type->public_size, der, &der_size));
        signature = bytes_of(der, der_size);
    }
    if (EVP_DigestInit_ex2(slot->work, slot->md, NULL) != 1 ||
        EVP_DigestUpdate(slot->work, input.data, input.size) != 1 ||
        EVP_DigestFinal_ex(slot->work, digest, &digest_size) != 1)
        return JWKD_INTERNAL;
    return answer(EVP_PKEY_verify(slot->operation, signature.data, signature.size, digest, digest_size));
}

static jwkd_status verify_message(struct verify_slot *slot, struct bytes input, struct bytes signature)
{
    if (EVP_MD_CTX_copy_ex(slot->work, slot->prepared) != 1) return JWKD_INTERNAL;
    return answer(EVP_DigestVerify(slot->work, signature.data, signature.size, input.data, input.size));
}

jwkd_status jwk_verify(const struct jwk *jwk, struct bytes input, struct bytes signature)
{
    /* RFC 8017 section 8.1.2 step 1 and its like: every algorithm has signatures of one size. */
    size_t size = jwk->kty == KTY_RSA ? (jwk->bits + 7) / 8 : jwk->type->signature_size;
    if (signature.size != size) return JWKD_REFUSED;
    struct verify_slot *slot;
    ERR_set_mark(); /* our caller's error queue is not the place for refused tokens */
    jwkd_status status = acquire_slot(jwk_mutable(jwk), &slot);
    if (status == JWKD_OK) {
        status = alg_digest(jwk->alg) ? verify_digest(jwk, slot, input, signature)
                                      : verify_message(slot, input, signature);
        release_slot(jwk_mutable(jwk), slot);
    }
    ERR_pop_to_mark();
    return status;
}
