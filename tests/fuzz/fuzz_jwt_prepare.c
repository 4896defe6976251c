/* Input: a line that becomes the audience, or is empty; then the claims. */
#include "fuzz.h"

#include "base/limits.h"
#include "jose/jwt.h"

enum { NOW = 1700000000, LONGEST = 3600 };

static void check(struct bytes text, int64_t expires_at)
{
    struct json json;
    int64_t exp = 0, iat = 0;
    MUST(text.size <= LIMIT_CLAIMS);
    MUST(json_parse(&json, text, NULL) == JWKD_OK && json_is(&json, JSON_ROOT, JSON_OBJECT));
    MUST(bytes_equal_text(json_string(&json, json_member(&json, JSON_ROOT, "iss")), "https://me"));
    uint32_t ns = 0;
    MUST(json_date(&json, json_member(&json, JSON_ROOT, "exp"), &exp, &ns) == JWKD_OK);
    MUST(exp + (ns > 0) == expires_at);
    MUST(exp > NOW && exp <= NOW + LONGEST);
    MUST(json_date(&json, json_member(&json, JSON_ROOT, "iat"), &iat, &ns) == JWKD_OK);
    MUST(iat + (ns > 0) <= NOW);
    int aud = json_member(&json, JSON_ROOT, "aud");
    MUST(json_is(&json, aud, JSON_STRING) || json_is(&json, aud, JSON_ARRAY));
    MUST(json_member(&json, JSON_ROOT, "jti") != JSON_NONE);
    json_clear(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t RANDOM[16] = {1};
    const struct jwt_policy policy = {.issuer = bytes_of_text("https://me"),
        .default_audience = bytes_of_text("api"),
        .default_lifetime_sec = 300,
        .max_lifetime_sec = LONGEST,
        .now = NOW};
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    if (!line) return 0;
    struct bytes audience = bytes_of(data, (size_t)(line - data));
    const struct jwt_wish wish = {.claims = bytes_of(line + 1, size - audience.size - 1),
        .audiences = &audience,
        .audience_count = audience.size > 0};
    struct buffer out = {0};
    int64_t expires_at = 0;
    jwkd_error error = {0};
    if (jwt_prepare(&policy, &wish, RANDOM, &out, &expires_at, &error) == JWKD_OK) {
        check(buffer_bytes(&out), expires_at);
    } else {
        MUST(error.message[0] && out.size == 0 && expires_at == 0);
    }
    buffer_clear(&out);
    return 0;
}
