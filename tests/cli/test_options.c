/* First, since cmocka has a macro of the name fail(). */
#include "cli/command.h"
#include "cli/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Splits a command line at its spaces and parses it; the text must outlive `out`. */
static jwkd_status parse(char *line, struct arguments *out, jwkd_error *error)
{
    static char program[] = "jwkctl";
    char *argv[32] = {program};
    int argc = 1;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return arguments_parse(argc, argv, out, error);
}

/* Whether the command line is one that a verb takes. */
static jwkd_status command(char *line, struct cli *out, jwkd_error *error)
{
    const struct verb *verb;
    *out = (struct cli){0};
    TRY(parse(line, &out->arguments, error));
    return command_find(out, &verb, error);
}

static void arguments__options_stand_anywhere(void **state)
{
    (void)state;
    char lines[][80] = {"--json --url ipc:///x sign prod --ttl 15m",
        "sign --ttl=15m prod --url=ipc:///x --json", "sign prod --json --ttl 15m --url ipc:///x --json"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct arguments arguments;
        assert_int_equal(parse(lines[i], &arguments, NULL), JWKD_OK);
        assert_int_equal(arguments.word_count, 2);
        assert_string_equal(arguments.words[0], "sign");
        assert_string_equal(arguments.words[1], "prod");
        assert_true(option_given(&arguments, OPTION_JSON));
        assert_false(option_given(&arguments, OPTION_PEM));
        assert_string_equal(option_text(&arguments, OPTION_URL), "ipc:///x");
        assert_string_equal(option_text(&arguments, OPTION_TTL), "15m");
        assert_null(option_text(&arguments, OPTION_TYPE));
    }
}

static void arguments__dashes_and_empty_values(void **state)
{
    (void)state;
    char line[] = "verify - --iss= --type --type -- --json -x";
    struct arguments arguments;
    jwkd_error error = {0};
    /* An option is never taken for the value of another one... */
    assert_int_equal(parse(line, &arguments, &error), JWKD_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "--type needs a value"));
    /* ... unless it is written as one; behind "--" everything is a word. */
    char right[] = "verify - --iss= --type=--type -- --json -x";
    assert_int_equal(parse(right, &arguments, &error), JWKD_OK);
    assert_int_equal(arguments.word_count, 4);
    assert_string_equal(arguments.words[1], "-");
    assert_string_equal(arguments.words[2], "--json");
    assert_string_equal(arguments.words[3], "-x");
    assert_string_equal(option_text(&arguments, OPTION_ISS), "");
    assert_string_equal(option_text(&arguments, OPTION_TYPE), "--type");
    assert_false(option_given(&arguments, OPTION_JSON));
}

/* As one RFC 7638 thumbprint of 64 does, and one of 4,096 with two. */
static void arguments__a_kid_may_begin_with_a_dash(void **state)
{
    (void)state;
    char line[] = "deactivate prod -Zu4 --invalidate -2b -hi --Q4x -- --abc";
    static const char *const WORDS[] = {"deactivate", "prod", "-Zu4", "-hi", "--Q4x", "--abc"};
    struct arguments arguments;
    assert_int_equal(parse(line, &arguments, NULL), JWKD_OK);
    assert_int_equal(arguments.word_count, sizeof WORDS / sizeof *WORDS);
    for (size_t i = 0; i < arguments.word_count; i++)
        assert_string_equal(arguments.words[i], WORDS[i]);
    assert_string_equal(option_text(&arguments, OPTION_INVALIDATE), "-2b");
    assert_false(option_given(&arguments, OPTION_HELP));

    char lines[][56] = {"deactivate prod -Zu4", "show prod -abc", "show -x prod", "show prod --Zu4_x",
        "retire prod --Q4x --json", "destroy --json prod --Q4x", "set-primary prod -- --abc",
        "generate prod --invalidate --Zu4_x", "show prod -json"};
    static const bool GOOD[] = {true, true, false, true, true, true, true, true, true};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct cli cli;
        jwkd_error error = {0};
        jwkd_status status = command(lines[i], &cli, &error);
        if ((status == JWKD_OK) != GOOD[i]) fail_msg("%s: %s", lines[i], error.message);
    }
}

