#include "jose/jwt.h"

#include <stdio.h>

#include "jose/support.h"

enum { NOW = 1700000000 };

/* One ES256 key "k" in a set where "old" is deactivated, and what a caller expects of its tokens. */
static EVP_PKEY *pkey;
static struct keyset *set;
static const struct bytes AUDIENCES[] = {{(const uint8_t *)"api", 3}, {(const uint8_t *)"web", 3}};
static const struct jwt_expectation EXPECTED = {.issuer = {(const uint8_t *)"https://issuer", 14},
    .audiences = AUDIENCES,
    .audience_count = 2,
    .leeway_sec = 60,
    .now = NOW};

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}"
#define CLAIMS "\"iss\":\"https://issuer\",\"aud\":\"api\",\"exp\":1700000300"

static int setup(void **state)
{
    (void)state;
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    pkey = private_key(ALG_ES256, 0);
    struct jwk *key = public_key(pkey, ALG_ES256, "k");
    assert_ok(kid_set_with(NULL, B("old"), &revoked));
    assert_ok(keyset_new(&key, 1, revoked, &set, NULL));
    jwk_unref(key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    keyset_unref(set);
    EVP_PKEY_free(pkey);
    return 0;
}

static jwkd_verdict judge_text(const char *text, const struct jwt_expectation *expected)
{
    CLEANUP(jwt_clear) struct jwt jwt;
    jwkd_error error = {0};
    jwkd_verdict verdict = jwt_verify(set, B(text), expected, &jwt, &error);
    assert_int_equal(verdict == JWKD_VERDICT_VALID, error.message[0] == 0);
    return verdict;
}

static jwkd_verdict judge_with(const char *header, const char *claims, const struct jwt_expectation *expected)
{
    CLEANUP(free_at) char *text = token(pkey, ALG_ES256, header, claims);
    return judge_text(text, expected);
}

/* Changes the signature into another one. */
static void spoil(char *text)
{
    char *at = text + strlen(text) - 20;
    *at = *at == 'A' ? 'B' : 'A';
}

static jwkd_verdict judge(const char *claims)
{
    return judge_with(HEADER, claims, &EXPECTED);
}

static void jwt_verify__accepts_a_good_token(void **state)
{
    (void)state;
    CLEANUP(free_at)
    char *text = token(
        pkey, ALG_ES256, HEADER, "{" CLAIMS ",\"iat\":1700000000,\"nbf\":1699999999.5,\"sub\":\"a\\u0062\"}");
    CLEANUP(jwt_clear) struct jwt jwt;
    assert_verdict(VALID, jwt_verify(set, B(text), &EXPECTED, &jwt, NULL));
    assert_string_equal("k", jwk_kid(jwt.key));
    assert_int_equal(ALG_ES256, jwt.header.alg);
    assert_bytes("at+jwt", jwt.header.typ);
    assert_bytes("ab", json_string(&jwt.claims, json_member(&jwt.claims, JSON_ROOT, "sub")));
    assert_int_equal('{', jwt.payload.data[0]);
    jwt_clear(&jwt);
    assert_verdict(VALID, jwt_verify(set, B(text), &EXPECTED, &jwt, NULL)); /* reusable */
}

static void jwt_verify__refuses_what_is_no_token(void **state)
{
    (void)state;
    CLEANUP(free_at) char *good = token(pkey, ALG_ES256, HEADER, "{" CLAIMS "}");
    CLEANUP(buffer_clear) struct buffer text = {0};
    static const char *const BAD[] = {"", "a.b", "a.b.c.d", "....", "!.e30.AA", "e30.!.AA", "e30.e30.!",
        "e30=.e30.AA", "W10.e30.AA", "e30.e30.AA", "bm90anNvbg.e30.AA"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_verdict(MALFORMED, judge_text(BAD[i], &EXPECTED));
    static const char *const AROUND[][2] = {
        {" ", ""}, {"", "\n"}, {"", "="}, {"", "."}, {"", ".e30"}, {".", ""}};
    for (size_t i = 0; i < sizeof AROUND / sizeof *AROUND; i++) {
        text.size = 0;
        assert_ok(buffer_append_format(&text, "%s%s%s%c", AROUND[i][0], good, AROUND[i][1], 0));
        assert_verdict(MALFORMED, judge_text((const char *)text.data, &EXPECTED));
    }
}

static void jwt_verify__notices_every_changed_character(void **state)
{
    (void)state;
    CLEANUP(free_at) char *text = token(pkey, ALG_ES256, HEADER, "{" CLAIMS "}");
    for (char *at = text; *at; at++) {
        char before = *at;
        *at = before == 'A' ? 'B' : 'A';
        if (judge_text(text, &EXPECTED) == JWKD_VERDICT_VALID) fail_msg("changed at %d", (int)(at - text));
        *at = before;
    }
    assert_verdict(VALID, judge_text(text, &EXPECTED));
}

static void jwt_verify__takes_the_algorithm_from_the_key(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {
        "none", "None", "HS256", "HS512", "ES384", "RS256", "PS256", "EdDSA", "XX"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k\"}", OTHERS[i]);
        assert_verdict(ALGORITHM_NOT_ALLOWED, judge_with(header, "{" CLAIMS "}", &EXPECTED));
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", OTHERS[i]);
        assert_verdict(ALGORITHM_NOT_ALLOWED, judge_with(header, "{" CLAIMS "}", &EXPECTED));
    }
    /* {"alg":"none"} with nothing for a signature */
    assert_verdict(ALGORITHM_NOT_ALLOWED, judge_text("eyJhbGciOiJub25lIn0.e30.", &EXPECTED));
    assert_verdict(MALFORMED, judge_with("{\"kid\":\"k\"}", "{" CLAIMS "}", &EXPECTED));
}

static void jwt_verify__takes_the_key_from_the_set(void **state)
{
    (void)state;
    assert_verdict(
        UNKNOWN_KEY, judge_with("{\"alg\":\"ES256\",\"kid\":\"other\"}", "{" CLAIMS "}", &EXPECTED));
    assert_verdict(
        KEY_DEACTIVATED, judge_with("{\"alg\":\"ES256\",\"kid\":\"old\"}", "{" CLAIMS "}", &EXPECTED));
    assert_verdict(VALID, judge_with("{\"alg\":\"ES256\"}", "{" CLAIMS "}", &EXPECTED));
    assert_verdict(MALFORMED,
        judge_with("{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[\"x\"],\"x\":1}", "{" CLAIMS "}", &EXPECTED));
    assert_verdict(
        MALFORMED, judge_with("{\"alg\":\"ES256\",\"kid\":\"k\",\"kid\":\"k\"}", "{" CLAIMS "}", &EXPECTED));
}

/* A key that the token brings along, or points to, is not even looked at. */
static void jwt_verify__ignores_embedded_keys(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *foreign = private_key(ALG_ES256, 0);
    CLEANUP(jwk_unref_at) struct jwk *key = public_key(foreign, ALG_ES256, "k");
    CLEANUP(buffer_clear) struct buffer header = {0};
    assert_ok(buffer_append_format(&header,
        "{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":%s,\"jku\":\"https://e\",\"x5u\":\"https://"
        "e\",\"x5c\":[\"AA==\"]}%c",
        jwk_json(key).data, 0));
    CLEANUP(free_at) char *text = token(foreign, ALG_ES256, (const char *)header.data, "{" CLAIMS "}");
    assert_verdict(BAD_SIGNATURE, judge_text(text, &EXPECTED));
    assert_verdict(VALID, judge_with((const char *)header.data, "{" CLAIMS "}", &EXPECTED));
}

static void jwt_verify__needs_a_kid_when_there_is_a_choice(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *second = private_key(ALG_ES256, 0);
    CLEANUP(jwk_unref_at)
    struct jwk *a = public_key(pkey, ALG_ES256, "a"), *b = public_key(second, ALG_ES256, "b");
    struct jwk *const keys[] = {a, b};
    CLEANUP(keyset_unref_at) struct keyset *two = NULL, *empty = NULL;
    assert_ok(keyset_new(keys, 2, NULL, &two, NULL));
    assert_ok(keyset_new(NULL, 0, NULL, &empty, NULL));
    CLEANUP(free_at) char *text = token(pkey, ALG_ES256, "{\"alg\":\"ES256\"}", "{" CLAIMS "}");
    CLEANUP(jwt_clear) struct jwt jwt;
    assert_verdict(UNKNOWN_KEY, jwt_verify(two, B(text), &EXPECTED, &jwt, NULL));
    jwt_clear(&jwt);
    assert_verdict(UNKNOWN_KEY, jwt_verify(empty, B(text), &EXPECTED, &jwt, NULL));
}

static void jwt_verify__judges_the_type(void **state)
{
    (void)state;
    static const struct {
        const char *typ, *expected;
        jwkd_verdict verdict;
    } ROWS[] = {
        {NULL, "", JWKD_VERDICT_VALID},
        {"JWT", "", JWKD_VERDICT_VALID},
        {"jwt", "", JWKD_VERDICT_VALID},
        {"AT+JWT", "", JWKD_VERDICT_VALID},
        {"application/at+jwt", "", JWKD_VERDICT_VALID},
        {"logout+jwt", "", JWKD_VERDICT_WRONG_TYPE},
        {"application/", "", JWKD_VERDICT_WRONG_TYPE},
        {"at+jwt", "at+jwt", JWKD_VERDICT_VALID},
        {"Application/At+Jwt", "at+jwt", JWKD_VERDICT_VALID},
        {"at+jwt", "application/at+jwt", JWKD_VERDICT_VALID},
        {"JWT", "at+jwt", JWKD_VERDICT_WRONG_TYPE},
        {NULL, "at+jwt", JWKD_VERDICT_WRONG_TYPE},
        {"at+jwt", "JWT", JWKD_VERDICT_WRONG_TYPE},
        {"text/at+jwt", "at+jwt", JWKD_VERDICT_WRONG_TYPE},
        {"secevent+jwt", "secevent+jwt", JWKD_VERDICT_VALID},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char header[128] = "{\"alg\":\"ES256\",\"kid\":\"k\"}";
        struct jwt_expectation expected = EXPECTED;
        expected.type = B(ROWS[i].expected);
        if (ROWS[i].typ)
            snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"%s\"}", ROWS[i].typ);
        jwkd_verdict verdict = judge_with(header, "{" CLAIMS "}", &expected);
        if (verdict != ROWS[i].verdict) fail_msg("row %zu: %s", i, jwkd_verdict_name(verdict));
        expected.any_type = true;
        assert_verdict(VALID, judge_with(header, "{" CLAIMS "}", &expected));
    }
}

