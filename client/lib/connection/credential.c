#include "lib/connection/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"

enum { LOOK_EVERY_MS = 1000 };

struct credential {
    pthread_mutex_t lock; /* guards what follows */
    char *file;
    struct buffer token;
    struct stat seen; /* the file as it was when it was read */
    uint64_t looked_ns;
};

static jwkd_status refuse(const char *file, const char *why, jwkd_error *error)
{
    return fail(error, JWKD_UNAUTHENTICATED, "the token file %.120s %s", file, why);
}

static jwkd_status check_file(const char *file, const struct stat *info, jwkd_error *error)
{
    if (!S_ISREG(info->st_mode) && !S_ISFIFO(info->st_mode))
        return refuse(file, "is no file and no pipe", error);
    if (S_ISREG(info->st_mode) && (info->st_mode & (S_IRWXG | S_IRWXO)))
        return refuse(file, "can be read by others than its owner: chmod 600 it", error);
    return JWKD_OK;
}

/* The first line, without the blanks around it. */
static jwkd_status take_line(const char *file, struct bytes text, struct buffer *out, jwkd_error *error)
{
    size_t end = 0;
    while (end < text.size && text.data[end] != '\n')
        end++;
    while (end > 0 && (text.data[end - 1] == '\r' || text.data[end - 1] == ' '))
        end--;
    for (size_t i = 0; i < end; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~') return refuse(file, "holds no token", error);
    if (end == 0) return refuse(file, "is empty", error);
    if (end > LIMIT_CREDENTIAL) return refuse(file, "is too large for a token", error);
    return buffer_append(out, text.data, end);
}

static jwkd_status read_all(const char *file, int fd, struct buffer *out, jwkd_error *error)
{
    for (;;) {
        if (out->size > LIMIT_CREDENTIAL + 2) return JWKD_OK; /* enough to see that it is too large */
        TRY(buffer_reserve(out, LIMIT_CREDENTIAL + 8));
        ssize_t got = read(fd, out->data + out->size, LIMIT_CREDENTIAL + 4);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return refuse(file, strerror(errno), error);
        if (got == 0) return JWKD_OK;
        out->size += (size_t)got;
    }
}

static jwkd_status read_token(const char *file, struct buffer *out, struct stat *out_info, jwkd_error *error)
{
    CLEANUP(fd_close_at) int fd = open(file, O_RDONLY | O_CLOEXEC);
    CLEANUP(buffer_clear) struct buffer text = {0};
    if (fd < 0 || fstat(fd, out_info) != 0) {
        char why[120];
        snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
        return refuse(file, why, error);
    }
    TRY(check_file(file, out_info, error));
    TRY(read_all(file, fd, &text, error));
    return take_line(file, buffer_bytes(&text), out, error);
}

jwkd_status credential_open(const char *file, struct credential **out, jwkd_error *error)
{
    *out = NULL;
    if (!file) file = getenv("JWKD_TOKEN_FILE");
    if (!file || !*file) return JWKD_OK;
    CLEANUP(buffer_clear) struct buffer token = {0};
    struct stat info;
    TRY(read_token(file, &token, &info, error));
    struct credential *credential = calloc(1, sizeof *credential);
    char *copy = strdup(file);
    if (!credential || !copy) {
        free(credential);
        free(copy);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    pthread_mutex_init(&credential->lock, NULL);
    credential->file = copy;
    credential->token = token;
    credential->seen = info;
    credential->looked_ns = clock_elapsed_ns();
    token = (struct buffer){0};
    *out = credential;
    return JWKD_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A pipe is read once. Under the lock. */
static void look_again(struct credential *credential)
{
    const uint64_t now_ns = clock_elapsed_ns();
    struct stat info;
    CLEANUP(buffer_clear) struct buffer token = {0};
    if (!S_ISREG(credential->seen.st_mode) || now_ns < credential->looked_ns + LOOK_EVERY_MS * NS_PER_MS)
        return;
    credential->looked_ns = now_ns;
    if (stat(credential->file, &info) != 0 || is_same(&info, &credential->seen)) return;
    if (read_token(credential->file, &token, &info, NULL) != JWKD_OK) return;
    buffer_clear(&credential->token);
    credential->token = token;
    credential->seen = info;
    token = (struct buffer){0};
}

jwkd_status credential_copy(struct credential *credential, struct buffer *out)
{
    if (!credential) return JWKD_OK;
    pthread_mutex_lock(&credential->lock);
    look_again(credential);
    jwkd_status status = buffer_append_bytes(out, buffer_bytes(&credential->token));
    pthread_mutex_unlock(&credential->lock);
    return status;
}

void credential_free(struct credential *credential)
{
    if (!credential) return;
    buffer_clear(&credential->token);
    pthread_mutex_destroy(&credential->lock);
    free(credential->file);
    free(credential);
}
