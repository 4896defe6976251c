/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The size of the character at `p`, where `left` bytes (at least one) can be read; 0: there is none. */
size_t utf8_size(const uint8_t *p, size_t left);
/* Takes out of a C string what is no whole character. */
void utf8_trim(char *text);
/* Writes a code point that is no surrogate and at most U+10FFFF; returns its size, 1 to 4. */
size_t utf8_write(uint32_t code_point, uint8_t *out);

#endif
