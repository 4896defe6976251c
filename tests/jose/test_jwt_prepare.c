#include "jose/jwt.h"

#include "base/limits.h"
#include "jose/support.h"

enum { NOW = 1700000000 };

static const uint8_t RANDOM[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define JTI "\"jti\":\"AAECAwQFBgcICQoLDA0ODw\""
static const struct jwt_policy POLICY = {.issuer = {(const uint8_t *)"https://me", 10},
    .default_audience = {(const uint8_t *)"api", 3},
    .default_lifetime_sec = 300,
    .max_lifetime_sec = 3600,
    .now = NOW};

static void expect_with(
    const struct jwt_policy *policy, const struct jwt_wish *wish, const char *text, int64_t exp)
{
    CLEANUP(buffer_clear) struct buffer out = {0};
    CLEANUP(json_clear) struct json json;
    jwkd_error error = {0};
    int64_t expires_at = 0;
    assert_ok(buffer_append_text(&out, "before"));
    if (jwt_prepare(policy, wish, RANDOM, &out, &expires_at, &error) != JWKD_OK)
        fail_msg("%s", error.message);
    assert_ok(json_parse(&json, bytes_of(out.data + 6, out.size - 6), NULL));
    assert_bytes(text, bytes_of(out.data + 6, out.size - 6));
    assert_int_equal(exp, expires_at);
}

static void expect(const char *claims, const char *text, int64_t exp)
{
    expect_with(&POLICY, &(struct jwt_wish){.claims = B(claims)}, text, exp);
}

static void refuse_with(const struct jwt_wish *wish, jwkd_status status, const char *why)
{
    struct buffer out = {0};
    jwkd_error error = {0};
    int64_t expires_at = 77;
    jwkd_status got = jwt_prepare(&POLICY, wish, RANDOM, &out, &expires_at, &error);
    if (got != status || !strstr(error.message, why))
        fail_msg("%s, %s", jwkd_status_name(got), error.message);
    assert_int_equal(77, expires_at);
    assert_int_equal(0, out.size);
}

static void refuse(const char *claims, jwkd_status status, const char *why)
{
    refuse_with(&(struct jwt_wish){.claims = B(claims)}, status, why);
}

static void jwt_prepare__adds_what_is_absent(void **state)
{
    (void)state;
    expect("{}", "{\"iss\":\"https://me\",\"aud\":\"api\",\"iat\":1700000000,\"exp\":1700000300," JTI "}",
        NOW + 300);
    expect(" { \"sub\" : \"x\" } ",
        "{\"iss\":\"https://me\",\"aud\":\"api\",\"iat\":1700000000,\"exp\":1700000300," JTI
        ", \"sub\" : \"x\" }",
        NOW + 300);
}

static void jwt_prepare__keeps_what_is_there_as_written(void **state)
{
    (void)state;
    expect("{\"exp\":1.7000001e9,\"iat\":1699999999.50,\"jti\":\"mine\",\"aud\":[\"a\",\"b\"],\"iss\":"
           "\"https:\\/\\/me\"}",
        "{\"exp\":1.7000001e9,\"iat\":1699999999.50,\"jti\":\"mine\",\"aud\":[\"a\",\"b\"],\"iss\":\"https:"
        "\\/\\/me\"}",
        NOW + 100);
    expect("{\"n\":1e2,\"t\":\"\\u0041\",\"o\":{ }}",
        "{\"iss\":\"https://me\",\"aud\":\"api\",\"iat\":1700000000,\"exp\":1700000300," JTI
        ",\"n\":1e2,\"t\":\"\\u0041\",\"o\":{ }}",
        NOW + 300);
}

static void jwt_prepare__writes_wished_audiences(void **state)
{
    (void)state;
    const struct bytes audiences[] = {B("one"), B("t\"wo")};
    struct jwt_wish wish = {.claims = B("{\"jti\":\"\"}"), .audiences = audiences, .audience_count = 1};
    expect_with(&POLICY, &wish,
        "{\"iss\":\"https://me\",\"aud\":\"one\",\"iat\":1700000000,\"exp\":1700000300,\"jti\":\"\"}",
        NOW + 300);
    wish.audience_count = 2;
    expect_with(&POLICY, &wish,
        "{\"iss\":\"https://"
        "me\",\"aud\":[\"one\",\"t\\\"wo\"],\"iat\":1700000000,\"exp\":1700000300,\"jti\":\"\"}",
        NOW + 300);
    const struct jwt_policy bare = {.default_lifetime_sec = 9000, .max_lifetime_sec = 60, .now = NOW};
    expect_with(&bare, &(struct jwt_wish){.claims = B("{\"iss\":\"any\",\"jti\":\"\"}")},
        "{\"iat\":1700000000,\"exp\":1700000060,\"iss\":\"any\",\"jti\":\"\"}", NOW + 60);
    expect_with(&bare, &(struct jwt_wish){.claims = B("{\"iat\":1,\"jti\":\"\",\"exp\":1700000001}")},
        "{\"iat\":1,\"jti\":\"\",\"exp\":1700000001}", NOW + 1);
}

static void jwt_prepare__bounds_the_lifetime(void **state)
{
    (void)state;
    struct jwt_wish wish = {
        .claims = B("{\"iss\":\"https://me\",\"aud\":\"a\",\"iat\":0,\"jti\":\"\"}"), .lifetime_sec = 3600};
    expect_with(&POLICY, &wish,
        "{\"exp\":1700003600,\"iss\":\"https://me\",\"aud\":\"a\",\"iat\":0,\"jti\":\"\"}", NOW + 3600);
    wish.lifetime_sec = 3601;
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "longest");
    wish.lifetime_sec = INT64_MAX;
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "longest");
    wish.lifetime_sec = -1;
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "under zero");
    refuse_with(&(struct jwt_wish){.claims = B("{\"exp\":1700000300}"), .lifetime_sec = 300},
        JWKD_INVALID_ARGUMENT, "twice");
    refuse("{\"exp\":1700003601}", JWKD_INVALID_ARGUMENT, "the longest that is allowed is 3600");
    refuse("{\"exp\":9007199254740992}", JWKD_INVALID_ARGUMENT, "longest");
    refuse("{\"exp\":1700000000}", JWKD_INVALID_ARGUMENT, "ahead");
    refuse("{\"exp\":1700000000.9}", JWKD_INVALID_ARGUMENT, "ahead");
    refuse("{\"exp\":0}", JWKD_INVALID_ARGUMENT, "ahead");
    refuse(
        "{\"iat\":1700000001}", JWKD_INVALID_ARGUMENT, "iat lies ahead"); /* no leeway: it is our own clock */
    refuse("{\"iat\":1700000000.5}", JWKD_INVALID_ARGUMENT, "iat lies ahead");
    /* A fraction of a second counts as a whole one: the expiry is rounded up. */
    refuse("{\"exp\":1700003600.5}", JWKD_INVALID_ARGUMENT, "longest");
    expect("{\"exp\":1700000100.5,\"iat\":0,\"jti\":\"\",\"aud\":\"a\",\"iss\":\"https://me\"}",
        "{\"exp\":1700000100.5,\"iat\":0,\"jti\":\"\",\"aud\":\"a\",\"iss\":\"https://me\"}", NOW + 101);
}

