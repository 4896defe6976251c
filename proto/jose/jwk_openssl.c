/* OpenSSL's form of a key, made from its published form. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "jose/key_parts.h"

/* What a builder refers to until the parameters are made. */
struct parts {
    BIGNUM *n, *e;
    uint8_t point[1 + 2 * COORDINATE_MAX]; /* SEC 1 section 2.3.3 */
};

static bool push_rsa(OSSL_PARAM_BLD *builder, const struct jwk_material *key, struct parts *parts)
{
    parts->n = BN_bin2bn(key->first.data, (int)key->first.size, NULL);
    parts->e = BN_bin2bn(key->second.data, (int)key->second.size, NULL);
    return parts->n && parts->e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, parts->n) == 1 &&
           OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, parts->e) == 1;
}

static bool push_ec(OSSL_PARAM_BLD *builder, const struct jwk_material *key, struct parts *parts)
{
    size_t size = 1 + key->first.size + key->second.size;
    parts->point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(parts->point + 1, key->first.data, key->first.size);
    memcpy(parts->point + 1 + key->first.size, key->second.data, key->second.size);
    return OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, key->type->group, 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, parts->point, size) == 1;
}

static bool push_raw(OSSL_PARAM_BLD *builder, const struct jwk_material *key)
{
    return OSSL_PARAM_BLD_push_octet_string(
               builder, OSSL_PKEY_PARAM_PUB_KEY, key->first.data, key->first.size) == 1;
}

static EVP_PKEY *build(const char *name, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static jwkd_status make_pkey(const struct jwk *jwk, EVP_PKEY **out)
{
    struct jwk_material key;
    struct parts parts = {0};
    TRY(jwk_take_apart(jwk, &key));
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!builder) return JWKD_NO_MEMORY;
    bool pushed = jwk->kty == KTY_RSA  ? push_rsa(builder, &key, &parts)
                  : jwk->kty == KTY_EC ? push_ec(builder, &key, &parts)
                                       : push_raw(builder, &key);
    const struct key_type *type = jwk->type ? jwk->type : key_type_by_id(KEY_RSA_ANY);
    EVP_PKEY *pkey = pushed ? build(type->openssl, builder) : NULL;
    BN_free(parts.n);
    BN_free(parts.e);
    OSSL_PARAM_BLD_free(builder);
    if (!pkey) return JWKD_INTERNAL; /* the key was checked when it was read */
    *out = pkey;
    return JWKD_OK;
}

jwkd_status jwk_pkey_locked(struct jwk *jwk, EVP_PKEY **out)
{
    if (!jwk->pkey) TRY(make_pkey(jwk, &jwk->pkey));
    *out = jwk->pkey;
    return JWKD_OK;
}

jwkd_status jwk_pem(const struct jwk *jwk, struct buffer *out)
{
    struct jwk *mutable = jwk_mutable(jwk);
    EVP_PKEY *pkey;
    ERR_set_mark();
    pthread_mutex_lock(&mutable->lock);
    jwkd_status status = jwk_pkey_locked(mutable, &pkey);
    pthread_mutex_unlock(&mutable->lock);
    BIO *bio = status == JWKD_OK ? BIO_new(BIO_s_mem()) : NULL;
    if (status == JWKD_OK) {
        char *text;
        long size = bio && PEM_write_bio_PUBKEY(bio, pkey) == 1 ? BIO_get_mem_data(bio, &text) : 0;
        status = size > 0 ? buffer_append(out, text, (size_t)size) : JWKD_NO_MEMORY;
    }
    BIO_free(bio);
    ERR_pop_to_mark();
    return status;
}