static void jwt_verify__judges_issuer_and_audience(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        jwkd_verdict verdict;
    } ROWS[] = {
        {"\"iss\":\"https://issuer\",\"aud\":\"web\"", JWKD_VERDICT_VALID},
        {"\"iss\":\"https://issuer\",\"aud\":[\"x\",\"web\",\"y\"]", JWKD_VERDICT_VALID},
        {"\"iss\":\"https:\\/\\/issuer\",\"aud\":[\"\\u0061pi\"]", JWKD_VERDICT_VALID},
        {"\"iss\":\"https://issuer/\",\"aud\":\"api\"", JWKD_VERDICT_WRONG_ISSUER},
        {"\"iss\":\"HTTPS://issuer\",\"aud\":\"api\"", JWKD_VERDICT_WRONG_ISSUER},
        {"\"iss\":\"\",\"aud\":\"api\"", JWKD_VERDICT_WRONG_ISSUER},
        {"\"aud\":\"api\"", JWKD_VERDICT_MISSING_CLAIM},
        {"\"iss\":\"https://issuer\"", JWKD_VERDICT_MISSING_CLAIM},
        {"\"iss\":\"https://issuer\",\"aud\":\"other\"", JWKD_VERDICT_WRONG_AUDIENCE},
        {"\"iss\":\"https://issuer\",\"aud\":\"apis\"", JWKD_VERDICT_WRONG_AUDIENCE},
        {"\"iss\":\"https://issuer\",\"aud\":[]", JWKD_VERDICT_WRONG_AUDIENCE},
        {"\"iss\":\"https://issuer\",\"aud\":[\"a\",\"b\"]", JWKD_VERDICT_WRONG_AUDIENCE},
        {"\"iss\":1,\"aud\":\"api\"", JWKD_VERDICT_MALFORMED},
        {"\"iss\":[\"https://issuer\"],\"aud\":\"api\"", JWKD_VERDICT_MALFORMED},
        {"\"iss\":\"https://issuer\",\"aud\":{\"api\":1}", JWKD_VERDICT_MALFORMED},
        {"\"iss\":\"https://issuer\",\"aud\":[\"api\",1]", JWKD_VERDICT_MALFORMED},
        {"\"iss\":\"https://issuer\",\"aud\":null", JWKD_VERDICT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char claims[256];
        snprintf(claims, sizeof claims, "{%s,\"exp\":1700000300}", ROWS[i].claims);
        jwkd_verdict verdict = judge(claims);
        if (verdict != ROWS[i].verdict) fail_msg("%s: %s", claims, jwkd_verdict_name(verdict));
    }
    /* An empty issuer and no audiences: neither is judged. */
    assert_verdict(VALID, judge_with(HEADER, "{\"exp\":1700000300}", &(struct jwt_expectation){.now = NOW}));
}

