/* Full and read-only disks, in a private mount namespace; skipped where there can be none. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

static const char *no_mounts; /* why there is no namespace to mount in; NULL: there is */

static int enter_namespace(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNS) != 0)
        no_mounts = "unshare(CLONE_NEWNS) is not permitted";
    else if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        no_mounts = "mounts cannot be made private";
    return 0;
}

static void skip_without_mounts(void)
{
    if (!no_mounts) return;
    print_message("skipped: %s\n", no_mounts);
    skip();
}

static int teardown(void **state)
{
    struct scratch *scratch = *state;
    scratch_close(scratch);
    umount2(scratch->directory, MNT_DETACH);
    return scratch_teardown(state);
}

/* A change that is tried again at most once a second needs some patience; the test's own time limit
 * ends it. */
static void commit_until_done(struct scratch *scratch, const char *key, const char *value)
{
    while (scratch_put(scratch, key, value, false) != JWKD_OK) {
        assert_int_equal(scratch->error.status, JWKD_UNAVAILABLE);
        usleep(20 * 1000);
    }
}

/* ---- read-only ---- */

static void make_read_only(struct scratch *scratch, bool read_only)
{
    unsigned long flags = MS_BIND | MS_REMOUNT | (read_only ? MS_RDONLY : 0);
    assert_int_equal(mount("none", scratch->directory, NULL, flags, NULL), 0);
}

struct readers {
    struct scratch *scratch;
    atomic_bool stop;
    atomic_int failures;
};

static void *read_row(void *context)
{
    struct readers *readers = context;
    while (!readers->stop) {
        CLEANUP(buffer_clear) struct buffer found = {0};
        jwkd_status status = store_get(readers->scratch->store, bytes_of_text("row"), &found, NULL);
        if (status != JWKD_OK || !bytes_equal_text(buffer_bytes(&found), "value")) readers->failures++;
    }
    return NULL;
}

static void disk__a_read_only_one_serves_and_heals(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = *state;
    assert_int_equal(mount(scratch->directory, scratch->directory, NULL, MS_BIND, NULL), 0);
    scratch_begin(scratch, "value");
    scratch_close(scratch);
    make_read_only(scratch, true);

    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(store_condition(scratch->store), STORE_READ_ONLY);
    scratch_expect(scratch, "row", "value");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(scratch_put(scratch, "other", "value", true), JWKD_UNAVAILABLE);
        assert_int_equal(scratch->error.status, JWKD_UNAVAILABLE);
        assert_non_null(strstr(scratch->error.message, "cannot be written"));
    }
    assert_int_equal(store_condition(scratch->store), STORE_READ_ONLY);

    struct readers readers = {.scratch = scratch};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_row, &readers), 0);
    make_read_only(scratch, false);
    commit_until_done(scratch, "other", "value");
    readers.stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(readers.failures, 0);
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "other", "value");
}

static void disk__a_read_only_one_without_a_store_is_refused(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = *state;
    assert_int_equal(mount(scratch->directory, scratch->directory, NULL, MS_BIND, NULL), 0);
    make_read_only(scratch, true);
    assert_int_equal(scratch_open(scratch), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "cannot be written"));
}

static void serve_without_privilege(struct scratch *scratch)
{
    enum { NOBODY = 65534 };
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) _exit(2);
    struct store *store = NULL;
    CLEANUP(buffer_clear) struct buffer found = {0};
    struct store_write write = {
        .key = bytes_of_text("other"), .value = bytes_of_text("x"), .expected = STORE_ANY};
    bool right = store_open(&scratch->options, &store, NULL) == JWKD_OK &&
                 store_condition(store) == STORE_READ_ONLY &&
                 store_get(store, bytes_of_text("row"), &found, NULL) == JWKD_OK &&
                 store_commit(store, &write, 1, true, NULL, NULL) == JWKD_UNAVAILABLE;
    _exit(right ? 0 : 1);
}

