#include "seal/seal.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "seal/key_file.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* Two fixed keys, so that what is derived from them can be told apart. */
#define LINE_ONE "jwkd-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define LINE_TWO "jwkd-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e20"

/* Of LINE_ONE, computed apart from this code: its id, the key derived for "store", and "plaintext" sealed
 * under "binding". */
#define KNOWN_ID "46f9927dbf55ad8b"
#define KNOWN_DERIVED "ceba2b79ed94c9331dd3d6ec7a13b94fd75cc851bc13f7a6bdd6c7798ac387a3"
#define KNOWN_SEALED "01a0a1a2a3a4a5a6a7a8a9aaabfc69e72440d9923bee5abc70dc0beb3f1299ba80f507d5abd9"

enum { NOBODY = 65534 };

static char directory[256];

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/jwkd-seal-XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *write_key(const char *name, const char *text, mode_t mode)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static struct seal *open_seal(const char *path, bool create)
{
    struct seal *seal = NULL;
    jwkd_error error = {0};
    if (seal_open(path, create, &seal, &error) != JWKD_OK) fail_msg("%s", error.message);
    return seal;
}

static void expect_refused(const char *path, jwkd_status status, const char *words)
{
    struct seal *seal = NULL;
    jwkd_error error = {0};
    assert_int_equal(seal_open(path, true, &seal, &error), status);
    assert_null(seal);
    if (!strstr(error.message, words)) fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    assert_null(strstr(error.message, "00010203"));
}

static size_t files_in_directory(void)
{
    size_t count = 0;
    FILE *list = NULL;
    char command[300];
    snprintf(command, sizeof command, "ls -A '%s'", directory);
    list = popen(command, "re");
    assert_non_null(list);
    for (int c; (c = fgetc(list)) != EOF;)
        count += c == '\n';
    pclose(list);
    return count;
}

static void key_file__is_made_once_and_private(void **state)
{
    (void)state;
    const char *path = path_of("key");
    struct seal *first = NULL;
    assert_int_equal(seal_open(path, false, &first, NULL), JWKD_NOT_FOUND);
    first = open_seal(path, true);
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(file.st_nlink, 1);
    assert_int_equal(files_in_directory(), 1);

    struct seal *second = open_seal(path, true);
    assert_int_equal(seal_id(first).size, SEAL_ID_SIZE);
    assert_true(bytes_equal(seal_id(first), seal_id(second)));
    struct seal *other = open_seal(path_of("other"), true);
    assert_false(bytes_equal(seal_id(first), seal_id(other)));
    /* Making does not replace. */
    assert_int_equal(key_file_make(path_of("key"), NULL), JWKD_OK);
    struct seal *third = open_seal(path_of("key"), true);
    assert_true(bytes_equal(seal_id(first), seal_id(third)));
    seal_close(first);
    seal_close(second);
    seal_close(third);
    seal_close(other);
}

static void key_file__its_text_is_the_key(void **state)
{
    (void)state;
    struct secret key = {0};
    assert_int_equal(key_file_parse(bytes_of_text(LINE_ONE "\n"), &key), JWKD_OK);
    assert_int_equal(key.size, KEY_FILE_KEY_SIZE);
    for (uint8_t i = 0; i < KEY_FILE_KEY_SIZE; i++)
        assert_int_equal(key.data[i], i);
    secret_clear(&key);
    assert_int_equal(key_file_parse(bytes_of_text(LINE_ONE), &key), JWKD_OK);
    secret_clear(&key);
}

static void key_file__anything_else_is_malformed(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "\n",
        "jwkd-key-1 \n",
        LINE_ONE " \n",
        LINE_ONE "\n\n",
        LINE_ONE "00\n",
        LINE_ONE "\n" LINE_TWO "\n",
        " " LINE_ONE "\n",
        "jwkd-key-2 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
        "jwkd-key-1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n",
        "jwkd-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n",
        "jwkd-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct secret key = {0};
        assert_int_equal(key_file_parse(bytes_of_text(TEXTS[i]), &key), JWKD_MALFORMED);
        assert_null(key.data);
        expect_refused(
            write_key("key", TEXTS[i], 0600), JWKD_MALFORMED, "does not hold a key-encryption key");
    }
}

