#include "base/secret.h"

#include <openssl/crypto.h>

jwkd_status secret_init(struct secret *secret, size_t size)
{
    uint8_t *data = OPENSSL_secure_zalloc(size ? size : 1);
    if (!data) return JWKD_NO_MEMORY;
    *secret = (struct secret){.data = data, .size = size};
    return JWKD_OK;
}

jwkd_status secret_copy(struct secret *secret, struct bytes bytes)
{
    TRY(secret_init(secret, bytes.size));
    if (bytes.size) memcpy(secret->data, bytes.data, bytes.size);
    return JWKD_OK;
}

void secret_clear(struct secret *secret)
{
    if (secret->data) OPENSSL_secure_clear_free(secret->data, secret->size ? secret->size : 1);
    *secret = (struct secret){0};
}

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || CRYPTO_memcmp(a.data, b.data, a.size) == 0);
}