static void disk__files_of_another_user_are_only_read(void **state)
{
    struct scratch *scratch = *state;
    if (geteuid() != 0) {
        print_message("skipped: only root can become another user\n");
        skip();
    }
    scratch_begin(scratch, "value");
    scratch_close(scratch);
    assert_int_equal(chmod(scratch->directory, 0755), 0);
    assert_int_equal(chmod(scratch_path(scratch, "data.mdb"), 0644), 0);
    assert_int_equal(chmod(scratch_path(scratch, "jwkd.store"), 0644), 0);
    assert_int_equal(chmod(scratch_path(scratch, "jwkd.note"), 0644), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) serve_without_privilege(scratch);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

/* ---- full ---- */

enum { BALLAST = 256 * 1024 };

/* Takes all the room that is left. */
static void fill(struct scratch *scratch)
{
    int fd = open(scratch_path(scratch, "filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    static const char BLOCK[4096] = "x";
    while (write(fd, BLOCK, sizeof BLOCK) == (ssize_t)sizeof BLOCK) {
    }
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

/* With a store that holds one row. */
static struct scratch *on_a_small_disk(void **state)
{
    struct scratch *scratch = *state;
    assert_int_equal(mount("none", scratch->directory, "tmpfs", 0, "size=2m"), 0);
    scratch->place.ballast_size = BALLAST;
    scratch_begin(scratch, "value");
    return scratch;
}

static struct scratch *on_a_full_disk(void **state)
{
    struct scratch *scratch = on_a_small_disk(state);
    fill(scratch);
    return scratch;
}

static void empty(struct scratch *scratch)
{
    assert_int_equal(unlink(scratch_path(scratch, "filler")), 0);
}

static off_t ballast_blocks(struct scratch *scratch)
{
    struct stat file;
    assert_int_equal(stat(scratch_path(scratch, "jwkd.ballast"), &file), 0);
    return file.st_blocks;
}

/* Too large for the free pages of a small database. */
static const char *large_value(void)
{
    static char value[32 * 1024];
    memset(value, 'v', sizeof value - 1);
    return value;
}

static void expect_full(struct scratch *scratch, bool urgent)
{
    assert_int_equal(scratch_put(scratch, "large", large_value(), urgent), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "is full"));
    assert_int_equal(store_condition(scratch->store), STORE_FULL);
    scratch_expect(scratch, "row", "value");
    scratch_expect(scratch, "large", NULL);
}

/* The disk has room for a small row, but the store keeps that room back. */
static void expect_scarce(struct scratch *scratch)
{
    struct statvfs medium;
    assert_int_equal(statvfs(scratch->directory, &medium), 0);
    assert_true(medium.f_bavail * medium.f_frsize > BALLAST / 4);
    assert_int_equal(ballast_blocks(scratch), 0);
    assert_int_equal(store_condition(scratch->store), STORE_FULL);
    assert_int_equal(scratch_put(scratch, "small", "value", false), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "is full"));
    scratch_expect(scratch, "small", NULL);
    assert_int_equal(store_condition(scratch->store), STORE_FULL);
}

static void disk__a_full_one_keeps_serving_and_heals(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = on_a_full_disk(state);
    assert_int_equal(store_condition(scratch->store), STORE_FULL); /* before a change fails */
    expect_full(scratch, false);
    expect_full(scratch, false);
    assert_true(ballast_blocks(scratch) > 0);
    empty(scratch);
    assert_int_equal(scratch_put(scratch, "large", large_value(), false), JWKD_OK);
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "value");
    scratch_expect(scratch, "large", large_value());
}

static void disk__an_urgent_change_has_room_kept_back(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = on_a_full_disk(state);
    expect_full(scratch, false);
    assert_int_equal(scratch_put(scratch, "urgent", large_value(), true), JWKD_OK);
    assert_int_equal(ballast_blocks(scratch), 0);
    scratch_expect(scratch, "urgent", large_value());

    fill(scratch);
    expect_full(scratch, true); /* it was all that there was */
    empty(scratch);
    assert_int_equal(scratch_put(scratch, "later", "value", false), JWKD_OK);
    assert_int_equal(ballast_blocks(scratch), BALLAST / 512);
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "urgent", large_value());
    scratch_expect(scratch, "later", "value");
}

