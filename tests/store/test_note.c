/* Notes: changes that are durable before they are in the database. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/note.h"
#include "store/lmdb/note_file.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* ---- the form */

static struct authenticator *authenticator;

static void make(const struct note *note, struct buffer *out)
{
    assert_int_equal(note_make(authenticator, note, out), JWKD_OK);
}

static void note__reads_as_it_was_made(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer made = {0};
    const struct note note = {.revision = 7,
        .guard = bytes_of_text("guard"),
        .count = 3,
        .changes = {{bytes_of_text("a"), bytes_of_text("record")}, {bytes_of_text("gone"), {0}},
            {bytes_of_text(""), bytes_of_text("x")}}};
    struct note read;
    make(&note, &made);
    assert_int_equal(buffer_append_text(&made, "of a longer one before"), JWKD_OK);
    assert_int_equal(note_open(authenticator, buffer_bytes(&made), &read), JWKD_OK);
    assert_int_equal(read.revision, 7);
    assert_true(bytes_equal_text(read.guard, "guard"));
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(bytes_equal(read.changes[i].key, note.changes[i].key));
        assert_true(bytes_equal(read.changes[i].record, note.changes[i].record));
    }
}

static void note__that_was_not_written_whole_is_none(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer made = {0};
    CLEANUP(buffer_clear) struct buffer zeros = {0};
    const struct note note = {.revision = 7,
        .guard = bytes_of_text("guard"),
        .count = 1,
        .changes = {{bytes_of_text("a"), bytes_of_text("b")}}};
    struct note read;
    make(&note, &made);
    for (size_t i = 0; i < made.size; i++) {
        assert_int_equal(note_open(authenticator, bytes_of(made.data, i), &read), JWKD_CORRUPT);
        made.data[i] ^= 1;
        assert_int_equal(note_open(authenticator, buffer_bytes(&made), &read), JWKD_CORRUPT);
        made.data[i] ^= 1;
    }
    assert_int_equal(buffer_reserve(&zeros, ENGINE_NOTE_SIZE), JWKD_OK);
    memset(zeros.data, 0, ENGINE_NOTE_SIZE);
    assert_int_equal(note_open(authenticator, bytes_of(zeros.data, ENGINE_NOTE_SIZE), &read), JWKD_CORRUPT);
}

static void note__has_limits(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer made = {0}, value = {0};
    struct note note = {.count = NOTE_CHANGES}, read;
    make(&note, &made);
    assert_int_equal(note_open(authenticator, buffer_bytes(&made), &read), JWKD_OK);
    assert_int_equal(read.count, NOTE_CHANGES);
    note.count++;
    made.size = 0;
    assert_int_equal(note_make(authenticator, &note, &made), JWKD_RESOURCE_EXHAUSTED);

    /* The size, that of the guard, key and record, and the head of the record. */
    enum { AROUND = 4 + 24 + 4 + 8 };
    static const uint8_t zeros[ENGINE_NOTE_SIZE];
    note = (struct note){.count = 1, .changes = {{.record = bytes_of(zeros, ENGINE_NOTE_SIZE - AROUND)}}};
    make(&note, &made);
    assert_int_equal(made.size, ENGINE_NOTE_SIZE);
    note.changes[0].record.size++;
    made.size = 0;
    assert_int_equal(note_make(authenticator, &note, &made), JWKD_RESOURCE_EXHAUSTED);

    assert_int_equal(buffer_append(&value, zeros, 4 + 8 * (NOTE_CHANGES + 1)), JWKD_OK);
    assert_int_equal(note_read(buffer_bytes(&value), &read), JWKD_CORRUPT);
    value.size -= 8;
    assert_int_equal(note_read(buffer_bytes(&value), &read), JWKD_OK);
    value.size--;
    assert_int_equal(note_read(buffer_bytes(&value), &read), JWKD_CORRUPT);
}

/* ---- in a directory */

static uint64_t revision_of(struct scratch *scratch, const char *key)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    uint64_t revision = 0;
    assert_int_equal(store_get(scratch->store, bytes_of_text(key), &found, &revision), JWKD_OK);
    return revision;
}

static void note__is_in_the_database_after_the_next_start(void **state)
{
    struct scratch *scratch = *state;
    scratch_note(scratch, "row", "new");
    assert_false(scratch_is_zero(scratch, NOTE_FILE));
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_false(store_is_unsettled(scratch->store));
    assert_false(store_went_back(scratch->store));
    assert_true(scratch_is_zero(scratch, NOTE_FILE));
    scratch_expect(scratch, "row", "new");
    assert_int_equal(revision_of(scratch, "row"), 2);
    assert_int_equal(scratch_put(scratch, "other", "value", false), JWKD_OK);
    assert_int_equal(revision_of(scratch, "other"), 3);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(revision_of(scratch, "row"), 2);
    assert_int_equal(revision_of(scratch, "other"), 3);
}

static bool list_one(void *context, const struct store_row *row)
{
    *(bool *)context = bytes_equal_text(row->value, "new");
    return true;
}

