/* A damaged database: the right rows or an error, never a wrong row, a missing one or a crash. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/lmdb/engine.h"
#include "store/lmdb/pages.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

enum { ROWS = 300, PAGE = 4096 };

static struct scratch *scratch;
static char *whole; /* a copy of the database as it should be */
static off_t whole_size;

static void name_row(size_t i, char key[24])
{
    snprintf(key, 24, "environment/%06zu", i);
}

/* 20 to 1,000 bytes, some large enough for overflow pages, and all different. */
static struct bytes row_value(size_t i)
{
    static uint8_t value[8000];
    size_t size = i % 50 == 0 ? sizeof value : 20 + i * 37 % 980;
    for (size_t at = 0; at < size; at++)
        value[at] = (uint8_t)(i * 31 + at * 7);
    return bytes_of(value, size);
}

static void commit_rows(struct scratch *place, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        char key[24];
        name_row(i, key);
        struct store_write write = {.key = bytes_of_text(key), .value = row_value(i), .expected = STORE_ANY};
        assert_int_equal(store_commit(place->store, &write, 1, false, NULL, NULL), JWKD_OK);
    }
}

static int setup(void **state)
{
    (void)state;
    scratch = scratch_new();
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    commit_rows(scratch, 0, ROWS);
    /* Some written again, so that there are free pages. */
    commit_rows(scratch, 0, ROWS / 10);
    scratch_close(scratch);
    whole = strdup(scratch_path(scratch, "whole"));
    assert_non_null(whole);
    scratch_copy_file(scratch_path(scratch, "data.mdb"), whole);
    struct stat file;
    assert_int_equal(stat(whole, &file), 0);
    whole_size = file.st_size;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(whole);
    scratch_free(scratch);
    return 0;
}

static void mend(void)
{
    scratch_copy_file(whole, scratch_path(scratch, "data.mdb"));
}

static void expect_rows(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[24];
        name_row(i, key);
        CLEANUP(buffer_clear) struct buffer found = {0};
        assert_int_equal(store_get(scratch->store, bytes_of_text(key), &found, NULL), JWKD_OK);
        assert_true(bytes_equal(buffer_bytes(&found), row_value(i)));
    }
}

/* Opens what was damaged. True when it opened, in which case all is right with it, and stays so under
 * commits. */
static bool right_or_refused(void)
{
    jwkd_status status = scratch_open(scratch);
    if (status != JWKD_OK) {
        assert_true(status == JWKD_CORRUPT || status == JWKD_FAILED_PRECONDITION || status == JWKD_DENIED);
        return false;
    }
    expect_rows(ROWS);
    commit_rows(scratch, ROWS, 3);
    expect_rows(ROWS + 3);
    scratch_close(scratch);
    return true;
}

static void damage__the_undamaged_opens(void **state)
{
    (void)state;
    mend();
    assert_true(right_or_refused());
}

static void damage__a_truncated_file_is_refused(void **state)
{
    (void)state;
    unsigned opened = 0;
    for (off_t size = 1; size < whole_size; size = size < PAGE ? size * 4 : size + 3 * PAGE + 1) {
        mend();
        assert_int_equal(truncate(scratch_path(scratch, "data.mdb"), size), 0);
        opened += right_or_refused();
    }
    mend();
    assert_int_equal(truncate(scratch_path(scratch, "data.mdb"), whole_size / 2), 0);
    assert_false(right_or_refused());
    assert_true(opened <= 1); /* at most a free page was cut off */
}

enum pattern { ZEROS, ONES, NOISE, PATTERN_COUNT };

