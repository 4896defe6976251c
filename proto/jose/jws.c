#include "jose/jws.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "jose/base64url.h"

jwkd_status jws_split(struct bytes token, struct jws *out)
{
    if (token.size == 0 || token.size > LIMIT_TOKEN) return JWKD_MALFORMED;
    const uint8_t *begin = token.data, *end = begin + token.size;
    const uint8_t *first = memchr(begin, '.', token.size);
    if (!first || first == begin) return JWKD_MALFORMED;
    const uint8_t *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1))) return JWKD_MALFORMED;
    out->header = bytes_of(begin, (size_t)(first - begin));
    out->payload = bytes_of(first + 1, (size_t)(second - first - 1));
    out->signature = bytes_of(second + 1, (size_t)(end - second - 1));
    out->input = bytes_of(begin, (size_t)(second - begin));
    return JWKD_OK;
}

/* A header parameter that is a string where it is present. */
static jwkd_status read_parameter(
    const struct json *json, const char *name, bool may_be_empty, struct bytes *out, jwkd_error *error)
{
    int node = json_member(json, JSON_ROOT, name);
    if (node == JSON_NONE) return JWKD_OK;
    struct bytes text = json_string(json, node);
    if (text.size == 0 && !(may_be_empty && json_is(json, node, JSON_STRING)))
        return fail(
            error, JWKD_MALFORMED, "header: %s is no string%s", name, may_be_empty ? "" : ", or empty");
    *out = text;
    return JWKD_OK;
}

/* RFC 7515 section 4.1.11, RFC 7797 section 3: `b64` true says what holds without it. */
static jwkd_status check_extensions(const struct json *json, jwkd_error *error)
{
    if (json_member(json, JSON_ROOT, "crit") != JSON_NONE)
        return fail(error, JWKD_MALFORMED, "header: crit names extensions, none is understood");
    int b64 = json_member(json, JSON_ROOT, "b64");
    if (b64 != JSON_NONE && !json_is(json, b64, JSON_TRUE))
        return fail(error, JWKD_MALFORMED, "header: b64 is not true, and nothing else is understood");
    return JWKD_OK;
}

jwkd_status jws_read_header(struct bytes text, struct json *json, struct jws_header *out, jwkd_error *error)
{
    struct bytes alg = {0};
    struct jws_header header = {.alg = ALG_NONE};
    TRY(json_parse(json, text, error));
    if (!json_is(json, JSON_ROOT, JSON_OBJECT))
        return fail(error, JWKD_MALFORMED, "header: not a JSON object");
    TRY(read_parameter(json, "alg", false, &alg, error));
    TRY(read_parameter(json, "kid", true, &header.kid, error));
    TRY(read_parameter(json, "typ", false, &header.typ, error));
    if (alg.size == 0) return fail(error, JWKD_MALFORMED, "header: alg is missing");
    TRY(check_extensions(json, error));
    header.alg = alg_from_name(alg);
    *out = header;
    return JWKD_OK;
}

static jwkd_status header_text(enum alg alg, struct bytes typ, struct bytes kid, struct buffer *out)
{
    TRY(buffer_append_format(out, "{\"alg\":\"%s\"", alg_name(alg)));
    if (typ.size) {
        TRY(buffer_append_text(out, ",\"typ\":"));
        TRY(json_append_string(out, typ));
    }
    if (kid.size) {
        TRY(buffer_append_text(out, ",\"kid\":"));
        TRY(json_append_string(out, kid));
    }
    return buffer_append_text(out, "}");
}

jwkd_status jws_append_header(enum alg alg, struct bytes typ, struct bytes kid, struct buffer *out)
{
    CLEANUP(buffer_clear) struct buffer text = {0};
    TRY(header_text(alg, typ, kid, &text));
    return base64url_append(buffer_bytes(&text), out);
}
