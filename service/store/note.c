#include "store/note.h"

#include "base/cleanup.h"

enum { SIZE_BYTES = 4 };

/* No row's key begins with a zero byte, so no row's record opens as a note's. */
static const struct bytes NOTE_KEY = {(const uint8_t *)"\0note", 5};

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = SIZE_BYTES - 1; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *in)
{
    uint32_t value = 0;
    for (int i = 0; i < SIZE_BYTES; i++)
        value = value << 8 | in[i];
    return value;
}

static jwkd_status put(struct buffer *out, struct bytes text)
{
    uint8_t size[SIZE_BYTES];
    put_u32(size, (uint32_t)text.size);
    TRY(buffer_append(out, size, sizeof size));
    return buffer_append_bytes(out, text);
}

/* Cuts a text and its size off the front of *from. */
static bool cut(struct bytes *from, struct bytes *out)
{
    if (from->size < SIZE_BYTES) return false;
    size_t size = get_u32(from->data);
    if (size > from->size - SIZE_BYTES) return false;
    *out = bytes_of(from->data + SIZE_BYTES, size);
    *from = bytes_of(out->data + size, from->size - SIZE_BYTES - size);
    return true;
}

static size_t value_size(const struct note *note)
{
    size_t size = SIZE_BYTES + note->guard.size;
    for (size_t i = 0; i < note->count; i++)
        size += 2 * SIZE_BYTES + note->changes[i].key.size + note->changes[i].record.size;
    return size;
}

static jwkd_status put_value(const struct note *note, struct buffer *out)
{
    TRY(put(out, note->guard));
    for (size_t i = 0; i < note->count; i++) {
        TRY(put(out, note->changes[i].key));
        TRY(put(out, note->changes[i].record));
    }
    return JWKD_OK;
}

jwkd_status note_make(struct authenticator *authenticator, const struct note *note, struct buffer *out)
{
    CLEANUP(buffer_clear) struct buffer value = {0};
    if (note->count > NOTE_CHANGES) return JWKD_RESOURCE_EXHAUSTED;
    size_t size = value_size(note);
    if (SIZE_BYTES + RECORD_HEAD_SIZE + size > ENGINE_NOTE_SIZE) return JWKD_RESOURCE_EXHAUSTED;
    TRY(buffer_reserve(&value, size));
    TRY(put_value(note, &value));
    uint8_t head[SIZE_BYTES];
    put_u32(head, (uint32_t)(RECORD_HEAD_SIZE + size));
    TRY(buffer_append(out, head, sizeof head));
    return record_make(authenticator,
        &(struct store_row){.key = NOTE_KEY, .value = buffer_bytes(&value), .revision = note->revision}, out);
}

jwkd_status note_read(struct bytes value, struct note *out)
{
    out->count = 0;
    if (!cut(&value, &out->guard)) return JWKD_CORRUPT;
    for (; value.size; out->count++) {
        if (out->count == NOTE_CHANGES) return JWKD_CORRUPT;
        struct engine_change *change = &out->changes[out->count];
        if (!cut(&value, &change->key) || !cut(&value, &change->record)) return JWKD_CORRUPT;
    }
    return JWKD_OK;
}

jwkd_status note_open(struct authenticator *authenticator, struct bytes kept, struct note *out)
{
    struct bytes record;
    struct store_row row;
    if (!cut(&kept, &record)) return JWKD_CORRUPT;
    TRY(record_open(authenticator, NOTE_KEY, record, &row));
    out->revision = row.revision;
    return note_read(row.value, out);
}
