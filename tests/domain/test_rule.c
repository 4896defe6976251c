/* Judging claims by rules. */
#include "wire/cases.h"

#include <stdio.h>

#include "base/limits.h"
#include "domain/rule.h"
#include "jose/jwt.h"

#define EXAMPLE                                                                                      \
    "{\"claims\": {\"sub\": {\"prefix\": \"acct-\"},"                                                \
    " \"scope\": {\"words_of\": [\"read\", \"write\"], \"optional\": true},"                         \
    " \"azp\": {\"set\": \"{principal}\"}},"                                                         \
    " \"aud\": [\"orders\", \"ledger\"], \"types\": [\"at+jwt\"], \"max_ttl\": \"10m\", \"other\": " \
    "\"refuse\"}"

static const struct rule_subject SUBJECT = {
    .principal = "uid:1000", .type = {(const uint8_t *)"at+jwt", 6}, .has_issuer = true};

/* ---- what the cases are written with */

static struct rule *parsed(const char *text)
{
    struct rule *rule = NULL;
    jwkd_error error = {0};
    if (rule_parse(bytes_of_text(text), &rule, &error) != JWKD_OK) fail_msg("%s: %s", text, error.message);
    return rule;
}

/* What a judgement says and adds, behind what was there. */
struct judged {
    jwkd_status status;
    jwkd_error error;
    struct buffer added;
};

static void judged_clear(struct judged *judged)
{
    buffer_clear(&judged->added);
}

static void judge_text(
    const char *rule_text, const struct rule_subject *subject, const char *claims, struct judged *out)
{
    CLEANUP(rule_unref_at) struct rule *rule = parsed(rule_text);
    CLEANUP(json_clear) struct json json;
    *out = (struct judged){0};
    assert_int_equal(json_parse(&json, bytes_of_text(claims), NULL), JWKD_OK);
    assert_int_equal(buffer_append_text(&out->added, "before"), JWKD_OK);
    out->status = rule_judge(rule, subject, &json, &out->added, &out->error);
}

static void allowed_to(
    const struct rule_subject *subject, const char *rule, const char *claims, const char *added)
{
    CLEANUP(judged_clear) struct judged judged;
    char expected[512];
    judge_text(rule, subject, claims, &judged);
    if (judged.status != JWKD_OK) fail_msg("%s, %s: %s", rule, claims, judged.error.message);
    snprintf(expected, sizeof expected, "before%s", added);
    if (!bytes_equal_text(buffer_bytes(&judged.added), expected))
        fail_msg("%s: %.*s", rule, (int)judged.added.size, (const char *)judged.added.data);
}

static void allowed(const char *rule, const char *claims)
{
    allowed_to(&SUBJECT, rule, claims, "");
}

static void denied_to(
    const struct rule_subject *subject, const char *rule, const char *claims, const char *message)
{
    CLEANUP(judged_clear) struct judged judged;
    judge_text(rule, subject, claims, &judged);
    if (judged.status != JWKD_DENIED || judged.error.status != JWKD_DENIED ||
        strcmp(judged.error.message, message) != 0)
        fail_msg("%s, %s: %s, %s", rule, claims, jwkd_status_name(judged.status), judged.error.message);
    assert_true(bytes_equal_text(buffer_bytes(&judged.added), "before"));
}

static void denied(const char *rule, const char *claims, const char *message)
{
    denied_to(&SUBJECT, rule, claims, message);
}

#define RULE_OF(member) "{\"claims\":{\"c\":" member "}}"
#define NOT_AS(operator) "claim \"c\" is not as the rule demands (" operator")"
#define MISSING(operator) "claim \"c\" is missing, which the rule demands (" operator")"

/* ---- operators */

