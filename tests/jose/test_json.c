#include "jose/json.h"

#include <stdio.h>

#include "base/limits.h"
#include "jose/support.h"

static void accept(const char *text)
{
    CLEANUP(json_clear) struct json json;
    jwkd_error error;
    if (json_parse(&json, B(text), &error) != JWKD_OK) fail_msg("%s: %s", text, error.message);
}

static void refuse_bytes(struct bytes text, const char *why)
{
    CLEANUP(json_clear) struct json json;
    jwkd_error error = {0};
    assert_status(JWKD_MALFORMED, json_parse(&json, text, &error));
    if (!strstr(error.message, why))
        fail_msg("%.*s: %s", (int)text.size, (const char *)text.data, error.message);
}

static void refuse(const char *text, const char *why)
{
    refuse_bytes(B(text), why);
}

static void json__reads_a_document(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    assert_ok(
        json_parse(&json, B(" {\"a\":[1,{\"b\":null}],\n\"c\":\"text\",\"\":true,\"d\":false} "), NULL));
    assert_int_equal(JSON_OBJECT, json_type(&json, JSON_ROOT));
    assert_int_equal(4, json.nodes[JSON_ROOT].children);
    assert_int_equal(json.count, json_next(&json, JSON_ROOT));

    int a = json_member(&json, JSON_ROOT, "a");
    assert_true(json_is(&json, a, JSON_ARRAY));
    assert_bytes("[1,{\"b\":null}]", json.nodes[a].text);
    int first = json_first(&json, a);
    assert_true(json_is(&json, first, JSON_NUMBER));
    int second = json_next(&json, first);
    assert_true(json_is(&json, json_member(&json, second, "b"), JSON_NULL));

    assert_bytes("text", json_string(&json, json_member(&json, JSON_ROOT, "c")));
    assert_true(json_is(&json, json_member(&json, JSON_ROOT, ""), JSON_TRUE));
    assert_true(json_is(&json, json_member(&json, JSON_ROOT, "d"), JSON_FALSE));
    assert_int_equal(JSON_NONE, json_member(&json, JSON_ROOT, "b"));
    assert_int_equal(JSON_NONE, json_member(&json, a, "b"));
    assert_int_equal(JSON_NONE, json_first(&json, first));
    assert_int_equal(0, json_string(&json, a).size);
}

static void json__finds_nothing_in_an_empty_document(void **state)
{
    (void)state;
    struct json json;
    assert_status(JWKD_MALFORMED, json_parse(&json, B("{\"a\":1"), NULL));
    assert_int_equal(JSON_NONE, json_member(&json, JSON_ROOT, "a"));
    json_clear(&json);
    assert_int_equal(JSON_NONE, json_member(&json, JSON_ROOT, "a"));
    assert_int_equal(JSON_NONE, json_first(&json, JSON_ROOT));
    assert_int_equal(0, json_string(&json, JSON_ROOT).size);
}

static void json__decodes_escapes(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    assert_ok(json_parse(&json,
        B("[\"plain\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"a\\u0041\\u00e9\\u20AC\\ud83d\\uDE00z\",\"\\u0000\"]"),
        NULL));
    static const char *const EXPECTED[] = {
        "plain", "\"\\/\b\f\n\r\t", "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"};
    int node = json_first(&json, JSON_ROOT);
    for (size_t i = 0; i < 3; i++, node = json_next(&json, node)) {
        assert_bytes(EXPECTED[i], json_string(&json, node));
        assert_int_equal(i > 0, json.nodes[node].escaped);
    }
    assert_int_equal(1, json_string(&json, node).size);
}

static void json__finds_a_name_that_was_written_with_escapes(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    assert_ok(json_parse(&json, B("{\"\\u0065xp\":7}"), NULL));
    assert_int_not_equal(JSON_NONE, json_member(&json, JSON_ROOT, "exp"));
}

static void json__refuses_what_is_no_json(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:1}", "tru", "truex", "True", "nul", "NaN",
        "Infinity", "undefined", "1 2", "{} {}", "[1]x", "// c\n1", "\xef\xbb\xbf{}", "\v1", "{\"a\" 1}",
        "[1 2]"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        refuse(BAD[i], "JSON, byte");
    refuse_bytes(bytes_of("1\0", 2), "more behind");
    refuse_bytes(bytes_of("\0", 1), "value expected");
}

