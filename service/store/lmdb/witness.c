#include "store/lmdb/witness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Always of the same length, so that nothing of the earlier text is left when it is written in place. */
#define FORMAT "revision=%020llu\nfile=%020llu\nat=%020lld\n"
enum { SIZE = 9 + 20 + 1 + 5 + 20 + 1 + 3 + 20 + 1, DIGITS = 20, TOLERANCE_SEC = 120 };

/* Cuts "NAME=", twenty digits and the end of the line off the front of *text. */
static bool cut_number(struct bytes *text, const char *name, uint64_t *out)
{
    size_t length = strlen(name);
    if (text->size < length + 1 + DIGITS + 1 || memcmp(text->data, name, length) != 0 ||
        text->data[length] != '=')
        return false;
    const uint8_t *digits = text->data + length + 1;
    uint64_t value = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        unsigned digit = (unsigned)digits[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (digits[DIGITS] != '\n') return false;
    size_t line = length + 1 + DIGITS + 1;
    *text = bytes_of(text->data + line, text->size - line);
    *out = value;
    return true;
}

jwkd_status witness_parse(struct bytes text, struct witness *out)
{
    uint64_t at;
    struct witness witness;
    if (!cut_number(&text, "revision", &witness.revision) || !cut_number(&text, "file", &witness.inode) ||
        !cut_number(&text, "at", &at) || text.size > 0 || at > INT64_MAX)
        return JWKD_MALFORMED;
    witness.at = (int64_t)at;
    *out = witness;
    return JWKD_OK;
}

static bool is_about(int64_t a, int64_t b)
{
    return a - b <= TOLERANCE_SEC && b - a <= TOLERANCE_SEC;
}

/* A write sets the two times of the file and the time in its text alike. Somebody who copies a file into it,
 * or sets its times, makes them differ. After a power failure the text may be older than the times: a disk is
 * given half a minute to write it. */
static bool is_as_written(const struct witness *witness, const struct stat *file)
{
    return witness->inode == file->st_ino && is_about(witness->at, file->st_mtim.tv_sec) &&
           is_about(file->st_mtim.tv_sec, file->st_ctim.tv_sec);
}

bool witness_agrees(int directory, uint64_t revision)
{
    uint8_t text[SIZE + 1];
    struct witness witness;
    struct stat file;
    CLEANUP(fd_close_at)
    int fd = openat(directory, WITNESS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0) return false;
    ssize_t size = pread(fd, text, sizeof text, 0);
    if (size < 0 || witness_parse(bytes_of(text, (size_t)size), &witness) != JWKD_OK) return false;
    return is_as_written(&witness, &file) && witness.revision <= revision;
}

void witness_note(int directory, int *in_out_fd, uint64_t revision)
{
    struct stat file;
    char text[SIZE + 1];
    bool first = *in_out_fd < 0;
    if (first)
        *in_out_fd =
            openat(directory, WITNESS_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (*in_out_fd < 0 || fstat(*in_out_fd, &file) != 0) return;
    int64_t now = clock_wall_sec();
    snprintf(text, sizeof text, FORMAT, (unsigned long long)revision, (unsigned long long)file.st_ino,
        (long long)(now > 0 ? now : 0));
    ssize_t written = pwrite(*in_out_fd, text, SIZE, 0);
    if (first && written == SIZE) (void)fsync(*in_out_fd); /* otherwise a power failure leaves it empty */
}
