/* First, since cmocka has a macro of the name fail(). */
#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void duration_parse__reads_a_number_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t seconds;
    } ROWS[] = {{"0", 0}, {"90", 90}, {"90s", 90}, {"15m", 900}, {"1h", 3600}, {"7d", 604800}, {"007", 7},
        {"4294967295", UINT32_MAX}, {"49710d", UINT32_C(49710) * 86400}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        uint32_t seconds = 1;
        assert_int_equal(duration_parse(bytes_of_text(ROWS[i].text), &seconds), JWKD_OK);
        assert_int_equal(seconds, ROWS[i].seconds);
    }
}

static void duration_parse__refuses_everything_else(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "s", "-1", "+1", " 1", "1 ", "1 m", "1.5h", "1h30m", "1w", "1M",
        "15min", "0x10", "4294967296", "49711d", "18446744073709551617", "1\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        uint32_t seconds = 77;
        assert_int_equal(duration_parse(bytes_of_text(TEXTS[i]), &seconds), JWKD_INVALID_ARGUMENT);
        assert_int_equal(seconds, 77);
    }
    uint32_t seconds = 77;
    assert_int_equal(duration_parse(bytes_of("1m\0", 3), &seconds), JWKD_INVALID_ARGUMENT);
    assert_int_equal(seconds, 77);
}

static void number_parse__takes_digits_only(void **state)
{
    (void)state;
    uint32_t number = 0;
    assert_int_equal(number_parse(bytes_of_text("4096"), &number), JWKD_OK);
    assert_int_equal(number, 4096);
    static const char *const TEXTS[] = {"", "4k", "-1", "1s", "4294967296", "1e3"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        assert_int_equal(number_parse(bytes_of_text(TEXTS[i]), &number), JWKD_INVALID_ARGUMENT);
        assert_int_equal(number, 4096);
    }
}

static void duration_format__writes_what_duration_parse_reads(void **state)
{
    (void)state;
    static const struct {
        uint32_t seconds;
        const char *text;
    } ROWS[] = {{0, "0s"}, {59, "59s"}, {60, "1m"}, {90, "90s"}, {900, "15m"}, {3600, "1h"}, {5400, "90m"},
        {86400, "1d"}, {UINT32_MAX, "4294967295s"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[MOMENT_SIZE];
        uint32_t seconds = 1;
        duration_format(ROWS[i].seconds, text);
        assert_string_equal(text, ROWS[i].text);
        assert_int_equal(duration_parse(bytes_of_text(text), &seconds), JWKD_OK);
        assert_int_equal(seconds, ROWS[i].seconds);
    }
}

static void elapsed_format__has_two_digits_or_three(void **state)
{
    (void)state;
    static const struct {
        uint64_t us;
        const char *text;
    } ROWS[] = {{0, "0.0 ms"}, {99, "0.0 ms"}, {850, "0.8 ms"}, {9999, "9.9 ms"}, {10000, "10 ms"},
        {999999, "999 ms"}, {1000000, "1.0 s"}, {9950000, "9.9 s"}, {10000000, "10 s"},
        {UINT64_MAX, "18446744073709 s"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[MOMENT_SIZE];
        elapsed_format(ROWS[i].us, text);
        assert_string_equal(text, ROWS[i].text);
    }
}

static void moment_format__writes_rfc_3339_or_the_number(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *text;
    } ROWS[] = {{0, "1970-01-01T00:00:00Z"}, {1700000000, "2023-11-14T22:13:20Z"},
        {-1, "1969-12-31T23:59:59Z"}, {INT64_C(253402300799), "9999-12-31T23:59:59Z"},
        {INT64_C(253402300800), "253402300800"}, {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[MOMENT_SIZE];
        moment_format(ROWS[i].at, text);
        assert_string_equal(text, ROWS[i].text);
    }
}

static void moment_format_age__tells_past_and_future(void **state)
{
    (void)state;
    static const struct {
        int64_t at, now;
        const char *text;
    } ROWS[] = {{100, 100, "now"}, {58, 100, "42s ago"}, {100, 280, "3m ago"}, {160, 100, "in 1m"},
        {0, 86399, "23h ago"}, {0, 86400 * 12, "12d ago"}, {7300, 100, "in 2h"},
        {INT64_MAX, INT64_MIN, "in 213503982334601d"}, {INT64_MIN, INT64_MAX, "213503982334601d ago"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[MOMENT_SIZE];
        moment_format_age(ROWS[i].at, ROWS[i].now, text);
        assert_string_equal(text, ROWS[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duration_parse__reads_a_number_and_a_unit),
        cmocka_unit_test(duration_parse__refuses_everything_else),
        cmocka_unit_test(number_parse__takes_digits_only),
        cmocka_unit_test(duration_format__writes_what_duration_parse_reads),
        cmocka_unit_test(elapsed_format__has_two_digits_or_three),
        cmocka_unit_test(moment_format__writes_rfc_3339_or_the_number),
        cmocka_unit_test(moment_format_age__tells_past_and_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
