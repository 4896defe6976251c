#include "store/lmdb/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char DAMAGED[] = "the database is damaged; restore the store from its backup";

struct walk {
    const struct engine_ops *ops;
    void *engine;
    struct authenticator *authenticator;
    struct engine_state seen; /* count and sum so far */
    struct buffer previous;   /* key */
    struct buffer again;      /* the record as found by its key */
    jwkd_status status;
};

static void walk_clear(struct walk *walk)
{
    buffer_clear(&walk->previous);
    buffer_clear(&walk->again);
}

static jwkd_status walk_row(struct walk *walk, struct bytes key, struct bytes record)
{
    struct store_row row;
    /* In a damaged tree that leads in circles the keys do not ascend, so the walk ends. */
    if (engine_compare(buffer_bytes(&walk->previous), key) >= 0) return JWKD_CORRUPT;
    TRY(record_open(walk->authenticator, key, record, &row));
    walk->previous.size = 0;
    TRY(buffer_append_bytes(&walk->previous, key));
    /* A row that is not where a search looks for it is as good as lost. */
    walk->again.size = 0;
    TRY(engine_get_one(walk->ops, walk->engine, key, &walk->again));
    if (!bytes_equal(buffer_bytes(&walk->again), record)) return JWKD_CORRUPT;
    if (key.data[0] == 0) return JWKD_OK; /* the store's own */
    walk->seen.count++;
    for (size_t i = 0; i < RECORD_MAC_SIZE; i++)
        walk->seen.sum[i] ^= record_mac(record)[i];
    return JWKD_OK;
}

static bool walk_one(void *context, struct bytes key, struct bytes record)
{
    struct walk *walk = context;
    walk->status = walk_row(walk, key, record);
    return walk->status == JWKD_OK;
}

static jwkd_status walk_all(struct walk *walk, struct check_report *out)
{
    struct engine_state state;
    TRY(engine_get_one(walk->ops, walk->engine, ENGINE_STATE_KEY, &walk->again));
    TRY(engine_state_open(walk->authenticator, buffer_bytes(&walk->again), &state));
    TRY(walk->ops->list(walk->engine, (struct bytes){0}, (struct bytes){0}, walk_one, walk));
    TRY(walk->status);
    if (walk->seen.count != state.count || memcmp(walk->seen.sum, state.sum, RECORD_MAC_SIZE) != 0)
        return JWKD_CORRUPT;
    out->rows = state.count;
    out->revision = state.revision;
    return JWKD_OK;
}

static jwkd_status check_key(struct bytes stored, struct bytes given, jwkd_error *error)
{
    if (bytes_equal(stored, given)) return JWKD_OK;
    char was[2 * ENGINE_KEY_ID_SIZE + 1] = "", is[2 * ENGINE_KEY_ID_SIZE + 1] = "";
    bytes_to_hex(stored, was);
    bytes_to_hex(given, is);
    return fail(error, JWKD_DENIED,
        "the store is sealed under the key-encryption key %s, and the key file holds %s; name the right key "
        "file",
        was, is);
}

static jwkd_status check_identity(struct bytes record, const struct marker *marker, struct bytes key_id,
    struct check_report *out, jwkd_error *error)
{
    struct engine_identity identity;
    if (!engine_identity_read(record, &identity)) return fail(error, JWKD_CORRUPT, "%s", DAMAGED);
    if (marker && memcmp(marker->store_id, identity.store_id, STORE_ID_SIZE) != 0) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "the database belongs to another store than its marker; restore both from one backup");
    }
    TRY(check_key(identity.key_id, key_id, error));
    memcpy(out->store_id, identity.store_id, STORE_ID_SIZE);
    return JWKD_OK;
}

jwkd_status check_rows(const struct engine_ops *ops, void *engine, const struct engine_opening *opening,
    const struct marker *marker, struct check_report *out, jwkd_error *error)
{
    const struct bytes key_id = opening->key_id;
    if (marker) TRY(check_key(bytes_of(marker->key_id, marker->key_id_size), key_id, error));
    struct check_report report = {0};
    CLEANUP(buffer_clear) struct buffer record = {0};
    jwkd_status status = engine_get_one(ops, engine, ENGINE_IDENTITY_KEY, &record);
    if (status == JWKD_NOT_FOUND) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            marker ? "the database was emptied; restore the store from its backup, or move its directory "
                     "away to begin anew"
                   : "the database was not made by jwkd; choose another directory");
    }
    if (status != JWKD_OK) return fail(error, status, "%s", DAMAGED);
    TRY(check_identity(buffer_bytes(&record), marker, key_id, &report, error));

    CLEANUP(walk_clear)
    struct walk walk = {.ops = ops, .engine = engine, .authenticator = opening->authenticator};
    status = walk_all(&walk, &report);
    if (status == JWKD_NO_MEMORY) return fail(error, status, "no memory to check the store");
    if (status != JWKD_OK) return fail(error, JWKD_CORRUPT, "%s", DAMAGED);
    if (!marker && (report.rows > 0 || report.revision > 0)) {
        return fail(error, JWKD_FAILED_PRECONDITION,
            "there is a database without its marker " MARKER_FILE "; restore both from one backup");
    }
    *out = report;
    return JWKD_OK;
}

/* What the child writes into the pipe, whole. */
struct finding {
    jwkd_status status;
    struct check_report report;
    jwkd_error error;
};

static void work_apart(check_work *work, void *context, int pipe_end)
{
    static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGINT, SIGPIPE};
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++)
        signal(FAULTS[i], SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* without the parent nobody reads the finding */
    prctl(PR_SET_DUMPABLE, 0);        /* keys are in this memory */
    struct finding finding = {0};
    finding.status = work(context, &finding.report, &finding.error);
    ssize_t put = write(pipe_end, &finding, sizeof finding);
    _exit(put == (ssize_t)sizeof finding ? 0 : 1);
}

static bool read_finding(int pipe_end, struct finding *finding)
{
    size_t size = 0;
    while (size < sizeof *finding) {
        ssize_t got = read(pipe_end, (uint8_t *)finding + size, sizeof *finding - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        size += (size_t)got;
    }
    return true;
}

jwkd_status check_apart(check_work *work, void *context, struct check_report *out, jwkd_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return fail(error, JWKD_INTERNAL, "no pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) {
        int reason = errno;
        close(ends[0]);
        close(ends[1]);
        return fail(error, JWKD_INTERNAL, "the store cannot be checked: %s", strerror(reason));
    }
    if (child == 0) work_apart(work, context, ends[1]);
    close(ends[1]);
    struct finding finding;
    bool found = read_finding(ends[0], &finding);
    close(ends[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (!found) return fail(error, JWKD_CORRUPT, "%s", DAMAGED);
    if (finding.status != JWKD_OK) return fail(error, finding.status, "%s", finding.error.message);
    *out = finding.report;
    return JWKD_OK;
}