static void equals__compares_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *same, *other;
    } ROWS[] = {
        {RULE_OF("{\"equals\":\"a\"}"), "\"\\u0061\"", "[\"a\"]"},
        {RULE_OF("{\"equals\":\"a\"}"), "\"a\"", "\"A\""},
        {RULE_OF("{\"equals\":\"\\u0061\"}"), "\"a\"", "\"a\\u0000\""},
        {RULE_OF("{\"equals\":true}"), "true", "false"},
        {RULE_OF("{\"equals\":true}"), "true", "\"true\""},
        {RULE_OF("{\"equals\":null}"), "null", "0"},
        {RULE_OF("{\"equals\":false}"), "false", "null"},
        {RULE_OF("{\"equals\":100}"), "1e2", "\"100\""},
        {RULE_OF("{\"equals\":1.0e2}"), "100", "100.5"},
        {RULE_OF("{\"equals\":0}"), "-0", "1"},
        {RULE_OF("{\"equals\":0.5}"), "0.5", "0.50"}, /* the same to a reader; refused, rather than guessed */
        {RULE_OF("{\"equals\":9223372036854775808}"), "9223372036854775808", "9223372036854775807"},
        {RULE_OF("{\"equals\":[]}"), "[ ]", "{}"},
        {RULE_OF("{\"equals\":[1,[\"a\"]]}"), "[1.0, [\"\\u0061\"]]", "[[\"a\"],1]"},
        {RULE_OF("{\"equals\":[1]}"), "[1]", "[1,1]"},
        {RULE_OF("{\"equals\":{\"a\":1,\"b\":[2]}}"), "{\"b\":[2],\"\\u0061\":1}", "{\"a\":1}"},
        {RULE_OF("{\"equals\":{\"a\":1}}"), "{\"a\":1}", "{\"a\":1,\"b\":2}"},
        {RULE_OF("{\"equals\":{\"a\":1}}"), "{\"a\":1}", "{\"b\":1}"},
        {RULE_OF("{\"equals\":{\"a\":{\"b\":1}}}"), "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char claims[128];
        snprintf(claims, sizeof claims, "{\"c\":%s}", ROWS[i].same);
        allowed(ROWS[i].rule, claims);
        snprintf(claims, sizeof claims, "{\"c\":%s}", ROWS[i].other);
        denied(ROWS[i].rule, claims, NOT_AS("equals"));
        denied(ROWS[i].rule, "{\"d\":1}", MISSING("equals"));
    }
}

/* Values in which an operator on texts must not find its text. */
static const char *const NO_TEXTS[] = {"1", "null", "true", "false", "{\"a\":\"a\"}", "{}", "[]", "[[\"a\"]]",
    "[\"a\",1]", "[\"a\",null]", "[\"a\",{\"a\":\"a\"}]", "[\"a\",[]]"};

static void allow_values(const char *rule, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char claims[128];
        snprintf(claims, sizeof claims, "{\"c\":%s}", values[i]);
        allowed(rule, claims);
    }
}
#define ALLOW_VALUES(rule, values) allow_values(rule, values, sizeof(values) / sizeof *(values))

static void deny_values(const char *rule, const char *const *values, size_t count, const char *message)
{
    for (size_t i = 0; i < count; i++) {
        char claims[128];
        snprintf(claims, sizeof claims, "{\"b\":\"a\",\"c\":%s,\"d\":\"a\"}", values[i]);
        denied(rule, claims, message);
    }
}
#define DENY_VALUES(rule, values, message) \
    deny_values(rule, values, sizeof(values) / sizeof *(values), message)

static void one_of__holds_of_a_string_or_each_of_an_array(void **state)
{
    (void)state;
    static const char rule[] = RULE_OF("{\"one_of\":[\"a\",\"b\\u0063\",\"\"]}");
    static const char *const GOOD[] = {
        "\"a\"", "\"bc\"", "\"\\u0061\"", "\"\"", "[\"a\"]", "[\"a\",\"bc\",\"a\"]"};
    static const char *const BAD[] = {"\"ab\"", "\"A\"", "\"a \"", "\"a\\u0000\"", "\"b\"", "[\"a\",\"x\"]",
        "[\"x\",\"a\"]", "\"[\\\"a\\\"]\""};
    ALLOW_VALUES(rule, GOOD);
    DENY_VALUES(rule, BAD, NOT_AS("one_of"));
    DENY_VALUES(rule, NO_TEXTS, NOT_AS("one_of"));
    denied(rule, "{\"d\":{\"c\":\"a\"}}", MISSING("one_of"));
}

