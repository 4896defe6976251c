#include "jose/base64url.h"
#include "jose/support.h"

static void base64url__speaks_the_examples_of_rfc4648(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        CLEANUP(buffer_clear) struct buffer encoded = {0};
        uint8_t decoded[16];
        size_t size;
        assert_ok(base64url_append(B(PAIRS[i][0]), &encoded));
        assert_bytes(PAIRS[i][1], buffer_bytes(&encoded));
        assert_ok(base64url_decode(B(PAIRS[i][1]), decoded, &size));
        assert_bytes(PAIRS[i][0], bytes_of(decoded, size));
    }
}

static void base64url__takes_every_byte_there_and_back(void **state)
{
    (void)state;
    uint8_t all[259], back[259];
    char text[400];
    for (size_t size = 0; size < sizeof all; size++) {
        all[size] = (uint8_t)(size * 167);
        size_t back_size;
        base64url_encode(bytes_of(all, size), text);
        assert_ok(base64url_decode(bytes_of(text, base64url_encoded_size(size)), back, &back_size));
        assert_int_equal(size, back_size);
        assert_memory_equal(all, back, size);
    }
}

static void base64url__refuses_all_but_the_one_spelling(void **state)
{
    (void)state;
    static const char *const BAD[] = {"Z", "ZZZZZ", "Zg==", "Zg=", "Zm8=", "Zh", "Zm9", "Zm+v", "Zm/v",
        "Zm9v\n", " Zm9v", "Zm 9v", "Zm9\xc3"};
    uint8_t out[16];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        size_t size = 77;
        assert_status(JWKD_MALFORMED, base64url_decode(B(BAD[i]), out, &size));
        assert_int_equal(77, size);
    }
}

static void base64url__reads_no_further_than_its_input(void **state)
{
    (void)state;
    uint8_t out[16];
    size_t size;
    for (size_t length = 1; length < 12; length += 4)
        assert_status(JWKD_MALFORMED, base64url_decode(bytes_of("AAAAAAAAAAAA", length), out, &size));
}

static void base64url__knows_64_characters(void **state)
{
    (void)state;
    int known = 0;
    for (int c = 0; c < 256; c++) {
        const uint8_t text[4] = {'A', 'A', 'A', (uint8_t)c};
        uint8_t out[3];
        size_t size;
        known += base64url_decode(bytes_of(text, 4), out, &size) == JWKD_OK;
    }
    assert_int_equal(64, known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url__speaks_the_examples_of_rfc4648),
        cmocka_unit_test(base64url__takes_every_byte_there_and_back),
        cmocka_unit_test(base64url__refuses_all_but_the_one_spelling),
        cmocka_unit_test(base64url__reads_no_further_than_its_input),
        cmocka_unit_test(base64url__knows_64_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
