#include "store/lmdb/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/lmdb/lmdb.h"
#include "store/lmdb/note_file.h"
#include "store/lmdb/open.h"
#include "store/lmdb/pages.h"
#include "store/lmdb/witness.h"

#define DATA_FILE LMDB_DATA_FILE
#define LOCK_TABLE_FILE "lock.mdb"
#define NEW_FILE "new.mdb" /* a database being made */

/* Growing the map under a reader ends in SIGSEGV, so the address space is taken once. It costs nothing while
 * it is unused. */
#define MAP_SIZE_DEFAULT (UINT64_C(64) << 30)
#define MAP_SIZE_LEAST (UINT64_C(64) << 20)
enum {
    READERS = 128,
    LOCK_TABLE_SIZE = 16 * 1024,
    BALLAST_SIZE_DEFAULT = 1024 * 1024,
    MAP_ROOM_LEAST = 1024 * 1024,
    ROOM_LEAST = 64 * 1024, /* a medium with less room is full */
    GUARD_BROKEN = -1,      /* beside LMDB's codes and errno */
};

struct lmdb {
    struct directory directory;
    size_t map_size;
    size_t ballast_size;
    pthread_rwlock_t gate; /* guards env and rows: shared to use them, alone to open them anew */
    MDB_env *env;          /* NULL: could not be opened anew */
    MDB_dbi rows;
    _Atomic enum store_condition condition;
    atomic_bool ballast_missing;
    bool went_back; /* as it was found at opening */
    /* The rest is for the committing thread only. */
    bool writable;
    uint64_t reopened_ns; /* last tried */
    int witness;          /* -1: not open yet */
    int note;             /* -1: cannot be written */
};

DEFINE_CLEANUP(MDB_txn *, mdb_txn_abort)
DEFINE_CLEANUP(MDB_cursor *, mdb_cursor_close)
DEFINE_CLEANUP(MDB_env *, mdb_env_close)

static MDB_val val_of(struct bytes bytes)
{
    /* LMDB does not write to what it is given. */
    return (MDB_val){.mv_data = (void *)(uintptr_t)bytes.data, .mv_size = bytes.size};
}

static struct bytes bytes_of_val(const MDB_val *val)
{
    return bytes_of(val->mv_data, val->mv_size);
}

static jwkd_status status_of(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return JWKD_OK;
    case MDB_NOTFOUND:
        return JWKD_NOT_FOUND;
    case MDB_READERS_FULL:
        return JWKD_BUSY;
    case MDB_TXN_FULL:
        return JWKD_RESOURCE_EXHAUSTED;
    case ENOMEM:
        return JWKD_NO_MEMORY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return JWKD_CORRUPT;
    default:
        return JWKD_UNAVAILABLE;
    }
}

/* ---- the environment ---- */

static int open_env_of_size(
    const char *path, unsigned flags, size_t map_size, MDB_env **out, MDB_dbi *out_rows)
{
    CLEANUP(mdb_env_close_at) MDB_env *env = NULL;
    CLEANUP(mdb_txn_abort_at) MDB_txn *txn = NULL;
    MDB_dbi rows;
    int rc = mdb_env_create(&env);
    if (rc == 0) rc = mdb_env_set_mapsize(env, map_size);
    if (rc == 0) rc = mdb_env_set_maxreaders(env, READERS);
    /* NOTLS: a reader's slot belongs to its transaction, not to its thread. */
    if (rc == 0) rc = mdb_env_open(env, path, flags | MDB_NOTLS, 0600);
    if (rc == 0) rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) rc = mdb_dbi_open(txn, NULL, 0, &rows);
    if (rc == 0) rc = mdb_txn_commit(TAKE(txn));
    if (rc != 0) return rc;
    *out_rows = rows;
    *out = TAKE(env);
    return 0;
}

static int open_env(const char *path, unsigned flags, size_t map_size, MDB_env **out, MDB_dbi *out_rows)
{
    for (size_t size = map_size;; size /= 2) {
        int rc = open_env_of_size(path, flags, size, out, out_rows);
        if (rc != ENOMEM || size / 2 < MAP_SIZE_LEAST) return rc;
    }
}

