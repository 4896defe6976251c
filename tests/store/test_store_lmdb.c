/* What the LMDB store does beyond the contract: its marker, its lock, its making, and a killed writer. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* Opens, puts one row and closes. */
static void make_store(struct scratch *scratch)
{
    scratch_begin(scratch, "value");
    scratch_close(scratch);
}

static void expect_refused(struct scratch *scratch, jwkd_status status, const char *words)
{
    assert_int_equal(scratch_open(scratch), status);
    if (!strstr(scratch->error.message, words)) {
        fail_msg("\"%s\" does not say \"%s\"", scratch->error.message, words);
    }
    uint64_t rows = 99;
    jwkd_error error;
    assert_int_equal(store_check(&scratch->options, &rows, &error), status);
    assert_int_equal(rows, 99);
}

static mode_t mode_of(const char *path)
{
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    return file.st_mode & 07777;
}

static void empty_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void lmdb__makes_its_directory_for_itself_only(void **state)
{
    struct scratch *scratch = *state;
    CLEANUP(free_at) char *inner = strdup(scratch_path(scratch, "inner"));
    scratch->place.directory = inner;
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(mode_of(inner), 0700);
    static const char *const FILES[] = {
        "inner/data.mdb", "inner/jwkd.store", "inner/jwkd.lock", "inner/jwkd.ballast", "inner/lock.mdb"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        assert_int_equal(mode_of(scratch_path(scratch, FILES[i])), 0600);
    }
}

static void lmdb__does_not_make_what_it_was_not_told_to(void **state)
{
    struct scratch *scratch = *state;
    scratch->options.create = false;
    expect_refused(scratch, JWKD_NOT_FOUND, "no store");
    assert_int_equal(access(scratch_path(scratch, "data.mdb"), F_OK), -1);
    CLEANUP(free_at) char *inner = strdup(scratch_path(scratch, "inner"));
    scratch->place.directory = inner;
    expect_refused(scratch, JWKD_NOT_FOUND, "inner");
    assert_int_equal(access(inner, F_OK), -1);
}

static void lmdb__checks_without_changing_anything(void **state)
{
    struct scratch *scratch = *state;
    CLEANUP(free_at) char *inner = strdup(scratch_path(scratch, "inner"));
    scratch->place.directory = inner;
    uint64_t rows = 99;
    assert_int_equal(store_check(&scratch->options, &rows, NULL), JWKD_OK);
    assert_int_equal(rows, 0);
    assert_int_equal(access(inner, F_OK), -1);

    make_store(scratch);
    assert_int_equal(unlink(scratch_path(scratch, "inner/lock.mdb")), 0);
    assert_int_equal(unlink(scratch_path(scratch, "inner/jwkd.lock")), 0);
    assert_int_equal(store_check(&scratch->options, &rows, NULL), JWKD_OK);
    assert_int_equal(rows, 1);
    assert_int_equal(access(scratch_path(scratch, "inner/lock.mdb"), F_OK), -1);
    assert_int_equal(access(scratch_path(scratch, "inner/jwkd.lock"), F_OK), -1);
}

static void lmdb__checks_beside_a_running_process(void **state)
{
    struct scratch *scratch = *state;
    scratch_begin(scratch, "value");
    uint64_t rows = 0;
    assert_int_equal(store_check(&scratch->options, &rows, NULL), JWKD_OK);
    assert_int_equal(rows, 1);
    assert_int_equal(scratch_put(scratch, "other row", "value", false), JWKD_OK);
}

static void lmdb__survives_a_change_of_working_directory(void **state)
{
    struct scratch *scratch = *state;
    CLEANUP(free_at) char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(scratch->directory), 0);
    scratch->place.directory = "relative";
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(scratch_put(scratch, "row", "value", false), JWKD_OK);
    assert_int_equal(access(scratch_path(scratch, "relative/data.mdb"), F_OK), 0);
}

static void lmdb__a_second_process_is_refused(void **state)
{
    struct scratch *scratch = *state;
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = NULL;
        bool opened = store_open(&scratch->options, &store, NULL) == JWKD_OK;
        if (write(ready[1], opened ? "y" : "n", 1) == 1) pause();
        _exit(1);
    }
    char answer = 0;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    char words[64];
    snprintf(words, sizeof words, "in use by process %ld;", (long)child);
    assert_int_equal(scratch_open(scratch), JWKD_FAILED_PRECONDITION);
    assert_non_null(strstr(scratch->error.message, words));
    assert_non_null(strstr(scratch->error.message, scratch->directory));

    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
}