static void prefix__holds_of_a_string_or_each_of_an_array(void **state)
{
    (void)state;
    static const char rule[] = RULE_OF("{\"prefix\":\"acct-\"}");
    static const char *const GOOD[] = {
        "\"acct-\"", "\"acct-7\"", "\"\\u0061cct-7\"", "[\"acct-1\",\"acct-2\"]"};
    static const char *const BAD[] = {"\"acct\"", "\"Acct-7\"", "\" acct-7\"", "\"\"", "\"x-acct-7\"",
        "[\"acct-1\",\"root\"]", "[\"root\",\"acct-1\"]", "[\"acct-1\",7]", "[\"acct-1\",[\"acct-2\"]]",
        "{\"acct-\":\"acct-\"}", "\"acct\\u0000-\""};
    ALLOW_VALUES(rule, GOOD);
    DENY_VALUES(rule, BAD, NOT_AS("prefix"));
    DENY_VALUES(rule, NO_TEXTS, NOT_AS("prefix"));
    denied(rule, "{}", MISSING("prefix"));

    static const char any_text[] = RULE_OF("{\"prefix\":\"\"}");
    allowed(any_text, "{\"c\":\"\"}");
    allowed(any_text, "{\"c\":[\"x\"]}");
    DENY_VALUES(any_text, NO_TEXTS, NOT_AS("prefix"));
}

static void words_of__holds_of_listed_words_between_single_spaces(void **state)
{
    (void)state;
    static const char rule[] = RULE_OF("{\"words_of\":[\"read\",\"write\"]}");
    static const char *const GOOD[] = {
        "\"read\"", "\"write read\"", "\"read read\"", "\"re\\u0061d\\u0020write\""};
    static const char *const BAD[] = {"\"\"", "\" \"", "\"read \"", "\" read\"", "\"read  write\"",
        "\"read\\twrite\"", "\"read\\nwrite\"", "\"read,write\"", "\"read admin\"", "\"admin read\"",
        "\"readwrite\"", "\"rea\"", "\"Read\"", "\"read\\u00a0write\"", "\"read\\u0000\"", "[\"read\"]",
        "[\"read\",\"write\"]"};
    ALLOW_VALUES(rule, GOOD);
    DENY_VALUES(rule, BAD, NOT_AS("words_of"));
    DENY_VALUES(rule, NO_TEXTS, NOT_AS("words_of"));
    denied(rule, "{}", MISSING("words_of"));
}

static void absent__refuses_the_claim_whatever_it_is(void **state)
{
    (void)state;
    static const char rule[] = RULE_OF("{\"absent\":true}");
    static const char message[] = "claim \"c\" is not allowed by the rule (absent)";
    allowed(rule, "{}");
    allowed(rule, "{\"d\":{\"c\":1},\"C\":1}"); /* the top level is judged, and no other spelling */
    denied(rule, "{\"c\":null}", message);
    denied(rule, "{\"\\u0063\":\"\"}", message);
    DENY_VALUES(rule, NO_TEXTS, message);
}

static void optional__lets_a_claim_be_absent_and_no_more(void **state)
{
    (void)state;
    static const char *const RULES[] = {RULE_OF("{\"equals\":\"a\",\"optional\":true}"),
        RULE_OF("{\"optional\":true,\"one_of\":[\"a\"]}"), RULE_OF("{\"prefix\":\"a\",\"optional\":true}"),
        RULE_OF("{\"words_of\":[\"a\"],\"optional\":true}")};
    static const char *const MESSAGES[] = {
        NOT_AS("equals"), NOT_AS("one_of"), NOT_AS("prefix"), NOT_AS("words_of")};
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        allowed(RULES[i], "{\"d\":1}");
        allowed(RULES[i], "{\"c\":\"a\"}");
        denied(RULES[i], "{\"c\":\"b\"}", MESSAGES[i]);
        denied(RULES[i], "{\"c\":null}", MESSAGES[i]);
    }
    denied(RULE_OF("{\"one_of\":[\"a\"],\"optional\":false}"), "{}", MISSING("one_of"));
}

