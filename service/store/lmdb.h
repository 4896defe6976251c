/* The embedded engine: one LMDB database in a directory of its own. */
#ifndef STORE_LMDB_H
#define STORE_LMDB_H

#include "store/store.h"

struct store_lmdb_options {
    const char *directory; /* made, mode 0700, when it does not exist and create is set */
    bool create;           /* make a new store where the directory is empty */
    size_t map_size;       /* bytes of address space; 0: 64 GiB, less where that is refused */
    uint8_t mac_key[STORE_MAC_KEY_SIZE];
    struct bytes key_id; /* names the key-encryption key, written into the marker */
    size_t ballast_size; /* bytes kept back for urgent commits; 0: 1 MiB */
};

/* Both walk every row in a child process first, so that a damaged file cannot take the caller along, and so
 * must be called before any thread is started.
 *
 * NOT_FOUND: there is no store, and it was not to be made. FAILED_PRECONDITION: in use by another process
 * (says its pid); the database is gone, emptied or another store's; or there is a database without its
 * marker. DENIED: sealed under another key-encryption key (says both ids), or not to be read. CORRUPT:
 * damaged. UNSUPPORTED: made by a later version. Each message says what to do next. */

/* Changes nothing and waits for nobody: for `jwkd --check`, beside a running process too. Where nothing is
 * yet but may be made, that is in order. */
jwkd_status store_lmdb_check(
    const struct store_lmdb_options *options, uint64_t *out_rows, jwkd_error *error) MUST_CHECK;

/* Opens (or makes) the store and locks its directory against a second process. A directory that cannot be
 * written opens as STORE_READ_ONLY when the store exists; commits go on by themselves once it can be. */
jwkd_status store_lmdb_open(
    const struct store_lmdb_options *options, struct store **out, jwkd_error *error) MUST_CHECK;

#endif
