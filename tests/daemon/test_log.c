/* Lines of the log, with all kinds of texts in them. */
#include "wire/cases.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/log.h"

enum { LARGEST = 4096 }; /* lines up to this size are not mixed in a pipe */

/* Writes one line and reads it back, without its end. */
static void line_of(char out[LARGEST], const char *value, const char *second)
{
    int ends[2], stderr_copy = dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    log_info("said", "value", value, "second", second);
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    close(ends[1]);
    ssize_t size = read(ends[0], out, LARGEST - 1);
    close(ends[0]);
    assert_true(size > 0 && out[size - 1] == '\n');
    out[size - 1] = '\0';
    assert_null(strchr(out, '\n'));
}

static void line_ends_in(const char *value, const char *expected)
{
    char line[LARGEST];
    line_of(line, value, "b");
    const char *found = strstr(line, " value=");
    assert_non_null(found);
    assert_string_equal(found + 1, expected);
}

static void text__escapes_what_is_no_text(void **state)
{
    (void)state;
    log_open("info", false);
    line_ends_in("plain", "value=plain second=b");
    line_ends_in("", "value=\"\" second=b");
    line_ends_in("two words", "value=\"two words\" second=b");
    line_ends_in("a=b", "value=\"a=b\" second=b");
    line_ends_in("a=b\"c\\d", "value=\"a=b\\\"c\\\\d\" second=b");
    line_ends_in("a\nlevel=error", "value=\"a\\u000alevel=error\" second=b");
    line_ends_in("\x1b[2J", "value=\"\\u001b[2J\" second=b"); /* clears a terminal */
    line_ends_in("\xc2\x9b"
                 "2J",
        "value=\"\\u009b2J\" second=b"); /* so does this */
    line_ends_in("\x7f", "value=\"\\u007f\" second=b");
    line_ends_in("caf\xc3\xa9", "value=\"caf\xc3\xa9\" second=b");
    line_ends_in("caf\xc3", "value=\"caf\\ufffd\" second=b");
}

static void json__is_an_object_whatever_is_in_it(void **state)
{
    (void)state;
    static const char *const values[] = {
        "", "plain", "a\"b\\c", "a\nb\x1b\x7f", "\xff\xfe", "caf\xc3\xa9", "\xc2\x9b"};
    log_open("info", true);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[LARGEST];
        line_of(line, values[i], "b");
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "message")), "said");
        assert_string_equal(json_string_value(json_object_get(object, "second")), "b");
        if (i < 4) assert_string_equal(json_string_value(json_object_get(object, "value")), values[i]);
        json_decref(object);
    }
}

/* Of every length up to more than a line holds, the ends of escapes and characters falling anywhere. */
static void line__that_is_too_long_stays_whole(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "\"", "\xc3\xa9", "\n", "\xff"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char value[LARGEST] = "", line[LARGEST];
        for (size_t size = 0; size + strlen(pieces[i]) < 2100; size += strlen(pieces[i])) {
            strcpy(value + size, pieces[i]);
            if (size < 280 && i != 0) continue; /* that it fits was seen above */
            log_open("info", true);
            line_of(line, value, "b");
            json_t *object = json_loads(line, 0, NULL);
            assert_non_null(object);
            json_decref(object);
            log_open("info", false);
            line_of(line, value, "b");
            size_t marks = 0;
            for (const char *c = line; *c; c++) {
                if (*c == '\\')
                    c++;
                else
                    marks += *c == '"';
            }
            assert_int_equal(marks % 2, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text__escapes_what_is_no_text),
        cmocka_unit_test(json__is_an_object_whatever_is_in_it),
        cmocka_unit_test(line__that_is_too_long_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
