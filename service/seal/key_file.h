/* The file of the key-encryption key: one line, "jwkd-key-1 " and 64 hexadecimal digits. */
#ifndef SEAL_KEY_FILE_H
#define SEAL_KEY_FILE_H

#include <sys/types.h>

#include "base/secret.h"

enum { KEY_FILE_KEY_SIZE = 32 };

/* MALFORMED for anything but such a line, its newline present or not. `out` must be empty. */
jwkd_status key_file_parse(struct bytes text, struct secret *out) MUST_CHECK;

/* It has to belong to `user` or root. Statuses as seal_open. `out` must be empty. */
jwkd_status key_file_read(const char *path, uid_t user, struct secret *out, jwkd_error *error) MUST_CHECK;

/* Makes the file with a fresh random key; one that is there already is left alone (and is no error). A crash
 * at any instant leaves either no file at `path` or a whole one. */
jwkd_status key_file_make(const char *path, jwkd_error *error) MUST_CHECK;

#endif
