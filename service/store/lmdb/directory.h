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

/* With `create`, makes the directory (mode 0700, durably) where it does not exist; its parent must.
 * NOT_FOUND, DENIED. */
jwkd_status directory_open(
    const char *path, bool create, struct directory *out, jwkd_error *error) MUST_CHECK;
/* Releases the lock too. A zeroed directory is closed already. */
void directory_close(struct directory *directory);

/* FAILED_PRECONDITION: another process has it; the message gives its pid. UNAVAILABLE: the lock's file cannot
 * be written, as on a read-only medium; then nothing is held. Calling it with the lock held is fine. */
jwkd_status directory_lock(struct directory *directory, jwkd_error *error) MUST_CHECK;
/* Lets go of the lock. In a child, of the child's share: the parent still holds it, but it ends with the
 * parent. */
void directory_unlock(struct directory *directory);
/* Whether another process holds the lock at this moment. */
bool directory_in_use(const struct directory *directory);

/* Makes sure that the file `name` has its first `size` bytes on the medium, making it where it is missing.
 * False, with errno, when that cannot be. */
bool directory_reserve(const struct directory *directory, const char *name, size_t size);

/* Keeps `size` bytes of the medium back; does nothing where that is so already. False when there is
 * no room. */
bool ballast_take(const struct directory *directory, size_t size);
/* Gives them up. False when there were none. */
bool ballast_drop(const struct directory *directory);

#endif