static void key_file__open_to_others_is_refused(void **state)
{
    (void)state;
    static const mode_t MODES[] = {0640, 0604, 0620, 0602, 0660, 0644, 0610};
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        const char *path = write_key("key", LINE_ONE "\n", MODES[i]);
        if (geteuid() == 0) assert_int_equal(chown(path, 0, NOBODY), 0);
        expect_refused(path, JWKD_DENIED, "chmod 600");
    }
    seal_close(open_seal(write_key("key", LINE_ONE "\n", 0400), false));
}

static void key_file__of_another_user_is_refused(void **state)
{
    (void)state;
    const char *path = write_key("key", LINE_ONE "\n", 0600);
    if (geteuid() != 0) {
        print_message("skipped: only root can give a file away\n");
        skip();
    }
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    expect_refused(path, JWKD_DENIED, "belongs to user 65534");
}

/* Kubernetes lists the main group among the others, too. */
static void join(gid_t main_group, gid_t other)
{
    const gid_t groups[] = {main_group, other};
    assert_int_equal(setgroups(2, groups), 0);
    assert_int_equal(setegid(main_group), 0);
}

/* As Kubernetes (fsGroup) and systemd (LoadCredential=) mount a secret. */
static void key_file__may_be_read_by_a_group_of_roots_choice(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can change its groups\n");
        skip();
    }
    enum { MAIN = 4711, OTHER = 4712, FOREIGN = 4713 };
    static const struct {
        uid_t user;
        gid_t group;
        mode_t mode;
        bool accepted;
    } ROWS[] = {
        {0, OTHER, 0440, true},
        {0, OTHER, 0640, true},
        {0, OTHER, 0660, false},
        {0, OTHER, 0450, false},
        {0, OTHER, 0444, false},
        {0, FOREIGN, 0440, false},
        {0, MAIN, 0440, false}, /* they may ask for signatures */
        {0, 0, 0440, true},
        {0, 0, 0460, false},
        {NOBODY, OTHER, 0440, false},
    };
    const char *path = write_key("key", LINE_ONE "\n", 0600);
    join(MAIN, OTHER);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_int_equal(chown(path, ROWS[i].user, ROWS[i].group), 0);
        assert_int_equal(chmod(path, ROWS[i].mode), 0);
        struct seal *seal = NULL;
        assert_int_equal(seal_open(path, false, &seal, NULL), ROWS[i].accepted ? JWKD_OK : JWKD_DENIED);
        seal_close(seal);
    }
    join(0, 0);
}

/* Root looks after a daemon that runs as another user. */
static void key_file__of_another_user_is_read_for_that_user(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    const char *path = write_key("key", LINE_ONE "\n", 0600);
    struct seal *seal = NULL;
    jwkd_error error = {0};
    assert_int_equal(chown(path, NOBODY, 0), 0);
    assert_int_equal(seal_open(path, false, &seal, &error), JWKD_DENIED);
    assert_int_equal(seal_open_of(path, NOBODY + 1, &seal, &error), JWKD_DENIED);
    assert_int_equal(seal_open_of(path, NOBODY, &seal, &error), JWKD_OK);
    seal_close(seal);
    assert_int_equal(chmod(path, 0640), 0); /* and is as well guarded */
    assert_int_equal(seal_open_of(path, NOBODY, &seal, &error), JWKD_DENIED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seal_open_of(path, NOBODY, &seal, &error), JWKD_NOT_FOUND);
}

static void key_file__must_be_a_regular_file(void **state)
{
    (void)state;
    expect_refused(directory, JWKD_DENIED, "not a regular file");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    expect_refused(path_of("fifo"), JWKD_DENIED, "not a regular file");
    expect_refused(path_of("none/key"), JWKD_UNAVAILABLE, "cannot be made");
}

