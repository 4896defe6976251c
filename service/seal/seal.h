/* Sealing private keys at rest: AES-256-GCM under a key-encryption key from a file. */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H

#include <sys/types.h>

#include "base/secret.h"

struct seal;

enum { SEAL_ID_SIZE = 8, SEAL_OVERHEAD = 1 + 12 + 16 };

/* Reads the key-encryption key from `path`; with `create`, makes it where the file does not exist (mode 0600,
 * synced to disk together with its directory). Symbolic links to it are followed, when reading only. DENIED
 * when it belongs to neither the caller nor root, is no regular file, or others can read or write it (a group
 * that root gave it to may read it, unless it is the caller's main one). MALFORMED when it does not hold a
 * key. NOT_FOUND without `create`. */
jwkd_status seal_open(const char *path, bool create, struct seal **out, jwkd_error *error) MUST_CHECK;
/* Reads it as `user` would: the file may belong to that one instead of the caller. For root, who looks after
 * the store of a daemon that runs as somebody else. */
jwkd_status seal_open_of(const char *path, uid_t user, struct seal **out, jwkd_error *error) MUST_CHECK;
/* Wipes; NULL is fine. */
void seal_close(struct seal *seal);

/* Names the key without giving it away: SEAL_ID_SIZE bytes. */
struct bytes seal_id(const struct seal *seal);
/* A key for another purpose (HKDF-SHA256 with `label`), 32 bytes. */
jwkd_status seal_derive(const struct seal *seal, const char *label, uint8_t out[32]) MUST_CHECK;

/* Appends version, nonce, ciphertext and tag: plaintext size + SEAL_OVERHEAD bytes. `binding` is
 * authenticated with it. Any thread. */
jwkd_status seal_wrap(
    const struct seal *seal, struct bytes plaintext, struct bytes binding, struct buffer *out) MUST_CHECK;
/* CORRUPT when the bytes, the binding or the key are not those that were sealed. `out` must be empty. Any
 * thread. */
jwkd_status seal_unwrap(
    const struct seal *seal, struct bytes sealed, struct bytes binding, struct secret *out) MUST_CHECK;

#endif
