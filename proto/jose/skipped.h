/* The entries of a key set that cannot be used, and why: RFC 7517 section 5 has them ignored. */
#ifndef JOSE_SKIPPED_H
#define JOSE_SKIPPED_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

struct skipped_key {
    size_t index;     /* in the array `keys`, from 0 */
    struct bytes kid; /* as it is written there: any UTF-8 of any length; empty: none, or no string */
    char *reason;     /* NUL-terminated */
};

/* Zeroed: none. */
struct skipped_keys {
    struct skipped_key *items;
    size_t count;
};

/* Copies. NO_MEMORY. */
jwkd_status skipped_keys_add(
    struct skipped_keys *list, size_t index, struct bytes kid, const char *reason) MUST_CHECK;
/* The first that has this kid, which is not empty; NULL: none. */
const struct skipped_key *skipped_keys_find(const struct skipped_keys *list, struct bytes kid);
void skipped_keys_clear(struct skipped_keys *list);

#endif
