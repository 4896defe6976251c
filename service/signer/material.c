#include "signer/material.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "signer/heap.h"
#include "signer/rsa.h"

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(BIGNUM *, BN_clear_free)

/* OSSL_PKEY_PARAM_ML_DSA_SEED, which OpenSSL has had since 3.5. */
static const char SEED[] = "seed";

static jwkd_status write_rsa(const EVP_PKEY *pkey, struct secret *out, jwkd_error *error)
{
    CLEANUP(rsa_clear) struct rsa rsa = {0};
    TRY(rsa_init(&rsa));
    TRY(rsa_from_pkey(pkey, &rsa, error));
    TRY(rsa_check_sizes(&rsa, RSA_NUMBERS, error));
    return rsa_encode(&rsa, 1, out);
}

static jwkd_status write_scalar(const EVP_PKEY *pkey, uint8_t *out, size_t size)
{
    CLEANUP(BN_clear_free_at) BIGNUM *scalar = BN_secure_new();
    if (!scalar || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar)) return heap_failure();
    return BN_bn2binpad(scalar, out, (int)size) == (int)size ? JWKD_OK : heap_failure();
}

static jwkd_status write_raw(const EVP_PKEY *pkey, uint8_t *out, size_t size)
{
    size_t written = size;
    if (!EVP_PKEY_get_raw_private_key(pkey, out, &written)) return heap_failure();
    return written == size ? JWKD_OK : JWKD_INTERNAL;
}

static jwkd_status write_seed(const EVP_PKEY *pkey, uint8_t *out, size_t size, jwkd_error *error)
{
    size_t written = 0;
    if (EVP_PKEY_get_octet_string_param(pkey, SEED, out, size, &written) && written == size) return JWKD_OK;
    jwkd_status status = heap_failure();
    if (status == JWKD_NO_MEMORY) return status;
    return fail(error, JWKD_UNSUPPORTED, "the ML-DSA private key does not hold its seed");
}

static jwkd_status write_value(
    const EVP_PKEY *pkey, const struct key_type *type, uint8_t *out, jwkd_error *error)
{
    switch (type->kty) {
    case KTY_EC:
        return write_scalar(pkey, out, type->private_size);
    case KTY_OKP:
        return write_raw(pkey, out, type->private_size);
    case KTY_AKP:
        return write_seed(pkey, out, type->private_size, error);
    case KTY_RSA:
    case KTY_NONE:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status material_write(const EVP_PKEY *pkey, struct secret *out, jwkd_error *error)
{
    const struct key_type *type = key_type_of_pkey(pkey);
    if (!type) return fail(error, JWKD_UNSUPPORTED, "keys of this type or curve are not signed with here");
    CLEANUP(secret_clear) struct secret material = {0};
    if (type->kty == KTY_RSA) {
        TRY(write_rsa(pkey, &material, error));
    } else {
        TRY(secret_init(&material, 1 + type->private_size));
        TRY(write_value(pkey, type, material.data + 1, error));
    }
    material.data[0] = type->sealed;
    *out = material;
    material = (struct secret){0};
    return JWKD_OK;
}

jwkd_status material_check(EVP_PKEY *pkey, jwkd_error *error)
{
    const struct key_type *type = key_type_of_pkey(pkey);
    if (!type || (type->kty != KTY_RSA && type->kty != KTY_EC)) return JWKD_OK;
    CLEANUP(EVP_PKEY_CTX_free_at) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (!context) return heap_failure();
    if (EVP_PKEY_check(context) > 0) return JWKD_OK;
    jwkd_status status = heap_failure();
    if (status == JWKD_NO_MEMORY) return status;
    return fail(error, JWKD_INVALID_ARGUMENT, "the private and the public part do not belong together");
}

static jwkd_status refused(void)
{
    jwkd_status status = heap_failure();
    return status == JWKD_INTERNAL ? JWKD_MALFORMED : status;
}

/* d2i and not fromdata: only so does OpenSSL keep RSA's private numbers in the secure heap. */
jwkd_status material_from_rsa(struct bytes encoded, EVP_PKEY **out)
{
    const unsigned char *at = encoded.data;
    EVP_PKEY *pkey = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)encoded.size);
    if (!pkey) return refused();
    *out = pkey;
    return JWKD_OK;
}

static jwkd_status from_parameters(const struct key_type *type, OSSL_PARAM *parameters, EVP_PKEY **out)
{
    CLEANUP(EVP_PKEY_CTX_free_at)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type->openssl, NULL);
    EVP_PKEY *pkey = NULL;
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, parameters) <= 0)
        return refused();
    *out = pkey;
    return JWKD_OK;
}

static jwkd_status from_scalar(
    const struct key_type *type, struct bytes scalar, struct bytes point, EVP_PKEY **out)
{
    CLEANUP(BN_clear_free_at) BIGNUM *number = BN_secure_new();
    CLEANUP(secret_clear)
    struct secret native = {0}; /* OSSL_PARAM's numbers are in the machine's byte order */
    CLEANUP(buffer_clear) struct buffer public = {0};
    TRY(secret_init(&native, scalar.size));
    TRY(buffer_append_bytes(&public, point));
    if (!number || !BN_bin2bn(scalar.data, (int)scalar.size, number) ||
        BN_bn2nativepad(number, native.data, (int)native.size) < 0)
        return heap_failure();

    char group[32];
    snprintf(group, sizeof group, "%s", type->group);
    OSSL_PARAM parameters[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data, native.size),
        OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    if (public.size)
        parameters[2] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public.data, public.size);
    return from_parameters(type, parameters, out);
}

static jwkd_status from_raw(const struct key_type *type, struct bytes raw, EVP_PKEY **out)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, type->openssl, NULL, raw.data, raw.size);
    if (!pkey) return refused();
    *out = pkey;
    return JWKD_OK;
}

static jwkd_status from_seed(const struct key_type *type, struct bytes seed, EVP_PKEY **out)
{
    CLEANUP(secret_clear) struct secret copy = {0}; /* OSSL_PARAM takes no const */
    TRY(secret_copy(&copy, seed));
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(SEED, copy.data, copy.size),
        OSSL_PARAM_construct_end(),
    };
    return from_parameters(type, parameters, out);
}

jwkd_status material_from_value(
    const struct key_type *type, struct bytes value, struct bytes point, EVP_PKEY **out)
{
    if (value.size != type->private_size) return JWKD_MALFORMED;
    if (!key_type_available(type)) return JWKD_UNSUPPORTED;
    switch (type->kty) {
    case KTY_EC:
        return from_scalar(type, value, point, out);
    case KTY_OKP:
        return from_raw(type, value, out);
    case KTY_AKP:
        return from_seed(type, value, out);
    case KTY_RSA:
    case KTY_NONE:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status material_read(struct bytes material, const struct key_type **out_type, EVP_PKEY **out)
{
    if (material.size < 2) return JWKD_MALFORMED;
    const struct key_type *type = key_type_by_sealed(material.data[0]);
    if (!type) return JWKD_MALFORMED;
    struct bytes value = bytes_of(material.data + 1, material.size - 1);
    if (type->kty == KTY_RSA)
        TRY(material_from_rsa(value, out));
    else
        TRY(material_from_value(type, value, bytes_of(NULL, 0), out));
    *out_type = type;
    return JWKD_OK;
}
