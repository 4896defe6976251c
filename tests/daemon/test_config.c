#include "wire/cases.h"

#include <stdio.h>

#include "daemon/config.h"

static struct config config;

static jwkd_status parse(const char *value, jwkd_error *error)
{
    char text[64];
    snprintf(text, sizeof text, "max-lease = %s\n", value);
    return config_parse(bytes_of_text(text), "test.conf", &config, error);
}

static void max_lease__is_a_time_with_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t ms;
    } cases[] = {{"3s", 3000}, {"3", 3000}, {"1500ms", 1500}, {"2m", 120000}, {"1s", 1000}, {"10m", 600000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].value, NULL), JWKD_OK);
        assert_int_equal(config.max_lease_ms, cases[i].ms);
    }
}

static void max_lease__that_makes_no_sense_is_refused_with_the_line(void **state)
{
    (void)state;
    static const char *const values[] = {"", "s", "ms", "999ms", "0", "601", "11m", "3h", "3 s", "-3s", "+3",
        "3.5s", "3ss", "99999999999s", "18446744073709551617m", "0x3s"};
    config.max_lease_ms = 77;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        jwkd_error error = {0};
        assert_int_equal(parse(values[i], &error), JWKD_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "test.conf:1: max-lease is a time from 1 to 600 seconds"));
        assert_int_equal(config.max_lease_ms, 77);
    }
}

static void max_lease__is_half_a_minute_unless_said(void **state)
{
    (void)state;
    char program[] = "jwkd", option[] = "--max-lease=3s";
    char *const alone[] = {program, NULL}, *const with[] = {program, option, NULL};
    assert_int_equal(config_read(1, alone, &config, NULL), JWKD_OK);
    assert_int_equal(config.max_lease_ms, 30000);
    assert_int_equal(config_read(2, with, &config, NULL), JWKD_OK);
    assert_int_equal(config.max_lease_ms, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_lease__is_a_time_with_a_unit),
        cmocka_unit_test(max_lease__that_makes_no_sense_is_refused_with_the_line),
        cmocka_unit_test(max_lease__is_half_a_minute_unless_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
