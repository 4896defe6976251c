/* First, since cmocka has a macro of the name fail(). */
#include "base/cleanup.h"
#include "cli/kid.h"
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is printed, by way of a file in place of standard output. */
static void print(const struct table *table, char *out, size_t size)
{
    FILE *file = tmpfile();
    int before = dup(STDOUT_FILENO);
    assert_true(file && before >= 0);
    fflush(stdout);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    assert_int_equal(table_print(table, NULL), JWKD_OK);
    fflush(stdout);
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    close(before);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void table__is_no_wider_than_a_terminal(void **state)
{
    (void)state;
    static const char LONG[] = "https://accounts.example.org/a/very/long/issuer/of/a/tenant/with/a/path";
    CLEANUP(table_clear) struct table table = {.columns = 3, .may_cut = 1U << 0 | 1U << 2};
    table_add(&table, "a-name-of-sixty-characters-which-is-nearly-the-longest-there-is");
    table_add(&table, "ES256");
    table_add(&table, "%s", LONG);
    table_add(&table, "short");
    table_add(&table, "RS256 4096");
    table_add(&table, "-");
    char text[512];
    print(&table, text, sizeof text);
    assert_int_equal(strcspn(text, "\n"), 80);
    assert_non_null(strstr(text, "...  ES256       https://"));
    assert_non_null(strstr(text, "...\nshort "));
    assert_non_null(strstr(text, "  RS256 4096  -\n"));
}

static void table__cuts_nothing_that_fits_or_may_not_be_cut(void **state)
{
    (void)state;
    CLEANUP(table_clear) struct table table = {.columns = 2, .may_cut = 1U << 1};
    table_add(&table, "%090d", 7);
    table_add(&table, "abcdefgh");
    char text[512];
    print(&table, text, sizeof text);
    assert_int_equal(strlen(text), 90 + 2 + 8 + 1);
}

static void table__cuts_between_characters(void **state)
{
    (void)state;
    CLEANUP(table_clear) struct table table = {.columns = 1, .may_cut = 1U << 0};
    char euros[91] = "x", text[512];
    for (size_t i = 1; i + 3 <= 88; i += 3)
        memcpy(euros + i, "\xe2\x82\xac", 4);
    table_add(&table, "%s", euros);
    print(&table, text, sizeof text);
    assert_int_equal(strlen(text), 1 + 3 * 25 + 3 + 1);
}

static void kids__are_shown_as_long_as_they_differ(void **state)
{
    (void)state;
    jwkd_key keys[] = {{.kid = "abcdefghijklmnop"}, {.kid = "abcdefghijkXmnop"}, {.kid = "b"}};
    jwkd_key_list list = {.keys = keys, .count = 3};
    assert_int_equal(kid_shown_length(&list), 12);
    keys[1].kid = "abcdefghijklmXop";
    assert_int_equal(kid_shown_length(&list), 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__is_no_wider_than_a_terminal),
        cmocka_unit_test(table__cuts_nothing_that_fits_or_may_not_be_cut),
        cmocka_unit_test(table__cuts_between_characters),
        cmocka_unit_test(kids__are_shown_as_long_as_they_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
