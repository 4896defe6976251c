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

static void expect_refused(const char *text, const char *message)
{
    static struct config untouched;
    jwkd_error error = {0};
    memset(&config, 0, sizeof config);
    assert_int_equal(config_parse(bytes_of_text(text), "test.conf", &config, &error), JWKD_INVALID_ARGUMENT);
    if (!strstr(error.message, message)) fail_msg("\"%s\" is not in \"%s\"", message, error.message);
    assert_memory_equal(config.data, untouched.data, sizeof config.data);
}

/* It would be part of the path of a store, which is new and empty. */
static void file__takes_no_comment_for_a_value(void **state)
{
    (void)state;
    static const char *const lines[] = {"data = /srv/jwkd # our keys", "data = /srv/jwkd\t# our keys",
        "data = # our keys", "data = #/srv/jwkd", "data = /srv/jwkd ; our keys", "data=/srv/jwkd #"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_refused(lines[i], "test.conf:1: a comment is a line of its own");
    static const char good[] = "# data = /a\n  # too\ndata = /srv/a#b;c\n";
    assert_int_equal(config_parse(bytes_of_text(good), "test.conf", &config, NULL), JWKD_OK);
    assert_string_equal(config.data, "/srv/a#b;c");
}

static void file__knows_neither_quotation_marks_nor_a_shell(void **state)
{
    (void)state;
    expect_refused(
        "data = \"/srv/jwkd\"", "test.conf:1: the value of data is written without quotation marks");
    expect_refused("data = '/srv/jwkd'", "without quotation marks");
    expect_refused("data = ~/jwkd", "test.conf:1: data is written out");
    expect_refused("data = $HOME/jwkd", "written out");
}

static void file__sets_each_option_once(void **state)
{
    (void)state;
    jwkd_error error = {0};
    static const char twice[] = "data = /a\n\nreserve = 2\ndata = /a\n", urls[] =
                                                                             "listen = tcp://127.0.0.1:1\n"
                                                                             "listen = tcp://127.0.0.1:2\n";
    memset(&config, 0, sizeof config);
    assert_int_equal(config_parse(bytes_of_text(twice), "test.conf", &config, &error), JWKD_INVALID_ARGUMENT);
    assert_string_equal(error.message, "test.conf:4: data is set in line 1 already");
    memset(&config, 0, sizeof config);
    assert_int_equal(config_parse(bytes_of_text(urls), "test.conf", &config, &error), JWKD_OK);
    assert_int_equal(config.listen_count, 2);
}

static void max_lease__spans_several_heartbeats(void **state)
{
    (void)state;
    char program[] = "jwkd", lease[] = "--max-lease=1s", slow[] = "--heartbeat-ms=334",
         fits[] = "--heartbeat-ms=333";
    char *const bad[] = {program, lease, slow, NULL}, *const good[] = {program, lease, fits, NULL};
    jwkd_error error = {0};
    assert_int_equal(config_read(3, bad, &config, &error), JWKD_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "max-lease (1000 ms) is shorter than 3 heartbeats"));
    assert_int_equal(config_read(3, good, &config, NULL), JWKD_OK);
}

/* The arguments are separated by blanks. */
static void expect_told(const char *line, const char *message)
{
    char text[128], *arguments[8], *rest = NULL;
    int count = 0;
    jwkd_error error = {0};
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    assert_int_equal(config_read(count, arguments, &config, &error), JWKD_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void slip__is_told_with_what_was_meant(void **state)
{
    (void)state;
    expect_told(
        "jwkd --dat x", "there is no option \"--dat\"; did you mean --data? (jwkd --help lists them)");
    expect_told("jwkd --max-laese=3s",
        "there is no option \"--max-laese=3s\"; did you mean --max-lease? (jwkd --help lists them)");
    expect_told("jwkd relay --upstrem x",
        "there is no option \"--upstrem\"; did you mean --upstream? (jwkd relay --help lists them)");
    expect_told("jwkd --upstrem x", "there is no option \"--upstrem\" (jwkd --help lists them)");
    expect_told("jwkd relay --dat x", "there is no option \"--dat\" (jwkd relay --help lists them)");
    expect_told("jwkd --", "there is no option \"--\" (jwkd --help lists them)");
    expect_told(
        "jwkd rely", "\"rely\" is not an option; did you mean 'jwkd relay'? (jwkd --help lists them)");
    expect_told("jwkd -data x", "\"-data\" is not an option; did you mean --data? (jwkd --help lists them)");
    expect_told("jwkd nonsense", "\"nonsense\" is not an option; the only word that may come first is "
                                 "'relay' (jwkd --help lists them)");
    expect_told("jwkd relay nonsense", "\"nonsense\" is not an option (jwkd relay --help lists them)");
    expect_refused("dat = /srv", "there is no setting \"dat\"; did you mean data? (jwkd --help lists them)");
    expect_refused("confi = /srv", "there is no setting \"confi\" (jwkd --help lists them)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slip__is_told_with_what_was_meant),
        cmocka_unit_test(max_lease__is_a_time_with_a_unit),
        cmocka_unit_test(max_lease__that_makes_no_sense_is_refused_with_the_line),
        cmocka_unit_test(max_lease__is_half_a_minute_unless_said),
        cmocka_unit_test(max_lease__spans_several_heartbeats),
        cmocka_unit_test(file__takes_no_comment_for_a_value),
        cmocka_unit_test(file__knows_neither_quotation_marks_nor_a_shell),
        cmocka_unit_test(file__sets_each_option_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
