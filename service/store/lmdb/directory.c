#include "store/lmdb/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BLOCK_SIZE = 512 }; /* the unit of st_blocks */

static jwkd_status fail_to_open(const char *path, jwkd_error *error)
{
    jwkd_status status = errno == ENOENT ? JWKD_NOT_FOUND : JWKD_DENIED;
    return fail(error, status, "the directory %s cannot be opened: %s", path, strerror(errno));
}

/* The parent is synced, too: otherwise a crash could take the whole directory along. */
static bool make(const char *path)
{
    if (mkdir(path, 0700) != 0) return errno == EEXIST;
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    CLEANUP(fd_close_at) int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A parent that may be searched but not read cannot be synced. Such a parent is not ours. */
    return parent < 0 ? errno == EACCES : fsync(parent) == 0;
}

jwkd_status directory_open(const char *path, bool create, struct directory *out, jwkd_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        if (!make(path)) return fail_to_open(path, error);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) return fail_to_open(path, error);
    /* Absolute, since the process may change its working directory before a file is opened again. */
    char *whole = realpath(path, NULL);
    if (!whole) {
        close(fd);
        return fail(error, JWKD_NO_MEMORY, "no memory to open %s", path);
    }
    *out = (struct directory){.path = whole, .fd = fd, .lock = -1};
    return JWKD_OK;
}

void directory_close(struct directory *directory)
{
    if (!directory->path) return;
    directory_unlock(directory);
    close(directory->fd);
    free(directory->path);
    *directory = (struct directory){0};
}

static jwkd_status fail_in_use(const struct directory *directory, int lock, jwkd_error *error)
{
    char text[16] = {0};
    ssize_t size = pread(lock, text, sizeof text - 1, 0);
    long pid = size > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "%s is in use by another process; stop it or choose another directory", directory->path);
    }
    return fail(error, JWKD_FAILED_PRECONDITION,
        "%s is in use by process %ld; stop it or choose another directory", directory->path, pid);
}

jwkd_status directory_lock(struct directory *directory, jwkd_error *error)
{
    if (directory->lock >= 0) return JWKD_OK;
    CLEANUP(fd_close_at)
    int fd = openat(directory->fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(error, JWKD_UNAVAILABLE, "%s/" LOCK_FILE " cannot be written: %s; make it writable again",
            directory->path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return fail_in_use(directory, fd, error);
        return fail(error, JWKD_UNAVAILABLE, "%s/" LOCK_FILE " cannot be locked: %s", directory->path,
            strerror(errno));
    }
    char text[16];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        /* The disk is full. The pid is only for people; the lock holds without it. */
    }
    directory->lock = fd;
    fd = -1;
    return JWKD_OK;
}

void directory_unlock(struct directory *directory)
{
    fd_close_at(&directory->lock);
    directory->lock = -1;
}

bool directory_in_use(const struct directory *directory)
{
    if (directory->lock >= 0) return false;
    CLEANUP(fd_close_at)
    int fd = openat(directory->fd, LOCK_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool directory_reserve(const struct directory *directory, const char *name, size_t size)
{
    CLEANUP(fd_close_at)
    int fd = openat(directory->fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0) return false;
    /* Blocks count, not the size: a copy from a backup may be one large hole. */
    if (file.st_size >= (off_t)size && file.st_blocks >= (blkcnt_t)(size / BLOCK_SIZE)) return true;
    errno = posix_fallocate(fd, 0, (off_t)size);
    return errno == 0;
}

bool ballast_take(const struct directory *directory, size_t size)
{
    if (directory_reserve(directory, BALLAST_FILE, size)) return true;
    /* Half a ballast would only take the room that is short. */
    ballast_drop(directory);
    return false;
}

bool ballast_drop(const struct directory *directory)
{
    CLEANUP(fd_close_at) int fd = openat(directory->fd, BALLAST_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat file;
    return fd >= 0 && fstat(fd, &file) == 0 && file.st_blocks > 0 && ftruncate(fd, 0) == 0 && fsync(fd) == 0;
}