static void set__adds_what_is_absent_and_keeps_what_is_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *added, *same, *other;
    } ROWS[] = {
        {RULE_OF("{\"set\":\"{principal}\"}"), "\"c\":\"uid:1000\",", "\"uid\\u003a1000\"", "\"uid:0\""},
        {RULE_OF("{\"set\":\"{principal}\"}"), "\"c\":\"uid:1000\",", "\"uid:1000\"", "[\"uid:1000\"]"},
        {RULE_OF("{\"set\":\"{principal}\"}"), "\"c\":\"uid:1000\",", "\"uid:1000\"", "\"{principal}\""},
        {RULE_OF("{\"set\":\"{principal}\"}"), "\"c\":\"uid:1000\",", "\"uid:1000\"", "null"},
        {RULE_OF("{\"set\":\"a\\\"\\\\b\\u0001\"}"), "\"c\":\"a\\\"\\\\b\\u0001\",",
            "\"a\\u0022\\\\b\\u0001\"", "\"a\""},
        {RULE_OF("{\"set\":false}"), "\"c\":false,", "false", "true"},
        {RULE_OF("{\"set\":null}"), "\"c\":null,", "null", "\"\""},
        {RULE_OF("{\"set\":1e2}"), "\"c\":1e2,", "100", "101"},
        {RULE_OF("{\"set\":[\"a\", 1]}"), "\"c\":[\"a\", 1],", "[\"a\",1]", "[\"a\",1,2]"},
        {RULE_OF("{\"set\":{\"a\":{}}}"), "\"c\":{\"a\":{}},", "{\"\\u0061\":{}}", "{}"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char claims[128];
        allowed_to(&SUBJECT, ROWS[i].rule, "{\"d\":{\"c\":7}}", ROWS[i].added);
        snprintf(claims, sizeof claims, "{\"\\u0063\":%s}", ROWS[i].same);
        allowed(ROWS[i].rule, claims);
        snprintf(claims, sizeof claims, "{\"c\":%s}", ROWS[i].other);
        denied(ROWS[i].rule, claims, NOT_AS("set"));
    }
}

static void set__writes_names_and_principals_as_json(void **state)
{
    (void)state;
    struct rule_subject subject = SUBJECT;
    subject.principal = "jwt:a/\"x\\y\"\n\xc3\xa9";
    static const char rule[] =
        "{\"claims\":{\"a\\\"\\\\\\u0062\":{\"set\":\"{principal}\"},\"b\":{\"set\":1}}}";
    static const char added[] = "\"a\\\"\\\\b\":\"jwt:a/\\\"x\\\\y\\\"\\u000a\xc3\xa9\",\"b\":1,";
    allowed_to(&subject, rule, "{\"d\":1}", added);
    allowed_to(&subject, rule, "{\"a\\\"\\\\b\":\"jwt:a\\/\\\"x\\\\y\\\"\\n\\u00e9\",\"b\":1.0}", "");

    /* What would end the string, were it pasted. */
    subject.principal = "a\",\"admin\":true,\"x\":\"";
    allowed_to(&subject, RULE_OF("{\"set\":\"{principal}\"}"), "{}",
        "\"c\":\"a\\\",\\\"admin\\\":true,\\\"x\\\":\\\"\",");
    subject.principal = ""; /* nothing that is no string is taken for it */
    denied_to(&subject, RULE_OF("{\"set\":\"{principal}\"}"), "{\"c\":[]}", NOT_AS("set"));
}

static void set__adds_nothing_when_another_claim_is_denied(void **state)
{
    (void)state;
    denied("{\"claims\":{\"a\":{\"set\":1},\"c\":{\"prefix\":\"x\"}}}", "{}", MISSING("prefix"));
    denied(
        "{\"claims\":{\"a\":{\"set\":1},\"b\":{\"set\":2},\"c\":{\"set\":3}}}", "{\"c\":4}", NOT_AS("set"));
}