static void json__refuses_bad_numbers(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "-01", "0x1", "1_0", "--1"};
    static const char *const GOOD[] = {"0", "-0", "10", "1.5", "1e5", "1E+5", "0.0e-1", "-1.25e10"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        refuse(BAD[i], "");
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        accept(GOOD[i]);
}

static void json__refuses_bad_strings(void **state)
{
    (void)state;
    refuse("\"abc", "cut short");
    refuse("\"abcdefghijklmnop", "cut short");
    refuse("\"a\nb\"", "control character");
    refuse("\"abcdefgh\x01jklmnopq\"", "control character");
    refuse("\"\\x\"", "unknown escape");
    refuse("\"\\", "cut short");
    refuse("\"\\u12\"", "");
    refuse("\"\\u12g4\"", "hexadecimal");
    refuse("\"\\ud800\"", "lone surrogate");
    refuse("\"\\udc00\"", "lone surrogate");
    refuse("\"\\ud800\\ud800\"", "lone surrogate");
    refuse("\"\\ud800\\ue000\"", "lone surrogate");
    refuse("\"\\ud800x\"", "lone surrogate");
    refuse("\"\\ud800\\n\"", "lone surrogate");
    refuse("{\"a\\u0000\":1}", "NUL");
    refuse_bytes(bytes_of("\"a\0b\"", 5), "control character");
}

