#include <setjmp.h>
#include <stdarg.h>

#include "store/lmdb/marker.h"

#include <cmocka.h> /* last: it has a macro named fail */

#define STORE_LINE "store=000102030405060708090a0b0c0d0e0f\n"

static jwkd_status parse(const char *text)
{
    struct marker marker;
    return marker_parse(bytes_of_text(text), &marker);
}

static void marker__reads_what_it_writes(void **state)
{
    (void)state;
    struct marker marker = {.key_id = {0xab, 0xcd}, .key_id_size = 2}, found = {0};
    for (uint8_t i = 0; i < STORE_ID_SIZE; i++)
        marker.store_id[i] = i;
    struct buffer text = {0};
    assert_int_equal(marker_format(&marker, &text), JWKD_OK);
    static const char EXPECTED[] = "format=1\n" STORE_LINE "key=abcd\n";
    assert_int_equal(text.size, sizeof EXPECTED - 1);
    assert_memory_equal(text.data, EXPECTED, text.size);
    assert_int_equal(marker_parse(buffer_bytes(&text), &found), JWKD_OK);
    assert_memory_equal(&found, &marker, sizeof marker);
    for (size_t size = 0; size < text.size; size++) {
        assert_int_equal(marker_parse(bytes_of(text.data, size), &found), JWKD_MALFORMED);
    }
    buffer_clear(&text);
}

static void marker__refuses_everything_else(void **state)
{
    (void)state;
    assert_int_equal(parse("format=1\n" STORE_LINE "key=\n"), JWKD_OK);
    assert_int_equal(parse(""), JWKD_MALFORMED);
    assert_int_equal(parse("format=one\n" STORE_LINE "key=ab\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=\n" STORE_LINE "key=ab\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\n" STORE_LINE "key=ab\n\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\n" STORE_LINE STORE_LINE "key=ab\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\n" STORE_LINE "key=abc\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\n" STORE_LINE "key=AB\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\n" STORE_LINE "lock=ab\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\nkey=ab\n" STORE_LINE), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\nstore=00\nkey=ab\n"), JWKD_MALFORMED);
    assert_int_equal(parse("format=1\r\n" STORE_LINE "key=ab\n"), JWKD_MALFORMED);
    char large[LIMIT_STORE_MARKER + 2];
    memset(large, '0', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    memcpy(large, "format=2\n", 9);
    assert_int_equal(parse(large), JWKD_MALFORMED);
    memcpy(large, "format=1\n" STORE_LINE "key=", 9 + sizeof STORE_LINE - 1 + 4);
    large[9 + sizeof STORE_LINE + 3 + 2 * ENGINE_KEY_ID_SIZE + 2] = '\n';
    large[9 + sizeof STORE_LINE + 3 + 2 * ENGINE_KEY_ID_SIZE + 3] = '\0';
    assert_int_equal(parse(large), JWKD_MALFORMED);
}

static void marker__a_later_format_is_known_as_such(void **state)
{
    (void)state;
    assert_int_equal(parse("format=2\n"), JWKD_UNSUPPORTED);
    assert_int_equal(parse("format=10\nwhatever follows"), JWKD_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(marker__reads_what_it_writes),
        cmocka_unit_test(marker__refuses_everything_else),
        cmocka_unit_test(marker__a_later_format_is_known_as_such),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