static void arguments__aud_is_repeatable_up_to_a_limit(void **state)
{
    (void)state;
    char line[] = "sign --aud a --aud b --aud c";
    struct arguments arguments;
    assert_int_equal(parse(line, &arguments, NULL), JWKD_OK);
    assert_int_equal(arguments.options[OPTION_AUD].count, 3);
    assert_string_equal(arguments.options[OPTION_AUD].values[2], "c");

    char *argv[LIMIT_AUDIENCES + 2];
    static char program[] = "jwkctl", option[] = "--aud=a";
    argv[0] = program;
    for (size_t i = 0; i <= LIMIT_AUDIENCES; i++)
        argv[i + 1] = option;
    assert_int_equal(arguments_parse(LIMIT_AUDIENCES + 1, argv, &arguments, NULL), JWKD_OK);
    assert_int_equal(arguments_parse(LIMIT_AUDIENCES + 2, argv, &arguments, NULL), JWKD_INVALID_ARGUMENT);
}

static void arguments__slips_are_named(void **state)
{
    (void)state;
    struct {
        char line[56];
        const char *message;
    } rows[] = {
        {"jwks prod --pemm", "unknown option --pemm; did you mean --pem?"},
        {"list --pemm", "unknown option --pemm"},
        {"list --algo RS256", "unknown option --algo"},
        {"generate a --algorithms RS256", "unknown option --algorithms; did you mean --algorithm?"},
        {"rotate a --tiemout=3s --wait", "unknown option --tiemout; did you mean --timeout?"},
        {"list -j", "unknown option -j"},
        {"list prod -json", "unknown option -json; did you mean --json?"},
        {"list prod --Zu4_x", "unknown option --Zu4_x"},
        {"deactivate prod --yess",
            "unknown option --yess; did you mean --yes? If that is a kid, put '--' before it: -- --yess"},
        {"show prod --zuab", "unknown option --zuab; if that is a kid, put '--' before it: -- --zuab"},
        {"jwks prod --pme", "unknown option --pme; did you mean --pem?"},
        {"jwks prod --pit", "unknown option --pit"},
        {"--halp", "unknown option --halp; did you mean --help?"},
        {"lst prod", "there is no verb 'lst'; did you mean 'list'?"},
        {"destory prod", "there is no verb 'destory'; did you mean 'destroy'?"},
        {"sub", "there is no verb 'sub'; did you mean 'subscribers'?"},
        {"env lst", "there is no verb 'env lst'; did you mean 'env list'?"},
        {"create prod", "there is no verb 'create'; did you mean 'env create'?"},
        {"frobnicate", "there is no verb 'frobnicate'"},
        {"env", "env is the first word of verbs"},
        {"list --json=yes", "--json takes no value"},
        {"list --url", "--url needs a value"},
        {"list --url a --url b", "--url may be given only once"},
        {"a b c d e f g", "too many arguments, from 'g' on"},
        {"a b -- c d e f g", "too many arguments, from 'g' on"},
        {"--=x", "unknown option --"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cli cli;
        jwkd_error error = {0};
        assert_int_equal(command(rows[i].line, &cli, &error), JWKD_INVALID_ARGUMENT);
        if (!strstr(error.message, rows[i].message)) fail_msg("%s", error.message);
        /* A misspelt option is no kid, and not everything is meant. */
        assert_int_equal(!!strstr(error.message, "kid"), !!strstr(rows[i].message, "kid"));
        assert_int_equal(!!strstr(error.message, "mean"), !!strstr(rows[i].message, "mean"));
    }
}

/* 0 is a leeway; only where none is given does a new environment get the default. */
static void environment__has_the_leeway_that_is_asked_for(void **state)
{
    (void)state;
    struct {
        char line[32];
        uint32_t leeway_sec;
        bool none;
    } rows[] = {
        {"a", 0, false}, {"a --leeway 0", 0, true}, {"a --leeway 0m", 0, true}, {"a --leeway 1m", 60, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cli cli = {.words = cli.arguments.words};
        jwkd_environment wanted;
        unsigned fields;
        assert_int_equal(parse(rows[i].line, &cli.arguments, NULL), JWKD_OK);
        assert_int_equal(environment_options(&cli, &wanted, &fields, NULL), JWKD_OK);
        assert_int_equal(wanted.leeway_sec, rows[i].leeway_sec);
        assert_int_equal(wanted.no_leeway, rows[i].none);
    }
}

/* Turning something off is an update too. */
static void environment__rotation_can_be_turned_off(void **state)
{
    (void)state;
    struct {
        char line[48];
        unsigned fields;
        uint32_t rotate_every_sec, jwks_max_age_sec;
    } rows[] = {
        {"a", 0, 0, 0},
        {"a --rotate-every 30d --jwks-max-age 5m", JWKD_SET_ROTATE_EVERY | JWKD_SET_JWKS_MAX_AGE, 2592000,
            300},
        {"a --rotate-every 0", JWKD_SET_ROTATE_EVERY, 0, 0},
        {"a --jwks-max-age 0", JWKD_SET_JWKS_MAX_AGE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cli cli = {.words = cli.arguments.words};
        jwkd_environment wanted;
        unsigned fields = 1;
        assert_int_equal(parse(rows[i].line, &cli.arguments, NULL), JWKD_OK);
        assert_int_equal(environment_options(&cli, &wanted, &fields, NULL), JWKD_OK);
        assert_int_equal(fields, rows[i].fields);
        assert_int_equal(wanted.rotate_every_sec, rows[i].rotate_every_sec);
        assert_int_equal(wanted.jwks_max_age_sec, rows[i].jwks_max_age_sec);
    }
}

static void verbs__are_found_by_one_word_or_two(void **state)
{
    (void)state;
    size_t words = 0;
    const char *const create[] = {"env", "create", "prod"}, *const list[] = {"list", "prod"};
    assert_ptr_equal(verb_find(create, 3, &words), &VERB_ENV_CREATE);
    assert_int_equal(words, 2);
    assert_ptr_equal(verb_find(list, 2, &words), &VERB_LIST);
    assert_int_equal(words, 1);
    const char *const wrong[][2] = {
        {"env", "creat"}, {"en", "create"}, {"envy", "create"}, {"env create", "x"}, {"lis", "x"}, {"", ""}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(verb_find(wrong[i], 2, &words));
    assert_null(verb_find(create, 1, &words));
    assert_null(verb_find(create, 0, &words));
}

/* An option twice in a verb's table, or one name for two options, would show in help only. */
static void verbs__tables_are_consistent(void **state)
{
    (void)state;
    for (const struct verb *const *verb = VERBS; *verb; verb++) {
        bool seen[OPTION_COUNT] = {false};
        assert_true((*verb)->least_words <= (*verb)->most_words && (*verb)->most_words + 2 <= MAX_WORDS);
        assert_true((*verb)->summary && *(*verb)->summary && (*verb)->details && (*verb)->run);
        for (const struct verb_option *option = (*verb)->options; option->help; option++) {
            assert_false(seen[option->option]);
            seen[option->option] = true;
        }
    }
    for (unsigned i = 1; i < OPTION_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(option_name((enum option)i), option_name((enum option)j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments__options_stand_anywhere),
        cmocka_unit_test(arguments__dashes_and_empty_values),
        cmocka_unit_test(arguments__a_kid_may_begin_with_a_dash),
        cmocka_unit_test(arguments__aud_is_repeatable_up_to_a_limit),
        cmocka_unit_test(arguments__slips_are_named),
        cmocka_unit_test(environment__has_the_leeway_that_is_asked_for),
        cmocka_unit_test(environment__rotation_can_be_turned_off),
        cmocka_unit_test(verbs__are_found_by_one_word_or_two),
        cmocka_unit_test(verbs__tables_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