static void lmdb__a_second_opening_is_refused(void **state)
{
    struct scratch *scratch = *state;
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    struct store *second = NULL;
    jwkd_error error;
    assert_int_equal(store_open(&scratch->options, &second, &error), JWKD_FAILED_PRECONDITION);
    assert_null(second);
    assert_int_equal(scratch_put(scratch, "row", "value", false), JWKD_OK);
}

static void lmdb__a_lost_database_is_not_made_anew(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    assert_int_equal(unlink(scratch_path(scratch, "data.mdb")), 0);
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "is gone; restore it");
    assert_int_equal(access(scratch_path(scratch, "data.mdb"), F_OK), -1);
}

static void lmdb__an_emptied_database_is_refused(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    empty_file(scratch_path(scratch, "data.mdb"));
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "was emptied; restore it");
    assert_int_equal(unlink(scratch_path(scratch, "jwkd.store")), 0);
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "not made by jwkd");
}

static void lmdb__another_stores_database_is_refused(void **state)
{
    struct scratch *scratch = *state, *other = scratch_new();
    make_store(scratch);
    make_store(other);
    CLEANUP(free_at) char *theirs = strdup(scratch_path(other, "data.mdb"));
    scratch_copy_file(theirs, scratch_path(scratch, "data.mdb"));
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "belongs to another store");
    scratch_free(other);
}

static void lmdb__a_database_without_its_marker_is_refused(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    assert_int_equal(unlink(scratch_path(scratch, "jwkd.store")), 0);
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "without its marker jwkd.store; restore");
}

static void lmdb__no_regular_file_is_refused(void **state)
{
    struct scratch *scratch = *state;
    assert_int_equal(mkfifo(scratch_path(scratch, "data.mdb"), 0600), 0);
    expect_refused(scratch, JWKD_FAILED_PRECONDITION, "no regular file");
}

static void lmdb__a_damaged_marker_is_refused(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    write_file(scratch_path(scratch, "jwkd.store"), "format=1\nstore=");
    expect_refused(scratch, JWKD_CORRUPT, "jwkd.store is damaged");
    write_file(scratch_path(scratch, "jwkd.store"), "format=2\nanything at all\n");
    expect_refused(scratch, JWKD_UNSUPPORTED, "later version");
}

static void lmdb__another_key_is_refused_by_name(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    scratch->options.key_id = bytes_of("key two.", 8);
    expect_refused(scratch, JWKD_DENIED, "6b6579206f6e652e"); /* "key one." */
    assert_non_null(strstr(scratch->error.message, "6b65792074776f2e"));
    /* A marker that is changed to name the other key does not help. */
    FILE *file = fopen(scratch_path(scratch, "jwkd.store"), "r+e");
    char line[128], marker[256] = "";
    while (fgets(line, sizeof line, file)) {
        strncat(marker, strncmp(line, "key=", 4) ? line : "key=6b65792074776f2e\n",
            sizeof marker - 1 - strlen(marker));
    }
    fclose(file);
    write_file(scratch_path(scratch, "jwkd.store"), marker);
    expect_refused(scratch, JWKD_DENIED, "6b6579206f6e652e");
}

static void lmdb__rows_of_another_mac_key_are_refused(void **state)
{
    struct scratch *scratch = *state;
    make_store(scratch);
    scratch->options.mac_key[0] ^= 1;
    expect_refused(scratch, JWKD_CORRUPT, "damaged");
}

/* Every state that a crash can leave while a store is being made. */
static void lmdb__an_interrupted_making_is_finished(void **state)
{
    struct scratch *scratch = *state;
    write_file(scratch_path(scratch, "new.mdb"), "half of a database");
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(access(scratch_path(scratch, "new.mdb"), F_OK), -1);
    uint8_t id[STORE_ID_SIZE];
    memcpy(id, store_id(scratch->store).data, sizeof id);
    scratch_close(scratch);

    assert_int_equal(unlink(scratch_path(scratch, "jwkd.store")), 0);
    write_file(scratch_path(scratch, "jwkd.store.new"), "format=");
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_memory_equal(store_id(scratch->store).data, id, sizeof id);
    assert_int_equal(scratch_put(scratch, "row", "value", false), JWKD_OK);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "value");
}