static void json__refuses_bad_utf8(void **state)
{
    (void)state;
    static const char *const BAD[] = {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf",
        "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "\xe2(\xa1"};
    static const char *const GOOD[] = {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    char text[64];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(text, sizeof text, "\"%s\"", BAD[i]);
        refuse(text, "not UTF-8");
        snprintf(text, sizeof text, "{\"a\":\"0123456789%s\"}", BAD[i]);
        refuse(text, "not UTF-8");
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        snprintf(text, sizeof text, "\"abcde%s\"", GOOD[i]);
        accept(text);
    }
}

static void json__refuses_duplicate_names_at_every_level(void **state)
{
    (void)state;
    refuse("{\"a\":1,\"a\":1}", "duplicate");
    refuse("{\"a\":1,\"\\u0061\":1}", "duplicate");
    refuse("{\"x\":{\"y\":[{\"b\":1,\"c\":2,\"b\":3}]}}", "duplicate");
    refuse("{\"\":1,\"\":2}", "duplicate");
    accept("{\"a\":{\"a\":{\"a\":1}},\"A\":1,\"aa\":1}");
}

/* {"k0":0,"k1":0,...}; with `again` the first name comes once more at the end. */
static struct buffer object_of(int members, bool again)
{
    struct buffer text = {0};
    for (int i = 0; i < members; i++)
        assert_ok(buffer_append_format(&text, "%s\"k%d\":0", i ? "," : "{", i));
    assert_ok(buffer_append_text(&text, again ? ",\"k0\":0}" : "}"));
    return text;
}

static void json__finds_duplicates_among_many(void **state)
{
    (void)state;
    static const int COUNTS[] = {23, 24, 25, 47, 48, 1000, LIMIT_JSON_NODES / 2 - 2};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        CLEANUP(buffer_clear)
        struct buffer good = object_of(COUNTS[i], false), bad = object_of(COUNTS[i], true);
        CLEANUP(json_clear) struct json json;
        assert_ok(json_parse(&json, buffer_bytes(&good), NULL));
        assert_int_equal(COUNTS[i], json.nodes[JSON_ROOT].children);
        refuse_bytes(buffer_bytes(&bad), "duplicate");
        buffer_clear(&bad);
    }
}

static void json__keeps_to_its_limits(void **state)
{
    (void)state;
    char deep[2 * LIMIT_JSON_DEPTH + 8] = {0};
    memset(deep, '[', LIMIT_JSON_DEPTH);
    memset(deep + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    accept(deep);
    memset(deep, '[', LIMIT_JSON_DEPTH + 1);
    memset(deep + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    refuse(deep, "too deeply");

    CLEANUP(buffer_clear) struct buffer wide = {0};
    assert_ok(buffer_append_text(&wide, "[0"));
    for (int i = 2; i < LIMIT_JSON_NODES; i++)
        assert_ok(buffer_append_text(&wide, ",0"));
    assert_ok(buffer_append_text(&wide, "]"));
    CLEANUP(json_clear) struct json json;
    assert_ok(json_parse(&json, buffer_bytes(&wide), NULL));
    wide.data[wide.size - 1] = ',';
    assert_ok(buffer_append_text(&wide, "0]"));
    refuse_bytes(buffer_bytes(&wide), "too many");
}

static void json__reads_dates_with_their_fraction(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t sec;
        uint32_t ns;
    } GOOD[] = {{"0", 0, 0}, {"-0", 0, 0}, {"1300819380", 1300819380, 0}, {"-5", -5, 0},
        {"1300819380.9", 1300819380, 900000000}, {"1.5", 1, 500000000}, {"-1.9", -2, 100000000},
        {"-0.25", -1, 750000000}, {"1.3e9", 1300000000, 0}, {"13E+8", 1300000000, 0},
        {"1300819380e0", 1300819380, 0}, {"5e-1", 0, 500000000}, {"5e-9", 0, 5}, {"5e-10", 0, 1},
        {"123456e-3", 123, 456000000}, {"0.00012e6", 120, 0}, {"0.00012345e6", 123, 450000000},
        {"0e99999999999", 0, 0}, {"1e-99999999999", 0, 1}, {"-1e-99999999999", -1, 999999999},
        {"0.0000000000000", 0, 0}, {"1.000000001", 1, 1}, {"1.0000000010000", 1, 1}, {"1.0000000011", 1, 2},
        {"1.9999999999", 2, 0}, {"-1.9999999999", -2, 0}, {"9007199254740992", INT64_C(9007199254740992), 0},
        {"-9007199254740992.75", -INT64_C(9007199254740993), 250000000}};
    static const char *const BAD[] = {"9007199254740993", "-9007199254740993", "1e16", "1e99999999999",
        "12345e99", "99999999999999999999999999", "\"1\"", "null", "true", "[1]", "{}"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        CLEANUP(json_clear) struct json json;
        int64_t sec = 77;
        uint32_t ns = 77;
        assert_ok(json_parse(&json, B(GOOD[i].text), NULL));
        assert_ok(json_date(&json, JSON_ROOT, &sec, &ns));
        assert_int_equal(GOOD[i].sec, sec);
        assert_int_equal(GOOD[i].ns, ns);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CLEANUP(json_clear) struct json json;
        int64_t sec = 77;
        uint32_t ns = 77;
        assert_ok(json_parse(&json, B(BAD[i]), NULL));
        assert_status(JWKD_MALFORMED, json_date(&json, JSON_ROOT, &sec, &ns));
        assert_int_equal(77, sec);
    }
}

static void json__marks_doubled_names_if_asked(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    assert_ok(
        json_parse_marking(&json, B("[{\"a\":1},{\"b\":{\"a\":1,\"a\":2}},{\"a\":1,\"\\u0061\":1}]"), NULL));
    int item = json_first(&json, JSON_ROOT);
    assert_false(json.nodes[item].doubled);
    item = json_next(&json, item);
    assert_false(json.nodes[item].doubled);
    assert_true(json.nodes[json_member(&json, item, "b")].doubled);
    assert_true(json.nodes[json_next(&json, item)].doubled);
}

/* A whole number is one in any spelling; nothing is cut off. */
static void json__tells_whole_numbers_from_others(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } GOOD[] = {{"0", 0}, {"-0", 0}, {"-0.0", 0}, {"42", 42}, {"42.0", 42}, {"42.000e0", 42}, {"4.2e1", 42},
        {"4.2E+1", 42}, {"420e-1", 42}, {"0.042e3", 42}, {"-4.2e1", -42}, {"1e3", 1000}, {"0e-5", 0},
        {"0.0e99999999999", 0}, {"9007199254740993", INT64_C(9007199254740993)},
        {"1e18", INT64_C(1000000000000000000)}, {"9223372036854775807", INT64_MAX},
        {"9223372036854775807.0", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
        {"-9.223372036854775808e18", INT64_MIN}};
    static const char *const BAD[] = {"42.9", "42.0001", "-0.5", "1e-5", "5e-1", "42e-1", "4.25e1",
        "1e-99999999999", "9223372036854775808", "-9223372036854775809", "12345678901234567890", "1e19",
        "1e99999999999", "\"42\"", "null", "true", "[42]", "{}"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        CLEANUP(json_clear) struct json json;
        int64_t value = 77;
        assert_ok(json_parse(&json, B(GOOD[i].text), NULL));
        assert_ok(json_whole(&json, JSON_ROOT, &value));
        assert_true(GOOD[i].value == value);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CLEANUP(json_clear) struct json json;
        int64_t value = 77;
        assert_ok(json_parse(&json, B(BAD[i]), NULL));
        assert_status(JWKD_MALFORMED, json_whole(&json, JSON_ROOT, &value));
        assert_int_equal(77, value);
    }
}

static void json__compares_values(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } ROWS[] = {{"null", "null", true}, {"null", "false", false}, {"true", "true", true},
        {"true", "false", false}, {"1", "\"1\"", false}, {"1e2", "100.0", true}, {"-0", "0", true},
        {"0.5", "0.5", true}, {"0.5", "0.50", false}, {"1", "1.5", false},
        {"9223372036854775807", "9223372036854775808", false}, {"1e300", "1e300", true},
        {"\"a\\u0062\"", "\"ab\"", true}, {"\"a\"", "\"A\"", false}, {"\"a\"", "\"a\\u0000\"", false},
        {"[]", "{}", false}, {"[1,[2]]", "[1.0,[2]]", true}, {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false}, {"[[],1]", "[[1]]", false},
        {"{\"a\":1,\"b\":{}}", "{\"b\":{},\"a\":1}", true}, {"{\"a\":1}", "{\"\\u0061\":1}", true},
        {"{\"a\":1}", "{\"a\":2}", false}, {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false}, {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1,\"a\":1}", "{\"a\":1,\"a\":1}", false},
        {"[{\"a\":1,\"a\":1}]", "[{\"a\":1,\"b\":1}]", false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(json_clear) struct json a;
        CLEANUP(json_clear) struct json b;
        assert_ok(json_parse_marking(&a, B(ROWS[i].a), NULL));
        assert_ok(json_parse_marking(&b, B(ROWS[i].b), NULL));
        if (json_same(&a, JSON_ROOT, &b, JSON_ROOT) != ROWS[i].same ||
            json_same(&b, JSON_ROOT, &a, JSON_ROOT) != ROWS[i].same)
            fail_msg("%s, %s", ROWS[i].a, ROWS[i].b);
    }
}

static void json__writes_strings(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer out = {0};
    assert_ok(json_append_string(&out, bytes_of("a\"\\/\n\x01\0\xe2\x82\xac\x7f", 11)));
    assert_bytes("\"a\\\"\\\\/\\u000a\\u0001\\u0000\xe2\x82\xac\x7f\"", buffer_bytes(&out));
    size_t before = out.size;
    assert_status(JWKD_MALFORMED, json_append_string(&out, B("ok\xff")));
    assert_int_equal(before, out.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__reads_a_document),
        cmocka_unit_test(json__finds_nothing_in_an_empty_document),
        cmocka_unit_test(json__decodes_escapes),
        cmocka_unit_test(json__finds_a_name_that_was_written_with_escapes),
        cmocka_unit_test(json__refuses_what_is_no_json),
        cmocka_unit_test(json__refuses_bad_numbers),
        cmocka_unit_test(json__refuses_bad_strings),
        cmocka_unit_test(json__refuses_bad_utf8),
        cmocka_unit_test(json__refuses_duplicate_names_at_every_level),
        cmocka_unit_test(json__finds_duplicates_among_many),
        cmocka_unit_test(json__keeps_to_its_limits),
        cmocka_unit_test(json__reads_dates_with_their_fraction),
        cmocka_unit_test(json__marks_doubled_names_if_asked),
        cmocka_unit_test(json__tells_whole_numbers_from_others),
        cmocka_unit_test(json__compares_values),
        cmocka_unit_test(json__writes_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
