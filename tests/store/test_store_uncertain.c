/* A disk that fails: that writes the last page of a commit and says that it did not, or that does not take a
 * note. */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/lmdb/note_file.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* LMDB ends a commit by writing its meta page, the only write that is smaller than a page but for the
 * witness; when that fails it tries to put the old one back. When two writes are to fail, the first of them
 * writes all the same. */
static atomic_int meta_writes_to_fail;
/* A note is a whole page at the start of a file, where LMDB has its meta pages. */
static atomic_int notes;
static atomic_bool notes_fail, syncs_fail;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (!syncs_fail) return real(fd);
    errno = EIO;
    return -1;
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (size == 4096 && offset == 0 && notes++ >= 0 && notes_fail) {
        errno = EIO;
        return -1;
    }
    if (size >= 4096 || meta_writes_to_fail == 0) return real(fd, data, size, offset);
    if (meta_writes_to_fail-- == 2) real(fd, data, size, offset);
    errno = EIO;
    return -1;
}

static int setup(void **state)
{
    scratch_setup(state);
    scratch_begin(*state, "old");
    notes = 0;
    return 0;
}

static int teardown(void **state)
{
    meta_writes_to_fail = 0;
    notes_fail = syncs_fail = false;
    return scratch_teardown(state);
}

static void commit__that_may_have_happened_can_be_looked_up(void **state)
{
    struct scratch *scratch = *state;
    meta_writes_to_fail = 2;
    assert_int_equal(scratch_put(scratch, "row", "new", false), JWKD_UNAVAILABLE);
    assert_int_equal(meta_writes_to_fail, 0);
    scratch_expect(scratch, "row", "new");
    assert_int_equal(scratch_put(scratch, "row", "newer", false), JWKD_OK);
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "newer");
}

/* What that commit wrote can be read, and may be gone after a crash. A note on top of it would be lost with
 * it. */
static void commit__behind_one_that_may_have_happened_is_not_noted(void **state)
{
    struct scratch *scratch = *state;
    meta_writes_to_fail = 2;
    assert_int_equal(scratch_put(scratch, "row", "new", false), JWKD_UNAVAILABLE);
    assert_int_equal(scratch_put(scratch, "row", "newer", true), JWKD_OK);
    assert_int_equal(notes, 0);
    assert_false(store_is_unsettled(scratch->store));
    assert_int_equal(scratch_put(scratch, "row", "newest", true), JWKD_OK);
    assert_int_equal(notes, 1);
    assert_true(store_is_unsettled(scratch->store));
    scratch_expect(scratch, "row", "newest");
}

/* The change is acknowledged and durable in the note, but the database does not take it. Until it does,
 * nothing can be read, since it would lack the change. */
static void note__stays_until_the_database_takes_it(void **state)
{
    struct scratch *scratch = *state;
    CLEANUP(buffer_clear) struct buffer found = {0};
    meta_writes_to_fail = 1000;
    assert_int_equal(scratch_put(scratch, "row", "new", true), JWKD_OK);
    assert_int_equal(store_settle(scratch->store, &scratch->error), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "cannot be written"));
    assert_int_equal(store_get(scratch->store, bytes_of_text("row"), &found, NULL), JWKD_UNAVAILABLE);
    assert_int_equal(scratch_put(scratch, "row", "newer", false), JWKD_UNAVAILABLE);
    assert_int_equal(scratch_put(scratch, "row", "newer", true), JWKD_UNAVAILABLE);
    assert_true(store_is_unsettled(scratch->store));
    meta_writes_to_fail = 0;
    while (store_settle(scratch->store, NULL) != JWKD_OK)
        usleep(20 * 1000); /* it is tried once a second */
    scratch_expect(scratch, "row", "new");
    assert_int_equal(scratch_put(scratch, "row", "newer", true), JWKD_OK);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "newer");
}

static void note__that_the_database_took_and_denied_is_settled(void **state)
{
    struct scratch *scratch = *state;
    assert_int_equal(scratch_put(scratch, "row", "new", true), JWKD_OK);
    meta_writes_to_fail = 2;
    assert_int_equal(store_settle(scratch->store, NULL), JWKD_UNAVAILABLE);
    assert_int_equal(store_settle(scratch->store, NULL), JWKD_OK);
    assert_false(scratch_is_zero(scratch, NOTE_FILE)); /* a crash may take it from the database */
    scratch_expect(scratch, "row", "new");
    assert_int_equal(scratch_put(scratch, "row", "newer", false), JWKD_OK);
}

static void note__that_is_not_taken_goes_to_the_database(void **state)
{
    struct scratch *scratch = *state;
    notes_fail = true;
    assert_int_equal(scratch_put(scratch, "row", "new", true), JWKD_OK);
    assert_true(notes > 0);
    assert_false(store_is_unsettled(scratch->store));
    scratch_expect(scratch, "row", "new");
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "new");
}

/* A change that was refused must not come into being after a restart. */
static void note__that_failed_is_not_taken_up(void **state)
{
    struct scratch *scratch = *state;
    syncs_fail = true;
    assert_int_equal(scratch_put(scratch, "row", "new", true), JWKD_UNAVAILABLE);
    syncs_fail = false;
    assert_true(notes > 0);
    scratch_expect(scratch, "row", "old");
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "old");
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest cases[] = {
        CASE(commit__that_may_have_happened_can_be_looked_up),
        CASE(commit__behind_one_that_may_have_happened_is_not_noted),
        CASE(note__stays_until_the_database_takes_it),
        CASE(note__that_the_database_took_and_denied_is_settled),
        CASE(note__that_is_not_taken_goes_to_the_database),
        CASE(note__that_failed_is_not_taken_up),
    };
#undef CASE
    return cmocka_run_group_tests(cases, NULL, NULL);
}
