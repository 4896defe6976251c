/* A key as its parts again. */
#include "jose/base64url.h"
#include "jose/key_parts.h"

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
