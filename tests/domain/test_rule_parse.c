/* Reading rules. */
#include "wire/cases.h"

#include <stdio.h>

#include "base/limits.h"
#include "domain/rule.h"

#define EXAMPLE                                                                                      \
    "{\"claims\": {\"sub\": {\"prefix\": \"acct-\"},"                                                \
    " \"scope\": {\"words_of\": [\"read\", \"write\"], \"optional\": true},"                         \
    " \"azp\": {\"set\": \"{principal}\"}},"                                                         \
    " \"aud\": [\"orders\", \"ledger\"], \"types\": [\"at+jwt\"], \"max_ttl\": \"10m\", \"other\": " \
    "\"refuse\"}"

#define RULE_OF(member) "{\"claims\":{\"c\":" member "}}"

static struct rule *parsed_bytes(struct bytes text)
{
    struct rule *rule = NULL;
    jwkd_error error = {0};
    if (rule_parse(text, &rule, &error) != JWKD_OK)
        fail_msg("%.*s: %s", (int)text.size, (const char *)text.data, error.message);
    return rule;
}

static struct rule *parsed(const char *text)
{
    return parsed_bytes(bytes_of_text(text));
}

static void not_parsed_bytes(struct bytes text, jwkd_status status, const char *why)
{
    struct rule *rule = NULL;
    jwkd_error error = {0};
    jwkd_status got = rule_parse(text, &rule, &error);
    if (got != status || error.status != status || !strstr(error.message, why))
        fail_msg(
            "%.*s: %s, %s", (int)text.size, (const char *)text.data, jwkd_status_name(got), error.message);
    assert_null(rule);
    assert_int_equal(rule_parse(text, &rule, NULL), status);
}

static void not_parsed(const char *text, const char *why)
{
    not_parsed_bytes(bytes_of_text(text), JWKD_INVALID_ARGUMENT, why);
}

static void parse__reads_every_member_and_keeps_the_text(void **state)
{
    (void)state;
    char text[] = EXAMPLE;
    struct rule *rule = parsed(text), *again = rule_ref(rule);
    memset(text, ' ', sizeof text); /* it has a copy */
    assert_ptr_equal(again, rule);
    rule_unref(rule);
    assert_true(bytes_equal_text(rule_json(again), EXAMPLE));
    assert_int_equal(rule_max_ttl_sec(again), 600);
    assert_false(rule_is_for_raw(again));
    rule_unref(again);
    rule_unref(NULL);
    assert_null(rule_ref(NULL));
}

static void parse__takes_a_rule_that_says_nothing(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"{}", " { } ", "{\"claims\":{}}", "{\"other\":\"allow\"}"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        CLEANUP(rule_unref_at) struct rule *rule = parsed(TEXTS[i]);
        assert_int_equal(rule_max_ttl_sec(rule), 0);
        assert_false(rule_is_for_raw(rule));
    }
}

