#include "access/api_token.h"

#include "base/random.h"

static const char PREFIX[] = "jwkd_";
enum {
    PREFIX_SIZE = sizeof PREFIX - 1,
    SECRET_AT = PREFIX_SIZE + API_TOKEN_ID + 1,
    CHECKSUM_AT = SECRET_AT + API_TOKEN_SECRET,
};

static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";

/* ---- characters */

/* Each random byte gives one character: five of its bits. */
static jwkd_status fill_random(char *out, size_t size)
{
    uint8_t random[API_TOKEN_SECRET];
    jwkd_status status = random_fill(random, size);
    for (size_t i = 0; status == JWKD_OK && i < size; i++)
        out[i] = ALPHABET[random[i] & 31];
    bytes_wipe(random, sizeof random);
    return status;
}

static bool is_base32(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '2' && text[i] <= '7'))) return false;
    return true;
}

/* CRC-32 as in zlib and gzip (RFC 1952 section 8), four bits at a time. */
static uint32_t crc32_of(const uint8_t *data, size_t size)
{
    static const uint32_t OF_FOUR[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
        0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
        0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ OF_FOUR[crc & 15];
        crc = crc >> 4 ^ OF_FOUR[crc & 15];
    }
    return ~crc;
}

/* 32 bits in seven characters: the last three bits are zero. */
static void write_checksum(const uint8_t *token, char out[API_TOKEN_CHECKSUM])
{
    uint64_t bits = (uint64_t)crc32_of(token, CHECKSUM_AT) << 3;
    for (int i = API_TOKEN_CHECKSUM - 1; i >= 0; i--, bits >>= 5)
        out[i] = ALPHABET[bits & 31];
}

/* ---- tokens */

static jwkd_status digest_of(const uint8_t *token, uint8_t out[SHA256_SIZE])
{
    return alg_sha256(bytes_of(token + SECRET_AT, API_TOKEN_SECRET), out);
}

jwkd_status api_token_mint(
    char out[API_TOKEN_SIZE + 1], char out_id[API_TOKEN_ID + 1], uint8_t out_digest[SHA256_SIZE])
{
    const uint8_t *token = (const uint8_t *)out;
    memcpy(out, PREFIX, PREFIX_SIZE);
    TRY(fill_random(out + PREFIX_SIZE, API_TOKEN_ID));
    out[SECRET_AT - 1] = '_';
    TRY(fill_random(out + SECRET_AT, API_TOKEN_SECRET));
    write_checksum(token, out + CHECKSUM_AT);
    out[API_TOKEN_SIZE] = '\0';
    memcpy(out_id, out + PREFIX_SIZE, API_TOKEN_ID);
    out_id[API_TOKEN_ID] = '\0';
    return digest_of(token, out_digest);
}

bool api_token_read(struct bytes text, char out_id[API_TOKEN_ID + 1], uint8_t out_digest[SHA256_SIZE])
{
    char checksum[API_TOKEN_CHECKSUM];
    if (text.size != API_TOKEN_SIZE || memcmp(text.data, PREFIX, PREFIX_SIZE) != 0) return false;
    if (text.data[SECRET_AT - 1] != '_' || !is_base32(text.data + PREFIX_SIZE, API_TOKEN_ID) ||
        !is_base32(text.data + SECRET_AT, API_TOKEN_SECRET))
        return false;
    write_checksum(text.data, checksum);
    if (memcmp(text.data + CHECKSUM_AT, checksum, sizeof checksum) != 0) return false;
    memcpy(out_id, text.data + PREFIX_SIZE, API_TOKEN_ID);
    out_id[API_TOKEN_ID] = '\0';
    return digest_of(text.data, out_digest) == JWKD_OK;
}

bool api_token_is(const uint8_t digest[SHA256_SIZE], const uint8_t other[SHA256_SIZE])
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < SHA256_SIZE; i++)
        difference |= digest[i] ^ other[i];
    return difference == 0;
}
