#include "base/bytes.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void bytes_wipe(void *data, size_t size)
{
    OPENSSL_cleanse(data, size);
}

jwkd_status buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more > SIZE_MAX / 2 - buffer->size) return JWKD_NO_MEMORY;
    size_t needed = buffer->size + more;
    if (needed <= buffer->capacity) return JWKD_OK;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    /* Not realloc: it would leave an unwiped copy behind. */
    uint8_t *data = malloc(capacity);
    if (!data) return JWKD_NO_MEMORY;
    if (buffer->size) memcpy(data, buffer->data, buffer->size);
    size_t size = buffer->size;
    buffer_clear(buffer);
    *buffer = (struct buffer){.data = data, .size = size, .capacity = capacity};
    return JWKD_OK;
}

jwkd_status buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    TRY(buffer_reserve(buffer, size));
    if (size) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return JWKD_OK;
}

jwkd_status buffer_append_bytes(struct buffer *buffer, struct bytes bytes)
{
    return buffer_append(buffer, bytes.data, bytes.size);
}

jwkd_status buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

jwkd_status buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    jwkd_status status = length < 0 ? JWKD_INTERNAL : buffer_reserve(buffer, (size_t)length + 1);
    if (status == JWKD_OK) {
        vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    return status;
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->data) {
        bytes_wipe(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    *buffer = (struct buffer){0};
}

char *bytes_to_text(struct bytes bytes)
{
    char *text = malloc(bytes.size + 1);
    if (!text) return NULL;
    if (bytes.size) memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

void bytes_to_hex(struct bytes bytes, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        out[2 * i] = DIGITS[bytes.data[i] >> 4];
        out[2 * i + 1] = DIGITS[bytes.data[i] & 15];
    }
    out[2 * bytes.size] = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bytes_from_hex(struct bytes text, uint8_t *out, size_t size)
{
    if (text.size % 2 != 0 || text.size / 2 != size) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (hex_digit(text.data[i]) < 0) return false;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 | hex_digit(text.data[2 * i + 1]));
    }
    return true;
}
