#include "lib/ask/sign_item.h"

jwkd_status sign_item_check(const jwkd_sign_item *item, jwkd_error *error)
{
    if (item->claims.size > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "a claims set has at most %d bytes", (int)LIMIT_CLAIMS);
    if (item->type && strlen(item->type) > LIMIT_TYP)
        return fail(error, JWKD_INVALID_ARGUMENT, "typ has at most %d characters", (int)LIMIT_TYP);
    if (item->audience_count > LIMIT_AUDIENCES)
        return fail(error, JWKD_INVALID_ARGUMENT, "a token has at most %d audiences", (int)LIMIT_AUDIENCES);
    for (size_t i = 0; i < item->audience_count; i++)
        if (!item->audiences[i] || strlen(item->audiences[i]) > LIMIT_AUDIENCE)
            return fail(
                error, JWKD_INVALID_ARGUMENT, "an audience has at most %d characters", (int)LIMIT_AUDIENCE);
    return JWKD_OK;
}

Jwkd__V1__SignItem sign_item_wire(const jwkd_sign_item *item, char **audiences)
{
    Jwkd__V1__SignItem wire = JWKD__V1__SIGN_ITEM__INIT;
    wire.claims = wire_bytes(bytes_of(item->claims.data, item->claims.size));
    wire.type = wire_text(item->type);
    for (size_t i = 0; i < item->audience_count; i++)
        audiences[i] = wire_text(item->audiences[i]);
    wire.audience = audiences;
    wire.n_audience = item->audience_count;
    wire.lifetime_sec = item->lifetime_sec;
    return wire;
}
