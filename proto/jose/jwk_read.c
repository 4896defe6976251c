/* From JSON and from OpenSSL to a checked key. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "jose/base64url.h"
#include "jose/json.h"
#include "jose/key_parts.h"

/* ---- the kid */

static jwkd_status check_kid(struct bytes kid, jwkd_error *error)
{
    if (kid.size == 0 || kid.size > LIMIT_KID)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "kid of %zu bytes, 1 to %d are allowed", kid.size, LIMIT_KID);
    for (size_t i = 0; i < kid.size; i++) {
        uint8_t c = kid.data[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\')
            return fail(error, JWKD_INVALID_ARGUMENT, "kid with a character other than visible ASCII");
    }
    return JWKD_OK;
}

/* ---- from JSON */

static const char *const PRIVATE_MEMBERS[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "priv"};

bool jwk_node_is_private(const struct json *json, int node)
{
    int kty = json_member(json, node, "kty");
    if (json_is(json, kty, JSON_STRING) && kty_from_name(json_string(json, kty)) == KTY_NONE) return false;
    for (size_t i = 0; i < sizeof PRIVATE_MEMBERS / sizeof *PRIVATE_MEMBERS; i++)
        if (json_member(json, node, PRIVATE_MEMBERS[i]) != JSON_NONE) return true;
    return false;
}

static jwkd_status read_string(
    const struct json *json, int object, const char *name, struct bytes *out, jwkd_error *error)
{
    int node = json_member(json, object, name);
    if (node == JSON_NONE) return JWKD_OK;
    if (!json_is(json, node, JSON_STRING)) return fail(error, JWKD_MALFORMED, "%s is not a string", name);
    *out = json_string(json, node);
    return JWKD_OK;
}

/* RFC 7517 sections 4.2 and 4.3: a key for something else than verifying is none of ours. */
static jwkd_status read_purpose(const struct json *json, int node, jwkd_error *error)
{
    struct bytes use = {0};
    TRY(read_string(json, node, "use", &use, error));
    if (use.data && !bytes_equal_text(use, "sig")) return fail(error, JWKD_UNSUPPORTED, "use is not \"sig\"");
    int operations = json_member(json, node, "key_ops");
    if (operations == JSON_NONE) return JWKD_OK;
    if (!json_is(json, operations, JSON_ARRAY)) return fail(error, JWKD_MALFORMED, "key_ops is not an array");
    bool verifies = false;
    int item = json_first(json, operations);
    for (uint32_t left = json->nodes[operations].children; left > 0; left--, item = json_next(json, item)) {
        if (!json_is(json, item, JSON_STRING)) return fail(error, JWKD_MALFORMED, "key_ops holds no strings");
        verifies |= bytes_equal_text(json_string(json, item), "verify");
    }
    return verifies ? JWKD_OK : fail(error, JWKD_UNSUPPORTED, "key_ops is without \"verify\"");
}

static jwkd_status read_kty(
    const struct json *json, int node, struct jwk_material *material, jwkd_error *error)
{
    struct bytes kty = {0}, crv = {0};
    TRY(read_string(json, node, "kty", &kty, error));
    TRY(read_string(json, node, "crv", &crv, error));
    if (!kty.data) return fail(error, JWKD_MALFORMED, "kty is missing");
    material->kty = kty_from_name(kty);
    if (material->kty == KTY_NONE) return fail(error, JWKD_UNSUPPORTED, "kty is not RSA, EC, OKP or AKP");
    if (material->kty != KTY_EC && material->kty != KTY_OKP) return JWKD_OK;
    if (!crv.data) return fail(error, JWKD_MALFORMED, "crv is missing");
    material->type = key_type_by_curve(material->kty, crv);
    return material->type ? JWKD_OK : fail(error, JWKD_UNSUPPORTED, "crv is none that signs here");
}

static jwkd_status read_alg(const struct json *json, int node, const struct jwk_rules *rules,
    struct jwk_material *material, jwkd_error *error)
{
    struct bytes name = {0};
    TRY(read_string(json, node, "alg", &name, error));
    if (name.data) {
        material->alg = alg_from_name(name);
        if (material->alg == ALG_NONE) return fail(error, JWKD_UNSUPPORTED, "alg is none that signs here");
    } else {
        /* A curve implies its algorithm. */
        material->alg = material->type             ? material->type->usual
                        : material->kty == KTY_RSA ? rules->default_alg
                                                   : ALG_NONE;
    }
    if (material->kty == KTY_AKP) material->type = key_type_by_alg(material->alg);
    if (!jwk_alg_fits(material->alg, material->kty, material->type))
        return fail(error, JWKD_INVALID_ARGUMENT, name.data ? "alg does not fit the key" : "alg is missing");
    return JWKD_OK;
}

