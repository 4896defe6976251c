#include "jose/jws.h"
#include "jose/support.h"

static void ecdsa_der__converts_there_and_back(void **state)
{
    (void)state;
    static const size_t COORDINATES[] = {32, 48, 66};
    static const uint8_t FIRST[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < sizeof FIRST; j++) {
            uint8_t raw[132] = {0}, back[132], der[141];
            size_t coordinate = COORDINATES[i], size = sizeof der;
            memset(raw, 0x5a, 2 * coordinate);
            raw[0] = FIRST[j];
            raw[coordinate] = FIRST[sizeof FIRST - 1 - j];
            assert_ok(ecdsa_to_der(bytes_of(raw, 2 * coordinate), coordinate, der, &size));
            assert_ok(ecdsa_from_der(bytes_of(der, size), coordinate, back));
            assert_memory_equal(raw, back, 2 * coordinate);
        }
    }
}

static void ecdsa_der__writes_zero_as_one_byte(void **state)
{
    (void)state;
    uint8_t raw[64] = {0}, der[72];
    size_t size = sizeof der;
    assert_ok(ecdsa_to_der(bytes_of(raw, 64), 32, der, &size));
    assert_int_equal(8, size);
    assert_memory_equal("\x30\x06\x02\x01\x00\x02\x01\x00", der, 8);
}

static void ecdsa_der__refuses_other_sizes(void **state)
{
    (void)state;
    uint8_t raw[132] = {1}, der[141];
    size_t size = sizeof der;
    assert_status(JWKD_MALFORMED, ecdsa_to_der(bytes_of(raw, 63), 32, der, &size));
    assert_status(JWKD_MALFORMED, ecdsa_to_der(bytes_of(raw, 64), 48, der, &size));
    assert_status(JWKD_MALFORMED, ecdsa_to_der(bytes_of(raw, 0), 0, der, &size));
    size = 7;
    assert_status(JWKD_INVALID_ARGUMENT, ecdsa_to_der(bytes_of(raw, 64), 32, der, &size));
}

static void ecdsa_der__reads_the_one_shortest_form_only(void **state)
{
    (void)state;
    uint8_t raw[64];
    static const struct {
        const char *der;
        size_t size;
    } BAD[] = {
        {"", 0}, {"\x30", 1}, {"\x30\x06\x02\x01\x01\x02\x01", 7}, /* cut short */
        {"\x30\x06\x02\x01\x01\x02\x01\x01\x00", 9},               /* something behind it */
        {"\x30\x07\x02\x01\x01\x02\x01\x01\x00", 9},               /* something inside it */
        {"\x31\x06\x02\x01\x01\x02\x01\x01", 8},                   /* no SEQUENCE */
        {"\x30\x06\x03\x01\x01\x02\x01\x01", 8},                   /* no INTEGER */
        {"\x30\x06\x02\x01\x81\x02\x01\x01", 8},                   /* negative */
        {"\x30\x07\x02\x02\x00\x01\x02\x01\x01", 9},               /* padded without need */
        {"\x30\x05\x02\x00\x02\x01\x01", 7},                       /* empty INTEGER */
        {"\x30\x81\x06\x02\x01\x01\x02\x01\x01", 9},               /* a length longer than need be */
        {"\x30\x80\x02\x01\x01\x02\x01\x01\x00\x00", 10},          /* indefinite length */
        {"\x30\x03\x02\x01\x01", 5},                               /* one number */
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_status(JWKD_MALFORMED, ecdsa_from_der(bytes_of(BAD[i].der, BAD[i].size), 32, raw));
    uint8_t wide[2 + 2 + 33 + 3] = {0x30, 38, 0x02, 33, 0x01};
    memcpy(wide + 37, "\x02\x01\x01", 3);
    assert_status(JWKD_MALFORMED, ecdsa_from_der(bytes_of(wide, sizeof wide), 32, raw));
    assert_ok(ecdsa_from_der(bytes_of(wide, sizeof wide), 48, (uint8_t[96]){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdsa_der__converts_there_and_back),
        cmocka_unit_test(ecdsa_der__writes_zero_as_one_byte),
        cmocka_unit_test(ecdsa_der__refuses_other_sizes),
        cmocka_unit_test(ecdsa_der__reads_the_one_shortest_form_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
