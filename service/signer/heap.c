#include "signer/heap.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "signer/signer.h"

enum {
    SMALLEST_BLOCK = 32,    /* a P-256 or Ed25519 scalar */
    LARGEST_NEED = 8 * 1024 /* one block for any one number or encoding of a key */
};

/* OpenSSL's decoders free the encoded key that they copied without wiping it, and keep no part of that copy
 * in the secure heap. So whatever OpenSSL frees is wiped here. */

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? malloc(size) : NULL;
}

static void wipe_and_free(void *data, const char *file, int line)
{
    (void)file, (void)line;
    if (!data) return;
    OPENSSL_cleanse(data, malloc_usable_size(data));
    free(data);
}

static void *move(void *data, size_t size, const char *file, int line)
{
    if (data && size == 0) {
        wipe_and_free(data, file, line);
        return NULL;
    }
    void *moved = take(size, file, line);
    if (moved && data) {
        size_t usable = malloc_usable_size(data);
        memcpy(moved, data, usable < size ? usable : size);
        wipe_and_free(data, file, line);
    }
    return moved;
}

jwkd_status signer_secure_heap(size_t bytes, bool *out_locked)
{
    size_t rounded = 64 * 1024;
    while (rounded < bytes && rounded <= SIZE_MAX / 4)
        rounded *= 2;
    if (CRYPTO_secure_malloc_initialized() || !CRYPTO_set_mem_functions(take, move, wipe_and_free))
        return JWKD_FAILED_PRECONDITION;
    int answer = CRYPTO_secure_malloc_init(rounded, SMALLEST_BLOCK);
    if (answer == 0) return JWKD_NO_MEMORY;
    *out_locked = answer == 1;
    return JWKD_OK;
}

/* A full secure heap gives NULL, never ordinary memory. What OpenSSL then leaves in its error queue differs
 * from version to version, and its decoders may drop it, so the heap itself is asked. */
static bool secure_heap_short(void)
{
    if (!CRYPTO_secure_malloc_initialized()) return false;
    void *probe = OPENSSL_secure_malloc(LARGEST_NEED);
    OPENSSL_secure_free(probe);
    return probe == NULL;
}

jwkd_status heap_failure(void)
{
    bool is_short = secure_heap_short();
    for (unsigned long error; (error = ERR_get_error()) != 0;)
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) is_short = true;
    return is_short ? JWKD_NO_MEMORY : JWKD_INTERNAL;
}