static void set__makes_no_claims_that_are_too_long(void **state)
{
    (void)state;
    CLEANUP(rule_unref_at) struct rule *rule = parsed(RULE_OF("{\"set\":\"12345\"}"));
    static const size_t ADDED = sizeof "\"c\":\"12345\"," - 1;
    for (size_t over = 0; over < 2; over++) {
        CLEANUP(json_clear) struct json json;
        CLEANUP(buffer_clear) struct buffer added = {0};
        char claims[LIMIT_CLAIMS];
        jwkd_error error = {0};
        snprintf(claims, sizeof claims, "{\"d\":\"%0*d\"}", (int)(LIMIT_CLAIMS - ADDED - 8 + over), 7);
        assert_int_equal(json_parse(&json, bytes_of_text(claims), NULL), JWKD_OK);
        assert_int_equal(
            rule_judge(rule, &SUBJECT, &json, &added, &error), over ? JWKD_INVALID_ARGUMENT : JWKD_OK);
        assert_int_equal(added.size, over ? 0 : ADDED);
        if (over) assert_string_equal(error.message, "claims over 8192 bytes with what the rule adds (set)");
    }
}

/* ---- aud, types, other */

static void aud__lists_every_audience(void **state)
{
    (void)state;
    static const char rule[] = "{\"aud\":[\"orders\",\"ledg\\u0065r\"]}";
    static const char other[] = "claim \"aud\" names others than the rule lists (aud)";
    static const char *const BAD[] = {"\"other\"", "\"Orders\"", "\"orders \"", "\"orders,ledger\"",
        "[\"orders\",\"other\"]", "[\"other\",\"orders\"]", "[]", "null", "1", "[[\"orders\"]]",
        "[\"orders\",1]", "{\"orders\":\"orders\"}"};
    allowed(rule, "{\"aud\":\"orders\"}");
    allowed(rule, "{\"\\u0061ud\":\"\\u006frders\"}");
    allowed(rule, "{\"aud\":[\"ledger\",\"orders\"]}");
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char claims[64];
        snprintf(claims, sizeof claims, "{\"aud\":%s}", BAD[i]);
        denied(rule, claims, other);
    }
    denied(rule, "{\"sub\":\"orders\"}", "claim \"aud\" is missing, which the rule demands (aud)");
}

static void types__compare_as_media_types(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *type;
        bool good;
    } ROWS[] = {{"{}", "at+jwt", true}, {"{}", "AT+JWT", true}, {"{}", "jwt", true},
        {"{}", "application/JWT", true}, {"{}", "Application/At+jwt", true}, {"{}", "logout+jwt", false},
        {"{}", "", false}, {"{}", "JW", false}, {"{}", "JWT ", false}, {"{}", "application/", false},
        {"{}", "x/JWT", false}, {"{\"types\":[\"Logout+JWT\"]}", "logout+jwt", true},
        {"{\"types\":[\"Logout+JWT\"]}", "application/logout+jwt", true},
        {"{\"types\":[\"application/logout+jwt\"]}", "LOGOUT+JWT", true},
        {"{\"types\":[\"a\",\"lo\\u0067out+jwt\"]}", "logout+jwt", true},
        {"{\"types\":[\"logout+jwt\"]}", "at+jwt", false}, {"{\"types\":[\"logout+jwt\"]}", "JWT", false},
        {"{\"types\":[\"logout+jwt\"]}", "", false}, {"{\"types\":[\"at+jwt\"]}", "JWT", false},
        {"{\"types\":[\"at+jwt\"]}", "at", false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(rule_unref_at) struct rule *rule = parsed(ROWS[i].rule);
        struct rule_subject subject = SUBJECT;
        char message[128];
        jwkd_error error = {0};
        subject.type = bytes_of_text(ROWS[i].type);
        jwkd_status status = rule_judge_type(rule, subject.type, &error);
        if (status != (ROWS[i].good ? JWKD_OK : JWKD_DENIED)) fail_msg("%s, %s", ROWS[i].rule, ROWS[i].type);
        snprintf(message, sizeof message,
            ROWS[i].rule[1] == '}' ? "typ \"%s\" is not allowed: a rule without types allows at+jwt and JWT"
                                   : "typ \"%s\" is not among those of the rule (types)",
            ROWS[i].type);
        if (ROWS[i].good) {
            allowed_to(&subject, ROWS[i].rule, "{}", "");
        } else {
            assert_string_equal(error.message, message);
            denied_to(&subject, ROWS[i].rule, "{}", message);
        }
    }
    struct rule_subject none = SUBJECT;
    none.type = (struct bytes){0};
    denied_to(&none, "{\"types\":[\"JWT\"]}", "{}", "typ \"\" is not among those of the rule (types)");
}

