#include "store/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "store/check.h"
#include "store/engine_lmdb.h"
#include "store/marker.h"
#include "store/note_file.h"

DEFINE_CLEANUP(struct lmdb *, lmdb_close)
DEFINE_CLEANUP(struct authenticator *, authenticator_free)

static jwkd_status begin(
    const struct store_lmdb_options *options, bool create, struct lmdb **out, jwkd_error *error)
{
    CLEANUP(directory_close) struct directory directory = {0};
    if (options->key_id.size > ENGINE_KEY_ID_SIZE) {
        return fail(error, JWKD_INVALID_ARGUMENT, "the id of the key-encryption key is too long");
    }
    TRY(directory_open(options->directory, create, &directory, error));
    jwkd_status status = lmdb_new(&directory, options->map_size, options->ballast_size, out);
    return status == JWKD_OK ? status : fail(error, status, "no memory for the store");
}

/* What is in the directory before anything is opened. */
struct finding {
    bool has_marker, has_data;
    struct marker marker;
};

static jwkd_status look(struct lmdb *lmdb, struct finding *out, jwkd_error *error)
{
    const char *path = lmdb_directory(lmdb)->path;
    struct stat data;
    jwkd_status status = marker_read(lmdb_directory(lmdb)->fd, path, &out->marker, error);
    if (status != JWKD_NOT_FOUND) TRY(status);
    out->has_marker = status == JWKD_OK;
    out->has_data = fstatat(lmdb_directory(lmdb)->fd, LMDB_DATA_FILE, &data, AT_SYMLINK_NOFOLLOW) == 0;
    if (!out->has_data && errno != ENOENT)
        return fail(error, JWKD_DENIED, "%s cannot be read: %s", path, strerror(errno));
    if (out->has_data && !S_ISREG(data.st_mode)) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "%s/" LMDB_DATA_FILE " is no regular file; choose another directory", path);
    }
    if (out->has_marker && (!out->has_data || data.st_size == 0)) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "the database %s/" LMDB_DATA_FILE
            " %s; restore it from the backup, or move the directory away to begin anew",
            path, out->has_data ? "was emptied" : "is gone");
    }
    if (out->has_data && data.st_size == 0) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "%s/" LMDB_DATA_FILE " is empty and was not made by jwkd; remove it or choose another directory",
            path);
    }
    return JWKD_OK;
}

struct examination {
    struct lmdb *lmdb;
    const struct store_lmdb_options *options;
    const struct marker *marker;
    struct authenticator *authenticator;
};

/* In the child. */
static jwkd_status examine(void *context, struct check_report *out, jwkd_error *error)
{
    const struct examination *examination = context;
    struct lmdb *lmdb = examination->lmdb;
    bool in_use = directory_in_use(lmdb_directory(lmdb));
    directory_unlock(lmdb_directory(lmdb));
    if (!in_use) TRY(lmdb_inspect(lmdb, error));
    TRY(lmdb_open_to_read(lmdb, in_use, error));
    return check_rows(&LMDB_OPS, lmdb, examination->authenticator, examination->marker,
        examination->options->key_id, out, error);
}

static jwkd_status examine_apart(struct lmdb *lmdb, const struct store_lmdb_options *options,
    const struct finding *finding, struct check_report *out, jwkd_error *error)
{
    CLEANUP(authenticator_free_at) struct authenticator *authenticator = NULL;
    jwkd_status status = authenticator_new(options->mac_key, &authenticator);
    if (status != JWKD_OK) return fail(error, status, "OpenSSL has no HMAC-SHA256 to check the store with");
    struct examination examination = {
        .lmdb = lmdb,
        .options = options,
        .marker = finding->has_marker ? &finding->marker : NULL,
        .authenticator = authenticator,
    };
    return check_apart(examine, &examination, out, error);
}

/* A start has to read what was noted. */
static jwkd_status check_note(struct lmdb *lmdb, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer note = {0};
    jwkd_status status = LMDB_OPS.noted(lmdb, &note);
    if (status == JWKD_OK || status == JWKD_NOT_FOUND) return JWKD_OK;
    return fail(error, status, "%s/" NOTE_FILE " cannot be read; give jwkd its files back",
        lmdb_directory(lmdb)->path);
}

