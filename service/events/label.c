#include "events/label.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

static uint32_t decode(const uint8_t *p, size_t size)
{
    static const uint8_t FIRST_BITS[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code_point = p[0] & FIRST_BITS[size];
    for (size_t i = 1; i < size; i++)
        code_point = code_point << 6 | (p[i] & 0x3f);
    return code_point;
}

/* Characters that a terminal acts on, or that make one name look like another. */
static bool printable(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } NOT[] = {
        {0, 0x1f}, {0x7f, 0x9f}, /* controls */
        {0xad, 0xad},            /* soft hyphen */
        {0x61c, 0x61c},          /* direction of writing */
        {0x180e, 0x180e},        /* without width */
        {0x200b, 0x200f},        /* the same, and direction */
        {0x2028, 0x202e},        /* ends of lines, direction */
        {0x2060, 0x206f},        /* without width, direction */
        {0xfeff, 0xfeff},        /* without width */
        {0xfff9, 0xfffb},        /* annotations */
        {0xe0000, 0xe0fff},      /* tags */
    };
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++)
        if (c >= NOT[i].first && c <= NOT[i].last) return false;
    return true;
}

void label_copy(const char *text, char *out, size_t capacity)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t left = strlen(text), used = 0;
    while (left) {
        size_t size = utf8_size(p, left);
        bool good = size && printable(decode(p, size));
        size_t needed = good ? size : 1;
        if (used + needed >= capacity) break;
        if (good)
            memcpy(out + used, p, size);
        else
            out[used] = '?';
        used += needed;
        size_t taken = size ? size : 1;
        p += taken;
        left -= taken;
    }
    out[used] = '\0';
}
