#include "signer/generate.h"

#include <openssl/rsa.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "signer/heap.h"

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)

struct brake {
    const _Atomic bool *stop;
};

static bool is_pulled(const struct brake *brake)
{
    return brake->stop && atomic_load(brake->stop);
}

/* Called by OpenSSL between one candidate for a prime and the next; 0 makes it give up. */
static int go_on(EVP_PKEY_CTX *context)
{
    return !is_pulled(EVP_PKEY_CTX_get_app_data(context));
}

static bool prepare(EVP_PKEY_CTX *context, const struct key_type *type)
{
    if (EVP_PKEY_keygen_init(context) <= 0) return false;
    if (type->group) return EVP_PKEY_CTX_set_group_name(context, type->group) > 0;
    /* The public exponent is 65537 unless one asks for another. */
    if (type->kty == KTY_RSA) return EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)type->bits) > 0;
    return true;
}

jwkd_status generate_pkey(const struct key_type *type, const _Atomic bool *stop, EVP_PKEY **out)
{
    struct brake brake = {.stop = stop};
    if (is_pulled(&brake)) return JWKD_CLOSED;
    CLEANUP(EVP_PKEY_CTX_free_at)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type->openssl, NULL);
    if (!context) return heap_failure() == JWKD_NO_MEMORY ? JWKD_NO_MEMORY : JWKD_UNSUPPORTED;
    if (!prepare(context, type)) return heap_failure();
    EVP_PKEY_CTX_set_app_data(context, &brake);
    EVP_PKEY_CTX_set_cb(context, go_on);
    EVP_PKEY *pkey = NULL;
    if (EVP_PKEY_generate(context, &pkey) <= 0) {
        jwkd_status status = heap_failure();
        return is_pulled(&brake) ? JWKD_CLOSED : status;
    }
    *out = pkey;
    return JWKD_OK;
}
