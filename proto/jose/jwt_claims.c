#include "jose/jwt_claims.h"

static jwkd_status read_date(
    const struct json *json, const char *name, struct jwt_date *out, jwkd_error *error)
{
    int node = json_member(json, JSON_ROOT, name);
    *out = (struct jwt_date){.present = node != JSON_NONE};
    if (!out->present || json_date(json, node, &out->sec, &out->ns) == JWKD_OK) return JWKD_OK;
    return fail(error, JWKD_MALFORMED, "%s is no number of seconds", name);
}

/* One string, or an array of strings: RFC 7519 section 4.1.3. */
static bool is_audience(const struct json *json, int node)
{
    if (json_is(json, node, JSON_STRING)) return true;
    if (!json_is(json, node, JSON_ARRAY)) return false;
    int item = json_first(json, node);
    for (uint32_t left = json->nodes[node].children; left > 0; left--, item = json_next(json, item))
        if (!json_is(json, item, JSON_STRING)) return false;
    return true;
}

jwkd_status jwt_claims_read(const struct json *json, struct jwt_claims *out, jwkd_error *error)
{
    struct jwt_claims claims;
    if (!json_is(json, JSON_ROOT, JSON_OBJECT))
        return fail(error, JWKD_MALFORMED, "claims: not a JSON object");
    claims.issuer = json_member(json, JSON_ROOT, "iss");
    claims.audience = json_member(json, JSON_ROOT, "aud");
    if (claims.issuer != JSON_NONE && !json_is(json, claims.issuer, JSON_STRING))
        return fail(error, JWKD_MALFORMED, "iss is no string");
    if (claims.audience != JSON_NONE && !is_audience(json, claims.audience))
        return fail(error, JWKD_MALFORMED, "aud is neither a string nor an array of strings");
    TRY(read_date(json, "exp", &claims.expires_at, error));
    TRY(read_date(json, "nbf", &claims.not_before, error));
    TRY(read_date(json, "iat", &claims.issued_at, error));
    *out = claims;
    return JWKD_OK;
}
