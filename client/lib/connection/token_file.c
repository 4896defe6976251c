#include "lib/connection/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"

/* What is read at most: a token, "\r\n", and a byte that shows that there is more. */
enum { ROOM = LIMIT_CREDENTIAL + 3 };

struct file_mark file_mark_of(const struct stat *file)
{
    return (struct file_mark){
        .device = file->st_dev, .inode = file->st_ino, .size = file->st_size, .written = file->st_mtim};
}

bool file_mark_equal(const struct file_mark *one, const struct file_mark *other)
{
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->written.tv_sec == other->written.tv_sec && one->written.tv_nsec == other->written.tv_nsec;
}

void token_file_clear(struct token_file *file)
{
    secret_clear(&file->token);
}

static jwkd_status refuse(const char *path, const char *why, jwkd_error *error)
{
    return fail(error, JWKD_UNAUTHENTICATED, "cannot read token file %.120s: %s", path, why);
}

/* Whether root has let us read a file of its own by its group: its own group, as systemd.exec(5)
 * LoadCredential= does it, or one that we are in besides our main one, as fsGroup in Kubernetes. */
static bool group_may_read(const struct stat *file)
{
    return file->st_uid == 0 && geteuid() != 0 &&
           (file->st_gid == 0 || (file->st_gid != getegid() && group_member(file->st_gid)));
}

static jwkd_status check_guarded(const char *path, const struct stat *file, jwkd_error *error)
{
    if (!S_ISREG(file->st_mode) && !S_ISFIFO(file->st_mode))
        return refuse(path, "it is neither a regular file nor a pipe", error);
    mode_t refused = S_IRGRP | S_IROTH;
    if (group_may_read(file)) refused = S_IROTH;
    if (!(file->st_mode & refused)) return JWKD_OK;
    char why[80];
    snprintf(why, sizeof why, "others can read it, too (mode %04o): chmod 600 it", file->st_mode & 07777U);
    return refuse(path, why, error);
}

/* False: nothing came in time. */
static bool await_input(int fd, uint64_t until_ns)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    for (;;) {
        uint64_t now_ns = clock_elapsed_ns();
        uint64_t left_ms = now_ns < until_ns ? (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
        int ready = poll(&waiting, 1, (int)left_ms);
        if (ready > 0) return true;
        if (left_ms == 0 || (ready < 0 && errno != EINTR)) return false;
    }
}

/* Until the first line is there, or the end. 0, or why not, as in errno. */
static int read_line(int fd, bool is_pipe, uint64_t until_ns, struct secret *line, size_t *out_size)
{
    size_t size = 0;
    while (size < line->size && !memchr(line->data, '\n', size)) {
        if (is_pipe && !await_input(fd, until_ns)) return ETIMEDOUT;
        ssize_t got = read(fd, line->data + size, line->size - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) break;
        size += (size_t)got;
    }
    *out_size = size;
    return 0;
}

/* What stands on the line, without its end; and whether it can be a token at all. */
static jwkd_status take_token(const char *path, struct bytes read, struct secret *out, jwkd_error *error)
{
    const uint8_t *end = memchr(read.data, '\n', read.size);
    struct bytes token = bytes_of(read.data, end ? (size_t)(end - read.data) : read.size);
    if (end && token.size > 0 && token.data[token.size - 1] == '\r') token.size--;
    if (token.size == 0) return refuse(path, "there is nothing on its first line", error);
    if (token.size > LIMIT_CREDENTIAL) return refuse(path, "it is too large for a token", error);
    for (size_t i = 0; i < token.size; i++)
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return refuse(path, "its first line is no token: these are of visible ASCII alone", error);
    return secret_copy(out, token) == JWKD_OK ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "out of memory");
}

/* A descriptor's number may stand for something else tomorrow. */
static bool is_descriptor(const char *path)
{
    static const char *const PLACES[] = {"/dev/fd/", "/proc/self/fd/", "/dev/stdin"};
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++)
        if (strncmp(path, PLACES[i], strlen(PLACES[i])) == 0) return true;
    return false;
}

jwkd_status token_file_read(const char *path, uint32_t timeout_ms, struct token_file *out, jwkd_error *error)
{
    uint64_t until_ns = clock_elapsed_ns() + timeout_ms * NS_PER_MS;
    /* Not blocking: opening a pipe would otherwise wait for its other end. */
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0) return refuse(path, strerror(errno), error);
    TRY(check_guarded(path, &file, error));
    bool is_pipe = S_ISFIFO(file.st_mode);
    CLEANUP(secret_clear) struct secret line = {0};
    if (secret_init(&line, ROOM) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    size_t size = 0;
    int reason = read_line(fd, is_pipe, until_ns, &line, &size);
    if (reason == ETIMEDOUT) return refuse(path, "nothing came through the pipe", error);
    if (reason != 0) return refuse(path, strerror(reason), error);
    struct token_file taken = {.mark = file_mark_of(&file), .once = is_pipe || is_descriptor(path)};
    TRY(take_token(path, bytes_of(line.data, size), &taken.token, error));
    *out = taken;
    return JWKD_OK;
}