static void parse__says_where_a_text_is_no_rule_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } ROWS[] = {{"", "rule: JSON, byte 0: value expected"}, {"{", "rule: JSON, byte 1: member name expected"},
        {"[]", "rule: not a JSON object"}, {"null", "rule: not a JSON object"},
        {"{} {}", "rule: JSON, byte 3: more behind the value"},
        {"{\"aud\":[\"a\"],\"aud\":[\"b\"]}", "duplicate member name"},
        {"{\"claims\":{\"c\":{\"set\":1},\"\\u0063\":{\"absent\":true}}}", "duplicate member name"},
        {"{\"claims\":{\"c\":{\"prefix\":\"a\",\"pre\\u0066ix\":\"\"}}}", "duplicate member name"},
        {"{\"claims\":{\"c\":{\"set\":{\"a\":1,\"a\":1}}}}", "duplicate member name"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        not_parsed_bytes(bytes_of_text(ROWS[i].text), JWKD_MALFORMED, ROWS[i].why);
}

static void parse__refuses_what_it_does_not_know(void **state)
{
    (void)state;
    not_parsed("{\"audience\":[\"a\"]}",
        "rule: \"audience\" is unknown; there are claims, aud, types, max_ttl and other");
    not_parsed("{\"Other\":\"refuse\"}", "rule: \"Other\" is unknown");
    not_parsed("{\"\":1}", "rule: \"\" is unknown");
    not_parsed("{\"a\\nb\\u0085\\u00e9\":1}", "rule: \"a?b?\xc3\xa9\" is unknown");
    not_parsed(RULE_OF("{\"regex\":\".*\"}"), "rule: claims.c: \"regex\" is unknown; there are equals, "
                                              "one_of, prefix, words_of, absent or set, and "
                                              "optional");
    not_parsed(RULE_OF("{\"prefix\":\"a\",\"optional \":true}"), "rule: claims.c: \"optional \" is unknown");
}

static void parse__refuses_wrong_types_and_says_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } ROWS[] = {
        {"{\"claims\":[]}", "rule: claims: it is an object: each member a claim, with an operator"},
        {"{\"claims\":null}", "rule: claims: it is an object"},
        {RULE_OF("\"acct-\""), "rule: claims.c: it is an object with an operator: equals, one_of,"},
        {RULE_OF("{}"), "rule: claims.c: it needs an operator: equals, one_of,"},
        {RULE_OF("{\"optional\":true}"), "rule: claims.c: it needs an operator"},
        {RULE_OF("{\"prefix\":\"a\",\"equals\":1}"),
            "rule: claims.c has one operator, and not both prefix and equals"},
        {RULE_OF("{\"prefix\":\"a\",\"optional\":1}"), "rule: claims.c: optional is true or false"},
        {RULE_OF("{\"prefix\":\"a\",\"optional\":null}"), "rule: claims.c: optional is true or false"},
        {RULE_OF("{\"set\":1,\"optional\":true}"), "rule: claims.c.set: optional does not go with it"},
        {RULE_OF("{\"optional\":true,\"absent\":true}"), "rule: claims.c.absent: optional does not go with"},
        {RULE_OF("{\"one_of\":\"a\"}"), "rule: claims.c.one_of is a list of 1 to 32 texts"},
        {RULE_OF("{\"one_of\":[]}"), "rule: claims.c.one_of is a list"},
        {RULE_OF("{\"one_of\":[\"a\",1]}"), "rule: claims.c.one_of is a list"},
        {RULE_OF("{\"one_of\":[[\"a\"]]}"), "rule: claims.c.one_of is a list"},
        {RULE_OF("{\"one_of\":{\"a\":\"b\"}}"), "rule: claims.c.one_of is a list"},
        {RULE_OF("{\"prefix\":[\"a\"]}"), "rule: claims.c.prefix: it is a text"},
        {RULE_OF("{\"prefix\":null}"), "rule: claims.c.prefix: it is a text"},
        {RULE_OF("{\"words_of\":\"read\"}"), "rule: claims.c.words_of is a list of 1 to 32 words without"},
        {RULE_OF("{\"words_of\":[\"read write\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"words_of\":[\"\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"words_of\":[\"a\\tb\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"words_of\":[\"a\\u00a0b\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"words_of\":[\"a\\\\b\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"words_of\":[\"a\\\"b\"]}"), "rule: claims.c.words_of is a list"},
        {RULE_OF("{\"absent\":false}"), "rule: claims.c.absent: it is true, or left out"},
        {RULE_OF("{\"absent\":\"true\"}"), "rule: claims.c.absent: it is true, or left out"},
        {"{\"aud\":\"orders\"}", "rule: aud is a list of 1 to 32 audiences of 1 to 512 bytes"},
        {"{\"aud\":[]}", "rule: aud is a list"},
        {"{\"aud\":[\"\"]}", "rule: aud is a list"},
        {"{\"aud\":[null]}", "rule: aud is a list"},
        {"{\"types\":\"JWT\"}", "rule: types is a list of 1 to 16 media types of 1 to 64 characters"},
        {"{\"types\":[]}", "rule: types is a list"},
        {"{\"types\":[\"\"]}", "rule: types is a list"},
        {"{\"types\":[\"a b\"]}", "rule: types is a list"},
        {"{\"types\":[\"JWT\\u0000\"]}", "rule: types is a list"},
        {"{\"other\":\"deny\"}", "rule: other: it is \"allow\" or \"refuse\""},
        {"{\"other\":\"REFUSE\"}", "rule: other: it is"},
        {"{\"other\":true}", "rule: other: it is"},
        {"{\"other\":[\"refuse\"]}", "rule: other: it is"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        not_parsed(ROWS[i].text, ROWS[i].why);
}

static void parse__reads_a_lifetime(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t sec;
    } GOOD[] = {{"1s", 1}, {"90s", 90}, {"90", 90}, {"10m", 600}, {"1h", 3600}, {"366d", 31622400}};
    static const char *const BAD[] = {"\"0s\"", "\"\"", "\"367d\"", "\"31622401\"", "\"-1s\"", "\"1.5h\"",
        "\"10 m\"", "\"10m\\u0000\"", "\"10M\"", "\"1w\"", "600", "null", "[\"10m\"]"};
    char text[64];
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        snprintf(text, sizeof text, "{\"max_ttl\":\"%s\"}", GOOD[i].text);
        CLEANUP(rule_unref_at) struct rule *rule = parsed(text);
        assert_int_equal(rule_max_ttl_sec(rule), GOOD[i].sec);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, "{\"max_ttl\":%s}", BAD[i]);
        not_parsed(
            text, "rule: max_ttl: it is a time from \"1s\" to \"366d\", like \"90s\", \"10m\" or \"1h\"");
    }
}

