/* The same key for another algorithm of its type: a ready RSA key becomes one for PS256, say. */
#include "jose/base64url.h"
#include "jose/jwk_internal.h"

bool jwk_alg_fits(enum alg alg, enum kty kty, const struct key_type *type)
{
    if (alg_kty(alg) != kty) return false;
    const struct key_type *only = key_type_by_alg(alg);
    return !only || only == type;
}

jwkd_status jwk_take_apart(const struct jwk *jwk, struct jwk_material *out)
{
    size_t first, second;
    TRY(base64url_decode(jwk->first, out->memory, &first));
    TRY(base64url_decode(jwk->second, out->memory + first, &second));
    out->kty = jwk->kty;
    out->alg = jwk->alg;
    out->type = jwk->type;
    out->kid = bytes_of_text(jwk->kid);
    out->first = bytes_of(out->memory, first);
    out->second = bytes_of(out->memory + first, second);
    return JWKD_OK;
}

jwkd_status jwk_with_alg(const struct jwk *jwk, enum alg alg, struct jwk **out)
{
    if (alg == jwk->alg) {
        *out = jwk_ref(jwk);
        return JWKD_OK;
    }
    if (alg == ALG_NONE || !jwk_alg_fits(alg, jwk->kty, jwk->type)) return JWKD_INVALID_ARGUMENT;
    struct jwk_material material;
    TRY(jwk_take_apart(jwk, &material));
    material.alg = alg;
    return jwk_new(&material, out);
}