static void jwt_verify__judges_times_to_the_second(void **state)
{
    (void)state;
    static const struct {
        const char *times;
        jwkd_verdict verdict;
    } ROWS[] = {
        {"\"exp\":1699999941", JWKD_VERDICT_VALID}, /* now is 1700000000, the leeway 60 */
        {"\"exp\":1699999940", JWKD_VERDICT_EXPIRED},
        {"\"exp\":1699999940.9", JWKD_VERDICT_VALID},
        {"\"exp\":1.699999941e9", JWKD_VERDICT_VALID},
        {"\"exp\":0", JWKD_VERDICT_EXPIRED},
        {"\"exp\":-1", JWKD_VERDICT_EXPIRED},
        {"\"exp\":9007199254740992", JWKD_VERDICT_VALID},
        {"\"exp\":9007199254740993", JWKD_VERDICT_MALFORMED},
        {"\"exp\":1e400", JWKD_VERDICT_MALFORMED},
        {"\"exp\":\"1700000300\"", JWKD_VERDICT_MALFORMED},
        {"\"exp\":null", JWKD_VERDICT_MALFORMED},
        {"\"exp\":[1700000300]", JWKD_VERDICT_MALFORMED},
        {"\"sub\":\"x\"", JWKD_VERDICT_MISSING_CLAIM},
        {"\"exp\":1700000300,\"nbf\":1700000060", JWKD_VERDICT_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000061", JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"nbf\":\"0\"", JWKD_VERDICT_MALFORMED},
        {"\"exp\":1700000300,\"iat\":1700000060", JWKD_VERDICT_VALID},
        {"\"exp\":1700000300,\"iat\":1700000061", JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"iat\":true", JWKD_VERDICT_MALFORMED},
        {"\"exp\":1699999940,\"nbf\":1700000061", JWKD_VERDICT_EXPIRED},
        {"\"exp\":1700000300,\"exp\":1700000300", JWKD_VERDICT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char claims[256];
        snprintf(claims, sizeof claims, "{\"iss\":\"https://issuer\",\"aud\":\"api\",%s}", ROWS[i].times);
        jwkd_verdict verdict = judge(claims);
        if (verdict != ROWS[i].verdict) fail_msg("%s: %s", claims, jwkd_verdict_name(verdict));
    }
}

static void jwt_verify__limits_the_leeway(void **state)
{
    (void)state;
    static const int64_t LEEWAYS[][2] = {{-60, 0}, {INT64_MAX, 600}, {INT64_MIN, 0}};
    for (size_t i = 0; i < sizeof LEEWAYS / sizeof *LEEWAYS; i++) {
        char claims[64];
        const struct jwt_expectation expected = {.now = NOW, .leeway_sec = LEEWAYS[i][0]};
        snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)(NOW - LEEWAYS[i][1]));
        assert_verdict(EXPIRED, judge_with(HEADER, claims, &expected));
        snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)(NOW - LEEWAYS[i][1] + 1));
        assert_verdict(VALID, judge_with(HEADER, claims, &expected));
    }
}