static void types__alone_make_a_rule_for_payloads(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        bool raw;
    } ROWS[] = {{"{\"types\":[\"x-log\"]}", true}, {"{}", false}, {"{\"aud\":[\"a\"]}", false},
        {"{\"types\":[\"x-log\"],\"other\":\"allow\"}", false},
        {"{\"types\":[\"x-log\"],\"claims\":{}}", false},
        {"{\"max_ttl\":\"1m\",\"types\":[\"x-log\"]}", false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(rule_unref_at) struct rule *rule = parsed(ROWS[i].rule);
        assert_int_equal(rule_is_for_raw(rule), ROWS[i].raw);
    }
}

static void other__refuses_what_is_not_named(void **state)
{
    (void)state;
    static const char rule[] =
        "{\"claims\":{\"sub\":{\"prefix\":\"\",\"optional\":true}},\"other\":\"refuse\"}";
    static const char own[] = "\"iss\":\"https://me\",\"iat\":1,\"nbf\":1,\"exp\":2,\"jti\":\"x\"";
    char claims[256];
    snprintf(claims, sizeof claims, "{%s,\"sub\":\"a\"}", own);
    allowed(rule, claims);
    allowed(rule, "{}");
    static const char *const BAD[][2] = {{"admin", "admin"}, {"Exp", "Exp"}, {"ex", "ex"}, {"expx", "expx"},
        {"", ""}, {"\\u0061dmin", "admin"}, {"aud", "aud"}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char message[128];
        snprintf(claims, sizeof claims, "{%s,\"%s\":null,\"sub\":\"a\"}", own, BAD[i][0]);
        snprintf(message, sizeof message,
            "claim \"%s\" is not named by the rule, which refuses all others (other)", BAD[i][1]);
        denied(rule, claims, message);
        allowed("{\"claims\":{\"sub\":{\"prefix\":\"\"}},\"other\":\"allow\"}", claims);
        allowed("{\"claims\":{\"sub\":{\"prefix\":\"\"}}}", claims);
    }
    allowed("{\"aud\":[\"a\"],\"other\":\"refuse\"}", "{\"aud\":\"a\"}");
    allowed("{\"claims\":{\"aud\":{\"equals\":\"a\"}},\"other\":\"refuse\"}", "{\"aud\":\"a\"}");
    allowed("{\"claims\":{\"a\\u0064min\":{\"equals\":1}},\"other\":\"refuse\"}", "{\"\\u0061dmin\":1}");
}

static void other__shows_no_control_characters(void **state)
{
    (void)state;
    denied("{\"other\":\"refuse\"}", "{\"a\\n\\u001b[2J\\u007f\\u009b\":1}",
        "claim \"a??[2J??\" is not named by the rule, which refuses all others (other)");
    CLEANUP(judged_clear) struct judged judged;
    char claims[512];
    snprintf(claims, sizeof claims, "{\"%0400d\":1}", 7);
    judge_text("{\"other\":\"refuse\"}", &SUBJECT, claims, &judged);
    assert_int_equal(judged.status, JWKD_DENIED);
    assert_non_null(strstr(judged.error.message, "0\" is not named by the rule"));
}

static void iss__must_be_named_where_the_environment_has_none(void **state)
{
    (void)state;
    static const char message[] =
        "claim \"iss\" is not named by the rule, and the environment has no issuer (other)";
    static const char *const RULES[] = {"{}", "{\"other\":\"refuse\"}", "{\"other\":\"allow\"}"};
    struct rule_subject subject = SUBJECT;
    subject.has_issuer = false;
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        allowed(RULES[i], "{\"iss\":\"https://me\"}");
        allowed_to(&subject, RULES[i], "{\"exp\":1}", "");
        denied_to(&subject, RULES[i], "{\"exp\":1,\"iss\":\"https://bank\"}", message);
        denied_to(&subject, RULES[i], "{\"\\u0069ss\":\"https://bank\"}", message);
    }
    static const char named[] =
        "{\"claims\":{\"iss\":{\"equals\":\"https://me\",\"optional\":true}},\"other\":\"refuse\"}";
    allowed_to(&subject, named, "{\"iss\":\"https://me\"}", "");
    allowed_to(&subject, named, "{}", "");
    denied_to(
        &subject, named, "{\"iss\":\"https://bank\"}", "claim \"iss\" is not as the rule demands (equals)");
    allowed_to(&subject, "{\"claims\":{\"iss\":{\"set\":\"{principal}\"}}}", "{}", "\"iss\":\"uid:1000\",");
}

