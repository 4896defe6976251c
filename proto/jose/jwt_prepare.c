/* The claims set of a new token: what the environment adds, spliced before the caller's own text. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "jose/base64url.h"
#include "jose/jwt.h"
#include "jose/jwt_claims.h"

static jwkd_status invalid(jwkd_error *error, const char *what)
{
    return fail(error, JWKD_INVALID_ARGUMENT, "%s", what);
}

/* What we sign is right by RFC 7519 section 4.1, also where a reader does not look. */
static jwkd_status check_texts(const struct json *json, jwkd_error *error)
{
    static const char *const names[] = {"sub", "jti"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int node = json_member(json, JSON_ROOT, names[i]);
        if (node != JSON_NONE && !json_is(json, node, JSON_STRING))
            return fail(error, JWKD_MALFORMED, "%s is no string", names[i]);
    }
    return JWKD_OK;
}

static jwkd_status check_parties(const struct jwt_policy *policy, const struct jwt_wish *wish,
    const struct json *json, const struct jwt_claims *claims, jwkd_error *error)
{
    if (policy->issuer.size && claims->issuer != JSON_NONE &&
        !bytes_equal(json_string(json, claims->issuer), policy->issuer))
        return fail(error, JWKD_INVALID_ARGUMENT, "iss is not the environment's, which is \"%.*s\"",
            (int)policy->issuer.size, (const char *)policy->issuer.data);
    if (wish->audience_count > LIMIT_AUDIENCES) return invalid(error, "too many audiences");
    for (size_t i = 0; i < wish->audience_count; i++)
        if (wish->audiences[i].size == 0 || wish->audiences[i].size > LIMIT_AUDIENCE)
            return invalid(error, "an audience is empty or too long");
    if (claims->audience != JSON_NONE && json_is(json, claims->audience, JSON_ARRAY) &&
        json->nodes[claims->audience].children == 0)
        return invalid(error, "aud names nobody: leave it out for the environment's default");
    if (wish->audience_count && claims->audience != JSON_NONE)
        return invalid(error, "the audience is given twice, in the claims and beside them");
    return JWKD_OK;
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static jwkd_status too_long(const struct jwt_policy *policy, const char *what, int64_t sec, jwkd_error *error)
{
    return fail(error, JWKD_INVALID_ARGUMENT,
        "%s of %lld seconds from now: the longest that is allowed is %lld", what, (long long)sec,
        (long long)policy->max_lifetime_sec);
}

static jwkd_status choose_expiry(const struct jwt_policy *policy, const struct jwt_wish *wish,
    const struct jwt_claims *claims, int64_t *out, jwkd_error *error)
{
    int64_t expires_at;
    if (wish->lifetime_sec < 0) return invalid(error, "a lifetime under zero");
    if (wish->lifetime_sec && claims->expires_at.present)
        return invalid(error, "the lifetime is given twice, as exp and beside the claims");
    if (wish->lifetime_sec > policy->max_lifetime_sec)
        return too_long(policy, "a lifetime", wish->lifetime_sec, error);
    if (claims->expires_at.present) {
        expires_at = jwt_date_ceiling(&claims->expires_at);
    } else if (wish->lifetime_sec) {
        expires_at = policy->now + wish->lifetime_sec;
    } else {
        expires_at = policy->now + shorter(policy->default_lifetime_sec, policy->max_lifetime_sec);
    }
    /* Of a fraction neither side may believe more than it says: it expires in this second, or the next. */
    if (expires_at - (claims->expires_at.ns > 0) <= policy->now)
        return invalid(error, "exp does not lie ahead");
    if (expires_at - policy->now > policy->max_lifetime_sec)
        return too_long(policy, "an exp", expires_at - policy->now, error);
    if (claims->issued_at.present && jwt_date_ceiling(&claims->issued_at) > policy->now)
        return invalid(error, "iat lies ahead of the service's clock");
    *out = expires_at;
    return JWKD_OK;
}

/* ---- writing */

static jwkd_status append_audience(
    const struct jwt_policy *policy, const struct jwt_wish *wish, struct buffer *out)
{
    if (wish->audience_count == 0 && policy->default_audience.size == 0) return JWKD_OK;
    TRY(buffer_append_text(out, "\"aud\":"));
    if (wish->audience_count == 0) {
        TRY(json_append_string(out, policy->default_audience));
    } else if (wish->audience_count == 1) {
        TRY(json_append_string(out, wish->audiences[0]));
    } else {
        for (size_t i = 0; i < wish->audience_count; i++) {
            TRY(buffer_append_text(out, i ? "," : "["));
            TRY(json_append_string(out, wish->audiences[i]));
        }
        TRY(buffer_append_text(out, "]"));
    }
    return buffer_append_text(out, ",");
}

/* Each member with a comma behind it. */
static jwkd_status append_own(const struct jwt_policy *policy, const struct jwt_wish *wish,
    const struct json *json, const struct jwt_claims *claims, int64_t expires_at, const uint8_t random[16],
    struct buffer *out)
{
    if (policy->issuer.size && claims->issuer == JSON_NONE) {
        TRY(buffer_append_text(out, "\"iss\":"));
        TRY(json_append_string(out, policy->issuer));
        TRY(buffer_append_text(out, ","));
    }
    if (claims->audience == JSON_NONE) TRY(append_audience(policy, wish, out));
    if (!claims->issued_at.present) TRY(buffer_append_format(out, "\"iat\":%lld,", (long long)policy->now));
    if (!claims->expires_at.present) TRY(buffer_append_format(out, "\"exp\":%lld,", (long long)expires_at));
    if (json_member(json, JSON_ROOT, "jti") != JSON_NONE) return JWKD_OK;
    TRY(buffer_append_text(out, "\"jti\":\""));
    TRY(base64url_append(bytes_of(random, 16), out));
    return buffer_append_text(out, "\",");
}

/* The caller's members as written: an object's text is its braces and what is between them. */
static jwkd_status append_wished(const struct json *json, struct buffer *out)
{
    if (json->nodes[JSON_ROOT].children == 0) {
        out->size--; /* the comma behind what was added: iat at least */
        return buffer_append_text(out, "}");
    }
    struct bytes object = json->nodes[JSON_ROOT].text;
    return buffer_append(out, object.data + 1, object.size - 1);
}

static jwkd_status parse_claims(struct json *out, struct bytes claims, jwkd_error *error)
{
    jwkd_error why = {0};
    jwkd_status status = json_parse(out, claims, &why);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "claims: %.200s", why.message);
}

