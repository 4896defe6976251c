/* Byte views (borrowed) and buffers (owned, growing). */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

/* A borrowed run of bytes. Whoever made it says how long it lives. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

/* The characters of a C string without its NUL; NULL gives an empty view. */
static inline struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size = text ? strlen(text) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

/* Zeros, even where nobody reads it again. */
void bytes_wipe(void *data, size_t size);

/* An owned, growing run of bytes. A zeroed buffer is an empty one. One writer at a time. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Appends; NO_MEMORY leaves the buffer as it was. */
jwkd_status buffer_append(struct buffer *buffer, const void *data, size_t size) MUST_CHECK;
jwkd_status buffer_append_bytes(struct buffer *buffer, struct bytes bytes) MUST_CHECK;
jwkd_status buffer_append_text(struct buffer *buffer, const char *text) MUST_CHECK;
jwkd_status buffer_append_format(struct buffer *buffer, const char *format, ...) MUST_CHECK
    __attribute__((format(printf, 2, 3)));
/* Makes room for `more` bytes behind the size, so that they can be written in place. */
jwkd_status buffer_reserve(struct buffer *buffer, size_t more) MUST_CHECK;
/* Frees the memory, wiping it first; the buffer is empty and usable afterwards. */
void buffer_clear(struct buffer *buffer);
static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->size);
}

/* A NUL-terminated copy for the caller to free; NULL when memory is short. */
char *bytes_to_text(struct bytes bytes);

/* Lower-case hexadecimal with a NUL: `out` holds 2 x size + 1 characters. */
void bytes_to_hex(struct bytes bytes, char *out);
/* The reverse: exactly `size` bytes from lower-case hexadecimal. False, with `out` untouched, for anything
 * else. */
bool bytes_from_hex(struct bytes text, uint8_t *out, size_t size);

#endif
