/* The registered claims that the service and a verifier judge. Nobody outside this folder includes this. */
#ifndef JOSE_JWT_CLAIMS_H
#define JOSE_JWT_CLAIMS_H

#include "jose/json.h"

/* A NumericDate, which may have a fraction (RFC 7519 section 2). Zeroed where the claim is absent. */
struct jwt_date {
    bool present;
    int64_t sec; /* the whole seconds at or before it */
    uint32_t ns; /* from there on */
};

struct jwt_claims {
    int issuer, audience; /* nodes, JSON_NONE where absent */
    struct jwt_date expires_at, not_before, issued_at;
};

/* The first whole second that is not before it. */
static inline int64_t jwt_date_ceiling(const struct jwt_date *date)
{
    return date->sec + (date->ns > 0);
}

/* MALFORMED when the document is no object, or a claim is not of its type (RFC 7519 section 4.1). */
jwkd_status jwt_claims_read(const struct json *json, struct jwt_claims *out, jwkd_error *error) MUST_CHECK;

#endif
