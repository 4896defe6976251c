#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/engine.h"
#include "store/lmdb/lmdb.h"
#include "store/lmdb/pages.h"

static char folder[] = "/tmp/jwkd-fuzz-XXXXXX";
static char path[sizeof folder + sizeof "/" LMDB_DATA_FILE];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static int put_file(const uint8_t *data, size_t size)
{
    static bool made;
    if (!made) {
        MUST(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/" LMDB_DATA_FILE, folder);
        MUST(atexit(remove_folder) == 0);
        made = true;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

static bool count_row(void *context, struct bytes key, struct bytes record)
{
    /* Each byte is read. */
    uint8_t *sum = context;
    for (size_t i = 0; i < key.size; i++)
        *sum ^= key.data[i];
    for (size_t i = 0; i < record.size; i++)
        *sum ^= record.data[i];
    return true;
}

/* If a database passes the check of its pages, LMDB must read it without a fault, with any rows. */
static void walk(void)
{
    struct directory directory;
    struct lmdb *lmdb = NULL;
    volatile uint8_t sum = 0;
    MUST(directory_open(folder, false, &directory, NULL) == JWKD_OK);
    MUST(lmdb_new(&directory, 0, 0, &lmdb) == JWKD_OK);
    if (lmdb_open_to_read(lmdb, false, NULL) == JWKD_OK) {
        uint8_t found = 0;
        jwkd_status status = LMDB_ENGINE.list(lmdb, (struct bytes){0}, (struct bytes){0}, count_row, &found);
        MUST(status == JWKD_OK || status == JWKD_CORRUPT);
        sum = found;
    }
    (void)sum;
    lmdb_close(lmdb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = put_file(data, size);
    jwkd_status status = lmdb_pages_check(fd);
    close(fd);
    MUST(status == JWKD_OK || status == JWKD_CORRUPT);
    if (status == JWKD_OK) walk();
    return 0;
}
