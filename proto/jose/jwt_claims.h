/* The registered claims that the service and a verifier judge. Nobody outside this folder includes this. */
#ifndef JOSE_JWT_CLAIMS_H
#define JOSE_JWT_CLAIMS_H

#include "jose/json.h"

struct jwt_claims {
    int issuer, audience; /* nodes, JSON_NONE where absent */
    bool has_expires_at, has_not_before, has_issued_at;
    int64_t expires_at, not_before, issued_at; /* 0 where absent */
};

/* MALFORMED when the document is no object, or a claim is not of its type (RFC 7519 section 4.1). */
jwkd_status jwt_claims_read(const struct json *json, struct jwt_claims *out, jwkd_error *error) MUST_CHECK;

#endif
