/* Reading an API token out of a file that nobody else can read. */
#ifndef LIB_TOKEN_FILE_H
#define LIB_TOKEN_FILE_H

#include <sys/stat.h>

#include "base/secret.h"

/* What tells whether a file is another one, or was written to. */
struct file_mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec written;
};
struct file_mark file_mark_of(const struct stat *file);
bool file_mark_equal(const struct file_mark *one, const struct file_mark *other);

struct token_file {
    struct secret token;
    struct file_mark mark; /* of the file that it was read from */
    bool once;             /* it came from a pipe or descriptor: there is nothing to read again */
};
void token_file_clear(struct token_file *file);

/* Reads the first line. Of a pipe it waits for it, until `timeout_ms` are over. UNAUTHENTICATED: it cannot be
 * read, others can read it, too, or it holds no token; NO_MEMORY. */
jwkd_status token_file_read(
    const char *path, uint32_t timeout_ms, struct token_file *out, jwkd_error *error) MUST_CHECK;

#endif
