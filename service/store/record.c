#include "store/record.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* Contexts with the key in them are costly to make and cheap to reset, so those that are not in use are
 * kept. */
enum { CONTEXTS_KEPT = 16 };

struct authenticator {
    EVP_MAC_CTX *first;    /* has the key; only copied, never used itself */
    pthread_mutex_t mutex; /* guards the two below */
    size_t idle_count;
    EVP_MAC_CTX *idle[CONTEXTS_KEPT];
};

DEFINE_CLEANUP(EVP_MAC *, EVP_MAC_free)
DEFINE_CLEANUP(struct authenticator *, authenticator_free)

void authenticator_free(struct authenticator *authenticator)
{
    if (!authenticator) return;
    for (size_t i = 0; i < authenticator->idle_count; i++)
        EVP_MAC_CTX_free(authenticator->idle[i]);
    EVP_MAC_CTX_free(authenticator->first);
    pthread_mutex_destroy(&authenticator->mutex);
    free(authenticator);
}

jwkd_status authenticator_new(const uint8_t key[STORE_MAC_KEY_SIZE], struct authenticator **out)
{
    CLEANUP(authenticator_free_at) struct authenticator *authenticator = calloc(1, sizeof *authenticator);
    if (!authenticator) return JWKD_NO_MEMORY;
    pthread_mutex_init(&authenticator->mutex, NULL);
    CLEANUP(EVP_MAC_free_at) EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!hmac) return JWKD_UNSUPPORTED;
    authenticator->first = EVP_MAC_CTX_new(hmac);
    if (!authenticator->first) return JWKD_NO_MEMORY;
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_MAC_init(authenticator->first, key, STORE_MAC_KEY_SIZE, parameters) != 1) return JWKD_INTERNAL;
    *out = TAKE(authenticator);
    return JWKD_OK;
}

static EVP_MAC_CTX *take_context(struct authenticator *authenticator)
{
    EVP_MAC_CTX *context = NULL;
    pthread_mutex_lock(&authenticator->mutex);
    if (authenticator->idle_count) context = authenticator->idle[--authenticator->idle_count];
    pthread_mutex_unlock(&authenticator->mutex);
    return context ? context : EVP_MAC_CTX_dup(authenticator->first);
}

static void give_context(struct authenticator *authenticator, EVP_MAC_CTX *context)
{
    pthread_mutex_lock(&authenticator->mutex);
    bool keep = authenticator->idle_count < CONTEXTS_KEPT;
    if (keep) authenticator->idle[authenticator->idle_count++] = context;
    pthread_mutex_unlock(&authenticator->mutex);
    if (!keep) EVP_MAC_CTX_free(context);
}

void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

uint64_t get_u64(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

static jwkd_status authenticate(
    struct authenticator *authenticator, const struct store_row *row, uint8_t out[RECORD_MAC_SIZE])
{
    EVP_MAC_CTX *context = take_context(authenticator);
    if (!context) return JWKD_NO_MEMORY;
    uint8_t numbers[16], whole[EVP_MAX_MD_SIZE];
    put_u64(numbers, row->key.size);
    put_u64(numbers + 8, row->revision);
    size_t size = 0;
    /* Init without a key starts over with the key that the context has. */
    bool done = EVP_MAC_init(context, NULL, 0, NULL) == 1 && EVP_MAC_update(context, numbers, 8) == 1 &&
                EVP_MAC_update(context, row->key.data, row->key.size) == 1 &&
                EVP_MAC_update(context, numbers + 8, 8) == 1 &&
                EVP_MAC_update(context, row->value.data, row->value.size) == 1 &&
                EVP_MAC_final(context, whole, &size, sizeof whole) == 1;
    if (!done || size < RECORD_MAC_SIZE) {
        EVP_MAC_CTX_free(context);
        return JWKD_INTERNAL;
    }
    give_context(authenticator, context);
    memcpy(out, whole, RECORD_MAC_SIZE);
    return JWKD_OK;
}

jwkd_status record_make(struct authenticator *authenticator, const struct store_row *row, struct buffer *out)
{
    uint8_t head[RECORD_HEAD_SIZE];
    put_u64(head, row->revision);
    TRY(authenticate(authenticator, row, head + 8));
    TRY(buffer_reserve(out, sizeof head + row->value.size));
    TRY(buffer_append(out, head, sizeof head));
    return buffer_append_bytes(out, row->value);
}

jwkd_status record_open(
    struct authenticator *authenticator, struct bytes key, struct bytes record, struct store_row *out)
{
    if (record.size < RECORD_HEAD_SIZE || record.size > RECORD_HEAD_SIZE + LIMIT_STORE_VALUE)
        return JWKD_CORRUPT;
    struct store_row row = {
        .key = key,
        .value = bytes_of(record.data + RECORD_HEAD_SIZE, record.size - RECORD_HEAD_SIZE),
        .revision = get_u64(record.data),
    };
    uint8_t expected[RECORD_MAC_SIZE];
    TRY(authenticate(authenticator, &row, expected));
    if (CRYPTO_memcmp(expected, record_mac(record), RECORD_MAC_SIZE) != 0) return JWKD_CORRUPT;
    *out = row;
    return JWKD_OK;
}

const uint8_t *record_mac(struct bytes record)
{
    return record.data + 8;
}