static void scribble(off_t offset, enum pattern pattern, size_t size, unsigned *seed)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern == ZEROS ? 0 : pattern == ONES ? 0xff : (uint8_t)rand_r(seed);
    }
    int fd = open(scratch_path(scratch, "data.mdb"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

static void damage__scribbles_anywhere_give_no_wrong_row(void **state)
{
    (void)state;
    unsigned seed = 4711, opened = 0, refused = 0;
    for (off_t page = 0; page < whole_size; page += PAGE) {
        /* A page's head and its first entries matter most; then anywhere. */
        const off_t places[] = {page, page + 8, page + 16, page + rand_r(&seed) % (PAGE - 64)};
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            mend();
            scribble(
                places[i], (enum pattern)((unsigned)rand_r(&seed) % PATTERN_COUNT), i == 2 ? 64 : 8, &seed);
            if (right_or_refused())
                opened++;
            else
                refused++;
        }
    }
    print_message("%u damaged databases refused, %u whole in what matters\n", refused, opened);
    assert_true(refused > opened);
}

/* The two pages that describe the database, eight bytes at a time. */
static void damage__scribbled_meta_pages_lose_no_commit(void **state)
{
    (void)state;
    unsigned seed = 4712;
    for (off_t page = 0; page < 2 * PAGE; page += PAGE) {
        for (off_t at = 0; at < 160; at += 8) {
            for (enum pattern pattern = ZEROS; pattern < PATTERN_COUNT; pattern++) {
                mend();
                scribble(page + at, pattern, 8, &seed);
                right_or_refused();
            }
        }
    }
}

static jwkd_status check_pages(void)
{
    CLEANUP(fd_close_at) int fd = open(scratch_path(scratch, "data.mdb"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return lmdb_pages_check(fd);
}

static bool linger(void *context, const struct store_row *row)
{
    (void)row;
    sched_yield();
    return !*(atomic_bool *)context;
}

/* Lists again and again, so that pages are kept from being used anew. */
static void *list_slowly(void *context)
{
    struct bytes all = {0};
    while (!*(atomic_bool *)context) {
        if (store_list(scratch->store, all, all, linger, context) != JWKD_OK) abort();
    }
    return NULL;
}

/* What LMDB makes of a busy store is never taken for damage. */
static void damage__a_busy_store_is_in_order(void **state)
{
    (void)state;
    static uint8_t value[20000];
    unsigned seed = 99;
    mend();
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    atomic_bool stop = false;
    pthread_t lister;
    assert_int_equal(pthread_create(&lister, NULL, list_slowly, &stop), 0);
    for (int round = 0; round < 300; round++) {
        enum { WRITES = 6, STRIDE = ROWS / WRITES };
        struct store_write writes[WRITES];
        char keys[WRITES][24];
        for (size_t i = 0; i < WRITES; i++) {
            name_row(i * STRIDE + (size_t)rand_r(&seed) % STRIDE, keys[i]);
            size_t size = (size_t)rand_r(&seed) % (rand_r(&seed) % 4 ? 600 : sizeof value);
            writes[i] = (struct store_write){.key = bytes_of_text(keys[i]),
                .value = bytes_of(value, size),
                .erase = rand_r(&seed) % 3 == 0,
                .expected = STORE_ANY};
        }
        assert_int_equal(store_commit(scratch->store, writes, WRITES, false, NULL, NULL), JWKD_OK);
        assert_int_equal(check_pages(), JWKD_OK);
    }
    stop = true;
    pthread_join(lister, NULL);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_close(scratch);
}

static size_t word_at(const uint8_t *image, size_t offset)
{
    size_t word;
    memcpy(&word, image + offset, sizeof word);
    return word;
}

/* A used page in a list of free ones: all reads well, until a commit takes the page for something else. */
static void damage__a_page_that_is_used_and_free_shows(void **state)
{
    (void)state;
    enum { FREE_ROOT = 80, ROWS_ROOT = 128, TRANSACTION = 144, PAGE_HEAD = 16, NODE_HEAD = 8 };
    mend();
    assert_int_equal(check_pages(), JWKD_OK);
    int fd = open(scratch_path(scratch, "data.mdb"), O_RDWR | O_CLOEXEC);
    CLEANUP(free_at) uint8_t *image = malloc((size_t)whole_size);
    assert_true(fd >= 0 && image);
    assert_int_equal(pread(fd, image, (size_t)whole_size, 0), whole_size);
    size_t meta = word_at(image, PAGE + TRANSACTION) > word_at(image, TRANSACTION) ? PAGE : 0;
    size_t leaf = word_at(image, meta + FREE_ROOT) * PAGE;
    uint16_t node;
    memcpy(&node, image + leaf + PAGE_HEAD, sizeof node);
    /* The node's key is a transaction, its value a count and so many pages. */
    const size_t list[] = {1, word_at(image, meta + ROWS_ROOT)};
    off_t at = (off_t)(leaf + node + NODE_HEAD + sizeof(size_t));
    assert_true(word_at(image, (size_t)at) >= 1);
    assert_int_equal(pwrite(fd, list, sizeof list, at), sizeof list);
    close(fd);
    assert_int_equal(check_pages(), JWKD_CORRUPT);
    assert_int_equal(scratch_open(scratch), JWKD_CORRUPT);
}

/* ---- a database in which LMDB itself finds nothing wrong ---- */

/* The engine without the store above it. */
static struct lmdb *open_engine(void)
{
    struct directory directory;
    struct lmdb *lmdb = NULL;
    mend();
    assert_int_equal(directory_open(scratch->directory, false, &directory, NULL), JWKD_OK);
    assert_int_equal(directory_lock(&directory, NULL), JWKD_OK);
    assert_int_equal(lmdb_new(&directory, 0, 0, &lmdb), JWKD_OK);
    assert_int_equal(lmdb_open(lmdb, 0, NULL), JWKD_OK);
    return lmdb;
}

static void get_record(struct lmdb *lmdb, struct bytes key, struct buffer *out)
{
    out->size = 0;
    assert_int_equal(engine_get_one(&LMDB_ENGINE, lmdb, key, out), JWKD_OK);
}

static void change_behind_the_store(struct lmdb *lmdb, struct bytes key, struct bytes record)
{
    CLEANUP(buffer_clear) struct buffer guard = {0};
    struct engine_change change = {.key = key, .record = record};
    get_record(lmdb, ENGINE_STATE_KEY, &guard);
    assert_int_equal(LMDB_ENGINE.apply(lmdb, buffer_bytes(&guard), &change, 1, false, NULL), JWKD_OK);
    lmdb_close(lmdb);
}

static void expect_corrupt(void)
{
    assert_int_equal(scratch_open(scratch), JWKD_CORRUPT);
    assert_non_null(strstr(scratch->error.message, "restore"));
}

static void damage__a_vanished_row_shows(void **state)
{
    (void)state;
    char key[24];
    name_row(5, key);
    change_behind_the_store(open_engine(), bytes_of_text(key), (struct bytes){0});
    expect_corrupt();
}

static void damage__a_row_under_anothers_key_shows(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer record = {0};
    char key[24], other[24];
    name_row(5, key);
    name_row(6, other);
    struct lmdb *lmdb = open_engine();
    get_record(lmdb, bytes_of_text(other), &record);
    change_behind_the_store(lmdb, bytes_of_text(key), buffer_bytes(&record));
    expect_corrupt();
}

static void damage__a_row_that_went_back_shows(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer record = {0};
    char key[24];
    name_row(5, key);
    struct lmdb *lmdb = open_engine();
    get_record(lmdb, bytes_of_text(key), &record);
    lmdb_close(lmdb);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(scratch_put(scratch, key, "later", false), JWKD_OK);
    scratch_close(scratch);

    struct directory directory;
    assert_int_equal(directory_open(scratch->directory, false, &directory, NULL), JWKD_OK);
    assert_int_equal(directory_lock(&directory, NULL), JWKD_OK);
    assert_int_equal(lmdb_new(&directory, 0, 0, &lmdb), JWKD_OK);
    assert_int_equal(lmdb_open(lmdb, 0, NULL), JWKD_OK);
    change_behind_the_store(lmdb, bytes_of_text(key), buffer_bytes(&record));
    expect_corrupt();
}

static void damage__a_lost_identity_shows(void **state)
{
    (void)state;
    change_behind_the_store(open_engine(), ENGINE_IDENTITY_KEY, (struct bytes){0});
    assert_int_equal(scratch_open(scratch), JWKD_FAILED_PRECONDITION);
    assert_non_null(strstr(scratch->error.message, "emptied"));
}

static void damage__a_broken_guard_refuses_the_change(void **state)
{
    (void)state;
    struct lmdb *lmdb = open_engine();
    struct engine_change change = {.key = bytes_of_text("x"), .record = bytes_of_text("y")};
    jwkd_error error = {0};
    assert_int_equal(
        LMDB_ENGINE.apply(lmdb, bytes_of_text("not the state"), &change, 1, false, &error), JWKD_CONFLICT);
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(engine_get_one(&LMDB_ENGINE, lmdb, bytes_of_text("x"), &found), JWKD_NOT_FOUND);
    lmdb_close(lmdb);
}

/* A row that goes bad under a running service is not believed either. */
static void damage__a_row_gone_bad_while_running_is_corrupt(void **state)
{
    (void)state;
    mend();
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    char key[24];
    name_row(50, key); /* a large one */
    struct bytes value = row_value(50);
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    CLEANUP(free_at) uint8_t *image = malloc((size_t)whole_size);
    assert_non_null(image);
    assert_int_equal(pread(fd, image, (size_t)whole_size, 0), whole_size);
    close(fd);
    const uint8_t *at = memmem(image, (size_t)whole_size, value.data, value.size);
    assert_non_null(at);
    unsigned seed = 1;
    for (const uint8_t *next = at; next;) {
        scribble(next - image + 100, NOISE, 16, &seed);
        next = memmem(next + 1, (size_t)(image + whole_size - next - 1), value.data, value.size);
    }
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(store_get(scratch->store, bytes_of_text(key), &found, NULL), JWKD_CORRUPT);
    assert_int_equal(found.size, 0);
    assert_int_equal(scratch_put(scratch, key, "new", false), JWKD_CORRUPT);
    scratch_close(scratch);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(damage__the_undamaged_opens),
        cmocka_unit_test(damage__a_truncated_file_is_refused),
        cmocka_unit_test(damage__scribbles_anywhere_give_no_wrong_row),
        cmocka_unit_test(damage__scribbled_meta_pages_lose_no_commit),
        cmocka_unit_test(damage__a_busy_store_is_in_order),
        cmocka_unit_test(damage__a_page_that_is_used_and_free_shows),
        cmocka_unit_test(damage__a_vanished_row_shows),
        cmocka_unit_test(damage__a_row_under_anothers_key_shows),
        cmocka_unit_test(damage__a_row_that_went_back_shows),
        cmocka_unit_test(damage__a_lost_identity_shows),
        cmocka_unit_test(damage__a_broken_guard_refuses_the_change),
        cmocka_unit_test(damage__a_row_gone_bad_while_running_is_corrupt),
    };
    return cmocka_run_group_tests(cases, setup, teardown);
}