/* As "key -> ..data/key, ..data -> ..2026_01_01" in a volume of Kubernetes. */
static void key_file__is_found_behind_symbolic_links(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("..2026"), 0700), 0);
    write_key("..2026/key", LINE_ONE "\n", 0600);
    assert_int_equal(symlink("..2026", path_of("..data")), 0);
    assert_int_equal(symlink("..data/key", path_of("key")), 0);
    seal_close(open_seal(path_of("key"), true));
    /* The file that they lead to must be guarded. */
    assert_int_equal(chmod(path_of("..2026/key"), 0604), 0);
    expect_refused(path_of("key"), JWKD_DENIED, "chmod 600");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(symlink("fifo", path_of("pipe")), 0);
    expect_refused(path_of("pipe"), JWKD_DENIED, "not a regular file");
    assert_int_equal(symlink("round", path_of("round")), 0);
    expect_refused(path_of("round"), JWKD_DENIED, "cannot be read");
    /* No key is made at the other end, or in the link's place. */
    size_t files = files_in_directory();
    assert_int_equal(symlink("nowhere", path_of("dangling")), 0);
    expect_refused(path_of("dangling"), JWKD_NOT_FOUND, "symbolic link to a file that is not there");
    assert_int_equal(files_in_directory(), files + 1);
}

static void seal__unwraps_what_it_wrapped(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    static const size_t SIZES[] = {0, 1, 16, 17, 1190, LIMIT_STORE_VALUE};
    static uint8_t plaintext[LIMIT_STORE_VALUE];
    for (size_t i = 0; i < sizeof plaintext; i++)
        plaintext[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        CLEANUP(buffer_clear) struct buffer sealed = {0};
        CLEANUP(secret_clear) struct secret opened = {0};
        assert_int_equal(buffer_append_text(&sealed, "before"), JWKD_OK);
        assert_int_equal(
            seal_wrap(seal, bytes_of(plaintext, SIZES[i]), bytes_of_text("binding"), &sealed), JWKD_OK);
        assert_int_equal(sealed.size, 6 + SIZES[i] + SEAL_OVERHEAD);
        assert_memory_equal(sealed.data, "before", 6);
        struct bytes body = bytes_of(sealed.data + 6, sealed.size - 6);
        if (SIZES[i] >= 16) assert_null(memmem(body.data, body.size, plaintext, 16));
        assert_int_equal(seal_unwrap(seal, body, bytes_of_text("binding"), &opened), JWKD_OK);
        assert_true(bytes_equal(secret_bytes(&opened), bytes_of(plaintext, SIZES[i])));
    }
    seal_close(seal);
}

static void expect_corrupt(const struct seal *seal, struct bytes sealed, struct bytes binding)
{
    struct secret opened = {0};
    assert_int_equal(seal_unwrap(seal, sealed, binding, &opened), JWKD_CORRUPT);
    assert_null(opened.data);
}

static void seal__any_other_bytes_binding_or_key_is_corrupt(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    struct seal *other = open_seal(write_key("other", LINE_TWO "\n", 0600), false);
    CLEANUP(buffer_clear) struct buffer sealed = {0};
    struct bytes binding = bytes_of_text("environment/kid"), none = {0};
    assert_int_equal(seal_wrap(seal, bytes_of_text("a private key"), binding, &sealed), JWKD_OK);
    for (size_t bit = 0; bit < sealed.size * 8; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_corrupt(seal, buffer_bytes(&sealed), binding);
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < sealed.size; size++)
        expect_corrupt(seal, bytes_of(sealed.data, size), binding);
    expect_corrupt(seal, buffer_bytes(&sealed), bytes_of_text("environment/kie"));
    expect_corrupt(seal, buffer_bytes(&sealed), bytes_of(binding.data, binding.size - 1));
    expect_corrupt(seal, buffer_bytes(&sealed), none);
    expect_corrupt(other, buffer_bytes(&sealed), binding);
    seal_close(seal);
    seal_close(other);
}

static void seal__never_gives_the_same_bytes_twice(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    CLEANUP(buffer_clear) struct buffer one = {0}, two = {0};
    struct bytes none = {0};
    assert_int_equal(seal_wrap(seal, bytes_of_text("same"), none, &one), JWKD_OK);
    assert_int_equal(seal_wrap(seal, bytes_of_text("same"), none, &two), JWKD_OK);
    assert_memory_not_equal(one.data + 1, two.data + 1, 12);
    assert_memory_not_equal(one.data + 13, two.data + 13, 4);
    seal_close(seal);
}