static void jwt_prepare__refuses_bad_claims(void **state)
{
    (void)state;
    static const char *const MALFORMED[] = {"", "x", "[]", "\"a\"", "null", "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}", "{} {}", "{\"exp\":\"1700000300\"}", "{\"nbf\":\"0\"}", "{\"iat\":null}",
        "{\"iss\":1}", "{\"sub\":5}", "{\"jti\":5}", "{\"aud\":1}", "{\"aud\":[1]}", "{\"\\u0065xp\":\"x\"}"};
    for (size_t i = 0; i < sizeof MALFORMED / sizeof *MALFORMED; i++)
        refuse(MALFORMED[i], JWKD_MALFORMED, "");
    refuse("{\"iss\":\"https://other\"}", JWKD_INVALID_ARGUMENT, "iss");
    refuse("{\"\\u0069ss\":\"https://other\"}", JWKD_INVALID_ARGUMENT, "iss");
    refuse("{\"iss\":\"\"}", JWKD_INVALID_ARGUMENT, "iss");
    refuse("{\"aud\":[]}", JWKD_INVALID_ARGUMENT, "aud names nobody");
}

static void jwt_prepare__refuses_bad_audiences(void **state)
{
    (void)state;
    static char long_name[LIMIT_AUDIENCE + 2];
    memset(long_name, 'a', LIMIT_AUDIENCE + 1);
    const struct bytes one = B("a"), empty = B(""), large = B(long_name), binary = B("\xff");
    struct bytes many[LIMIT_AUDIENCES + 1];
    for (size_t i = 0; i <= LIMIT_AUDIENCES; i++)
        many[i] = one;
    struct jwt_wish wish = {.claims = B("{\"aud\":\"x\"}"), .audiences = &one, .audience_count = 1};
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "twice");
    wish = (struct jwt_wish){.claims = B("{}"), .audiences = many, .audience_count = LIMIT_AUDIENCES + 1};
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "too many");
    wish = (struct jwt_wish){.claims = B("{}"), .audiences = &empty, .audience_count = 1};
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "empty");
    wish.audiences = &large;
    refuse_with(&wish, JWKD_INVALID_ARGUMENT, "too long");
    wish.audiences = &binary;
    refuse_with(&wish, JWKD_MALFORMED, "");
}

static void jwt_prepare__limits_the_size(void **state)
{
    (void)state;
    static char claims[LIMIT_CLAIMS + 2];
    memset(claims, ' ', LIMIT_CLAIMS + 1);
    claims[0] = '{';
    claims[LIMIT_CLAIMS] = '}';
    refuse(claims, JWKD_INVALID_ARGUMENT, "over");
    memset(claims, 'a', LIMIT_CLAIMS);
    memcpy(claims, "{\"a\":\"", 6);
    memcpy(claims + LIMIT_CLAIMS - 2, "\"}", 3);
    refuse(claims, JWKD_INVALID_ARGUMENT, "with what was added");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_prepare__adds_what_is_absent),
        cmocka_unit_test(jwt_prepare__keeps_what_is_there_as_written),
        cmocka_unit_test(jwt_prepare__writes_wished_audiences),
        cmocka_unit_test(jwt_prepare__bounds_the_lifetime),
        cmocka_unit_test(jwt_prepare__refuses_bad_claims),
        cmocka_unit_test(jwt_prepare__refuses_bad_audiences),
        cmocka_unit_test(jwt_prepare__limits_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