static void parse__refuses_templates_but_one(void **state)
{
    (void)state;
    static const char *const BAD[] = {"\"{principal} \"", "\"{Principal}\"", "\"x-{principal}\"", "\"{sub}\"",
        "\"{\"", "\"}\"", "\"\\u007bsub}\"", "[\"{principal}\"]", "{\"a\":\"{principal}\"}",
        "{\"{principal}\":1}", "[1,[{\"a\":[\"b}\"]}]]"};
    static const char *const GOOD[] = {
        "\"{principal}\"", "\"\\u007bprincipal}\"", "{}", "[{\"a\":{}}]", "null", "\"principal\""};
    char text[128];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, RULE_OF("{\"set\":%s}"), BAD[i]);
        not_parsed(text, "rule: claims.c.set: the only text with braces is \"{principal}\", by itself");
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        snprintf(text, sizeof text, RULE_OF("{\"set\":%s}"), GOOD[i]);
        rule_unref(parsed(text));
    }
    /* Other operators have no templates, and braces are nothing to them. */
    rule_unref(parsed(RULE_OF("{\"equals\":\"{1234}\"}")));
}

static void parse__refuses_what_no_token_could_meet_or_bear(void **state)
{
    (void)state;
    static const struct {
        const char *claim, *why;
    } BAD[] = {
        {"\"exp\":{\"set\":1}", "rule: claims.exp.set: every token has this claim, a number: only equals"},
        {"\"exp\":{\"absent\":true}", "rule: claims.exp.absent: every token"},
        {"\"exp\":{\"one_of\":[\"1\"]}", "rule: claims.exp.one_of: every token"},
        {"\"iat\":{\"prefix\":\"1\"}", "rule: claims.iat.prefix: every token"},
        {"\"nbf\":{\"set\":\"soon\"}", "rule: claims.nbf.set: this claim is a number"},
        {"\"nbf\":{\"words_of\":[\"1\"]}", "rule: claims.nbf.words_of: this claim is a number"},
        {"\"jti\":{\"set\":\"one\"}",
            "rule: claims.jti.set: every token has this claim, its own: neither set"},
        {"\"j\\u0074i\":{\"absent\":true}", "rule: claims.jti.absent: every token"},
        {"\"sub\":{\"set\":1}", "rule: claims.sub.set: this claim is a text"},
        {"\"iss\":{\"set\":[\"a\"]}", "rule: claims.iss.set: this claim is a text"},
        {"\"aud\":{\"set\":1}", "rule: claims.aud.set is a list of 1 to 32 audiences"},
        {"\"aud\":{\"set\":[]}", "rule: claims.aud.set is a list"},
        {"\"aud\":{\"set\":[\"a\",1]}", "rule: claims.aud.set is a list"},
    };
    static const char *const GOOD[] = {"\"exp\":{\"equals\":1700000000}", "\"nbf\":{\"absent\":true}",
        "\"jti\":{\"prefix\":\"a-\"}", "\"iss\":{\"set\":\"https://me\"}",
        "\"sub\":{\"set\":\"{principal}\"}", "\"aud\":{\"set\":\"a\"}", "\"aud\":{\"set\":[\"a\",\"b\"]}",
        "\"sub\":{\"absent\":true}"};
    char text[128];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, "{\"claims\":{%s}}", BAD[i].claim);
        not_parsed(text, BAD[i].why);
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        snprintf(text, sizeof text, "{\"claims\":{%s}}", GOOD[i]);
        rule_unref(parsed(text));
    }
}