/* An urgent change takes a part of the room kept back. The rest stays for further urgent changes. */
static void disk__what_is_left_of_the_room_kept_back_is_for_urgent_changes(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = on_a_full_disk(state);
    expect_full(scratch, false);
    assert_int_equal(scratch_put(scratch, "urgent", large_value(), true), JWKD_OK);
    expect_scarce(scratch);
    assert_int_equal(scratch_put(scratch, "row", "anew", false), JWKD_OK); /* takes no room */
    scratch_expect(scratch, "row", "anew");
    expect_scarce(scratch);
    assert_int_equal(scratch_put(scratch, "more", large_value(), true), JWKD_OK);
    expect_scarce(scratch);
    assert_int_equal(scratch_open(scratch), JWKD_OK); /* nor does a start find more room */
    expect_scarce(scratch);
    empty(scratch);
    assert_int_equal(store_commit(scratch->store, NULL, 0, false, NULL, NULL), JWKD_OK);
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
    assert_int_equal(ballast_blocks(scratch), BALLAST / 512);
    assert_int_equal(scratch_put(scratch, "small", "value", false), JWKD_OK);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "urgent", large_value());
    scratch_expect(scratch, "more", large_value());
}

/* The store learns that the disk is full only when the change is durable already. */
static void disk__full_behind_a_note_has_room_kept_back(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = on_a_full_disk(state);
    assert_int_equal(scratch_put(scratch, "urgent", large_value(), true), JWKD_OK);
    assert_true(store_is_unsettled(scratch->store));
    assert_int_equal(ballast_blocks(scratch), BALLAST / 512);
    assert_int_equal(store_settle(scratch->store, NULL), JWKD_OK);
    assert_int_equal(ballast_blocks(scratch), 0);
    scratch_expect(scratch, "urgent", large_value());
    fill(scratch);
    expect_full(scratch, true);
    assert_false(store_is_unsettled(scratch->store));
}

/* Without the note, the store would serve the state before the deactivation. */
static void disk__a_read_only_one_with_a_note_is_refused(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = *state;
    assert_int_equal(mount(scratch->directory, scratch->directory, NULL, MS_BIND, NULL), 0);
    scratch_note(scratch, "row", "new");
    make_read_only(scratch, true);
    assert_int_equal(scratch_open(scratch), JWKD_UNAVAILABLE);
    assert_non_null(strstr(scratch->error.message, "noted"));
    assert_non_null(strstr(scratch->error.message, "make it writable"));
    make_read_only(scratch, false);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    scratch_expect(scratch, "row", "new");
}

/* Without its lock table, LMDB would meet a hole in a map where the disk has no room for it. */
static void disk__a_start_on_a_full_one_serves_and_heals(void **state)
{
    skip_without_mounts();
    struct scratch *scratch = on_a_small_disk(state);
    scratch_close(scratch);
    assert_int_equal(unlink(scratch_path(scratch, "lock.mdb")), 0);
    assert_int_equal(unlink(scratch_path(scratch, "jwkd.ballast")), 0);
    fill(scratch);
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(store_condition(scratch->store), STORE_FULL);
    scratch_expect(scratch, "row", "value");
    assert_int_equal(scratch_put(scratch, "other", "value", true), JWKD_UNAVAILABLE);
    empty(scratch);
    commit_until_done(scratch, "other", "value");
    assert_int_equal(store_condition(scratch->store), STORE_READ_WRITE);
}

static void disk__a_full_map_is_a_full_disk(void **state)
{
    struct scratch *scratch = *state;
    scratch->place.map_size = 256 * 1024;
    scratch_begin(scratch, "value");
    char key[24];
    jwkd_status status = JWKD_OK;
    for (int i = 0; status == JWKD_OK && i < 100; i++) {
        snprintf(key, sizeof key, "filler/%d", i);
        status = scratch_put(scratch, key, large_value(), false);
    }
    assert_int_equal(status, JWKD_UNAVAILABLE);
    assert_int_equal(store_condition(scratch->store), STORE_FULL);
    scratch_expect(scratch, "row", "value");
    scratch_expect(scratch, key, NULL);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, scratch_setup, teardown)
    const struct CMUnitTest cases[] = {
        CASE(disk__a_read_only_one_serves_and_heals),
        CASE(disk__a_read_only_one_without_a_store_is_refused),
        CASE(disk__files_of_another_user_are_only_read),
        CASE(disk__a_full_one_keeps_serving_and_heals),
        CASE(disk__an_urgent_change_has_room_kept_back),
        CASE(disk__what_is_left_of_the_room_kept_back_is_for_urgent_changes),
        CASE(disk__full_behind_a_note_has_room_kept_back),
        CASE(disk__a_read_only_one_with_a_note_is_refused),
        CASE(disk__a_start_on_a_full_one_serves_and_heals),
        CASE(disk__a_full_map_is_a_full_disk),
    };
    return cmocka_run_group_tests(cases, enter_namespace, NULL);
}
