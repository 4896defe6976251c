#include "wire/cases.h"

#include "domain/environment.h"

static struct environment good(void)
{
    struct environment environment = {.name = "shop", .default_alg = ALG_ES256};
    environment_defaults(&environment);
    return environment;
}

static void name__is_lower_case_and_short(void **state)
{
    (void)state;
    char longest[LIMIT_ENVIRONMENT_NAME + 2];
    memset(longest, 'a', sizeof longest);
    longest[LIMIT_ENVIRONMENT_NAME + 1] = '\0';
    assert_false(environment_name_valid(longest));
    longest[LIMIT_ENVIRONMENT_NAME] = '\0';
    assert_true(environment_name_valid(longest));
    static const char *const valid[] = {"a", "0", "shop-1.eu_west"}, *const invalid[] = {"", "-a", ".a", "_a",
                                                                         "A", "a/", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        assert_true(environment_name_valid(valid[i]));
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        assert_false(environment_name_valid(invalid[i]));
}

static void name__that_is_an_address_is_reserved(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        "api", "console", "metrics", "healthz", "readyz", "openapi.json", "static", "follow"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        assert_true(environment_name_reserved(reserved[i]));
        assert_true(environment_name_valid(reserved[i])); /* there may be one from before */
    }
    static const char *const free[] = {"", "ap", "api-v2", "my-console", "openapi", "follower"};
    for (size_t i = 0; i < sizeof free / sizeof *free; i++)
        assert_false(environment_name_reserved(free[i]));
}

static void defaults__are_valid_and_as_documented(void **state)
{
    (void)state;
    struct environment environment = {.name = "shop"};
    environment_defaults(&environment);
    assert_int_equal(environment_validate(&environment, NULL), JWKD_OK);
    assert_int_equal(environment.default_alg, ALG_RS256);
    assert_int_equal(environment.default_bits, 4096);
    assert_int_equal(environment.max_token_lifetime_sec, 3600);
    assert_int_equal(environment.default_token_lifetime_sec, 900);
    assert_int_equal(environment.leeway_sec, 30);
}

static void settings__out_of_range_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct environment cases[6];
    for (size_t i = 0; i < 6; i++)
        cases[i] = good();
    cases[0].name[0] = '-';
    cases[1].max_token_lifetime_sec = LIMIT_TOKEN_LIFETIME_SEC + 1;
    cases[2].default_token_lifetime_sec = cases[2].max_token_lifetime_sec + 1;
    cases[3].leeway_sec = LIMIT_LEEWAY_SEC + 1;
    strcpy(cases[4].issuer, "a\nb");
    cases[5].default_bits = 2048; /* not of an EC key */
    struct environment base = good();
    assert_int_equal(environment_validate(&base, NULL), JWKD_OK);
    for (size_t i = 0; i < 6; i++) {
        jwkd_error error = {0};
        assert_int_equal(environment_validate(&cases[i], &error), JWKD_INVALID_ARGUMENT);
        assert_true(error.message[0] != '\0');
    }
}

static void settings__have_bounds_of_their_own(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint32_t most;
        const char *message;
    } ROWS[] = {
        {offsetof(struct environment, max_token_lifetime_sec), LIMIT_TOKEN_LIFETIME_SEC,
            "the largest token lifetime is 1 to 31622400 seconds"},
        {offsetof(struct environment, leeway_sec), LIMIT_LEEWAY_SEC, "the leeway is at most 600 seconds"},
        {offsetof(struct environment, rotate_every_sec), LIMIT_ROTATE_EVERY_SEC,
            "keys rotate by schedule at least every 316224000 seconds"},
        {offsetof(struct environment, jwks_max_age_sec), LIMIT_JWKS_MAX_AGE_SEC,
            "a JWKS may be kept for at most 86400 seconds"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct environment environment = good();
        jwkd_error error = {0};
        memcpy((char *)&environment + ROWS[i].offset, &ROWS[i].most, sizeof ROWS[i].most);
        assert_int_equal(environment_validate(&environment, NULL), JWKD_OK);
        uint32_t over = ROWS[i].most + 1;
        memcpy((char *)&environment + ROWS[i].offset, &over, sizeof over);
        assert_int_equal(environment_validate(&environment, &error), JWKD_INVALID_ARGUMENT);
        assert_string_equal(error.message, ROWS[i].message);
    }
    struct environment environment = good();
    jwkd_error error = {0};
    environment.max_token_lifetime_sec = 0;
    assert_int_equal(environment_validate(&environment, &error), JWKD_INVALID_ARGUMENT);
    assert_string_equal(error.message, ROWS[0].message);
    environment = good();
    strcpy(environment.default_audience, "a\x7f");
    assert_int_equal(environment_validate(&environment, &error), JWKD_INVALID_ARGUMENT);
    assert_string_equal(error.message, "default_audience is UTF-8 without control characters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name__is_lower_case_and_short),
        cmocka_unit_test(name__that_is_an_address_is_reserved),
        cmocka_unit_test(defaults__are_valid_and_as_documented),
        cmocka_unit_test(settings__out_of_range_are_refused_with_a_reason),
        cmocka_unit_test(settings__have_bounds_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
