#include "store/lmdb/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEMPORARY_FILE MARKER_FILE ".new"

/* Cuts the line "NAME=value\n" off the front of *text. */
static bool cut_line(struct bytes *text, const char *name, struct bytes *value)
{
    size_t size = strlen(name);
    if (text->size <= size || memcmp(text->data, name, size) != 0 || text->data[size] != '=') return false;
    const uint8_t *start = text->data + size + 1;
    const uint8_t *end = memchr(start, '\n', text->size - size - 1);
    if (!end) return false;
    *value = bytes_of(start, (size_t)(end - start));
    *text = bytes_of(end + 1, text->size - size - 1 - value->size - 1);
    return true;
}

static bool is_number(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return text.size > 0;
}

jwkd_status marker_parse(struct bytes text, struct marker *out)
{
    struct bytes format, store, key;
    if (text.size > LIMIT_STORE_MARKER || !cut_line(&text, "format", &format) || !is_number(format)) {
        return JWKD_MALFORMED;
    }
    if (!bytes_equal_text(format, "1")) return JWKD_UNSUPPORTED;
    if (!cut_line(&text, "store", &store) || !cut_line(&text, "key", &key) || text.size > 0)
        return JWKD_MALFORMED;

    struct marker marker = {.key_id_size = key.size / 2};
    if (marker.key_id_size > ENGINE_KEY_ID_SIZE) return JWKD_MALFORMED;
    if (!bytes_from_hex(store, marker.store_id, sizeof marker.store_id)) return JWKD_MALFORMED;
    if (!bytes_from_hex(key, marker.key_id, marker.key_id_size)) return JWKD_MALFORMED;
    *out = marker;
    return JWKD_OK;
}

jwkd_status marker_format(const struct marker *marker, struct buffer *out)
{
    char store[2 * STORE_ID_SIZE + 1], key[2 * ENGINE_KEY_ID_SIZE + 1];
    bytes_to_hex(bytes_of(marker->store_id, sizeof marker->store_id), store);
    bytes_to_hex(bytes_of(marker->key_id, marker->key_id_size), key);
    return buffer_append_format(out, "format=1\nstore=%s\nkey=%s\n", store, key);
}

jwkd_status marker_read(int directory, const char *path, struct marker *out, jwkd_error *error)
{
    CLEANUP(fd_close_at)
    int fd = openat(directory, MARKER_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return JWKD_NOT_FOUND;
    uint8_t text[LIMIT_STORE_MARKER + 1];
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (size < 0) {
        return fail(error, errno == EACCES ? JWKD_DENIED : JWKD_UNAVAILABLE,
            "%s/" MARKER_FILE " cannot be read: %s", path, strerror(errno));
    }
    jwkd_status status = marker_parse(bytes_of(text, (size_t)size), out);
    if (status == JWKD_UNSUPPORTED) {
        return fail(error, status, "%s was made by a later version of jwkd; run that one", path);
    }
    if (status != JWKD_OK) {
        return fail(error, JWKD_CORRUPT, "%s/" MARKER_FILE " is damaged; restore it from the backup", path);
    }
    return JWKD_OK;
}

static bool write_file(int directory, struct bytes text)
{
    CLEANUP(fd_close_at)
    int fd = openat(directory, TEMPORARY_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    ssize_t put = write(fd, text.data, text.size);
    if (put >= 0 && (size_t)put != text.size) errno = ENOSPC;
    return put == (ssize_t)text.size && fsync(fd) == 0;
}

jwkd_status marker_write(int directory, const char *path, const struct marker *marker, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer text = {0};
    if (marker_format(marker, &text) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "no memory for the marker");
    if (!write_file(directory, buffer_bytes(&text)) ||
        renameat(directory, TEMPORARY_FILE, directory, MARKER_FILE) != 0 || fsync(directory) != 0) {
        return fail(
            error, JWKD_UNAVAILABLE, "%s/" MARKER_FILE " cannot be written: %s", path, strerror(errno));
    }
    return JWKD_OK;
}
