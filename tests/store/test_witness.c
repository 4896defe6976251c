#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/scratch.h"
#include "store/lmdb/witness.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* Opens the store and changes it, so that it has a witness. */
static int setup(void **state)
{
    struct scratch *scratch = scratch_new();
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_true(store_went_back(scratch->store)); /* nothing vouches for a new one either */
    assert_int_equal(scratch_put(scratch, "row", "first", false), JWKD_OK);
    *state = scratch;
    return 0;
}

static bool went_back(struct scratch *scratch)
{
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    return store_went_back(scratch->store);
}

static void copy(const struct scratch *scratch, const char *from, const char *to)
{
    char source[300];
    snprintf(source, sizeof source, "%s", scratch_path(scratch, from));
    scratch_copy_file(source, scratch_path(scratch, to));
}

static void witness__vouches_for_what_was_written_here(void **state)
{
    struct scratch *scratch = *state;
    for (int i = 0; i < 3; i++) {
        assert_false(went_back(scratch));
        assert_int_equal(scratch_put(scratch, "row", "later", false), JWKD_OK);
    }
    scratch_close(scratch);
    assert_false(went_back(scratch)); /* without a change in between */
    assert_false(went_back(scratch));
}

static void witness__an_earlier_database_shows(void **state)
{
    struct scratch *scratch = *state;
    scratch_close(scratch);
    copy(scratch, "data.mdb", "backup.mdb");
    assert_false(went_back(scratch));
    assert_int_equal(scratch_put(scratch, "row", "later", false), JWKD_OK);
    scratch_close(scratch);
    copy(scratch, "backup.mdb", "data.mdb");
    assert_true(went_back(scratch));
    scratch_expect(scratch, "row", "first");
    assert_true(went_back(scratch)); /* until something is committed */
    assert_int_equal(scratch_put(scratch, "row", "another history", false), JWKD_OK);
    assert_true(store_went_back(scratch->store));
    assert_false(went_back(scratch));
}

/* The witness was put back together with the database. It fits the database, but is another file. */
static void witness__a_copy_shows_by_its_inode(void **state)
{
    struct scratch *scratch = *state;
    scratch_close(scratch);
    copy(scratch, WITNESS_FILE, "copy");
    char original[300];
    snprintf(original, sizeof original, "%s", scratch_path(scratch, WITNESS_FILE));
    assert_int_equal(rename(scratch_path(scratch, "copy"), original), 0);
    assert_true(went_back(scratch));
}

/* Another program wrote over the witness. Its times show that, even if they were set back. */
static void witness__what_was_written_over_it_shows_by_its_times(void **state)
{
    struct scratch *scratch = *state;
    scratch_close(scratch);
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(scratch, WITNESS_FILE), long_ago, 0), 0);
    assert_true(went_back(scratch));
}

static void witness__one_that_is_missing_or_unreadable_vouches_for_nothing(void **state)
{
    struct scratch *scratch = *state;
    static const char *const TEXTS[] = {
        "", "revision=1\n", "revision=00000000000000000001\nfile=99999999999999999999\nat=0\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        FILE *file = fopen(scratch_path(scratch, WITNESS_FILE), "w");
        assert_non_null(file);
        fputs(TEXTS[i], file);
        assert_int_equal(fclose(file), 0);
        assert_true(went_back(scratch));
    }
    assert_int_equal(unlink(scratch_path(scratch, WITNESS_FILE)), 0);
    assert_true(went_back(scratch));
    assert_int_equal(mkdir(scratch_path(scratch, WITNESS_FILE), 0700), 0);
    assert_true(went_back(scratch));
    assert_int_equal(scratch_put(scratch, "row", "all the same", false), JWKD_OK);
    assert_int_equal(rmdir(scratch_path(scratch, WITNESS_FILE)), 0);
}

static void witness__parses_what_it_writes_and_nothing_else(void **state)
{
    (void)state;
#define LINES(revision, file, at) "revision=" revision "\nfile=" file "\nat=" at "\n"
#define ONE "00000000000000000001"
    struct witness witness;
    assert_int_equal(witness_parse(bytes_of_text(LINES("18446744073709551615", "00000000000000000002",
                                       "09223372036854775807")),
                         &witness),
        JWKD_OK);
    assert_true(witness.revision == UINT64_MAX && witness.inode == 2 && witness.at == INT64_MAX);
    static const char *const WRONG[] = {"", LINES("18446744073709551616", ONE, ONE),
        LINES(ONE, ONE, "09223372036854775808"), LINES("1", ONE, ONE),
        LINES(ONE, "0000000000000000000x", ONE), LINES(ONE, ONE, ONE) "\n", "x" LINES(ONE, ONE, ONE)};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        assert_int_equal(witness_parse(bytes_of_text(WRONG[i]), &witness), JWKD_MALFORMED);
    struct bytes whole = bytes_of_text(LINES(ONE, ONE, ONE));
    for (size_t size = 0; size < whole.size; size++)
        assert_int_equal(witness_parse(bytes_of(whole.data, size), &witness), JWKD_MALFORMED);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(witness__vouches_for_what_was_written_here),
        CASE(witness__an_earlier_database_shows),
        CASE(witness__a_copy_shows_by_its_inode),
        CASE(witness__what_was_written_over_it_shows_by_its_times),
        CASE(witness__one_that_is_missing_or_unreadable_vouches_for_nothing),
        cmocka_unit_test(witness__parses_what_it_writes_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
