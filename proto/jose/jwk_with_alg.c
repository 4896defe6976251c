/* The same key for another algorithm of its type: a ready RSA key becomes one for PS256, say. */
#include "jose/key_parts.h"

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
