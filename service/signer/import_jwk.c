#include "signer/import.h"

#include <openssl/bn.h>

#include "jose/base64url.h"
#include "jose/json.h"
#include "signer/rsa.h"

/* A member that must be there and be a string. */
static jwkd_status member_text(
    const struct json *json, const char *name, struct bytes *out, jwkd_error *error)
{
    int node = json_member(json, JSON_ROOT, name);
    if (node == JSON_NONE) return fail(error, JWKD_INVALID_ARGUMENT, "the key has no \"%s\"", name);
    if (!json_is(json, node, JSON_STRING)) return fail(error, JWKD_MALFORMED, "\"%s\" is not a string", name);
    *out = json_string(json, node);
    return JWKD_OK;
}

/* A member that may be missing: then *out stays as it is. */
static jwkd_status optional_text(
    const struct json *json, const char *name, struct bytes *out, jwkd_error *error)
{
    if (json_member(json, JSON_ROOT, name) == JSON_NONE) return JWKD_OK;
    return member_text(json, name, out, error);
}

/* Base64url bytes, at most `limit`. `out` must be empty. */
static jwkd_status member_bytes(
    const struct json *json, const char *name, size_t limit, struct secret *out, jwkd_error *error)
{
    struct bytes text;
    TRY(member_text(json, name, &text, error));
    size_t size = base64url_decoded_size(text.size);
    if (size > limit) return fail(error, JWKD_INVALID_ARGUMENT, "\"%s\" is too long", name);
    TRY(secret_init(out, size));
    jwkd_status status = base64url_decode(text, out->data, &out->size);
    return status == JWKD_OK ? status : fail(error, status, "\"%s\" is not base64url", name);
}

static jwkd_status member_sized(
    const struct json *json, const char *name, size_t size, struct secret *out, jwkd_error *error)
{
    TRY(member_bytes(json, name, size, out, error));
    if (out->size != size)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "\"%s\" has %zu bytes instead of %zu", name, out->size, size);
    return JWKD_OK;
}

/* Base64urlUInt, RFC 7518 section 2. */
static jwkd_status member_number(const struct json *json, const char *name, BIGNUM *out, jwkd_error *error)
{
    CLEANUP(secret_clear) struct secret bytes = {0};
    TRY(member_bytes(json, name, RSA_PRIVATE_BITS_MAX / 8, &bytes, error));
    if (bytes.size == 0 || bytes.data[0] == 0)
        return fail(error, JWKD_INVALID_ARGUMENT, "\"%s\" is empty or begins with a zero byte", name);
    return BN_bin2bn(bytes.data, (int)bytes.size, out) ? JWKD_OK : JWKD_NO_MEMORY;
}

static jwkd_status unreadable(jwkd_status status, jwkd_error *error)
{
    if (status == JWKD_MALFORMED) return fail(error, status, "the key's values are not those of a key");
    return status;
}

/* RFC 7518 section 6.3.2: whoever has one of the numbers that follow from n, e and d has all of them. */
static bool has_factors(const struct json *json)
{
    for (size_t i = RSA_REQUIRED; i < RSA_NUMBERS; i++)
        if (json_member(json, JSON_ROOT, rsa_member(i)) != JSON_NONE) return true;
    return false;
}

static jwkd_status read_rsa(const struct json *json, EVP_PKEY **out, jwkd_error *error)
{
    if (json_member(json, JSON_ROOT, "oth") != JSON_NONE)
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA keys of more than two primes are not taken");
    CLEANUP(rsa_clear) struct rsa rsa = {0};
    CLEANUP(secret_clear) struct secret encoded = {0};
    size_t count = has_factors(json) ? RSA_NUMBERS : RSA_REQUIRED;
    TRY(rsa_init(&rsa));
    for (size_t i = 0; i < count; i++)
        TRY(member_number(json, rsa_member(i), rsa.numbers[i], error));
    if (count < RSA_NUMBERS) TRY(rsa_complete(&rsa, error));
    TRY(rsa_check_sizes(&rsa, RSA_NUMBERS, error));
    TRY(rsa_encode(&rsa, 0, &encoded));
    return unreadable(material_from_rsa(secret_bytes(&encoded), out), error);
}

static jwkd_status read_ec(
    const struct json *json, const struct key_type *type, EVP_PKEY **out, jwkd_error *error)
{
    CLEANUP(secret_clear) struct secret scalar = {0}, x = {0}, y = {0};
    CLEANUP(buffer_clear) struct buffer point = {0};
    TRY(member_sized(json, "d", type->private_size, &scalar, error));
    TRY(member_sized(json, "x", type->private_size, &x, error));
    TRY(member_sized(json, "y", type->private_size, &y, error));
    TRY(buffer_append_text(&point, "\x04")); /* uncompressed, SEC 1 section 2.3.3 */
    TRY(buffer_append_bytes(&point, secret_bytes(&x)));
    TRY(buffer_append_bytes(&point, secret_bytes(&y)));
    return unreadable(material_from_value(type, secret_bytes(&scalar), buffer_bytes(&point), out), error);
}