/* Decodes a member into the material's memory behind `used` bytes. */
static jwkd_status read_bytes(const struct json *json, int node, const char *name,
    struct jwk_material *material, size_t used, struct bytes *out, jwkd_error *error)
{
    struct bytes text = {0};
    TRY(read_string(json, node, name, &text, error));
    if (!text.data) return fail(error, JWKD_MALFORMED, "%s is missing", name);
    if (base64url_decoded_size(text.size) > sizeof material->memory - used)
        return fail(error, JWKD_INVALID_ARGUMENT, "%s is too long", name);
    size_t size;
    if (base64url_decode(text, material->memory + used, &size) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "%s is not base64url", name);
    *out = bytes_of(material->memory + used, size);
    return JWKD_OK;
}

jwkd_status jwk_from_node(
    const struct json *json, int node, const struct jwk_rules *rules, struct jwk **out, jwkd_error *error)
{
    struct jwk_material material = {.kty = KTY_NONE, .taken_in = rules->taken_in};
    if (!json_is(json, node, JSON_OBJECT)) return fail(error, JWKD_MALFORMED, "a key is not a JSON object");
    if (jwk_node_is_private(json, node))
        return fail(error, JWKD_INVALID_ARGUMENT, "a private key where a public one was expected");
    TRY(read_kty(json, node, &material, error));
    TRY(read_purpose(json, node, error));
    TRY(read_alg(json, node, rules, &material, error));
    int kid = json_member(json, node, "kid");
    TRY(read_string(json, node, "kid", &material.kid, error));
    if (kid != JSON_NONE) TRY(check_kid(material.kid, error));
    if (kid == JSON_NONE && rules->require_kid) return fail(error, JWKD_INVALID_ARGUMENT, "kid is missing");

    const struct kty_names *names = kty_names(material.kty);
    TRY(read_bytes(json, node, names->first, &material, 0, &material.first, error));
    if (names->second)
        TRY(read_bytes(json, node, names->second, &material, material.first.size, &material.second, error));
    TRY(jwk_check(&material, error));
    jwkd_status status = jwk_new(&material, out);
    return status == JWKD_OK ? status : fail(error, status, "%s", jwkd_status_text(status));
}

jwkd_status jwk_from_json(
    struct bytes text, const struct jwk_rules *rules, struct jwk **out, jwkd_error *error)
{
    if (text.size > LIMIT_JWK) return fail(error, JWKD_RESOURCE_EXHAUSTED, "a key over %d bytes", LIMIT_JWK);
    CLEANUP(json_clear) struct json json;
    TRY(json_parse(&json, text, error));
    return jwk_from_node(&json, JSON_ROOT, rules, out, error);
}

/* ---- from OpenSSL */

/* A number in big-endian bytes: `size` of them, or as few as it takes when `size` is 0. */
static jwkd_status take_number(const EVP_PKEY *pkey, const char *name, size_t size,
    struct jwk_material *material, size_t used, struct bytes *out)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1) return JWKD_INTERNAL;
    size_t length = size ? size : (size_t)BN_num_bytes(number);
    bool fits = length <= sizeof material->memory - used &&
                BN_bn2binpad(number, material->memory + used, (int)length) == (int)length;
    BN_free(number);
    if (!fits) return JWKD_INVALID_ARGUMENT;
    *out = bytes_of(material->memory + used, length);
    return JWKD_OK;
}

static jwkd_status take_raw(const EVP_PKEY *pkey, struct jwk_material *material)
{
    size_t size = sizeof material->memory;
    if (EVP_PKEY_get_raw_public_key(pkey, material->memory, &size) != 1) return JWKD_INTERNAL;
    material->first = bytes_of(material->memory, size);
    return JWKD_OK;
}

static jwkd_status take_material(const EVP_PKEY *pkey, struct jwk_material *material)
{
    switch (material->kty) {
    case KTY_RSA:
        TRY(take_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, material, 0, &material->first));
        return take_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, material, material->first.size, &material->second);
    case KTY_EC: {
        size_t size = material->type->public_size;
        TRY(take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size, material, 0, &material->first));
        return take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size, material, size, &material->second);
    }
    case KTY_OKP:
    case KTY_AKP:
        return take_raw(pkey, material);
    case KTY_NONE:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status jwk_from_pkey(
    const EVP_PKEY *pkey, enum alg alg, const char *kid, struct jwk **out, jwkd_error *error)
{
    struct jwk_material material = {.kty = alg_kty(alg), .alg = alg, .kid = bytes_of_text(kid)};
    if (alg == ALG_NONE) return fail(error, JWKD_UNSUPPORTED, "no such algorithm");
    if (kid) TRY(check_kid(material.kid, error));
    const struct key_type *type = key_type_of_pkey(pkey);
    if (!type || !key_type_signs_with(type, alg))
        return fail(error, JWKD_INVALID_ARGUMENT, "%s does not fit the key", alg_name(alg));
    if (type->kty != KTY_RSA) material.type = type;
    ERR_set_mark();
    jwkd_status status = take_material(pkey, &material);
    ERR_pop_to_mark();
    if (status != JWKD_OK) return fail(error, status, "OpenSSL's key cannot be read");
    TRY(jwk_check(&material, error));
    status = jwk_new(&material, out);
    return status == JWKD_OK ? status : fail(error, status, "%s", jwkd_status_text(status));
}
