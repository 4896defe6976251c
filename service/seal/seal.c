#include "seal/seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "seal/key_file.h"

enum { VERSION = 1, NONCE_SIZE = 12, TAG_SIZE = 16, KEY_SIZE = 32 };
_Static_assert(SEAL_OVERHEAD == 1 + NONCE_SIZE + TAG_SIZE, "version, nonce, tag");

/* The file's key itself encrypts nothing: every use has a key of its own, derived under its own label. */
#define LABEL_WRAP "jwkd seal: wrap 1"
#define LABEL_ID "jwkd seal: id 1"
#define LABEL_DERIVE "jwkd derive: "

struct seal {
    EVP_CIPHER *cipher;
    EVP_KDF *kdf;
    struct secret root;
    struct secret wrapping;
    uint8_t id[SEAL_ID_SIZE];
};

DEFINE_CLEANUP(struct seal *, seal_close)
DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)
DEFINE_CLEANUP(EVP_KDF_CTX *, EVP_KDF_CTX_free)

void seal_close(struct seal *seal)
{
    if (!seal) return;
    secret_clear(&seal->root);
    secret_clear(&seal->wrapping);
    EVP_CIPHER_free(seal->cipher);
    EVP_KDF_free(seal->kdf);
    free(seal);
}

/* HKDF-SHA256 without salt (RFC 5869): the root is uniformly random already. */
static jwkd_status derive(const struct seal *seal, struct bytes label, uint8_t *out, size_t size)
{
    CLEANUP(EVP_KDF_CTX_free_at) EVP_KDF_CTX *context = EVP_KDF_CTX_new(seal->kdf);
    if (!context) return JWKD_NO_MEMORY;
    char digest[] = "SHA256";
    void *info = (void *)(uintptr_t)label.data;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, seal->root.data, seal->root.size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, label.size),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, out, size, parameters) == 1 ? JWKD_OK : JWKD_INTERNAL;
}

static jwkd_status prepare(struct seal *seal)
{
    seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    seal->kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (!seal->cipher || !seal->kdf) return JWKD_UNSUPPORTED;
    TRY(secret_init(&seal->wrapping, KEY_SIZE));
    TRY(derive(seal, bytes_of_text(LABEL_WRAP), seal->wrapping.data, seal->wrapping.size));
    return derive(seal, bytes_of_text(LABEL_ID), seal->id, sizeof seal->id);
}

static jwkd_status open_as(const char *path, uid_t user, bool create, struct seal **out, jwkd_error *error)
{
    CLEANUP(seal_close_at) struct seal *seal = calloc(1, sizeof *seal);
    if (!seal) return fail(error, JWKD_NO_MEMORY, "no memory for the key-encryption key");
    jwkd_status status = key_file_read(path, user, &seal->root, error);
    if (status == JWKD_NOT_FOUND && create) {
        TRY(key_file_make(path, error));
        status = key_file_read(path, user, &seal->root, error);
    }
    TRY(status);
    status = prepare(seal);
    if (status != JWKD_OK) return fail(error, status, "OpenSSL cannot use the key-encryption key");
    *out = TAKE(seal);
    return JWKD_OK;
}

jwkd_status seal_open(const char *path, bool create, struct seal **out, jwkd_error *error)
{
    return open_as(path, geteuid(), create, out, error);
}

jwkd_status seal_open_of(const char *path, uid_t user, struct seal **out, jwkd_error *error)
{
    return open_as(path, user, false, out, error);
}

struct bytes seal_id(const struct seal *seal)
{
    return bytes_of(seal->id, sizeof seal->id);
}

jwkd_status seal_derive(const struct seal *seal, const char *label, uint8_t out[32])
{
    CLEANUP(buffer_clear) struct buffer full = {0};
    TRY(buffer_append_text(&full, LABEL_DERIVE));
    TRY(buffer_append_text(&full, label));
    return derive(seal, buffer_bytes(&full), out, KEY_SIZE);
}

/* Starts AES-256-GCM (NIST SP 800-38D) one way or the other; version and binding are authenticated, not
 * encrypted. */
static bool start(
    EVP_CIPHER_CTX *context, const struct seal *seal, const uint8_t *head, struct bytes binding, int encrypt)
{
    int size = 0;
    return EVP_CipherInit_ex2(context, seal->cipher, seal->wrapping.data, head + 1, encrypt, NULL) == 1 &&
           EVP_CipherUpdate(context, NULL, &size, head, 1) == 1 &&
           (binding.size == 0 ||
               EVP_CipherUpdate(context, NULL, &size, binding.data, (int)binding.size) == 1);
}

static bool too_large(struct bytes bytes)
{
    return bytes.size > LIMIT_STORE_VALUE;
}

jwkd_status seal_wrap(
    const struct seal *seal, struct bytes plaintext, struct bytes binding, struct buffer *out)
{
    if (too_large(plaintext) || too_large(binding)) return JWKD_INVALID_ARGUMENT;
    CLEANUP(EVP_CIPHER_CTX_free_at) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context) return JWKD_NO_MEMORY;
    TRY(buffer_reserve(out, plaintext.size + SEAL_OVERHEAD));
    uint8_t *head = out->data + out->size, *body = head + 1 + NONCE_SIZE, *tag = body + plaintext.size;
    int size = 0;
    head[0] = VERSION;
    /* Random nonces allow one wrapping key 2^32 seals (SP 800-38D section 8.3), far more than a service
     * makes. */
    if (RAND_bytes(head + 1, NONCE_SIZE) != 1 || !start(context, seal, head, binding, 1))
        return JWKD_INTERNAL;
    if (plaintext.size && EVP_CipherUpdate(context, body, &size, plaintext.data, (int)plaintext.size) != 1) {
        return JWKD_INTERNAL;
    }
    if (EVP_CipherFinal_ex(context, tag, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1) {
        return JWKD_INTERNAL;
    }
    out->size += plaintext.size + SEAL_OVERHEAD;
    return JWKD_OK;
}

jwkd_status seal_unwrap(
    const struct seal *seal, struct bytes sealed, struct bytes binding, struct secret *out)
{
    if (sealed.size < SEAL_OVERHEAD || sealed.size > LIMIT_STORE_VALUE + SEAL_OVERHEAD ||
        too_large(binding)) {
        return JWKD_CORRUPT;
    }
    if (sealed.data[0] != VERSION) return JWKD_CORRUPT;
    CLEANUP(EVP_CIPHER_CTX_free_at) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context) return JWKD_NO_MEMORY;
    CLEANUP(secret_clear) struct secret plaintext = {0};
    TRY(secret_init(&plaintext, sealed.size - SEAL_OVERHEAD));
    const uint8_t *body = sealed.data + 1 + NONCE_SIZE;
    void *tag = (void *)(uintptr_t)(body + plaintext.size);
    int size = 0;
    if (!start(context, seal, sealed.data, binding, 0)) return JWKD_INTERNAL;
    if (plaintext.size && EVP_CipherUpdate(context, plaintext.data, &size, body, (int)plaintext.size) != 1) {
        return JWKD_INTERNAL;
    }
    uint8_t rest[EVP_MAX_BLOCK_LENGTH];
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) != 1 ||
        EVP_CipherFinal_ex(context, rest, &size) != 1) {
        return JWKD_CORRUPT;
    }
    *out = plaintext;
    plaintext = (struct secret){0};
    return JWKD_OK;
}
