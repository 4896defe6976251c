#include "store/lmdb/note_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/engine.h"

enum { PAGE = 4096 };

static bool write_all(int fd, const uint8_t *data, size_t size, off_t at)
{
    while (size) {
        ssize_t put = pwrite(fd, data, size, at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        data += put;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

/* Writes zeros instead of asking for room. The first write into room that was only promised would make the
 * file system write, too. */
static bool fill(int directory, int fd, off_t from)
{
    static const uint8_t zeros[PAGE];
    for (off_t at = from; at < ENGINE_NOTE_SIZE; at += PAGE)
        if (!write_all(fd, zeros, PAGE, at)) return false;
    return fsync(fd) == 0 && fsync(directory) == 0;
}

int note_file_open(int directory)
{
    CLEANUP(fd_close_at)
    int fd = openat(directory, NOTE_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return -1;
    if (file.st_size < ENGINE_NOTE_SIZE && !fill(directory, fd, file.st_size / PAGE * PAGE)) return -1;
    int opened = fd;
    fd = -1;
    return opened;
}

/* Writes whole pages, so that none has to be read first. */
static bool write_pages(int fd, struct bytes note)
{
    size_t whole = note.size / PAGE * PAGE, rest = note.size - whole;
    uint8_t last[PAGE] = {0};
    if (rest) memcpy(last, note.data + whole, rest);
    return note.size <= ENGINE_NOTE_SIZE && write_all(fd, note.data, whole, 0) &&
           (rest == 0 || write_all(fd, last, sizeof last, (off_t)whole));
}

bool note_file_write(int fd, struct bytes note)
{
    if (write_pages(fd, note) && fdatasync(fd) == 0) return true;
    note_file_clear(fd, note.size);
    return false;
}

void note_file_clear(int fd, size_t size)
{
    static const uint8_t zeros[PAGE];
    for (size_t at = 0; at < size && at < ENGINE_NOTE_SIZE; at += PAGE)
        if (!write_all(fd, zeros, PAGE, (off_t)at)) return;
}

jwkd_status note_file_read(int directory, struct buffer *out)
{
    CLEANUP(fd_close_at)
    int fd = openat(directory, NOTE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? JWKD_NOT_FOUND : errno == EACCES ? JWKD_DENIED : JWKD_UNAVAILABLE;
    TRY(buffer_reserve(out, ENGINE_NOTE_SIZE));
    size_t size = 0;
    while (size < ENGINE_NOTE_SIZE) {
        ssize_t got = pread(fd, out->data + out->size, ENGINE_NOTE_SIZE - size, (off_t)size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return JWKD_UNAVAILABLE;
        if (got == 0) break;
        out->size += (size_t)got;
        size += (size_t)got;
    }
    return JWKD_OK;
}
