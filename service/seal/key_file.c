#include "seal/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"

static const char MAGIC[] = "jwkd-key-1 ";
enum { MAGIC_SIZE = sizeof MAGIC - 1, LINE_SIZE = MAGIC_SIZE + 2 * KEY_FILE_KEY_SIZE + 1 };

jwkd_status key_file_parse(struct bytes text, struct secret *out)
{
    if (text.size == LINE_SIZE && text.data[LINE_SIZE - 1] == '\n') text.size--;
    if (text.size != LINE_SIZE - 1 || memcmp(text.data, MAGIC, MAGIC_SIZE) != 0) return JWKD_MALFORMED;
    CLEANUP(secret_clear) struct secret key = {0};
    TRY(secret_init(&key, KEY_FILE_KEY_SIZE));
    struct bytes digits = bytes_of(text.data + MAGIC_SIZE, text.size - MAGIC_SIZE);
    if (!bytes_from_hex(digits, key.data, key.size)) return JWKD_MALFORMED;
    *out = key;
    key = (struct secret){0};
    return JWKD_OK;
}

/* Whether the members of the file's group may read the key, too. Only root can say so, by the group that it
 * gives the file: its own, where systemd.exec(5) LoadCredential= leaves the file, or one that we are in
 * besides our main one, as fsGroup does in Kubernetes. Never our main group: its members are let in to the
 * sockets, to ask for signatures. */
static bool group_may_read(const struct stat *file)
{
    return file->st_uid == 0 &&
           (file->st_gid == 0 || (file->st_gid != getegid() && group_member(file->st_gid)));
}

static jwkd_status check_guarded(const char *path, uid_t user, int fd, jwkd_error *error)
{
    struct stat file;
    if (fstat(fd, &file) != 0) return fail(error, JWKD_INTERNAL, "%s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode)) return fail(error, JWKD_DENIED, "%s is not a regular file", path);
    if (file.st_uid != user && file.st_uid != 0) {
        return fail(error, JWKD_DENIED,
            "%s belongs to user %u; it must belong to the user that runs jwkd (%u), or to root", path,
            (unsigned)file.st_uid, (unsigned)user);
    }
    mode_t refused = S_IRWXG | S_IRWXO;
    if (group_may_read(&file)) refused &= ~(mode_t)S_IRGRP;
    if (file.st_mode & refused) {
        return fail(error, JWKD_DENIED,
            "%s is open to others (mode %04o, group %u); chmod 600 it, and ask who read it", path,
            (unsigned)(file.st_mode & 07777), (unsigned)file.st_gid);
    }
    return JWKD_OK;
}

static jwkd_status read_all(int fd, struct secret *text, size_t *out_size)
{
    size_t size = 0;
    while (size < text->size) {
        ssize_t got = read(fd, text->data + size, text->size - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return JWKD_INTERNAL;
        if (got == 0) break;
        size += (size_t)got;
    }
    *out_size = size;
    return JWKD_OK;
}

jwkd_status key_file_read(const char *path, uid_t user, struct secret *out, jwkd_error *error)
{
    /* Symbolic links are followed, since secrets are often mounted behind them: what counts is the file that
     * they lead to. Not blocking: opening a FIFO would otherwise wait for its other end. */
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        struct stat link;
        bool dangling = lstat(path, &link) == 0;
        return fail(error, JWKD_NOT_FOUND,
            dangling ? "%s is a symbolic link to a file that is not there"
                     : "there is no key-encryption key at %s; jwkd makes one when it is first started",
            path);
    }
    if (fd < 0) return fail(error, JWKD_DENIED, "%s cannot be read: %s", path, strerror(errno));
    TRY(check_guarded(path, user, fd, error));

    CLEANUP(secret_clear) struct secret text = {0};
    jwkd_status status = secret_init(&text, LIMIT_KEY_FILE);
    if (status != JWKD_OK) return fail(error, status, "no memory for the key-encryption key");
    size_t size = 0;
    if (read_all(fd, &text, &size) != JWKD_OK) {
        return fail(error, JWKD_INTERNAL, "%s cannot be read: %s", path, strerror(errno));
    }
    status = key_file_parse(bytes_of(text.data, size), out);
    if (status == JWKD_MALFORMED) {
        return fail(error, status, "%s does not hold a key-encryption key; restore it from its backup", path);
    }
    return status == JWKD_OK ? status : fail(error, status, "no memory for the key-encryption key");
}

/* The line of a fresh key. */
static jwkd_status mint(struct secret *line)
{
    CLEANUP(secret_clear) struct secret key = {0}, text = {0};
    TRY(secret_init(&key, KEY_FILE_KEY_SIZE));
    TRY(secret_init(&text, LINE_SIZE + 1));
    if (RAND_priv_bytes(key.data, KEY_FILE_KEY_SIZE) != 1) return JWKD_INTERNAL;
    memcpy(text.data, MAGIC, MAGIC_SIZE);
    bytes_to_hex(secret_bytes(&key), (char *)text.data + MAGIC_SIZE);
    text.data[LINE_SIZE - 1] = '\n';
    return secret_copy(line, bytes_of(text.data, LINE_SIZE));
}

static bool write_durably(int fd, struct bytes text)
{
    ssize_t put = write(fd, text.data, text.size);
    if (put >= 0 && (size_t)put != text.size) errno = ENOSPC;
    return put == (ssize_t)text.size && fsync(fd) == 0;
}

static bool sync_directory_of(const char *path)
{
    CLEANUP(free_at) char *copy = strdup(path);
    if (!copy) return false;
    CLEANUP(fd_close_at) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

static jwkd_status fail_to_make(const char *path, int reason, jwkd_error *error)
{
    jwkd_status status = reason == EACCES || reason == EPERM ? JWKD_DENIED : JWKD_UNAVAILABLE;
    return fail(error, status, "%s cannot be made: %s", path, strerror(reason));
}

jwkd_status key_file_make(const char *path, jwkd_error *error)
{
    CLEANUP(secret_clear) struct secret line = {0};
    jwkd_status status = mint(&line);
    if (status != JWKD_OK) return fail(error, status, "no key-encryption key could be made");

    CLEANUP(free_at) char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return fail(error, JWKD_NO_MEMORY, "no memory for a file name");
    }
    CLEANUP(fd_close_at) int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) return fail_to_make(path, errno, error);
    /* A link, not a rename: it never replaces a key that another process has made meanwhile. */
    bool made = write_durably(fd, secret_bytes(&line)) && (link(temporary, path) == 0 || errno == EEXIST);
    int reason = errno;
    unlink(temporary);
    if (!made) return fail_to_make(path, reason, error);
    return sync_directory_of(path) ? JWKD_OK : fail_to_make(path, errno, error);
}
