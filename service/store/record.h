/* A record: what an engine holds for a row. Revision (8 bytes, big-endian), message authentication code (16),
 * value.
 *
 * The code is HMAC-SHA256 (RFC 2104), truncated, over the key's length, the key, the revision and the value:
 * a record that was scribbled on, moved under another key or made by another store does not open. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

enum { RECORD_MAC_SIZE = 16, RECORD_HEAD_SIZE = 8 + RECORD_MAC_SIZE };

/* Makes and checks the codes; any thread. */
struct authenticator;

jwkd_status authenticator_new(const uint8_t key[STORE_MAC_KEY_SIZE], struct authenticator **out) MUST_CHECK;
/* NULL is fine. */
void authenticator_free(struct authenticator *authenticator);

/* Appends the record of a row. */
jwkd_status record_make(
    struct authenticator *authenticator, const struct store_row *row, struct buffer *out) MUST_CHECK;

/* CORRUPT unless `record` is the one made for `key`. The views in the row are into the arguments. */
jwkd_status record_open(struct authenticator *authenticator, struct bytes key, struct bytes record,
    struct store_row *out) MUST_CHECK;

/* The record's message authentication code. The record must have been opened or made. */
const uint8_t *record_mac(struct bytes record);

void put_u64(uint8_t *out, uint64_t value);
uint64_t get_u64(const uint8_t *in);

#endif
