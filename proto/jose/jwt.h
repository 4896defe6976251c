/* JSON Web Tokens: judging one (RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4) and preparing the claims
 * of a new one. */
#ifndef JOSE_JWT_H
#define JOSE_JWT_H

#include "jose/jws.h"
#include "jose/keyset.h"

/* What the caller expects. Zeroed: only the signature, exp, nbf and iat are judged, exp is required. */
struct jwt_expectation {
    struct bytes issuer;           /* empty: not checked */
    const struct bytes *audiences; /* the token's aud must contain one of them; none: not checked */
    size_t audience_count;
    struct bytes type;   /* compared as a media type without "application/", ignoring case
                            (RFC 7515 section 4.1.9); empty: at+jwt, JWT or no typ at all */
    bool any_type;       /* typ is not judged */
    int64_t leeway_sec;  /* at most LIMIT_LEEWAY_SEC counts */
    int64_t now;         /* seconds since 1970 */
    uint32_t now_ns;     /* and the nanoseconds from there on: NumericDates may have fractions */
    uint32_t algs;       /* ALG_BIT of each that is accepted, of a key's; 0: whatever the key is for */
    bool signature_only; /* judge nothing but structure, key and signature: no claims at all;
                            the payload may be any bytes */
};

/* A judged token. Everything handed out points into memory that it owns. Reusable after
 * jwt_clear, not to be moved. */
struct jwt {
    struct jws_header header;
    struct json header_json;
    struct json
        claims; /* parsed claims; count 0 when the payload is not an object: signature_only, or inspected */
    struct bytes payload; /* the decoded payload */
    struct jwk *key;      /* a reference to the key that verified it; NULL: none did */
    uint8_t *memory;      /* decoded header and payload */
};

/* Judges a token by a key set. Order: structure, header, key, algorithm, signature, then typ, iss, aud, exp,
 * nbf, iat; the first failure is the verdict. "none", HMAC and unknown algorithms are refused as such before
 * a key is looked for; a registered claim of the wrong type is MALFORMED before any claim is judged. On
 * anything but VALID, *error (may be NULL) says more. VERDICT_NONE only when memory is short. Of several
 * keys of one kid each that fits the token's alg is tried; a token without kid is tried against a set of
 * exactly one kid. The caller clears *out in every case, and must itself look again whether the key is still
 * live (delivery: read last). */
jwkd_verdict jwt_verify(const struct keyset *keyset, struct bytes token,
    const struct jwt_expectation *expected, struct jwt *out, jwkd_error *error) MUST_CHECK;

/* Decodes without judging anything, for inspection: the header must be a JSON object that jws_read_header
 * takes, the payload may be any bytes. The caller clears *out in every case. */
jwkd_status jwt_inspect(struct bytes token, struct jwt *out, jwkd_error *error) MUST_CHECK;

void jwt_clear(struct jwt *jwt);

/* Whether two typ are one: media types ignore case, and "application/" may be left out (RFC 7515 section
 * 4.1.9). */
bool jwt_same_type(struct bytes a, struct bytes b);

/* The rules under which an environment signs. */
struct jwt_policy {
    struct bytes issuer;           /* empty: none is added, none is demanded */
    struct bytes default_audience; /* empty: none */
    int64_t default_lifetime_sec, max_lifetime_sec;
    int64_t now;
};
struct jwt_wish {
    struct bytes claims;           /* a JSON object */
    const struct bytes *audiences; /* become aud; then the claims must not have one */
    size_t audience_count;
    int64_t lifetime_sec; /* 0: the claims' own exp, else the default */
};
/* Appends the claims set to be signed: iss, aud, iat, exp and jti (from the 16 random bytes) where absent,
 * then the wished claims as written. INVALID_ARGUMENT or MALFORMED for claims that are no object, have
 * duplicate members, another iss, aud twice over, an exp that lies past the longest lifetime or not ahead, an
 * iat ahead of now, both exp and lifetime_sec, exp/nbf/iat that are no numbers, more than LIMIT_CLAIMS bytes,
 * given or resulting. `out` and *out_expires_at are untouched on failure. */
jwkd_status jwt_prepare(const struct jwt_policy *policy, const struct jwt_wish *wish,
    const uint8_t random[16], struct buffer *out, int64_t *out_expires_at, jwkd_error *error) MUST_CHECK;

#endif