/* RFC 7519 section 2: a NumericDate may have a fraction, and it counts on either side. */
static void jwt_verify__judges_fractions_of_a_second(void **state)
{
    (void)state;
    enum { HALF = 500 * 1000 * 1000 };
    static const struct {
        const char *claims;
        uint32_t now_ns;
        jwkd_verdict verdict;
    } ROWS[] = {
        {"\"exp\":1700000300,\"nbf\":1700000000.5", 0, JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000000.5", HALF - 1, JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000000.5", HALF, JWKD_VERDICT_VALID},
        {"\"exp\":1700000300,\"nbf\":17000000005e-1", 0, JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000000.0000000000000001", 0, JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000000.0000000000000001", 1, JWKD_VERDICT_VALID},
        {"\"exp\":1700000300,\"nbf\":1700000000.000", 0, JWKD_VERDICT_VALID},
        {"\"exp\":1700000300,\"iat\":1700000000.25", 0, JWKD_VERDICT_NOT_YET_VALID},
        {"\"exp\":1700000300,\"iat\":1700000000.25", HALF, JWKD_VERDICT_VALID},
        {"\"exp\":1700000000.5", 0, JWKD_VERDICT_VALID},
        {"\"exp\":1700000000.5", HALF - 1, JWKD_VERDICT_VALID},
        {"\"exp\":1700000000.5", HALF, JWKD_VERDICT_EXPIRED},
        {"\"exp\":-0.5", 0, JWKD_VERDICT_EXPIRED},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char claims[128];
        const struct jwt_expectation expected = {.now = NOW, .now_ns = ROWS[i].now_ns};
        snprintf(claims, sizeof claims, "{%s}", ROWS[i].claims);
        assert_string_equal(
            jwkd_verdict_name(ROWS[i].verdict), jwkd_verdict_name(judge_with(HEADER, claims, &expected)));
    }
    const struct jwt_expectation early = {.now = -1, .now_ns = HALF - 1}, late = {.now = -1, .now_ns = HALF};
    assert_verdict(VALID, judge_with(HEADER, "{\"exp\":-0.5}", &early));
    assert_verdict(EXPIRED, judge_with(HEADER, "{\"exp\":-0.5}", &late));
}

