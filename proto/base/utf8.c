#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool within(uint8_t byte, uint8_t low, uint8_t high)
{
    return byte >= low && byte <= high;
}

size_t utf8_size(const uint8_t *p, size_t left)
{
    /* The table of RFC 3629 section 4: the first byte fixes the size and the range of the second. */
    uint8_t first = p[0], low = 0x80, high = 0xbf;
    size_t size;
    if (first < 0x80) {
        return 1;
    } else if (within(first, 0xc2, 0xdf)) {
        size = 2;
    } else if (within(first, 0xe0, 0xef)) {
        size = 3;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
    } else if (within(first, 0xf0, 0xf4)) {
        size = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    if (left < size || !within(p[1], low, high)) return 0;
    for (size_t i = 2; i < size; i++)
        if (!within(p[i], 0x80, 0xbf)) return 0;
    return size;
}

void utf8_trim(char *text)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    uint8_t *out = (uint8_t *)text;
    while (p < end) {
        size_t size = utf8_size(p, (size_t)(end - p));
        if (size) memmove(out, p, size);
        out += size;
        p += size ? size : 1;
    }
    *out = 0;
}

size_t utf8_write(uint32_t code_point, uint8_t *out)
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xc0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3f));
    return 4;
}