/* ---- with what is signed */

static const struct jwt_policy POLICY = {.issuer = {(const uint8_t *)"https://me", 10},
    .default_audience = {(const uint8_t *)"api", 3},
    .default_lifetime_sec = 900,
    .max_lifetime_sec = 3600,
    .now = 1700000000};

/* Prepares, judges and splices, as signing does; what becomes the token's claims, or the message. */
static jwkd_status sign(const char *rule_text, const char *claims, char *out, size_t capacity)
{
    static const uint8_t RANDOM[16] = {1};
    CLEANUP(rule_unref_at) struct rule *rule = parsed(rule_text);
    CLEANUP(buffer_clear) struct buffer text = {0}, added = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct jwt_policy policy = POLICY;
    jwkd_error error = {0};
    int64_t expires_at = 0, most_sec = rule_max_ttl_sec(rule);
    if (most_sec && most_sec < policy.max_lifetime_sec) policy.max_lifetime_sec = most_sec;
    jwkd_status status = jwt_prepare(
        &policy, &(struct jwt_wish){.claims = bytes_of_text(claims)}, RANDOM, &text, &expires_at, &error);
    if (status == JWKD_OK) status = json_parse(&json, buffer_bytes(&text), &error);
    if (status == JWKD_OK) status = rule_judge(rule, &SUBJECT, &json, &added, &error);
    if (status == JWKD_OK)
        snprintf(out, capacity, "{%.*s%.*s", (int)added.size, (const char *)added.data, (int)text.size - 1,
            (const char *)text.data + 1);
    else
        snprintf(out, capacity, "%s", error.message);
    return status;
}

static void expect_signed(const char *rule, const char *claims, const char *expected)
{
    char got[512];
    if (sign(rule, claims, got, sizeof got) != JWKD_OK || strcmp(got, expected) != 0) fail_msg("%s", got);
    CLEANUP(json_clear) struct json json;
    assert_int_equal(json_parse(&json, bytes_of_text(got), NULL), JWKD_OK);
}

static void expect_refused(const char *rule, const char *claims, jwkd_status status, const char *message)
{
    char got[512];
    assert_int_equal(sign(rule, claims, got, sizeof got), status);
    assert_string_equal(got, message);
}

#define TIMES "\"iat\":1700000000,\"exp\":1700000600,"
#define JTI "\"jti\":\"AQAAAAAAAAAAAAAAAAAAAA\""

static void signing__keeps_to_the_example(void **state)
{
    (void)state;
    expect_signed(EXAMPLE, "{\"sub\":\"acct-7\",\"aud\":\"orders\",\"scope\":\"read\"}",
        "{\"azp\":\"uid:1000\",\"iss\":\"https://me\"," TIMES JTI
        ",\"sub\":\"acct-7\",\"aud\":\"orders\",\"scope\":\"read\"}");
    expect_signed(EXAMPLE, "{\"azp\":\"uid:1000\",\"sub\":\"acct-7\",\"aud\":[\"orders\"]}",
        "{\"iss\":\"https://me\"," TIMES JTI
        ",\"azp\":\"uid:1000\",\"sub\":\"acct-7\",\"aud\":[\"orders\"]}");
    expect_refused(EXAMPLE, "{\"azp\":\"uid:0\",\"sub\":\"acct-7\",\"aud\":\"orders\"}", JWKD_DENIED,
        "claim \"azp\" is not as the rule demands (set)");
    expect_refused(EXAMPLE, "{\"sub\":\"root\",\"aud\":\"orders\"}", JWKD_DENIED,
        "claim \"sub\" is not as the rule demands (prefix)");
    expect_refused(EXAMPLE, "{\"aud\":\"orders\"}", JWKD_DENIED,
        "claim \"sub\" is missing, which the rule demands (prefix)");
    expect_refused(EXAMPLE, "{\"sub\":\"acct-7\",\"aud\":\"orders\",\"admin\":true}", JWKD_DENIED,
        "claim \"admin\" is not named by the rule, which refuses all others (other)");
}

