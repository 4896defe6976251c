#include "signer/material.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "signer/heap.h"
#include "signer/rsa.h"

DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(BIGNUM *, BN_clear_free)

/* OSSL_PKEY_PARAM_ML_DSA_SEED, which OpenSSL has had since 3.5. */
static const char SEED[] = "seed";

#define CAN(alg) (UINT32_C(1) << (alg))
_Static_assert(ALG_COUNT <= 32, "an alg is a bit of form.algs");

// clang-format off
static const struct form FORMS[] = {
    {1, KTY_RSA, "", "RSA", NULL, 0, ALG_RS256,
        CAN(ALG_RS256) | CAN(ALG_RS384) | CAN(ALG_RS512) | CAN(ALG_PS256) | CAN(ALG_PS384) | CAN(ALG_PS512)},
    {2, KTY_EC, "P-256", "EC", "prime256v1", 32, ALG_ES256, CAN(ALG_ES256)},
    {3, KTY_EC, "P-384", "EC", "secp384r1", 48, ALG_ES384, CAN(ALG_ES384)},
    {4, KTY_EC, "P-521", "EC", "secp521r1", 66, ALG_ES512, CAN(ALG_ES512)},
    {5, KTY_OKP, "Ed25519", "ED25519", NULL, 32, ALG_EDDSA, CAN(ALG_EDDSA) | CAN(ALG_ED25519)},
    {6, KTY_OKP, "Ed448", "ED448", NULL, 57, ALG_EDDSA, CAN(ALG_EDDSA) | CAN(ALG_ED448)},
    {7, KTY_AKP, "ML-DSA-44", "ML-DSA-44", NULL, 32, ALG_ML_DSA_44, CAN(ALG_ML_DSA_44)},
    {8, KTY_AKP, "ML-DSA-65", "ML-DSA-65", NULL, 32, ALG_ML_DSA_65, CAN(ALG_ML_DSA_65)},
    {9, KTY_AKP, "ML-DSA-87", "ML-DSA-87", NULL, 32, ALG_ML_DSA_87, CAN(ALG_ML_DSA_87)},
};
// clang-format on
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

const struct form *form_of(const EVP_PKEY *pkey)
{
    char group[64] = "";
    if (EVP_PKEY_is_a(pkey, "EC") && !EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL)) return NULL;
    for (const struct form *form = FORMS; form < FORMS + FORM_COUNT; form++)
        if (EVP_PKEY_is_a(pkey, form->openssl) && (!form->group || strcmp(form->group, group) == 0))
            return form;
    return NULL;
}

const struct form *form_find(enum kty kty, struct bytes name)
{
    for (const struct form *form = FORMS; form < FORMS + FORM_COUNT; form++)
        if (form->kty == kty && bytes_equal_text(name, form->name)) return form;
    return NULL;
}

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

static jwkd_status write_value(const EVP_PKEY *pkey, const struct form *form, uint8_t *out, jwkd_error *error)
{
    switch (form->kty) {
    case KTY_EC:
        return write_scalar(pkey, out, form->size);
    case KTY_OKP:
        return write_raw(pkey, out, form->size);
    case KTY_AKP:
        return write_seed(pkey, out, form->size, error);
    case KTY_RSA:
    case KTY_NONE:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status material_write(const EVP_PKEY *pkey, struct secret *out, jwkd_error *error)
{
    const struct form *form = form_of(pkey);
    if (!form) return fail(error, JWKD_UNSUPPORTED, "keys of this type or curve are not signed with here");
    CLEANUP(secret_clear) struct secret material = {0};
    if (form->kty == KTY_RSA) {
        TRY(write_rsa(pkey, &material, error));
    } else {
        TRY(secret_init(&material, 1 + form->size));
        TRY(write_value(pkey, form, material.data + 1, error));
    }
    material.data[0] = form->tag;
    *out = material;
    material = (struct secret){0};
    return JWKD_OK;
}

jwkd_status material_check(EVP_PKEY *pkey, jwkd_error *error)
{
    const struct form *form = form_of(pkey);
    if (!form || (form->kty != KTY_RSA && form->kty != KTY_EC)) return JWKD_OK;
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

static jwkd_status from_parameters(const struct form *form, OSSL_PARAM *parameters, EVP_PKEY **out)
{
    CLEANUP(EVP_PKEY_CTX_free_at)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, form->openssl, NULL);
    EVP_PKEY *pkey = NULL;
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, parameters) <= 0)
        return refused();
    *out = pkey;
    return JWKD_OK;
}

static jwkd_status from_scalar(
    const struct form *form, struct bytes scalar, struct bytes point, EVP_PKEY **out)
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
    snprintf(group, sizeof group, "%s", form->group);
    OSSL_PARAM parameters[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data, native.size),
        OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    if (public.size)
        parameters[2] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public.data, public.size);
    return from_parameters(form, parameters, out);
}

static jwkd_status from_raw(const struct form *form, struct bytes raw, EVP_PKEY **out)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, form->openssl, NULL, raw.data, raw.size);
    if (!pkey) return refused();
    *out = pkey;
    return JWKD_OK;
}

static jwkd_status from_seed(const struct form *form, struct bytes seed, EVP_PKEY **out)
{
    CLEANUP(secret_clear) struct secret copy = {0}; /* OSSL_PARAM takes no const */
    TRY(secret_copy(&copy, seed));
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(SEED, copy.data, copy.size),
        OSSL_PARAM_construct_end(),
    };
    return from_parameters(form, parameters, out);
}

jwkd_status material_from_value(
    const struct form *form, struct bytes value, struct bytes point, EVP_PKEY **out)
{
    if (value.size != form->size) return JWKD_MALFORMED;
    switch (form->kty) {
    case KTY_EC:
        return from_scalar(form, value, point, out);
    case KTY_OKP:
        return from_raw(form, value, out);
    case KTY_AKP:
        return alg_available(form->usual) ? from_seed(form, value, out) : JWKD_UNSUPPORTED;
    case KTY_RSA:
    case KTY_NONE:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status material_read(struct bytes material, const struct form **out_form, EVP_PKEY **out)
{
    if (material.size < 2) return JWKD_MALFORMED;
    const struct form *form = FORMS;
    while (form < FORMS + FORM_COUNT && form->tag != material.data[0])
        form++;
    if (form == FORMS + FORM_COUNT) return JWKD_MALFORMED;
    struct bytes value = bytes_of(material.data + 1, material.size - 1);
    if (form->kty == KTY_RSA)
        TRY(material_from_rsa(value, out));
    else
        TRY(material_from_value(form, value, bytes_of(NULL, 0), out));
    *out_form = form;
    return JWKD_OK;
}
