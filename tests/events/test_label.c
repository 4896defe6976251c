#include "wire/cases.h"

#include "events/label.h"

static void check(const char *text, size_t capacity, const char *expected)
{
    char out[64];
    memset(out, 'x', sizeof out);
    label_copy(text, out, capacity);
    assert_string_equal(out, expected);
    assert_int_equal(out[capacity], 'x');
}

static void label__keeps_printable_text(void **state)
{
    (void)state;
    check("", 8, "");
    check("billing (eu-1)", 32, "billing (eu-1)");
    check("K\xc3\xb6ln \xe4\xba\xac \xf0\x9f\x94\x91", 32, "K\xc3\xb6ln \xe4\xba\xac \xf0\x9f\x94\x91");
}

static void label__is_cut_between_characters(void **state)
{
    (void)state;
    check("abcdef", 4, "abc");
    check("ab\xc3\xb6", 4, "ab");
    check("ab\xc3\xb6", 5, "ab\xc3\xb6");
    check("\xf0\x9f\x94\x91", 4, "");
    check("\xf0\x9f\x94\x91", 5, "\xf0\x9f\x94\x91");
    check("a", 1, "");
}

static void label__hides_what_cannot_be_printed(void **state)
{
    (void)state;
    check("a\x1b[31mb\n\t\x7f", 32, "a?[31mb???");
    check("a\xc2\x85z", 32, "a?z");                  /* C1 */
    check("a\xe2\x80\xae\xe2\x80\x8bz", 32, "a??z"); /* right-to-left override, zero width */
    check("\xef\xbb\xbfz", 32, "?z");
    check("\xc3(\xff\xed\xa0\x80", 32, "?(????"); /* no UTF-8, a surrogate */
    check("end\xe4\xba", 32, "end??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label__keeps_printable_text),
        cmocka_unit_test(label__is_cut_between_characters),
        cmocka_unit_test(label__hides_what_cannot_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
