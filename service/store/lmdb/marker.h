/* The marker: a small text file beside the database that says which database belongs there. LMDB opens an
 * emptied file as a new, empty database, and another store's database without a word. The marker shows
 * both. */
#ifndef STORE_LMDB_MARKER_H
#define STORE_LMDB_MARKER_H

#include "store/engine.h"

#define MARKER_FILE "jwkd.store"

struct marker {
    uint8_t store_id[STORE_ID_SIZE];
    uint8_t key_id[ENGINE_KEY_ID_SIZE]; /* of the key-encryption key */
    size_t key_id_size;
};

/* Three lines: format=1, store=HEX, key=HEX. MALFORMED: it is no marker. UNSUPPORTED: it is of a later
 * format. */
jwkd_status marker_parse(struct bytes text, struct marker *out) MUST_CHECK;
/* Appends the text. */
jwkd_status marker_format(const struct marker *marker, struct buffer *out) MUST_CHECK;

/* `directory` is open; `path` is its name for messages. NOT_FOUND (without message): there is none. */
jwkd_status marker_read(int directory, const char *path, struct marker *out, jwkd_error *error) MUST_CHECK;
/* Writes the marker under another name and renames it, so that a crash leaves none or a whole one. Durable on
 * return. */
jwkd_status marker_write(
    int directory, const char *path, const struct marker *marker, jwkd_error *error) MUST_CHECK;

#endif
