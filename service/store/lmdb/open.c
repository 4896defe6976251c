#include "store/lmdb/open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/lmdb/check.h"
#include "store/lmdb/engine.h"
#include "store/lmdb/lmdb.h"
#include "store/lmdb/marker.h"
#include "store/lmdb/note_file.h"
#include "store/lmdb/witness.h"

DEFINE_CLEANUP(struct lmdb *, lmdb_close)

enum store_presence lmdb_look(const void *place)
{
    const struct lmdb_place *where = place;
    struct stat info;
    CLEANUP(fd_close_at) int fd = open(where->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return STORE_NOWHERE;
    if (fstatat(fd, LMDB_DATA_FILE, &info, 0) == 0) return STORE_PRESENT;
    return fstatat(fd, WITNESS_FILE, &info, 0) == 0 ? STORE_LOST : STORE_NOWHERE;
}

static jwkd_status begin(
    const struct engine_opening *opening, bool create, struct lmdb **out, jwkd_error *error)
{
    const struct lmdb_place *place = opening->place;
    CLEANUP(directory_close) struct directory directory = {0};
    TRY(directory_open(place->directory, create, &directory, error));
    jwkd_status status = lmdb_new(&directory, place->map_size, place->ballast_size, out);
    return status == JWKD_OK ? status : fail(error, status, "no memory for the store");
}

/* What is in the directory before it is opened. */
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
    const struct engine_opening *opening;
    const struct marker *marker;
};

/* Runs in the child. */
static jwkd_status examine(void *context, struct check_report *out, jwkd_error *error)
{
    const struct examination *examination = context;
    struct lmdb *lmdb = examination->lmdb;
    bool in_use = directory_in_use(lmdb_directory(lmdb));
    directory_unlock(lmdb_directory(lmdb));
    if (!in_use) TRY(lmdb_inspect(lmdb, error));
    TRY(lmdb_open_to_read(lmdb, in_use, error));
    return check_rows(&LMDB_ENGINE, lmdb, examination->opening, examination->marker, out, error);
}

static jwkd_status examine_apart(struct lmdb *lmdb, const struct engine_opening *opening,
    const struct finding *finding, struct check_report *out, jwkd_error *error)
{
    struct examination examination = {
        .lmdb = lmdb, .opening = opening, .marker = finding->has_marker ? &finding->marker : NULL};
    return check_apart(examine, &examination, out, error);
}

/* A start has to read the note, so the check tries it. */
static jwkd_status check_note(struct lmdb *lmdb, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer note = {0};
    jwkd_status status = lmdb_noted(lmdb, &note);
    if (status == JWKD_OK || status == JWKD_NOT_FOUND) return JWKD_OK;
    return fail(error, status, "%s/" NOTE_FILE " cannot be read; give jwkd its files back",
        lmdb_directory(lmdb)->path);
}

jwkd_status lmdb_check_store(const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error)
{
    CLEANUP(lmdb_close_at) struct lmdb *lmdb = NULL;
    struct finding finding = {0};
    struct check_report report = {0};
    jwkd_status status = begin(opening, false, &lmdb, error);
    if (status == JWKD_OK) status = look(lmdb, &finding, error);
    if (status == JWKD_OK && !finding.has_data) {
        status = fail(error, JWKD_NOT_FOUND, "there is no store in %s", lmdb_directory(lmdb)->path);
    }
    /* A store that is missing is in order where one may be made. */
    if (status == JWKD_NOT_FOUND && opening->create) status = JWKD_OK;
    if (status == JWKD_OK && finding.has_data)
        status = examine_apart(lmdb, opening, &finding, &report, error);
    if (status == JWKD_OK && finding.has_data) status = check_note(lmdb, error);
    if (status == JWKD_OK) *out_rows = report.rows;
    return status;
}

static jwkd_status make_database(struct lmdb *lmdb, const struct engine_opening *opening, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer records = {0};
    struct engine_change first[2];
    jwkd_status status = engine_first_rows(opening->authenticator, opening->key_id, &records, first);
    if (status != JWKD_OK) return fail(error, status, "a new store cannot be prepared");
    return lmdb_make(lmdb, first, 2, error);
}

/* A new database gets its marker only after it was checked like any other. After a crash in between, the next
 * start finds a database that holds nothing yet, and goes on from there. */
static jwkd_status find_store(struct lmdb *lmdb, const struct engine_opening *opening, jwkd_status locked,
    struct check_report *out, jwkd_error *error)
{
    struct finding finding = {0};
    TRY(look(lmdb, &finding, error));
    if (!finding.has_data) {
        if (!opening->create)
            return fail(error, JWKD_NOT_FOUND, "there is no store in %s", lmdb_directory(lmdb)->path);
        if (locked != JWKD_OK) {
            return fail(error, locked, "no store can be made in %s: it cannot be written",
                lmdb_directory(lmdb)->path);
        }
        TRY(make_database(lmdb, opening, error));
    }
    TRY(examine_apart(lmdb, opening, &finding, out, error));
    if (finding.has_marker) return JWKD_OK;
    struct marker marker = {.key_id_size = opening->key_id.size};
    memcpy(marker.store_id, out->store_id, STORE_ID_SIZE);
    memcpy(marker.key_id, opening->key_id.data, opening->key_id.size);
    return marker_write(lmdb_directory(lmdb)->fd, lmdb_directory(lmdb)->path, &marker, error);
}

jwkd_status lmdb_open_store(
    const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error)
{
    CLEANUP(lmdb_close_at) struct lmdb *lmdb = NULL;
    TRY(begin(opening, opening->create, &lmdb, error));
    jwkd_status locked = directory_lock(lmdb_directory(lmdb), error);
    if (locked == JWKD_FAILED_PRECONDITION) return locked;
    struct check_report report = {0};
    TRY(find_store(lmdb, opening, locked, &report, error));
    TRY(lmdb_open(lmdb, report.revision, error));
    out->limits = lmdb_limits(lmdb);
    out->engine = TAKE(lmdb);
    memcpy(out->store_id, report.store_id, STORE_ID_SIZE);
    return JWKD_OK;
}
