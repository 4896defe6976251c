/* A directory of its own for each test, and the store in it. */
#ifndef TEST_STORE_SCRATCH_H
#define TEST_STORE_SCRATCH_H

#include "store/lmdb/lmdb.h"

struct scratch {
    char *directory;
    struct lmdb_place place;
    struct store_options options;
    struct store *store; /* NULL: not open */
    jwkd_error error;    /* of the last call */
};

/* The store is not opened. Fails the test when it cannot. */
struct scratch *scratch_new(void);
/* Closes the store and removes the directory with all that it holds. */
void scratch_free(struct scratch *scratch);
/* The same as a cmocka fixture: the scratch is *state. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Opens the store and keeps it; an open one is closed before. */
jwkd_status scratch_open(struct scratch *scratch);
/* Opens it and puts the row "row" with this value. Fails the test when it cannot. */
void scratch_begin(struct scratch *scratch, const char *value);
void scratch_close(struct scratch *scratch);

/* The path of a file in the directory; static storage, until the next call. */
const char *scratch_path(const struct scratch *scratch, const char *name);
void scratch_copy_file(const char *from, const char *to);

/* Whether a file in the directory holds nothing but zeros. */
bool scratch_is_zero(const struct scratch *scratch, const char *name);

/* One row, with any revision. */
jwkd_status scratch_put(struct scratch *scratch, const char *key, const char *value, bool urgent);
/* Another process puts the row, first as "old" and then as `value`. It dies when `value` is noted and not in
 * the database yet. */
void scratch_note(struct scratch *scratch, const char *key, const char *value);
/* Fails the test unless the row is as said (NULL: absent). */
void scratch_expect(struct scratch *scratch, const char *key, const char *value);

#endif