static void seal__what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    static uint8_t large[LIMIT_STORE_VALUE + 1];
    CLEANUP(buffer_clear) struct buffer sealed = {0};
    struct bytes none = {0};
    assert_int_equal(seal_wrap(seal, bytes_of(large, sizeof large), none, &sealed), JWKD_INVALID_ARGUMENT);
    assert_int_equal(seal_wrap(seal, none, bytes_of(large, sizeof large), &sealed), JWKD_INVALID_ARGUMENT);
    assert_int_equal(sealed.size, 0);
    seal_close(seal);
}

static void seal__derives_a_key_for_each_label(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    struct seal *other = open_seal(write_key("other", LINE_TWO "\n", 0600), false);
    uint8_t store[32], again[32], audit[32], theirs[32];
    assert_int_equal(seal_derive(seal, "store", store), JWKD_OK);
    assert_int_equal(seal_derive(seal, "store", again), JWKD_OK);
    assert_int_equal(seal_derive(seal, "audit", audit), JWKD_OK);
    assert_int_equal(seal_derive(other, "store", theirs), JWKD_OK);
    assert_memory_equal(store, again, 32);
    assert_memory_not_equal(store, audit, 32);
    assert_memory_not_equal(store, theirs, 32);
    seal_close(seal);
    seal_close(other);
}

/* Stores outlive versions of this code. */
static void seal__its_formats_do_not_change(void **state)
{
    (void)state;
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    uint8_t id[SEAL_ID_SIZE], derived[32], sealed[64];
    assert_true(bytes_from_hex(bytes_of_text(KNOWN_ID), id, sizeof id));
    assert_true(bytes_from_hex(bytes_of_text(KNOWN_DERIVED), derived, sizeof derived));
    size_t size = strlen(KNOWN_SEALED) / 2;
    assert_true(bytes_from_hex(bytes_of_text(KNOWN_SEALED), sealed, size));
    assert_memory_equal(seal_id(seal).data, id, sizeof id);
    uint8_t found[32];
    assert_int_equal(seal_derive(seal, "store", found), JWKD_OK);
    assert_memory_equal(found, derived, sizeof derived);
    CLEANUP(secret_clear) struct secret opened = {0};
    assert_int_equal(seal_unwrap(seal, bytes_of(sealed, size), bytes_of_text("binding"), &opened), JWKD_OK);
    assert_true(bytes_equal_text(secret_bytes(&opened), "plaintext"));
    seal_close(seal);
}

struct shared {
    const struct seal *seal;
    atomic_int failures;
};

static void *wrap_and_unwrap(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "secret %d", i);
        CLEANUP(buffer_clear) struct buffer sealed = {0};
        CLEANUP(secret_clear) struct secret opened = {0};
        if (seal_wrap(shared->seal, bytes_of_text(text), bytes_of_text("b"), &sealed) != JWKD_OK ||
            seal_unwrap(shared->seal, buffer_bytes(&sealed), bytes_of_text("b"), &opened) != JWKD_OK ||
            !bytes_equal_text(secret_bytes(&opened), text)) {
            shared->failures++;
        }
    }
    return NULL;
}

static void seal__serves_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct seal *seal = open_seal(write_key("key", LINE_ONE "\n", 0600), false);
    struct shared shared = {.seal = seal};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wrap_and_unwrap, &shared), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.failures, 0);
    seal_close(seal);
    seal_close(NULL);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest cases[] = {
        CASE(key_file__is_made_once_and_private),
        CASE(key_file__its_text_is_the_key),
        CASE(key_file__anything_else_is_malformed),
        CASE(key_file__open_to_others_is_refused),
        CASE(key_file__of_another_user_is_refused),
        CASE(key_file__may_be_read_by_a_group_of_roots_choice),
        CASE(key_file__of_another_user_is_read_for_that_user),
        CASE(key_file__must_be_a_regular_file),
        CASE(key_file__is_found_behind_symbolic_links),
        CASE(seal__unwraps_what_it_wrapped),
        CASE(seal__any_other_bytes_binding_or_key_is_corrupt),
        CASE(seal__never_gives_the_same_bytes_twice),
        CASE(seal__what_is_too_large_is_refused),
        CASE(seal__derives_a_key_for_each_label),
        CASE(seal__its_formats_do_not_change),
        CASE(seal__serves_many_threads),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
