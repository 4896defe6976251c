#include "jose/base64url.h"

static const char ALPHABET[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A character's six bits with VALID set; 0 for characters outside the alphabet. */
enum { VALID = 0x80, SIX_BITS = 0x3f };
// clang-format off
#define V(character, value) [character] = VALID | (value)
static const uint8_t VALUES[256] = {
    V('A', 0), V('B', 1), V('C', 2), V('D', 3), V('E', 4), V('F', 5), V('G', 6), V('H', 7),
    V('I', 8), V('J', 9), V('K', 10), V('L', 11), V('M', 12), V('N', 13), V('O', 14), V('P', 15),
    V('Q', 16), V('R', 17), V('S', 18), V('T', 19), V('U', 20), V('V', 21), V('W', 22), V('X', 23),
    V('Y', 24), V('Z', 25), V('a', 26), V('b', 27), V('c', 28), V('d', 29), V('e', 30), V('f', 31),
    V('g', 32), V('h', 33), V('i', 34), V('j', 35), V('k', 36), V('l', 37), V('m', 38), V('n', 39),
    V('o', 40), V('p', 41), V('q', 42), V('r', 43), V('s', 44), V('t', 45), V('u', 46), V('v', 47),
    V('w', 48), V('x', 49), V('y', 50), V('z', 51), V('0', 52), V('1', 53), V('2', 54), V('3', 55),
    V('4', 56), V('5', 57), V('6', 58), V('7', 59), V('8', 60), V('9', 61), V('-', 62), V('_', 63),
};
#undef V
// clang-format on

void base64url_encode(struct bytes in, char *out)
{
    const uint8_t *p = in.data;
    size_t left = in.size;
    for (; left >= 3; left -= 3, p += 3) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *out++ = ALPHABET[bits >> 18];
        *out++ = ALPHABET[bits >> 12 & SIX_BITS];
        *out++ = ALPHABET[bits >> 6 & SIX_BITS];
        *out++ = ALPHABET[bits & SIX_BITS];
    }
    if (left == 0) return;
    uint32_t bits = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);
    *out++ = ALPHABET[bits >> 18];
    *out++ = ALPHABET[bits >> 12 & SIX_BITS];
    if (left == 2) *out++ = ALPHABET[bits >> 6 & SIX_BITS];
}

jwkd_status base64url_append(struct bytes in, struct buffer *out)
{
    if (in.size == 0) return JWKD_OK;
    size_t size = base64url_encoded_size(in.size);
    TRY(buffer_reserve(out, size));
    base64url_encode(in, (char *)out->data + out->size);
    out->size += size;
    return JWKD_OK;
}

jwkd_status base64url_decode(struct bytes in, uint8_t *out, size_t *out_size)
{
    const uint8_t *p = in.data;
    uint8_t *to = out;
    uint8_t valid = VALID; /* stays set as long as every character is in the alphabet */
    for (size_t groups = in.size / 4; groups > 0; groups--, p += 4, to += 3) {
        uint8_t a = VALUES[p[0]], b = VALUES[p[1]], c = VALUES[p[2]], d = VALUES[p[3]];
        valid &= a & b & c & d;
        to[0] = (uint8_t)(a << 2 | (b & SIX_BITS) >> 4);
        to[1] = (uint8_t)(b << 4 | (c & SIX_BITS) >> 2);
        to[2] = (uint8_t)(c << 6 | (d & SIX_BITS));
    }
    size_t rest = in.size % 4;
    if (rest == 1) return JWKD_MALFORMED;
    if (rest) {
        uint8_t a = VALUES[p[0]], b = VALUES[p[1]], c = rest == 3 ? VALUES[p[2]] : VALID;
        valid &= a & b & c;
        /* The bits behind the last byte must be zero, or one value would have many spellings. */
        if (rest == 2 ? b & 0x0f : c & 0x03) return JWKD_MALFORMED;
        *to++ = (uint8_t)(a << 2 | (b & SIX_BITS) >> 4);
        if (rest == 3) *to++ = (uint8_t)(b << 4 | (c & SIX_BITS) >> 2);
    }
    if (!valid) return JWKD_MALFORMED;
    *out_size = in.size * 3 / 4;
    return JWKD_OK;
}