/* OKP and AKP: the public part follows from the private one, and must be the one that is given. */
static jwkd_status read_derived(
    const struct json *json, const struct key_type *type, EVP_PKEY **out, jwkd_error *error)
{
    const struct kty_names *names = kty_names(type->kty);
    CLEANUP(secret_clear) struct secret value = {0}, public = {0}, derived = {0};
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = NULL;
    TRY(member_sized(json, names->secret, type->private_size, &value, error));
    TRY(member_bytes(json, names->first, LIMIT_JWK, &public, error));
    TRY(unreadable(material_from_value(type, secret_bytes(&value), bytes_of(NULL, 0), &pkey), error));
    size_t size = 0;
    if (!EVP_PKEY_get_raw_public_key(pkey, NULL, &size)) return JWKD_INTERNAL;
    TRY(secret_init(&derived, size));
    if (!EVP_PKEY_get_raw_public_key(pkey, derived.data, &size)) return JWKD_INTERNAL;
    if (!bytes_equal(secret_bytes(&public), secret_bytes(&derived)))
        return fail(error, JWKD_INVALID_ARGUMENT, "the private and the public part do not belong together");
    *out = TAKE(pkey);
    return JWKD_OK;
}

static jwkd_status read_curve(
    const struct json *json, enum kty kty, const struct key_type **out, jwkd_error *error)
{
    struct bytes curve;
    TRY(member_text(json, "crv", &curve, error));
    *out = key_type_by_curve(kty, curve);
    return *out ? JWKD_OK : fail(error, JWKD_UNSUPPORTED, "keys of this curve are not signed with here");
}

static jwkd_status read_key(const struct json *json, enum alg alg, EVP_PKEY **out, jwkd_error *error)
{
    struct bytes name;
    const struct key_type *type;
    TRY(member_text(json, "kty", &name, error));
    enum kty kty = kty_from_name(name);
    const char *private_name = kty_names(kty)->secret;
    if (kty != KTY_NONE && json_member(json, JSON_ROOT, private_name) == JSON_NONE)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "this is not a private key: it has no \"%s\"", private_name);
    switch (kty) {
    case KTY_RSA:
        return read_rsa(json, out, error);
    case KTY_EC:
        TRY(read_curve(json, kty, &type, error));
        return read_ec(json, type, out, error);
    case KTY_OKP:
        TRY(read_curve(json, kty, &type, error));
        return read_derived(json, type, out, error);
    case KTY_AKP:
        type = alg_kty(alg) == kty ? key_type_by_alg(alg) : NULL;
        if (!type) return fail(error, JWKD_INVALID_ARGUMENT, "an AKP key needs an \"alg\" of ML-DSA");
        if (!alg_available(alg)) return fail(error, JWKD_UNSUPPORTED, "%s needs OpenSSL 3.5", alg_name(alg));
        return read_derived(json, type, out, error);
    case KTY_NONE:
        break;
    }
    return fail(error, JWKD_UNSUPPORTED, "this kty does not sign here");
}

/* RFC 7517 sections 4.2 and 4.3. */
static jwkd_status check_purpose(const struct json *json, jwkd_error *error)
{
    struct bytes use = bytes_of_text("sig");
    TRY(optional_text(json, "use", &use, error));
    if (!bytes_equal_text(use, "sig"))
        return fail(error, JWKD_INVALID_ARGUMENT, "the key's use is not \"sig\"");

    int operations = json_member(json, JSON_ROOT, "key_ops");
    if (operations == JSON_NONE) return JWKD_OK;
    if (!json_is(json, operations, JSON_ARRAY))
        return fail(error, JWKD_MALFORMED, "\"key_ops\" is not an array");
    bool may_sign = false;
    int operation = json_first(json, operations);
    for (uint32_t left = json->nodes[operations].children; left > 0; left--) {
        if (!json_is(json, operation, JSON_STRING))
            return fail(error, JWKD_MALFORMED, "\"key_ops\" holds something that is not a string");
        if (bytes_equal_text(json_string(json, operation), "sign")) may_sign = true;
        operation = json_next(json, operation);
    }
    return may_sign ? JWKD_OK : fail(error, JWKD_INVALID_ARGUMENT, "the key's key_ops do not hold \"sign\"");
}

static jwkd_status read_alg(const struct json *json, enum alg *out, jwkd_error *error)
{
    struct bytes name = {0};
    TRY(optional_text(json, "alg", &name, error));
    if (json_member(json, JSON_ROOT, "alg") == JSON_NONE) return JWKD_OK;
    *out = alg_from_name(name);
    return *out ? JWKD_OK
                : fail(error, JWKD_UNSUPPORTED, "the key's alg is not one that is signed with here");
}

static jwkd_status read_kid(const struct json *json, char out[LIMIT_KID + 1], jwkd_error *error)
{
    struct bytes kid = {0};
    TRY(optional_text(json, "kid", &kid, error));
    if (json_member(json, JSON_ROOT, "kid") == JSON_NONE) return JWKD_OK;
    if (kid.size == 0 || kid.size > LIMIT_KID || memchr(kid.data, 0, kid.size))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "\"kid\" is empty, longer than %d characters or holds a NUL", LIMIT_KID);
    memcpy(out, kid.data, kid.size);
    out[kid.size] = '\0';
    return JWKD_OK;
}

jwkd_status import_jwk(struct bytes text, struct import *out, jwkd_error *error)
{
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(&json, text, error));
    if (!json_is(&json, JSON_ROOT, JSON_OBJECT)) return fail(error, JWKD_MALFORMED, "a JWK is a JSON object");
    if (json_member(&json, JSON_ROOT, "keys") != JSON_NONE)
        return fail(error, JWKD_INVALID_ARGUMENT, "this is a key set; give one key of it");
    TRY(check_purpose(&json, error));
    TRY(read_alg(&json, &out->alg, error));
    TRY(read_kid(&json, out->kid, error));
    return read_key(&json, out->alg, &out->pkey, error);
}