/* Opens the database for reading only. Goes past LMDB's own locks, unless `shared` with a process that
 * writes. */
static int open_to_read(struct lmdb *lmdb, bool shared)
{
    lmdb->writable = false;
    return open_env(lmdb->directory.path, MDB_RDONLY | (shared ? 0 : MDB_NOLOCK), lmdb->map_size, &lmdb->env,
        &lmdb->rows);
}

static int open_to_write(struct lmdb *lmdb)
{
    /* LMDB writes to its lock table through a map. If the file had a hole and the disk no room, that would be
     * SIGBUS. */
    const struct directory *directory = &lmdb->directory;
    if (!directory_reserve(directory, LOCK_TABLE_FILE, LOCK_TABLE_SIZE)) {
        int reason = errno;
        if (!ballast_drop(directory)) return reason;
        lmdb->ballast_missing = true;
        if (!directory_reserve(directory, LOCK_TABLE_FILE, LOCK_TABLE_SIZE)) return errno;
    }
    int rc = open_env(directory->path, 0, lmdb->map_size, &lmdb->env, &lmdb->rows);
    if (rc != 0) return rc;
    int dead = 0;
    mdb_reader_check(lmdb->env, &dead);
    if (lmdb->note < 0) lmdb->note = note_file_open(directory->fd);
    lmdb->writable = true;
    return 0;
}

/* ---- reading ---- */

/* One reading transaction; the gate is held while it lasts. */
struct reading {
    struct lmdb *lmdb;
    MDB_txn *txn;
};

static void reading_end(struct reading *reading)
{
    if (!reading->lmdb) return;
    mdb_txn_abort(reading->txn);
    pthread_rwlock_unlock(&reading->lmdb->gate);
}

static jwkd_status reading_begin(struct lmdb *lmdb, struct reading *out)
{
    pthread_rwlock_rdlock(&lmdb->gate);
    out->lmdb = lmdb;
    if (!lmdb->env) return JWKD_UNAVAILABLE;
    return status_of(mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &out->txn));
}

static jwkd_status lmdb_get(
    void *engine, const struct bytes *keys, size_t count, engine_visit *visit, void *context)
{
    struct lmdb *lmdb = engine;
    CLEANUP(reading_end) struct reading reading = {0};
    TRY(reading_begin(lmdb, &reading));
    for (size_t i = 0; i < count; i++) {
        MDB_val name = val_of(keys[i]), record = {0};
        jwkd_status status = status_of(mdb_get(reading.txn, lmdb->rows, &name, &record));
        if (status != JWKD_OK && status != JWKD_NOT_FOUND) return status;
        if (record.mv_size > RECORD_HEAD_SIZE + LIMIT_STORE_VALUE) return JWKD_CORRUPT;
        /* No record that was written here is empty. */
        if (status == JWKD_OK && record.mv_size == 0) return JWKD_CORRUPT;
        if (!visit(context, keys[i], bytes_of_val(&record))) break;
    }
    return JWKD_OK;
}

