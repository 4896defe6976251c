#include "access/principal.h"

#include "base/limits.h"
#include "wire/cases.h"

static void principal__that_something_may_be_granted_to(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"uid:0", "uid:1000", "uid:*", "account:ci", "account:*",
        "spiffe://prod/billing", "spiffe://prod/*", "spiffe://*", "dns:host.example.org", "jwt:ci/*", NULL};
    static const char *const BAD[] = {"", "*", "uid:", "uid:x", "uid:01", "uid:1*", "root", "anonymous",
        "service:schedule", "relayed:uid:0", "relayed:*", "service:*", "spiffe://prod/bil*", "account:a b",
        "account:\xc3\xa9", "uid:*:*", "account:*x", "UID:0", NULL};
    jwkd_error error = {0};
    for (size_t i = 0; GOOD[i]; i++)
        if (principal_check(GOOD[i], &error) != JWKD_OK) fail_msg("%s: %s", GOOD[i], error.message);
    for (size_t i = 0; BAD[i]; i++)
        if (principal_check(BAD[i], &error) != JWKD_INVALID_ARGUMENT) fail_msg("%s is taken", BAD[i]);
}

static void principal__is_never_cut(void **state)
{
    (void)state;
    char text[LIMIT_PRINCIPAL + 2] = "account:";
    memset(text + 8, 'a', LIMIT_PRINCIPAL - 8);
    assert_int_equal(principal_check(text, NULL), JWKD_OK);
    text[LIMIT_PRINCIPAL] = 'a';
    assert_int_equal(principal_check(text, NULL), JWKD_INVALID_ARGUMENT);
}

static void environment__that_something_may_be_granted_in(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"shop", "*", "tenant-*", "eu.*", "a_*", "9", NULL};
    static const char *const BAD[] = {
        "", "**", "tenant*", "tenant-1*", "-*", "*-a", "Shop", "a b", "tenant-*-x", "*x", NULL};
    jwkd_error error = {0};
    for (size_t i = 0; GOOD[i]; i++)
        if (environment_pattern_check(GOOD[i], &error) != JWKD_OK) fail_msg("%s: %s", GOOD[i], error.message);
    for (size_t i = 0; BAD[i]; i++)
        if (environment_pattern_check(BAD[i], &error) != JWKD_INVALID_ARGUMENT)
            fail_msg("%s is taken", BAD[i]);
}

static void expect(struct patterns *patterns, const char *const *wanted)
{
    struct bytes prefix;
    bool exact, first = true;
    for (; *wanted; wanted++, first = false) {
        assert_true(patterns_next(patterns, &prefix, &exact));
        if (!bytes_equal_text(prefix, *wanted))
            fail_msg("\"%.*s\" is not \"%s\"", (int)prefix.size, (const char *)prefix.data, *wanted);
        assert_int_equal(exact, first);
    }
    assert_false(patterns_next(patterns, &prefix, &exact));
}

static void patterns__go_from_the_text_to_the_shortest(void **state)
{
    (void)state;
    struct patterns patterns;
    patterns_of_principal(&patterns, "spiffe://prod/billing/api");
    expect(&patterns, (const char *const[]){"spiffe://prod/billing/api", "spiffe://prod/billing/",
                          "spiffe://prod/", "spiffe://", "spiffe:/", "spiffe:", NULL});
    patterns_of_principal(&patterns, "uid:10");
    expect(&patterns, (const char *const[]){"uid:10", "uid:", NULL});
    patterns_of_principal(&patterns, "anonymous");
    expect(&patterns, (const char *const[]){"anonymous", NULL});
    patterns_of_environment(&patterns, "eu-shop.one");
    expect(&patterns, (const char *const[]){"eu-shop.one", "eu-shop.", "eu-", "", NULL});
    patterns_of_environment(&patterns, "");
    expect(&patterns, (const char *const[]){"", "", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(principal__that_something_may_be_granted_to),
        cmocka_unit_test(principal__is_never_cut),
        cmocka_unit_test(environment__that_something_may_be_granted_in),
        cmocka_unit_test(patterns__go_from_the_text_to_the_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
