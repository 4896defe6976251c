/* Judging a token. */
#include "jose/jwt.h"

#include <stdlib.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "jose/base64url.h"
#include "jose/jwt_claims.h"

/* Fails with a verdict and a sentence for a person. */
static jwkd_verdict refuse(jwkd_error *error, jwkd_verdict verdict, const char *detail)
{
    const char *text = jwkd_verdict_text(verdict);
    if (error) (void)!fail(error, JWKD_REFUSED, detail ? "%s: %s" : "%s", text, detail);
    return verdict;
}

static jwkd_verdict verdict_of(jwkd_status status)
{
    return status == JWKD_NO_MEMORY ? JWKD_VERDICT_NONE : JWKD_VERDICT_MALFORMED;
}

static void jwt_init(struct jwt *jwt)
{
    jwt->header = (struct jws_header){.alg = ALG_NONE};
    json_init(&jwt->header_json);
    json_init(&jwt->claims);
    jwt->payload = (struct bytes){0};
    jwt->key = NULL;
    jwt->memory = NULL;
}

void jwt_clear(struct jwt *jwt)
{
    json_clear(&jwt->header_json);
    json_clear(&jwt->claims);
    jwk_unref(jwt->key);
    free(jwt->memory);
    jwt_init(jwt);
}

/* ---- structure */

/* What decoding finds; views into jwt->memory. */
struct decoded {
    struct bytes header, signature;
    struct jws jws;
};

/* One allocation holds the three decoded parts. */
static jwkd_status decode(struct bytes token, struct jwt *jwt, struct decoded *out, jwkd_error *error)
{
    if (jws_split(token, &out->jws) != JWKD_OK)
        return token.size > LIMIT_TOKEN ? fail(error, JWKD_MALFORMED, "over %d bytes", LIMIT_TOKEN)
                                        : fail(error, JWKD_MALFORMED, "not three parts between two dots");
    jwt->memory = malloc(base64url_decoded_size(token.size) + 1);
    if (!jwt->memory) return fail(error, JWKD_NO_MEMORY, "out of memory");
    uint8_t *at = jwt->memory;
    const struct {
        struct bytes in, *out;
    } parts[] = {{out->jws.header, &out->header}, {out->jws.payload, &jwt->payload},
        {out->jws.signature, &out->signature}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t size;
        if (base64url_decode(parts[i].in, at, &size) != JWKD_OK)
            return fail(error, JWKD_MALFORMED, "part %zu is not base64url", i + 1);
        *parts[i].out = bytes_of(at, size);
        at += size;
    }
    return jws_read_header(out->header, &jwt->header_json, &jwt->header, error);
}

static jwkd_status read_claims(struct jwt *jwt, struct jwt_claims *claims, jwkd_error *error)
{
    TRY(json_parse(&jwt->claims, jwt->payload, error));
    return jwt_claims_read(&jwt->claims, claims, error);
}

/* ---- key and signature */

/* Those that the token may mean, or says why there are none. */
static jwkd_verdict find_keys(
    const struct keyset *keyset, struct bytes kid, struct key_run *out, jwkd_error *error)
{
    if (kid.size == 0)
        return keyset_only(keyset, out) ? JWKD_VERDICT_VALID
                                        : refuse(error, JWKD_VERDICT_UNKNOWN_KEY, "the token has no kid");
    switch (keyset_find_all(keyset, kid, out)) {
    case KEY_UNKNOWN:
        return refuse(error, JWKD_VERDICT_UNKNOWN_KEY, NULL);
    case KEY_REVOKED:
        return refuse(error, JWKD_VERDICT_KEY_DEACTIVATED, NULL);
    case KEY_LIVE:
        break;
    }
    return JWKD_VERDICT_VALID;
}

static bool accepts(const struct jwt_expectation *expected, const struct jwk *key, enum alg alg)
{
    return jwk_accepts(key, alg) && (expected->algs == 0 || expected->algs & ALG_BIT(alg));
}

/* By the first of the keys that fits; a kid has several where its owner gave it to several. */
static jwkd_verdict judge_signature(const struct keyset *keyset, const struct decoded *decoded,
    const struct jwt_expectation *expected, struct jwt *jwt, jwkd_error *error)
{
    struct key_run run;
    bool tried = false;
    /* "none", HMAC and unknown names, whatever key they claim: RFC 8725 sections 3.1 and 3.2. */
    if (jwt->header.alg == ALG_NONE)
        return refuse(error, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED, "no public-key signature");
    jwkd_verdict verdict = find_keys(keyset, jwt->header.kid, &run, error);
    if (verdict != JWKD_VERDICT_VALID) return verdict;
    for (size_t i = 0; i < run.count; i++) {
        if (!accepts(expected, run.keys[i], jwt->header.alg)) continue;
        tried = true;
        jwkd_status status = jwk_verify(run.keys[i], decoded->jws.input, decoded->signature);
        if (status == JWKD_OK) {
            jwt->key = jwk_ref(run.keys[i]);
            return JWKD_VERDICT_VALID;
        }
        if (status == JWKD_REFUSED) continue;
        (void)!fail(error, status, "the signature cannot be checked: %s", jwkd_status_text(status));
        return JWKD_VERDICT_NONE;
    }
    return tried ? refuse(error, JWKD_VERDICT_BAD_SIGNATURE, NULL)
                 : refuse(error, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED, alg_name(jwt->header.alg));
}

/* ---- expectations */