jwkd_status jwt_prepare(const struct jwt_policy *policy, const struct jwt_wish *wish,
    const uint8_t random[16], struct buffer *out, int64_t *out_expires_at, jwkd_error *error)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buffer_clear) struct buffer text = {0};
    struct jwt_claims claims;
    int64_t expires_at = 0;
    if (wish->claims.size > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "claims over %d bytes", LIMIT_CLAIMS);
    if (wish->claims.size == 0) return fail(error, JWKD_MALFORMED, "no claims at all: the empty set is {}");
    TRY(parse_claims(&json, wish->claims, error));
    TRY(jwt_claims_read(&json, &claims, error));
    TRY(check_texts(&json, error));
    TRY(check_parties(policy, wish, &json, &claims, error));
    TRY(choose_expiry(policy, wish, &claims, &expires_at, error));

    jwkd_status status = buffer_append_text(&text, "{");
    if (status == JWKD_OK) status = append_own(policy, wish, &json, &claims, expires_at, random, &text);
    if (status == JWKD_OK) status = append_wished(&json, &text);
    if (status == JWKD_OK && text.size > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "claims over %d bytes with what was added", LIMIT_CLAIMS);
    if (status == JWKD_OK) status = buffer_append_bytes(out, buffer_bytes(&text));
    if (status != JWKD_OK) return fail(error, status, "claims: %s", jwkd_status_text(status));
    *out_expires_at = expires_at;
    return JWKD_OK;
}
