#include "signer/import.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "signer/heap.h"

DEFINE_CLEANUP(BIO *, BIO_free_all)

/* One encapsulated block, all of it in the secure heap. */
struct block {
    char *label, *header;
    unsigned char *data;
    long size;
};

static void block_clear(struct block *block)
{
    OPENSSL_secure_free(block->label);
    OPENSSL_secure_free(block->header);
    OPENSSL_secure_clear_free(block->data, block->data ? (size_t)block->size : 0);
    *block = (struct block){0};
}

static jwkd_status block_next(BIO *bio, struct block *out, bool *out_end, jwkd_error *error)
{
    unsigned flags = PEM_FLAG_SECURE | PEM_FLAG_ONLY_B64;
    *out_end = false;
    if (PEM_read_bio_ex(bio, &out->label, &out->header, &out->data, &out->size, flags)) return JWKD_OK;
    *out = (struct block){0};
    *out_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    jwkd_status status = heap_failure();
    if (status == JWKD_NO_MEMORY) return status;
    return *out_end ? JWKD_OK : fail(error, JWKD_MALFORMED, "the PEM text is broken");
}

/* The blocks that hold a private key, and what OpenSSL calls their contents. */
static const struct {
    const char *label;
    int type; /* EVP_PKEY_NONE: PKCS#8, which says it itself */
} PRIVATE_LABELS[] = {
    {PEM_STRING_PKCS8INF, EVP_PKEY_NONE},
    {PEM_STRING_RSA, EVP_PKEY_RSA},
    {PEM_STRING_ECPRIVATEKEY, EVP_PKEY_EC},
};
enum { PRIVATE_LABEL_COUNT = sizeof PRIVATE_LABELS / sizeof *PRIVATE_LABELS };

static jwkd_status refuse_encrypted(jwkd_error *error)
{
    return fail(error, JWKD_UNSUPPORTED, "the private key is encrypted; take off the pass phrase first");
}

static jwkd_status decode(const struct block *block, int type, struct import *out, jwkd_error *error)
{
    if (block->header[0]) { /* RFC 7468 section 2 has none; RFC 1421 section 4.6.1.1 says there that it is
                               encrypted */
        if (strstr(block->header, "ENCRYPTED")) return refuse_encrypted(error);
        return fail(error, JWKD_MALFORMED, "the PEM text is broken");
    }
    if (out->pkey) return fail(error, JWKD_INVALID_ARGUMENT, "more than one private key");
    if (type ==
        EVP_PKEY_NONE) { /* first: OpenSSL 3.5 reads it as well, and does not look at the public part */
        jwkd_status v2 = import_pkcs8_v2(bytes_of(block->data, (size_t)block->size), &out->pkey, error);
        if (v2 != JWKD_MALFORMED) return v2;
    }
    const unsigned char *at = block->data;
    EVP_PKEY *pkey = type == EVP_PKEY_NONE ? d2i_AutoPrivateKey(NULL, &at, block->size)
                                           : d2i_PrivateKey(type, NULL, &at, block->size);
    bool whole = at == block->data + block->size;
    if (pkey && whole) {
        out->pkey = pkey;
        return JWKD_OK;
    }
    EVP_PKEY_free(pkey);
    jwkd_status status = heap_failure();
    if (status == JWKD_NO_MEMORY) return status;
    return fail(error, JWKD_MALFORMED, "the private key in the PEM text cannot be read");
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static jwkd_status take_block(const struct block *block, struct import *out, jwkd_error *error)
{
    if (strcmp(block->label, PEM_STRING_PKCS8) == 0) return refuse_encrypted(error);
    for (size_t i = 0; i < PRIVATE_LABEL_COUNT; i++)
        if (strcmp(block->label, PRIVATE_LABELS[i].label) == 0)
            return decode(block, PRIVATE_LABELS[i].type, out, error);
    if (ends_with(block->label, "PRIVATE KEY"))
        return fail(error, JWKD_UNSUPPORTED, "a private key in this form is not read; PKCS#8 would be");
    return JWKD_OK; /* a certificate, EC PARAMETERS: not ours */
}

jwkd_status import_pem(struct bytes text, struct import *out, jwkd_error *error)
{
    CLEANUP(secret_clear) struct secret tidy = {0};
    TRY(import_tidy(text, &tidy));
    if (tidy.size) text = secret_bytes(&tidy);
    CLEANUP(BIO_free_all_at) BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);
    if (!bio) return heap_failure();
    for (;;) {
        CLEANUP(block_clear) struct block block = {0};
        bool end;
        TRY(block_next(bio, &block, &end, error));
        if (end) break;
        TRY(take_block(&block, out, error));
    }
    return out->pkey ? JWKD_OK : fail(error, JWKD_INVALID_ARGUMENT, "this is not a private key");
}