static struct bytes short_type(struct bytes type)
{
    static const char PREFIX[] = "application/";
    const size_t size = sizeof PREFIX - 1;
    bool prefixed = type.size > size && strncasecmp((const char *)type.data, PREFIX, size) == 0;
    return prefixed ? bytes_of(type.data + size, type.size - size) : type;
}

bool jwt_same_type(struct bytes a, struct bytes b)
{
    a = short_type(a);
    b = short_type(b);
    return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

static bool type_expected(const struct jwt_expectation *expected, struct bytes typ)
{
    if (expected->any_type) return true;
    if (expected->type.size) return typ.size && jwt_same_type(typ, expected->type);
    return typ.size == 0 || jwt_same_type(typ, bytes_of_text("at+jwt")) ||
           jwt_same_type(typ, bytes_of_text("JWT"));
}

static bool among(struct bytes one, const struct bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(one, list[i])) return true;
    return false;
}

static bool audience_expected(const struct jwt_expectation *expected, const struct json *json, int audience)
{
    if (json_is(json, audience, JSON_STRING))
        return among(json_string(json, audience), expected->audiences, expected->audience_count);
    int item = json_first(json, audience);
    for (uint32_t left = json->nodes[audience].children; left > 0; left--, item = json_next(json, item))
        if (among(json_string(json, item), expected->audiences, expected->audience_count)) return true;
    return false;
}

static jwkd_verdict judge_parties(const struct jwt_expectation *expected, const struct json *json,
    const struct jwt_claims *claims, jwkd_error *error)
{
    if (expected->issuer.size) {
        if (claims->issuer == JSON_NONE) return refuse(error, JWKD_VERDICT_MISSING_CLAIM, "iss");
        if (!bytes_equal(json_string(json, claims->issuer), expected->issuer))
            return refuse(error, JWKD_VERDICT_WRONG_ISSUER, NULL);
    }
    if (expected->audience_count) {
        if (claims->audience == JSON_NONE) return refuse(error, JWKD_VERDICT_MISSING_CLAIM, "aud");
        if (!audience_expected(expected, json, claims->audience))
            return refuse(error, JWKD_VERDICT_WRONG_AUDIENCE, NULL);
    }
    return JWKD_VERDICT_VALID;
}

static int64_t leeway_of(const struct jwt_expectation *expected)
{
    if (expected->leeway_sec < 0) return 0;
    return expected->leeway_sec < LIMIT_LEEWAY_SEC ? expected->leeway_sec : LIMIT_LEEWAY_SEC;
}

/* Whether it is that late already. */
static bool reached(const struct jwt_expectation *expected, int64_t leeway, const struct jwt_date *date)
{
    int64_t now = expected->now + leeway;
    return now > date->sec || (now == date->sec && expected->now_ns >= date->ns);
}

static jwkd_verdict judge_times(
    const struct jwt_expectation *expected, const struct jwt_claims *claims, jwkd_error *error)
{
    int64_t leeway = leeway_of(expected);
    if (!claims->expires_at.present) return refuse(error, JWKD_VERDICT_MISSING_CLAIM, "exp");
    if (reached(expected, -leeway, &claims->expires_at)) return refuse(error, JWKD_VERDICT_EXPIRED, NULL);
    if (claims->not_before.present && !reached(expected, leeway, &claims->not_before))
        return refuse(error, JWKD_VERDICT_NOT_YET_VALID, "nbf lies ahead");
    if (claims->issued_at.present && !reached(expected, leeway, &claims->issued_at))
        return refuse(error, JWKD_VERDICT_NOT_YET_VALID, "iat lies ahead");
    return JWKD_VERDICT_VALID;
}

jwkd_verdict jwt_verify(const struct keyset *keyset, struct bytes token,
    const struct jwt_expectation *expected, struct jwt *out, jwkd_error *error)
{
    struct decoded decoded;
    struct jwt_claims claims;
    jwt_init(out);
    jwkd_status status = decode(token, out, &decoded, error);
    if (status != JWKD_OK) return verdict_of(status);
    jwkd_verdict verdict = judge_signature(keyset, &decoded, expected, out, error);
    if (verdict != JWKD_VERDICT_VALID) return verdict;
    if (expected->signature_only) {
        /* Claims are a courtesy here: a payload that has none is as good. */
        if (read_claims(out, &claims, NULL) != JWKD_OK) json_clear(&out->claims);
        return JWKD_VERDICT_VALID;
    }
    if (!type_expected(expected, out->header.typ)) return refuse(error, JWKD_VERDICT_WRONG_TYPE, NULL);
    status = read_claims(out, &claims, error);
    if (status != JWKD_OK) return verdict_of(status);
    verdict = judge_parties(expected, &out->claims, &claims, error);
    return verdict == JWKD_VERDICT_VALID ? judge_times(expected, &claims, error) : verdict;
}

jwkd_status jwt_inspect(struct bytes token, struct jwt *out, jwkd_error *error)
{
    struct decoded decoded;
    jwt_init(out);
    TRY(decode(token, out, &decoded, error));
    jwkd_status status = json_parse(&out->claims, out->payload, NULL);
    if (status == JWKD_NO_MEMORY) return fail(error, status, "out of memory");
    /* A payload may be any bytes, RFC 7515 section 2: then there is no claim to show. */
    if (status != JWKD_OK || !json_is(&out->claims, JSON_ROOT, JSON_OBJECT)) json_clear(&out->claims);
    return JWKD_OK;
}