static void parse__refuses_aud_twice(void **state)
{
    (void)state;
    static const char why[] = "rule: aud stands both in the rule and in its claims: leave one out";
    not_parsed("{\"aud\":[\"a\"],\"claims\":{\"aud\":{\"prefix\":\"\"}}}", why);
    not_parsed("{\"claims\":{\"c\":{\"set\":1},\"\\u0061ud\":{\"absent\":true}},\"aud\":[\"a\"]}", why);
}

/* `count` strings that differ, each with `item` behind it, between two texts. */
static struct buffer repeated(const char *before, const char *item, size_t count, const char *behind)
{
    struct buffer out = {0};
    assert_int_equal(buffer_append_text(&out, before), JWKD_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_append_format(&out, "%s\"%zu\"%s", i ? "," : "", i, item), JWKD_OK);
    assert_int_equal(buffer_append_text(&out, behind), JWKD_OK);
    return out;
}

static void parse__has_caps(void **state)
{
    (void)state;
    static const struct {
        const char *before, *item, *behind, *why;
        size_t most;
    } ROWS[] = {
        {"{\"claims\":{", ":{\"set\":1}", "}}", "rule: claims: at most 64, and these are 65",
            LIMIT_RULE_CLAIMS},
        {"{\"claims\":{\"c\":{\"one_of\":[", "", "]}}}", "rule: claims.c.one_of is a list of 1 to 32",
            LIMIT_RULE_VALUES},
        {"{\"claims\":{\"c\":{\"words_of\":[", "", "]}}}", "rule: claims.c.words_of is a list of 1 to 32",
            LIMIT_RULE_VALUES},
        {"{\"aud\":[", "", "]}", "rule: aud is a list of 1 to 32", LIMIT_RULE_VALUES},
        {"{\"types\":[", "", "]}", "rule: types is a list of 1 to 16", LIMIT_RULE_TYPES},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(buffer_clear)
        struct buffer most = repeated(ROWS[i].before, ROWS[i].item, ROWS[i].most, ROWS[i].behind);
        CLEANUP(buffer_clear)
        struct buffer over = repeated(ROWS[i].before, ROWS[i].item, ROWS[i].most + 1, ROWS[i].behind);
        rule_unref(parsed_bytes(buffer_bytes(&most)));
        not_parsed_bytes(buffer_bytes(&over), JWKD_INVALID_ARGUMENT, ROWS[i].why);
    }
}

/* One string of that size between two texts. */
static struct buffer padded(const char *before, size_t size, const char *behind)
{
    struct buffer out = {0};
    assert_int_equal(buffer_append_format(&out, "%s\"%0*d\"%s", before, (int)size, 7, behind), JWKD_OK);
    return out;
}

static void parse__has_caps_on_texts(void **state)
{
    (void)state;
    static const struct {
        const char *before, *behind, *why;
        size_t most;
    } ROWS[] = {{"{\"aud\":[", "]}", "rule: aud is a list", LIMIT_AUDIENCE},
        {"{\"types\":[", "]}", "rule: types is a list", LIMIT_TYP},
        {"{\"claims\":{", ":{\"set\":1}}}", "a rule has at most 4096 bytes, and this one 4097",
            LIMIT_RULE - sizeof "{\"claims\":{\"\":{\"set\":1}}}" + 1}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(buffer_clear) struct buffer most = padded(ROWS[i].before, ROWS[i].most, ROWS[i].behind);
        CLEANUP(buffer_clear) struct buffer over = padded(ROWS[i].before, ROWS[i].most + 1, ROWS[i].behind);
        rule_unref(parsed_bytes(buffer_bytes(&most)));
        not_parsed_bytes(buffer_bytes(&over), JWKD_INVALID_ARGUMENT, ROWS[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__reads_every_member_and_keeps_the_text),
        cmocka_unit_test(parse__takes_a_rule_that_says_nothing),
        cmocka_unit_test(parse__says_where_a_text_is_no_rule_at_all),
        cmocka_unit_test(parse__refuses_what_it_does_not_know),
        cmocka_unit_test(parse__refuses_wrong_types_and_says_what_is_right),
        cmocka_unit_test(parse__reads_a_lifetime),
        cmocka_unit_test(parse__refuses_templates_but_one),
        cmocka_unit_test(parse__refuses_what_no_token_could_meet_or_bear),
        cmocka_unit_test(parse__refuses_aud_twice),
        cmocka_unit_test(parse__has_caps),
        cmocka_unit_test(parse__has_caps_on_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