static bool begins_with(struct bytes key, struct bytes prefix)
{
    return key.size >= prefix.size && (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

/* Puts the cursor on the first row that does not come before `prefix`, and comes after `after` (empty: any
 * row). */
static int seek(MDB_cursor *cursor, struct bytes prefix, struct bytes after, MDB_val *key, MDB_val *record)
{
    *key = val_of(engine_compare(after, prefix) > 0 ? after : prefix);
    int rc = mdb_cursor_get(cursor, key, record, key->mv_size ? MDB_SET_RANGE : MDB_FIRST);
    if (rc == 0 && after.size && bytes_equal(bytes_of_val(key), after)) {
        rc = mdb_cursor_get(cursor, key, record, MDB_NEXT);
    }
    return rc;
}

static jwkd_status lmdb_list(
    void *engine, struct bytes prefix, struct bytes after, engine_visit *visit, void *context)
{
    struct lmdb *lmdb = engine;
    CLEANUP(reading_end) struct reading reading = {0};
    TRY(reading_begin(lmdb, &reading));
    CLEANUP(mdb_cursor_close_at) MDB_cursor *cursor = NULL;
    TRY(status_of(mdb_cursor_open(reading.txn, lmdb->rows, &cursor)));
    MDB_val key, record;
    int rc = seek(cursor, prefix, after, &key, &record);
    while (rc == 0 && begins_with(bytes_of_val(&key), prefix)) {
        if (!visit(context, bytes_of_val(&key), bytes_of_val(&record))) break;
        rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? JWKD_OK : status_of(rc);
}

/* ---- writing ---- */

static int change(MDB_txn *txn, MDB_dbi rows, const struct engine_change *change)
{
    MDB_val key = val_of(change->key), record = val_of(change->record);
    if (record.mv_size) return mdb_put(txn, rows, &key, &record, 0);
    int rc = mdb_del(txn, rows, &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A row that is rewritten or erased finds room in the file's free pages; a new one may not. */
static bool adds_row(MDB_txn *txn, MDB_dbi rows, const struct engine_change *change)
{
    MDB_val key = val_of(change->key), record;
    return change->record.size && mdb_get(txn, rows, &key, &record) == MDB_NOTFOUND;
}

static int write_changes(
    struct lmdb *lmdb, struct bytes guard, const struct engine_change *changes, size_t count, bool may_add)
{
    CLEANUP(mdb_txn_abort_at) MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(lmdb->env, NULL, 0, &txn);
    if (rc != 0) return rc;
    MDB_val key = val_of(ENGINE_STATE_KEY), state = {0};
    rc = mdb_get(txn, lmdb->rows, &key, &state);
    if (rc == 0 && !bytes_equal(bytes_of_val(&state), guard)) rc = GUARD_BROKEN;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = !may_add && adds_row(txn, lmdb->rows, &changes[i]) ? ENOSPC
                                                                : change(txn, lmdb->rows, &changes[i]);
    return rc == 0 ? mdb_txn_commit(TAKE(txn)) : rc;
}

static int write_gated(
    struct lmdb *lmdb, struct bytes guard, const struct engine_change *changes, size_t count, bool may_add)
{
    pthread_rwlock_rdlock(&lmdb->gate);
    int rc = write_changes(lmdb, guard, changes, count, may_add);
    pthread_rwlock_unlock(&lmdb->gate);
    return rc;
}

static bool medium_is_full(const struct lmdb *lmdb)
{
    struct statvfs medium;
    return fstatvfs(lmdb->directory.fd, &medium) == 0 && medium.f_bavail * medium.f_frsize < ROOM_LEAST;
}

static bool is_full(const struct lmdb *lmdb, int rc)
{
    if (rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL) return true;
    return rc == EIO && medium_is_full(lmdb); /* LMDB calls a write that was cut short EIO */
}

static bool due(uint64_t *last_ns)
{
    uint64_t now = clock_elapsed_ns();
    if (*last_ns && now - *last_ns < NS_PER_SEC) return false;
    *last_ns = now;
    return true;
}

/* Takes the ballast back where there is room for it. True: the ballast is there. */
static bool keep_ballast(struct lmdb *lmdb)
{
    if (lmdb->ballast_missing) {
        lmdb->ballast_missing = !ballast_take(&lmdb->directory, lmdb->ballast_size);
    }
    return !lmdb->ballast_missing;
}

/* Whether the file itself can be opened for writing. If not, the database that serves readers need not be
 * closed. */
static bool can_write(const struct lmdb *lmdb)
{
    CLEANUP(fd_close_at) int fd = openat(lmdb->directory.fd, DATA_FILE, O_RDWR | O_CLOEXEC);
    return fd >= 0;
}

static int open_anew(struct lmdb *lmdb)
{
    pthread_rwlock_wrlock(&lmdb->gate);
    mdb_env_close(TAKE(lmdb->env));
    int rc = open_to_write(lmdb);
    if (rc != 0 && open_to_read(lmdb, false) != 0) lmdb->env = NULL;
    pthread_rwlock_unlock(&lmdb->gate);
    return rc;
}

/* Opens for writing again, after a start on a read-only medium or after an error that stops LMDB. */
static jwkd_status reopen(struct lmdb *lmdb, jwkd_error *error)
{
    static const char ADVICE[] = "make it writable again; nothing needs to be restarted";
    if (!due(&lmdb->reopened_ns)) {
        return fail(error, JWKD_UNAVAILABLE, "%s cannot be written; %s", lmdb->directory.path, ADVICE);
    }
    if (directory_lock(&lmdb->directory, error) != JWKD_OK) return JWKD_UNAVAILABLE;
    int rc = can_write(lmdb) ? 0 : errno;
    if (rc == 0) rc = open_anew(lmdb);
    if (rc == 0) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "%s cannot be written: %s; %s", lmdb->directory.path,
        mdb_strerror(rc), ADVICE);
}

/* What the outcome means for this caller, and for the next commits. */
static jwkd_status conclude(struct lmdb *lmdb, int rc, jwkd_error *error)
{
    const char *path = lmdb->directory.path;
    if (rc == 0) {
        lmdb->condition = STORE_READ_WRITE;
        return JWKD_OK;
    }
    if (rc == GUARD_BROKEN)
        return fail(error, JWKD_CONFLICT, "%s was changed by another process meanwhile", path);
    if (is_full(lmdb, rc)) {
        /* lmdb_condition() sees a full medium by itself. Only a change that failed shows a full quota or
         * map. */
        lmdb->condition = rc == ENOSPC || rc == EIO ? STORE_READ_WRITE : STORE_FULL;
        return fail(error, JWKD_UNAVAILABLE, "the disk that holds %s is full; make some room", path);
    }
    jwkd_status status = status_of(rc);
    if (status == JWKD_UNAVAILABLE) {
        lmdb->condition = STORE_READ_ONLY;
        lmdb->writable = false;
    }
    if (status == JWKD_NOT_FOUND) status = JWKD_CORRUPT; /* the state row */
    return fail(error, status, "%s cannot be written: %s", path, mdb_strerror(rc));
}

/* Whether LMDB refuses everything, reading too. It does so once it could not write its meta page. */
static bool panics(struct lmdb *lmdb)
{
    CLEANUP(reading_end) struct reading reading = {0};
    pthread_rwlock_rdlock(&lmdb->gate);
    reading.lmdb = lmdb;
    return lmdb->env && mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &reading.txn) == MDB_PANIC;
}

static jwkd_status lmdb_apply(void *engine, struct bytes guard, const struct engine_change *changes,
    size_t count, bool urgent, jwkd_error *error)
{
    struct lmdb *lmdb = engine;
    if (!lmdb->writable) TRY(reopen(lmdb, error));
    /* While the ballast is missing, what room there is belongs to urgent changes. Rows that exist can still
     * be rewritten, and so can the ceilings of keys that sign. */
    int rc = write_gated(lmdb, guard, changes, count, urgent || keep_ballast(lmdb));
    if (urgent && (is_full(lmdb, rc) || rc == EIO) && ballast_drop(&lmdb->directory)) {
        lmdb->ballast_missing = true;
        rc = write_gated(lmdb, guard, changes, count, true);
    }
    if (urgent && rc == 0) keep_ballast(lmdb);
    jwkd_status status = conclude(lmdb, rc, error);
    if (rc != 0 && panics(lmdb)) open_anew(lmdb); /* so that the caller can read what became of the commit */
    return status;
}

static enum store_condition lmdb_condition(const void *engine)
{
    const struct lmdb *lmdb = engine;
    enum store_condition condition = lmdb->condition;
    if (condition != STORE_READ_WRITE) return condition;
    /* Changes may succeed on a full medium as long as the file has free pages. */
    return lmdb->ballast_missing || medium_is_full(lmdb) ? STORE_FULL : STORE_READ_WRITE;
}

static void lmdb_came_to(void *engine, uint64_t revision)
{
    struct lmdb *lmdb = engine;
    witness_note(lmdb->directory.fd, &lmdb->witness, revision);
}

/* Whether a change is sure to find room, on the medium and in the map, after it is noted. A change that does
 * not fit must be refused before it is noted. */
static bool has_room(struct lmdb *lmdb)
{
    MDB_envinfo information;
    MDB_stat form;
    if (!lmdb->writable || lmdb->ballast_missing) return false;
    if (mdb_env_info(lmdb->env, &information) != 0 || mdb_env_stat(lmdb->env, &form) != 0) return false;
    return (information.me_last_pgno + 1) * form.ms_psize + MAP_ROOM_LEAST <= information.me_mapsize;
}

static jwkd_status lmdb_note(void *engine, struct bytes note)
{
    struct lmdb *lmdb = engine;
    return lmdb->note >= 0 && has_room(lmdb) && note_file_write(lmdb->note, note) ? JWKD_OK
                                                                                  : JWKD_UNAVAILABLE;
}

static void lmdb_forget(void *engine, size_t size)
{
    const struct lmdb *lmdb = engine;
    if (lmdb->note >= 0) note_file_clear(lmdb->note, size);
}

jwkd_status lmdb_noted(void *engine, struct buffer *out)
{
    const struct lmdb *lmdb = engine;
    return note_file_read(lmdb->directory.fd, out);
}

static bool lmdb_went_back(const void *engine)
{
    const struct lmdb *lmdb = engine;
    return lmdb->went_back;
}

/* ---- making, opening and closing ---- */

static int write_first(const char *path, size_t map_size, const struct engine_change *first, size_t count)
{
    CLEANUP(mdb_env_close_at) MDB_env *env = NULL;
    CLEANUP(mdb_txn_abort_at) MDB_txn *txn = NULL;
    MDB_dbi rows;
    int rc = open_env(path, MDB_NOSUBDIR | MDB_NOLOCK, map_size, &env, &rows);
    if (rc == 0) rc = mdb_txn_begin(env, NULL, 0, &txn);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = change(txn, rows, &first[i]);
    return rc == 0 ? mdb_txn_commit(TAKE(txn)) : rc;
}

jwkd_status lmdb_make(
    const struct lmdb *lmdb, const struct engine_change *first, size_t count, jwkd_error *error)
{
    const struct directory *directory = &lmdb->directory;
    CLEANUP(free_at) char *path = NULL;
    if (asprintf(&path, "%s/" NEW_FILE, directory->path) < 0) {
        path = NULL;
        return fail(error, JWKD_NO_MEMORY, "no memory for a file name");
    }
    unlinkat(directory->fd, NEW_FILE, 0); /* left by an attempt that did not end */
    int rc = write_first(path, lmdb->map_size, first, count);
    if (rc == 0 &&
        (renameat(directory->fd, NEW_FILE, directory->fd, DATA_FILE) != 0 || fsync(directory->fd) != 0)) {
        rc = errno;
    }
    if (rc == 0) return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE, "no store can be made in %s: %s", directory->path, mdb_strerror(rc));
}

static jwkd_status fail_to_open(const struct lmdb *lmdb, int rc, jwkd_error *error)
{
    const char *path = lmdb->directory.path;
    if (rc == EACCES || rc == EPERM) {
        return fail(error, JWKD_DENIED, "%s/" DATA_FILE " cannot be read: %s", path, mdb_strerror(rc));
    }
    if (rc == ENOMEM) return fail(error, JWKD_NO_MEMORY, "no address space to map %s/" DATA_FILE, path);
    return fail(error, JWKD_CORRUPT, "%s/" DATA_FILE " cannot be opened: %s; restore it from the backup",
        path, mdb_strerror(rc));
}

jwkd_status lmdb_inspect(const struct lmdb *lmdb, jwkd_error *error)
{
    CLEANUP(fd_close_at) int fd = openat(lmdb->directory.fd, DATA_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail_to_open(lmdb, errno, error);
    jwkd_status status = lmdb_pages_check(fd);
    if (status == JWKD_OK) return JWKD_OK;
    return fail(
        error, status, "%s/" DATA_FILE " is damaged; restore it from the backup", lmdb->directory.path);
}

jwkd_status lmdb_open_to_read(struct lmdb *lmdb, bool shared, jwkd_error *error)
{
    int rc = open_to_read(lmdb, shared);
    return rc == 0 ? JWKD_OK : fail_to_open(lmdb, rc, error);
}

jwkd_status lmdb_open(struct lmdb *lmdb, uint64_t revision, jwkd_error *error)
{
    lmdb->went_back = !witness_agrees(lmdb->directory.fd, revision);
    int rc = lmdb->directory.lock >= 0 && can_write(lmdb) ? open_to_write(lmdb) : EROFS;
    if (rc == 0) {
        lmdb->condition = STORE_READ_WRITE;
        lmdb->ballast_missing = !ballast_take(&lmdb->directory, lmdb->ballast_size);
        return JWKD_OK;
    }
    lmdb->condition = is_full(lmdb, rc) ? STORE_FULL : STORE_READ_ONLY;
    lmdb->ballast_missing = true;
    return lmdb_open_to_read(lmdb, false, error);
}

jwkd_status lmdb_new(struct directory *directory, size_t map_size, size_t ballast_size, struct lmdb **out)
{
    struct lmdb *lmdb = calloc(1, sizeof *lmdb);
    if (!lmdb) return JWKD_NO_MEMORY;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lmdb->gate, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    lmdb->map_size = map_size ? map_size : MAP_SIZE_DEFAULT;
    lmdb->ballast_size = ballast_size ? ballast_size : BALLAST_SIZE_DEFAULT;
    lmdb->directory = *directory;
    lmdb->witness = lmdb->note = -1;
    *directory = (struct directory){0};
    *out = lmdb;
    return JWKD_OK;
}

struct engine_limits lmdb_limits(const struct lmdb *lmdb)
{
    /* A transaction may hold 2^17 pages that it has changed, each of 4 KiB or more, as the machine's pages
     * are. A row changes the pages on the way to it and those of its value, which has pages of its own if it
     * is long. With these limits no more than half of the 2^17 can come together. */
    enum { PAGES = 1 << 16, PAGE = 4096, WAY = 4 };
    return (struct engine_limits){.rows = PAGES / 2 / WAY,
        .bytes = (size_t)PAGES / 2 * PAGE,
        .key = (size_t)mdb_env_get_maxkeysize(lmdb->env),
        .record = RECORD_HEAD_SIZE + LIMIT_STORE_VALUE};
}

struct directory *lmdb_directory(struct lmdb *lmdb)
{
    return &lmdb->directory;
}

void lmdb_close(void *engine)
{
    struct lmdb *lmdb = engine;
    if (!lmdb) return;
    mdb_env_close(lmdb->env);
    pthread_rwlock_destroy(&lmdb->gate);
    if (lmdb->witness >= 0) close(lmdb->witness);
    if (lmdb->note >= 0) close(lmdb->note);
    directory_close(&lmdb->directory);
    free(lmdb);
}

const struct engine_ops LMDB_ENGINE = {
    .version = ENGINE_VERSION,
    .open = lmdb_open_store,
    .check = lmdb_check_store,
    .look = lmdb_look,
    .get = lmdb_get,
    .list = lmdb_list,
    .apply = lmdb_apply,
    .note = lmdb_note,
    .noted = lmdb_noted,
    .forget = lmdb_forget,
    .condition = lmdb_condition,
    .came_to = lmdb_came_to,
    .went_back = lmdb_went_back,
    .close = lmdb_close,
};