/* Every later call sees what is noted, with expectations and revisions as of any commit. */
static void note__is_seen_by_everything_that_follows(void **state)
{
    struct scratch *scratch = *state;
    struct store_write write = {.key = bytes_of_text("row"), .value = bytes_of_text("new"), .expected = 1};
    uint64_t revision = 0;
    bool listed = false;
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(
        scratch_put(scratch, "row", "old", true), JWKD_OK); /* what was found may not be durable: not noted */
    assert_false(store_is_unsettled(scratch->store));
    assert_int_equal(store_commit(scratch->store, &write, 1, true, &revision, NULL), JWKD_OK);
    assert_int_equal(revision, 2);
    assert_true(store_is_unsettled(scratch->store));
    assert_false(scratch_is_zero(scratch, NOTE_FILE));
    assert_int_equal(
        store_list(scratch->store, bytes_of_text("r"), (struct bytes){0}, list_one, &listed), JWKD_OK);
    assert_true(listed);
    assert_false(store_is_unsettled(scratch->store));
    assert_true(scratch_is_zero(scratch, NOTE_FILE));
    assert_int_equal(store_commit(scratch->store, &write, 1, true, &revision, NULL), JWKD_CONFLICT);
    write.expected = 2;
    assert_int_equal(store_commit(scratch->store, &write, 1, true, &revision, NULL), JWKD_OK);
    write.expected = 3;
    assert_int_equal(store_commit(scratch->store, &write, 1, true, &revision, NULL), JWKD_OK);
    assert_int_equal(revision, 4);
    assert_int_equal(revision_of(scratch, "row"), 4);
    assert_int_equal(scratch_put(scratch, "row", "newer", true), JWKD_OK);
    assert_int_equal(scratch_open(scratch), JWKD_OK); /* closing settles */
    scratch_expect(scratch, "row", "newer");
}

/* The database has gone on since the note was written. */
static void note__of_another_state_says_nothing(void **state)
{
    struct scratch *scratch = *state;
    char kept[512];
    snprintf(kept, sizeof kept, "%s", scratch_path(scratch, "kept"));
    scratch_note(scratch, "row", "new");
    scratch_copy_file(scratch_path(scratch, NOTE_FILE), kept);
    scratch_begin(scratch, "newer");
    scratch_close(scratch);
    scratch_copy_file(kept, scratch_path(scratch, NOTE_FILE));
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "newer");
}

/* A database that was put back has to look so until another epoch is committed to it. Settling a note is no
 * such commit. */
static void note__does_not_hide_that_a_database_was_put_back(void **state)
{
    struct scratch *scratch = *state;
    char database[512], note[512];
    snprintf(database, sizeof database, "%s", scratch_path(scratch, "database"));
    snprintf(note, sizeof note, "%s", scratch_path(scratch, "note"));
    scratch_note(scratch, "row", "new");
    scratch_copy_file(scratch_path(scratch, "data.mdb"), database);
    scratch_copy_file(scratch_path(scratch, NOTE_FILE), note);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(scratch_put(scratch, "row", "newer", false), JWKD_OK);
    scratch_close(scratch);
    scratch_copy_file(database, scratch_path(scratch, "data.mdb"));
    scratch_copy_file(note, scratch_path(scratch, NOTE_FILE));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scratch_open(scratch), JWKD_OK);
        assert_true(store_went_back(scratch->store));
        scratch_expect(scratch, "row", "new");
    }
}

/* The change was never acknowledged: the store acknowledges a change only once its note is whole. */
static void note__that_is_torn_says_nothing(void **state)
{
    struct scratch *scratch = *state;
    scratch_note(scratch, "row", "new");
    int fd = open(scratch_path(scratch, NOTE_FILE), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "torn", 4, 100), 4);
    close(fd);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "old");
}

static void note__file_has_one_size(void **state)
{
    struct scratch *scratch = *state;
    struct stat file;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scratch_open(scratch), JWKD_OK);
        assert_int_equal(stat(scratch_path(scratch, NOTE_FILE), &file), 0);
        assert_int_equal(file.st_size, ENGINE_NOTE_SIZE);
        assert_int_equal(file.st_mode & 0777, 0600);
        assert_int_equal(
            truncate(scratch_path(scratch, NOTE_FILE), 5000), 0); /* as after a crash while it was made */
    }
}

static void note__without_room_goes_to_the_database(void **state)
{
    struct scratch *scratch = *state;
    static char large[ENGINE_NOTE_SIZE];
    memset(large, 'x', sizeof large - 1);
    scratch_begin(scratch, "old");
    assert_int_equal(scratch_put(scratch, "row", large, true), JWKD_OK);
    assert_false(store_is_unsettled(scratch->store)); /* too large */
    scratch_expect(scratch, "row", large);
    scratch->place.map_size = 1024 * 1024;
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(scratch_put(scratch, "row", "new", true), JWKD_OK);
    assert_false(store_is_unsettled(scratch->store)); /* the database might not take it */
}

static void note__that_cannot_be_read_may_be_one(void **state)
{
    struct scratch *scratch = *state;
    scratch_note(scratch, "row", "new");
    assert_int_equal(unlink(scratch_path(scratch, NOTE_FILE)), 0);
    assert_int_equal(symlink("elsewhere", scratch_path(scratch, NOTE_FILE)), 0);
    uint64_t rows;
    assert_int_equal(store_check(&scratch->options, &rows, NULL), JWKD_UNAVAILABLE);
    assert_int_equal(scratch_open(scratch), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "note"));
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(note__reads_as_it_was_made),
        cmocka_unit_test(note__that_was_not_written_whole_is_none),
        cmocka_unit_test(note__has_limits),
        CASE(note__is_in_the_database_after_the_next_start),
        CASE(note__is_seen_by_everything_that_follows),
        CASE(note__of_another_state_says_nothing),
        CASE(note__does_not_hide_that_a_database_was_put_back),
        CASE(note__that_is_torn_says_nothing),
        CASE(note__file_has_one_size),
        CASE(note__without_room_goes_to_the_database),
        CASE(note__that_cannot_be_read_may_be_one),
    };
#undef CASE
    if (authenticator_new((const uint8_t *)"0123456789abcdef0123456789abcdef", &authenticator) != JWKD_OK)
        return 1;
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    authenticator_free(authenticator);
    return failed;
}
