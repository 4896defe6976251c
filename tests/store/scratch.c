#include "store/scratch.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#include <cmocka.h> /* last: it has a macro named fail */

struct scratch *scratch_new(void)
{
    const char *parent = getenv("TMPDIR");
    struct scratch *scratch = calloc(1, sizeof *scratch);
    assert_non_null(scratch);
    assert_true(asprintf(&scratch->directory, "%s/jwkd-store-XXXXXX", parent ? parent : "/tmp") > 0);
    assert_non_null(mkdtemp(scratch->directory));
    scratch->place = (struct lmdb_place){.directory = scratch->directory};
    scratch->options = (struct store_options){
        .engine = &LMDB_ENGINE,
        .place = &scratch->place,
        .create = true,
        .mac_key = "the MAC key that the tests use..",
        .key_id = bytes_of("key one.", 8),
    };
    return scratch;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_free(struct scratch *scratch)
{
    scratch_close(scratch);
    nftw(scratch->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(scratch->directory);
    free(scratch);
}

int scratch_setup(void **state)
{
    *state = scratch_new();
    return 0;
}

int scratch_teardown(void **state)
{
    scratch_free(*state);
    return 0;
}

jwkd_status scratch_open(struct scratch *scratch)
{
    scratch_close(scratch);
    scratch->error = (jwkd_error){0};
    jwkd_status status = store_open(&scratch->options, &scratch->store, &scratch->error);
    assert_true((status == JWKD_OK) == (scratch->store != NULL));
    if (status != JWKD_OK) {
        assert_int_equal(scratch->error.status, status);
        assert_true(scratch->error.message[0] != '\0');
    }
    return status;
}

void scratch_begin(struct scratch *scratch, const char *value)
{
    assert_int_equal(scratch_open(scratch), JWKD_OK);
    assert_int_equal(scratch_put(scratch, "row", value, false), JWKD_OK);
}

void scratch_close(struct scratch *scratch)
{
    store_close(scratch->store);
    scratch->store = NULL;
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch->directory, name);
    return path;
}

void scratch_copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    assert_true(in && out);
    char block[4096];
    for (size_t size; (size = fread(block, 1, sizeof block, in)) > 0;) {
        assert_int_equal(fwrite(block, 1, size, out), size);
    }
    assert_int_equal(ferror(in), 0);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

bool scratch_is_zero(const struct scratch *scratch, const char *name)
{
    bool zero = true;
    FILE *file = fopen(scratch_path(scratch, name), "re");
    assert_non_null(file);
    for (int byte; (byte = fgetc(file)) != EOF;)
        zero = zero && byte == 0;
    fclose(file);
    return zero;
}

jwkd_status scratch_put(struct scratch *scratch, const char *key, const char *value, bool urgent)
{
    struct store_write write = {
        .key = bytes_of_text(key), .value = bytes_of_text(value), .expected = STORE_ANY};
    scratch->error = (jwkd_error){0};
    return store_commit(scratch->store, &write, 1, urgent, NULL, &scratch->error);
}

void scratch_expect(struct scratch *scratch, const char *key, const char *value)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    jwkd_status status = store_get(scratch->store, bytes_of_text(key), &found, NULL);
    assert_int_equal(status, value ? JWKD_OK : JWKD_NOT_FOUND);
    if (!value) return;
    assert_int_equal(found.size, strlen(value));
    assert_memory_equal(found.data, value, found.size);
}

static _Noreturn void note_and_die(struct scratch *scratch, const char *key, const char *value)
{
    bool noted = scratch_open(scratch) == JWKD_OK && scratch_put(scratch, key, "old", false) == JWKD_OK &&
                 scratch_put(scratch, key, value, true) == JWKD_OK;
    _exit(noted && store_is_unsettled(scratch->store) ? 0 : 1);
}

void scratch_note(struct scratch *scratch, const char *key, const char *value)
{
    int how = 0;
    scratch_close(scratch);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) note_and_die(scratch, key, value);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}