static void lmdb__an_unfinished_store_of_another_key_is_not_adopted(void **state)
{
    struct scratch *scratch = *state;
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_close(scratch);
    assert_int_equal(unlink(scratch_path(scratch, "jwkd.store")), 0);
    scratch->options.key_id = bytes_of("key two.", 8);
    expect_refused(scratch, JWKD_DENIED, "6b6579206f6e652e");
    assert_int_equal(access(scratch_path(scratch, "jwkd.store"), F_OK), -1);
}

static void commit_for_ever(struct scratch *scratch, uint64_t from, int acknowledged)
{
    struct store *store = NULL;
    if (store_open(&scratch->options, &store, NULL) != JWKD_OK) _exit(1);
    for (uint64_t i = from;; i++) {
        char key[32];
        snprintf(key, sizeof key, "row/%08llu", (unsigned long long)i);
        struct store_write write_row = {
            .key = bytes_of_text(key), .value = bytes_of_text(key), .expected = STORE_ABSENT};
        uint64_t revision = 0;
        if (store_commit(store, &write_row, 1, false, &revision, NULL) != JWKD_OK || revision != i) _exit(1);
        if (write(acknowledged, &i, sizeof i) != sizeof i) _exit(1);
    }
}

/* Starts a writer, kills it somewhere after so many acknowledgements, and returns the last one it gave. */
static uint64_t run_and_kill(
    struct scratch *scratch, uint64_t from, unsigned acknowledgements, unsigned yields)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) commit_for_ever(scratch, from, ends[1]);
    close(ends[1]);
    uint64_t last = from - 1;
    for (unsigned i = 0; i < acknowledgements; i++) {
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    }
    for (unsigned i = 0; i < yields; i++)
        sched_yield();
    kill(child, SIGKILL);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    while (read(ends[0], &last, sizeof last) == sizeof last) {
    }
    close(ends[0]);
    return last;
}

static bool count_row(void *context, const struct store_row *row)
{
    uint64_t *count = context;
    assert_true(bytes_equal(row->key, row->value));
    assert_int_equal(row->revision, ++*count);
    return true;
}

static void lmdb__a_killed_writer_loses_nothing_acknowledged(void **state)
{
    struct scratch *scratch = *state;
    unsigned seed = 20240607;
    uint64_t present = 0;
    for (int round = 0; round < 30; round++) {
        unsigned acknowledgements = (unsigned)rand_r(&seed) % 20;
        uint64_t acknowledged =
            run_and_kill(scratch, present + 1, acknowledgements, (unsigned)rand_r(&seed) % 300);
        /* Killed while it starts, the writer may leave a child of its own that has the lock for an instant
         * more. */
        while (scratch_open(scratch) == JWKD_FAILED_PRECONDITION) {
            assert_non_null(strstr(scratch->error.message, "in use"));
            sched_yield();
        }
        assert_non_null(scratch->store);
        uint64_t count = 0;
        struct bytes all = {0};
        assert_int_equal(store_list(scratch->store, all, all, count_row, &count), JWKD_OK);
        /* The one that was under way may be there or not. */
        assert_true(count == acknowledged || count == acknowledged + 1);
        present = count;
        scratch_close(scratch);
    }
    assert_true(present > 30);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest cases[] = {
        CASE(lmdb__makes_its_directory_for_itself_only),
        CASE(lmdb__does_not_make_what_it_was_not_told_to),
        CASE(lmdb__checks_without_changing_anything),
        CASE(lmdb__checks_beside_a_running_process),
        CASE(lmdb__survives_a_change_of_working_directory),
        CASE(lmdb__a_second_process_is_refused),
        CASE(lmdb__a_second_opening_is_refused),
        CASE(lmdb__a_lost_database_is_not_made_anew),
        CASE(lmdb__an_emptied_database_is_refused),
        CASE(lmdb__another_stores_database_is_refused),
        CASE(lmdb__a_database_without_its_marker_is_refused),
        CASE(lmdb__no_regular_file_is_refused),
        CASE(lmdb__a_damaged_marker_is_refused),
        CASE(lmdb__another_key_is_refused_by_name),
        CASE(lmdb__rows_of_another_mac_key_are_refused),
        CASE(lmdb__an_interrupted_making_is_finished),
        CASE(lmdb__an_unfinished_store_of_another_key_is_not_adopted),
        CASE(lmdb__a_killed_writer_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
