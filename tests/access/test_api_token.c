#include "access/api_token.h"

#include "wire/cases.h"

/* Made by another program: CRC-32 of zlib, base32 and SHA-256 of Python. */
static const char TOKEN[] = "jwkd_ab2cd3ef4g_abcdefghijklmnopqrstuvwxyzfk3eenq";
static const char ID[] = "ab2cd3ef4g";
static const char DIGEST[] = "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73";

static bool reads(const char *text, size_t size)
{
    char id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
    return api_token_read(bytes_of(text, size), id, digest);
}

static void token__is_taken_apart(void **state)
{
    (void)state;
    char id[API_TOKEN_ID + 1], hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];
    assert_true(api_token_read(bytes_of_text(TOKEN), id, digest));
    bytes_to_hex(bytes_of(digest, sizeof digest), hex);
    assert_string_equal(id, ID);
    assert_string_equal(hex, DIGEST);
}

static void minted__token_is_read(void **state)
{
    (void)state;
    char token[API_TOKEN_SIZE + 1], other[API_TOKEN_SIZE + 1], id[API_TOKEN_ID + 1],
        read_id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE], read_digest[SHA256_SIZE];
    for (int i = 0; i < 100; i++) {
        assert_int_equal(api_token_mint(token, id, digest), JWKD_OK);
        assert_int_equal(strlen(token), API_TOKEN_SIZE);
        assert_true(api_token_read(bytes_of_text(token), read_id, read_digest));
        assert_string_equal(id, read_id);
        assert_true(api_token_is(digest, read_digest));
        assert_int_equal(api_token_mint(other, read_id, read_digest), JWKD_OK);
        assert_string_not_equal(token, other);
        assert_false(api_token_is(digest, read_digest));
    }
}

/* Whichever character it is, it shows before anything is looked up. */
static void one_wrong_character__shows(void **state)
{
    (void)state;
    char token[API_TOKEN_SIZE + 1];
    for (size_t i = 0; i < API_TOKEN_SIZE; i++) {
        for (int c = 1; c < 256; c++) {
            memcpy(token, TOKEN, sizeof token);
            if (token[i] == (char)c) continue;
            token[i] = (char)c;
            if (reads(token, API_TOKEN_SIZE)) fail_msg("%s is read", token);
        }
    }
}

static void another_size__is_no_token(void **state)
{
    (void)state;
    char token[API_TOKEN_SIZE + 2] = "";
    memcpy(token, TOKEN, API_TOKEN_SIZE);
    for (size_t size = 0; size < API_TOKEN_SIZE; size++)
        assert_false(reads(token, size));
    token[API_TOKEN_SIZE] = 'a';
    assert_false(reads(token, API_TOKEN_SIZE + 1));
    assert_false(reads(NULL, 0));
}

static void digests__differ_in_any_bit(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE] = {1, 2, 3}, other[SHA256_SIZE];
    for (size_t bit = 0; bit < 8 * SHA256_SIZE; bit++) {
        memcpy(other, digest, sizeof other);
        assert_true(api_token_is(digest, other));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(api_token_is(digest, other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token__is_taken_apart),
        cmocka_unit_test(minted__token_is_read),
        cmocka_unit_test(one_wrong_character__shows),
        cmocka_unit_test(another_size__is_no_token),
        cmocka_unit_test(digests__differ_in_any_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
