#include "base/utf8.h"

#include "wire/cases.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_utf8(const char *text)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    for (size_t size; p < end; p += size)
        if ((size = utf8_size(p, (size_t)(end - p))) == 0) return false;
    return true;
}

/* The cut falls before, within and behind characters of two, three and four bytes. */
static void message__is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "\xf0\x9f\x94\x91\xf0\x9f\x94\x91\xf0\x9f\x94\x91"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        for (int cut = 0; cut <= 8; cut++) {
            jwkd_error error = {0};
            assert_int_equal(
                (fail)(&error, JWKD_NOT_FOUND, "no \"%.*s\" here", cut, TEXTS[i]), JWKD_NOT_FOUND);
            size_t left = strlen(error.message) - strlen("no \"\" here");
            assert_true(is_utf8(error.message));
            assert_true(left <= (size_t)cut && left + 4 > (size_t)cut);
            assert_memory_equal(error.message + 4, TEXTS[i], left);
            assert_string_equal(error.message + 4 + left, "\" here");
        }
    }
}

static void message__that_is_too_long_ends_with_a_character(void **state)
{
    (void)state;
    char text[512] = {0};
    for (size_t i = 0; i + 4 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    for (int indent = 0; indent < 3; indent++) {
        jwkd_error error = {0};
        assert_int_equal((fail)(&error, JWKD_NOT_FOUND, "%*s%s", indent, "", text), JWKD_NOT_FOUND);
        assert_true(is_utf8(error.message));
        assert_true(strlen(error.message) > sizeof error.message - 4);
    }
}

static void message__leaves_out_what_is_no_character(void **state)
{
    (void)state;
    jwkd_error error = {0};
    assert_int_equal((fail)(&error, JWKD_NOT_FOUND,
                         "a\xff"
                         "b\xc3"
                         "c\xed\xa0\x80"
                         "d\x80"),
        JWKD_NOT_FOUND);
    assert_string_equal(error.message, "abcd");
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(message__is_cut_between_characters),
        cmocka_unit_test(message__that_is_too_long_ends_with_a_character),
        cmocka_unit_test(message__leaves_out_what_is_no_character),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