jwkd_status store_lmdb_check(const struct store_lmdb_options *options, uint64_t *out_rows, jwkd_error *error)
{
    CLEANUP(lmdb_close_at) struct lmdb *lmdb = NULL;
    struct finding finding = {0};
    struct check_report report = {0};
    jwkd_status status = begin(options, false, &lmdb, error);
    if (status == JWKD_OK) status = look(lmdb, &finding, error);
    if (status == JWKD_OK && !finding.has_data) {
        status = fail(error, JWKD_NOT_FOUND, "there is no store in %s", lmdb_directory(lmdb)->path);
    }
    /* What is not there yet is in order where it may be made. */
    if (status == JWKD_NOT_FOUND && options->create) status = JWKD_OK;
    if (status == JWKD_OK && finding.has_data)
        status = examine_apart(lmdb, options, &finding, &report, error);
    if (status == JWKD_OK && finding.has_data) status = check_note(lmdb, error);
    if (status == JWKD_OK) *out_rows = report.rows;
    return status;
}

/* The two first rows, in records that follow each other in *records. */
static jwkd_status make_first_rows(
    const struct store_lmdb_options *options, struct buffer *records, struct engine_change rows[2])
{
    CLEANUP(authenticator_free_at) struct authenticator *authenticator = NULL;
    TRY(authenticator_new(options->mac_key, &authenticator));
    struct engine_identity identity = {.key_id = options->key_id};
    struct engine_state state = {0};
    TRY(random_fill(identity.store_id, STORE_ID_SIZE));
    TRY(engine_identity_make(authenticator, &identity, records));
    size_t first = records->size;
    TRY(engine_state_make(authenticator, &state, records));
    rows[0] = (struct engine_change){.key = ENGINE_IDENTITY_KEY, .record = bytes_of(records->data, first)};
    rows[1] = (struct engine_change){
        .key = ENGINE_STATE_KEY,
        .record = bytes_of(records->data + first, records->size - first),
    };
    return JWKD_OK;
}

static jwkd_status make_database(
    struct lmdb *lmdb, const struct store_lmdb_options *options, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer records = {0};
    struct engine_change first[2];
    jwkd_status status = make_first_rows(options, &records, first);
    if (status != JWKD_OK) return fail(error, status, "a new store cannot be prepared");
    return lmdb_make(lmdb, first, 2, error);
}

/* A new database gets its marker only after it was checked like any other; a crash in between is made good by
 * the next start, which finds a database that holds nothing yet. */
static jwkd_status find_store(struct lmdb *lmdb, const struct store_lmdb_options *options, jwkd_status locked,
    struct check_report *out, jwkd_error *error)
{
    struct finding finding = {0};
    TRY(look(lmdb, &finding, error));
    if (!finding.has_data) {
        if (!options->create)
            return fail(error, JWKD_NOT_FOUND, "there is no store in %s", lmdb_directory(lmdb)->path);
        if (locked != JWKD_OK) {
            return fail(error, locked, "no store can be made in %s: it cannot be written",
                lmdb_directory(lmdb)->path);
        }
        TRY(make_database(lmdb, options, error));
    }
    TRY(examine_apart(lmdb, options, &finding, out, error));
    if (finding.has_marker) return JWKD_OK;
    struct marker marker = {.key_id_size = options->key_id.size};
    memcpy(marker.store_id, out->store_id, STORE_ID_SIZE);
    memcpy(marker.key_id, options->key_id.data, options->key_id.size);
    return marker_write(lmdb_directory(lmdb)->fd, lmdb_directory(lmdb)->path, &marker, error);
}

jwkd_status store_lmdb_open(const struct store_lmdb_options *options, struct store **out, jwkd_error *error)
{
    CLEANUP(lmdb_close_at) struct lmdb *lmdb = NULL;
    TRY(begin(options, options->create, &lmdb, error));
    jwkd_status locked = directory_lock(lmdb_directory(lmdb), error);
    if (locked == JWKD_FAILED_PRECONDITION) return locked;
    struct check_report report = {0};
    TRY(find_store(lmdb, options, locked, &report, error));
    TRY(lmdb_open(lmdb, report.revision, error));
    jwkd_error why = {0};
    jwkd_status status = store_over(&LMDB_OPS, TAKE(lmdb), options->mac_key, report.store_id, out, &why);
    if (status == JWKD_OK) return JWKD_OK;
    return fail(error, status, "%s cannot be opened: %s", options->directory,
        why.message[0] ? why.message : jwkd_status_text(status));
}