static void signing__judges_the_default_audience(void **state)
{
    (void)state;
    expect_refused(
        EXAMPLE, "{\"sub\":\"acct-7\"}", JWKD_DENIED, "claim \"aud\" names others than the rule lists (aud)");
    expect_signed("{\"aud\":[\"api\"],\"max_ttl\":\"10m\",\"other\":\"refuse\"}", "{}",
        "{\"iss\":\"https://me\",\"aud\":\"api\"," TIMES JTI "}");
}

static void signing__caps_lifetimes(void **state)
{
    (void)state;
    char got[512];
    expect_refused("{\"max_ttl\":\"10m\"}", "{\"exp\":1700000601}", JWKD_INVALID_ARGUMENT,
        "an exp of 601 seconds from now: the longest that is allowed is 600");
    assert_int_equal(sign("{\"max_ttl\":\"10m\"}", "{\"exp\":1700000600}", got, sizeof got), JWKD_OK);
}

/* Of two members of one name, one reader sees the one and another the other. */
static void signing__lets_no_member_in_twice(void **state)
{
    (void)state;
    char got[512];
    static const char *const TWICE[] = {"{\"sub\":\"acct-7\",\"sub\":\"root\"}",
        "{\"sub\":\"acct-7\",\"s\\u0075b\":\"root\"}", "{\"azp\":\"uid:1000\",\"azp\":\"uid:0\"}"};
    CLEANUP(rule_unref_at) struct rule *rule = parsed("{}");
    for (size_t i = 0; i < sizeof TWICE / sizeof *TWICE; i++) {
        CLEANUP(json_clear) struct json json;
        struct buffer added = {0};
        assert_int_equal(sign("{}", TWICE[i], got, sizeof got), JWKD_MALFORMED);
        assert_int_equal(json_parse_marking(&json, bytes_of_text(TWICE[i]), NULL), JWKD_OK);
        assert_int_equal(rule_judge(rule, &SUBJECT, &json, &added, NULL), JWKD_MALFORMED);
    }
    static const char *const NO_CLAIMS[] = {"[]", "\"sub\"", "null"};
    for (size_t i = 0; i < sizeof NO_CLAIMS / sizeof *NO_CLAIMS; i++) {
        CLEANUP(json_clear) struct json json;
        struct buffer added = {0};
        assert_int_equal(json_parse(&json, bytes_of_text(NO_CLAIMS[i]), NULL), JWKD_OK);
        assert_int_equal(rule_judge(rule, &SUBJECT, &json, &added, NULL), JWKD_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals__compares_by_value),
        cmocka_unit_test(one_of__holds_of_a_string_or_each_of_an_array),
        cmocka_unit_test(prefix__holds_of_a_string_or_each_of_an_array),
        cmocka_unit_test(words_of__holds_of_listed_words_between_single_spaces),
        cmocka_unit_test(absent__refuses_the_claim_whatever_it_is),
        cmocka_unit_test(optional__lets_a_claim_be_absent_and_no_more),
        cmocka_unit_test(set__adds_what_is_absent_and_keeps_what_is_the_same),
        cmocka_unit_test(set__writes_names_and_principals_as_json),
        cmocka_unit_test(set__adds_nothing_when_another_claim_is_denied),
        cmocka_unit_test(set__makes_no_claims_that_are_too_long),
        cmocka_unit_test(aud__lists_every_audience),
        cmocka_unit_test(types__compare_as_media_types),
        cmocka_unit_test(types__alone_make_a_rule_for_payloads),
        cmocka_unit_test(other__refuses_what_is_not_named),
        cmocka_unit_test(other__shows_no_control_characters),
        cmocka_unit_test(iss__must_be_named_where_the_environment_has_none),
        cmocka_unit_test(signing__keeps_to_the_example),
        cmocka_unit_test(signing__judges_the_default_audience),
        cmocka_unit_test(signing__caps_lifetimes),
        cmocka_unit_test(signing__lets_no_member_in_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
