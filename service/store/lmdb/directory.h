/* The store's directory: its lock against a second process, and the ballast that keeps some room back. */
#ifndef STORE_LMDB_DIRECTORY_H
#define STORE_LMDB_DIRECTORY_H

#include "base/bytes.h"

#define LOCK_FILE "jwkd.lock"
#define BALLAST_FILE "jwkd.ballast"

struct directory {
    char *path; /* absolute */
    int fd;
    int lock; /* holds the lock as long as it is open; -1: not held */
};

/* Opens the directory. With `create`, makes it (mode 0700, durably) where it does not exist; its parent must
 * exist. NOT_FOUND, DENIED. */
jwkd_status directory_open(
    const char *path, bool create, struct directory *out, jwkd_error *error) MUST_CHECK;
/* Releases the lock, too. A zeroed directory counts as closed. */
void directory_close(struct directory *directory);

/* Takes the lock. FAILED_PRECONDITION: another process has it; the message gives its pid. UNAVAILABLE: the
 * lock's file cannot be written, as on a read-only medium; the lock is not taken. It may be called when the
 * lock is taken already. */
jwkd_status directory_lock(struct directory *directory, jwkd_error *error) MUST_CHECK;
/* Lets go of the lock. A child that calls this gives up its own share only: the parent keeps the lock, and
 * the lock ends with the parent. */
void directory_unlock(struct directory *directory);
/* Whether another process holds the lock at this moment. */
bool directory_in_use(const struct directory *directory);

/* Makes sure that the first `size` bytes of the file `name` are on the medium, and makes the file where it is
 * missing. False, with errno: that failed. */
bool directory_reserve(const struct directory *directory, const char *name, size_t size);

/* Keeps `size` bytes of the medium back, unless that is done already. False: there is no room. */
bool ballast_take(const struct directory *directory, size_t size);
/* Gives up the space that is kept back. False: there was none. */
bool ballast_drop(const struct directory *directory);

#endif
