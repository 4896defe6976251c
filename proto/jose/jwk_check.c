/* Which keys are refused whoever publishes them. */
#include "jose/key_parts.h"
#include "jose/jwk_points.h"

static jwkd_status check_modulus(struct bytes n, jwkd_error *error)
{
    if (n.size == 0 || n.data[0] == 0) return fail(error, JWKD_MALFORMED, "RSA modulus with leading zeros");
    /* A size in whole bytes is enough but at the lower end, where one bit more or less counts. */
    if (n.size > RSA_BITS_MAX / 8)
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA modulus over %d bits", RSA_BITS_MAX);
    if (n.size < RSA_BITS_MIN / 8 || (n.size == RSA_BITS_MIN / 8 && !(n.data[0] & 0x80)))
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA modulus under %d bits", RSA_BITS_MIN);
    if (!(n.data[n.size - 1] & 1)) return fail(error, JWKD_INVALID_ARGUMENT, "even RSA modulus");
    return JWKD_OK;
}

/* Odd and above 2^16, as FIPS 186-5 section 5.1 has it. */
static jwkd_status check_exponent(struct bytes e, jwkd_error *error)
{
    if (e.size == 0 || e.data[0] == 0) return fail(error, JWKD_MALFORMED, "RSA exponent with leading zeros");
    if (!(e.data[e.size - 1] & 1)) return fail(error, JWKD_INVALID_ARGUMENT, "even RSA exponent");
    if (e.size < 3) return fail(error, JWKD_INVALID_ARGUMENT, "RSA exponent under 65537");
    if (e.size > RSA_EXPONENT_MAX)
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA exponent over %d bits", RSA_EXPONENT_MAX * 8);
    return JWKD_OK;
}

static jwkd_status check_point(enum point point, const char *curve, jwkd_error *error)
{
    switch (point) {
    case POINT_GOOD:
        return JWKD_OK;
    case POINT_OFF_CURVE:
        return fail(error, JWKD_INVALID_ARGUMENT, "not a point of %s", curve);
    case POINT_LOW_ORDER:
        return fail(error, JWKD_INVALID_ARGUMENT, "a point of low order of %s", curve);
    case POINT_UNKNOWN:
        break;
    }
    return fail(error, JWKD_NO_MEMORY, "out of memory");
}

static jwkd_status check_sizes(const struct jwk_material *material, jwkd_error *error)
{
    size_t size = material->type->public_size;
    if (material->first.size != size || (material->kty == KTY_EC && material->second.size != size))
        return fail(error, JWKD_INVALID_ARGUMENT, "%s has coordinates or keys of %zu bytes",
            material->type->name, size);
    return JWKD_OK;
}

jwkd_status jwk_check(const struct jwk_material *material, jwkd_error *error)
{
    if (!alg_available(material->alg))
        return fail(error, JWKD_UNSUPPORTED, "%s is not offered by this OpenSSL", alg_name(material->alg));
    switch (material->kty) {
    case KTY_RSA:
        TRY(check_modulus(material->first, error));
        if (!material->taken_in && jwk_has_roca(material->first))
            return fail(error, JWKD_INVALID_ARGUMENT,
                "RSA modulus with the fingerprint of ROCA (CVE-2017-15361): it can be factored");
        return check_exponent(material->second, error);
    case KTY_EC:
        TRY(check_sizes(material, error));
        return check_point(weierstrass_point(material->type, material->first, material->second),
            material->type->curve, error);
    case KTY_OKP:
        TRY(check_sizes(material, error));
        return check_point(edwards_point(material->first), material->type->curve, error);
    case KTY_AKP:
        return check_sizes(material, error);
    case KTY_NONE:
        break;
    }
    return fail(error, JWKD_INTERNAL, "a key without a type");
}