/* Two keys of one kid and alg, and a third of another alg: a foreign set may hold these. */
static void jwt_verify__tries_each_key_of_a_kid_that_fits(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at)
    EVP_PKEY *second = private_key(ALG_ES256, 0), *other = private_key(ALG_EDDSA, 0),
             *foreign = private_key(ALG_ES256, 0);
    CLEANUP(jwk_unref_at)
    struct jwk *a = public_key(pkey, ALG_ES256, "k"), *b = public_key(second, ALG_ES256, "k"),
               *c = public_key(other, ALG_EDDSA, "k");
    struct jwk *const keys[] = {a, b, c};
    CLEANUP(keyset_unref_at) struct keyset *sharing = NULL;
    assert_ok(keyset_sharing(keys, 3, &sharing, NULL));
    const struct {
        EVP_PKEY *signer;
        enum alg alg;
        const char *header;
        const struct jwk *key;
        jwkd_verdict verdict;
    } ROWS[] = {
        {pkey, ALG_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}", a, JWKD_VERDICT_VALID},
        {second, ALG_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}", b, JWKD_VERDICT_VALID},
        {second, ALG_ES256, "{\"alg\":\"ES256\",\"kid\":\"\"}", b, JWKD_VERDICT_VALID},
        {other, ALG_EDDSA, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", c, JWKD_VERDICT_VALID},
        {other, ALG_EDDSA, "{\"alg\":\"EdDSA\"}", c, JWKD_VERDICT_VALID},
        {foreign, ALG_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}", NULL, JWKD_VERDICT_BAD_SIGNATURE},
        {foreign, ALG_ES256, "{\"alg\":\"ES384\",\"kid\":\"k\"}", NULL, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(free_at) char *text = token(ROWS[i].signer, ROWS[i].alg, ROWS[i].header, "{" CLAIMS "}");
        CLEANUP(jwt_clear) struct jwt jwt;
        assert_string_equal(jwkd_verdict_name(ROWS[i].verdict),
            jwkd_verdict_name(jwt_verify(sharing, B(text), &EXPECTED, &jwt, NULL)));
        assert_ptr_equal(ROWS[i].key, jwt.key);
    }
}

static void jwt_verify__takes_the_callers_algorithms_only(void **state)
{
    (void)state;
    struct jwt_expectation expected = EXPECTED;
    expected.algs = ALG_BIT(ALG_RS256) | ALG_BIT(ALG_ES256);
    assert_verdict(VALID, judge_with(HEADER, "{" CLAIMS "}", &expected));
    expected.algs = ALG_BIT(ALG_RS256);
    assert_verdict(ALGORITHM_NOT_ALLOWED, judge_with(HEADER, "{" CLAIMS "}", &expected));
}

static void jwt_verify__judges_in_the_stated_order(void **state)
{
    (void)state;
    /* Everything is wrong; each row mends the first fault of the row before. */
    assert_verdict(WRONG_TYPE,
        judge_with("{\"alg\":\"ES256\",\"typ\":\"x\"}", "{\"iss\":\"x\",\"aud\":\"x\"}", &EXPECTED));
    assert_verdict(WRONG_ISSUER, judge("{\"iss\":\"x\",\"aud\":\"x\",\"nbf\":1800000000}"));
    assert_verdict(WRONG_AUDIENCE, judge("{\"iss\":\"https://issuer\",\"aud\":\"x\",\"nbf\":1800000000}"));
    assert_verdict(MISSING_CLAIM, judge("{\"iss\":\"https://issuer\",\"aud\":\"api\",\"nbf\":1800000000}"));
    assert_verdict(NOT_YET_VALID, judge("{" CLAIMS ",\"nbf\":1800000000}"));
    /* No claim counts before the signature. */
    CLEANUP(free_at) char *text = token(pkey, ALG_ES256, HEADER, "{\"exp\":1}");
    spoil(text);
    assert_verdict(BAD_SIGNATURE, judge_text(text, &EXPECTED));
}

static void jwt_verify__refuses_payloads_that_are_no_claims(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "x", "[]", "\"a\"", "1", "{" CLAIMS "},", "{" CLAIMS ",\"a\":{\"b\":1,\"b\":1}}"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_verdict(MALFORMED, judge(BAD[i]));
}

static void jwt_verify__can_judge_the_signature_only(void **state)
{
    (void)state;
    const struct jwt_expectation expected = {.signature_only = true, .now = NOW, .issuer = B("x")};
    static const char *const PAYLOADS[] = {"", "any bytes", "[]", "{\"exp\":1}", "{\"exp\":\"x\"}"};
    for (size_t i = 0; i < sizeof PAYLOADS / sizeof *PAYLOADS; i++) {
        CLEANUP(free_at)
        char *text = token(pkey, ALG_ES256, "{\"alg\":\"ES256\",\"typ\":\"note\"}", PAYLOADS[i]);
        CLEANUP(jwt_clear) struct jwt jwt;
        assert_verdict(VALID, jwt_verify(set, B(text), &expected, &jwt, NULL));
        assert_bytes(PAYLOADS[i], jwt.payload);
        assert_int_equal(i == 3, jwt.claims.count > 0);
        spoil(text);
        assert_verdict(BAD_SIGNATURE, judge_text(text, &expected));
    }
    assert_verdict(ALGORITHM_NOT_ALLOWED, judge_with("{\"alg\":\"HS256\"}", "x", &expected));
}

static void jwt_verify__takes_both_names_of_an_edwards_algorithm(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *edwards = private_key(ALG_ED448, 0);
    CLEANUP(jwk_unref_at) struct jwk *key = public_key(edwards, ALG_EDDSA, "k");
    CLEANUP(keyset_unref_at) struct keyset *one = set_of(key);
    static const struct {
        const char *header;
        jwkd_verdict verdict;
    } ROWS[] = {{"{\"alg\":\"EdDSA\"}", JWKD_VERDICT_VALID}, {"{\"alg\":\"Ed448\"}", JWKD_VERDICT_VALID},
        {"{\"alg\":\"Ed25519\"}", JWKD_VERDICT_ALGORITHM_NOT_ALLOWED}};
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(free_at) char *text = token(edwards, ALG_ED448, ROWS[i].header, "{" CLAIMS "}");
        CLEANUP(jwt_clear) struct jwt jwt;
        assert_int_equal(ROWS[i].verdict, jwt_verify(one, B(text), &EXPECTED, &jwt, NULL));
    }
}

static void jwt_verify__inspects_without_judging(void **state)
{
    (void)state;
    CLEANUP(jwt_clear) struct jwt jwt;
    CLEANUP(free_at)
    char *text = token(pkey, ALG_ES256, "{\"alg\":\"none\",\"kid\":\"z\"}", "{\"exp\":5,\"iat\":4}");
    assert_ok(jwt_inspect(B(text), &jwt, NULL));
    assert_bytes("5", jwt.claims.nodes[json_member(&jwt.claims, JSON_ROOT, "exp")].text);
    assert_bytes("z", jwt.header.kid);
    assert_null(jwt.key);
    /* What SignRaw makes has any payload: it is handed out, and there is no claim in it. */
    static const char *const PAYLOADS[] = {"", "any bytes", "[]", "{\"exp\":5,\"exp\":6}"};
    for (size_t i = 0; i < sizeof PAYLOADS / sizeof *PAYLOADS; i++) {
        CLEANUP(free_at) char *raw = token(pkey, ALG_ES256, "{\"alg\":\"ES256\"}", PAYLOADS[i]);
        jwt_clear(&jwt);
        assert_ok(jwt_inspect(B(raw), &jwt, NULL));
        assert_bytes(PAYLOADS[i], jwt.payload);
        assert_int_equal(0, jwt.claims.count);
    }
    static const char *const BAD[] = {"", "a.b.c", "e30.e30.AA", "W10.e30.", "eyJhbGciOiJub25lIn0.W.",
        "eyJhbGciOiJub25lIn0.W10", "eyJhbGciOiJub25lIiwiY3JpdCI6WyJhIl19.e30."};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        jwt_clear(&jwt);
        assert_status(JWKD_MALFORMED, jwt_inspect(B(BAD[i]), &jwt, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_verify__accepts_a_good_token),
        cmocka_unit_test(jwt_verify__refuses_what_is_no_token),
        cmocka_unit_test(jwt_verify__notices_every_changed_character),
        cmocka_unit_test(jwt_verify__takes_the_algorithm_from_the_key),
        cmocka_unit_test(jwt_verify__takes_the_key_from_the_set),
        cmocka_unit_test(jwt_verify__ignores_embedded_keys),
        cmocka_unit_test(jwt_verify__needs_a_kid_when_there_is_a_choice),
        cmocka_unit_test(jwt_verify__judges_the_type),
        cmocka_unit_test(jwt_verify__judges_issuer_and_audience),
        cmocka_unit_test(jwt_verify__judges_times_to_the_second),
        cmocka_unit_test(jwt_verify__limits_the_leeway),
        cmocka_unit_test(jwt_verify__judges_fractions_of_a_second),
        cmocka_unit_test(jwt_verify__tries_each_key_of_a_kid_that_fits),
        cmocka_unit_test(jwt_verify__takes_the_callers_algorithms_only),
        cmocka_unit_test(jwt_verify__judges_in_the_stated_order),
        cmocka_unit_test(jwt_verify__refuses_payloads_that_are_no_claims),
        cmocka_unit_test(jwt_verify__can_judge_the_signature_only),
        cmocka_unit_test(jwt_verify__takes_both_names_of_an_edwards_algorithm),
        cmocka_unit_test(jwt_verify__inspects_without_judging),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
