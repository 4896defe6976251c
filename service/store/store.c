#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/engine.h"
#include "store/note.h"

struct store {
    const struct engine_ops *ops;
    void *engine;
    struct authenticator *authenticator;
    pthread_mutex_t committing; /* held by the one commit under way, across the engine's calls */
    struct buffer note; /* guarded by committing: a note that is not in the database yet; empty: none */
    atomic_bool noted;  /* whether there is one */
    bool proven; /* guarded by committing: the last change was made, so that the database is durable as it can
                    be read */
    uint8_t id[STORE_ID_SIZE];
};

DEFINE_CLEANUP(struct store *, store_close)

/* ---- notes */

/* The database may have taken it although it said that it did not. CONFLICT: it has not, and is in another
 * state. */
static jwkd_status find_out(struct store *store, const struct note *note)
{
    CLEANUP(buffer_clear) struct buffer state = {0};
    TRY(store->ops->get(store->engine, ENGINE_STATE_KEY, &state));
    const struct engine_change *last = note->count ? &note->changes[note->count - 1] : NULL;
    bool taken =
        last && bytes_equal(last->key, ENGINE_STATE_KEY) && bytes_equal(last->record, buffer_bytes(&state));
    return taken ? JWKD_OK : JWKD_CONFLICT;
}

static jwkd_status apply(struct store *store, struct bytes guard, const struct engine_change *changes,
    size_t count, bool urgent, jwkd_error *error)
{
    jwkd_status status = store->ops->apply(store->engine, guard, changes, count, urgent, error);
    store->proven = status == JWKD_OK;
    return status;
}

static void came_to(struct store *store, uint64_t revision)
{
    if (store->proven && store->ops->came_to) store->ops->came_to(store->engine, revision);
}

/* What is in the database, and may yet be lost there, stays where it was noted: until the next note, which
 * waits for a change that is made. */
static void forget_note(struct store *store)
{
    if (store->proven && store->ops->forget) store->ops->forget(store->engine, store->note.size);
    store->note.size = 0;
    atomic_store(&store->noted, false);
}

/* Brings what is noted into the database. */
static jwkd_status apply_note(struct store *store, struct note *out, jwkd_error *error)
{
    TRY(note_open(store->authenticator, buffer_bytes(&store->note), out));
    jwkd_status status = apply(store, out->guard, out->changes, out->count, true, error);
    return status == JWKD_CONFLICT ? find_out(store, out) : status;
}

static jwkd_status settle(struct store *store, jwkd_error *error)
{
    struct note note;
    if (store->note.size == 0) return JWKD_OK;
    TRY(apply_note(store, &note, error));
    came_to(store, note.revision);
    forget_note(store);
    return JWKD_OK;
}

/* The note that was put last, unless the database has gone on since; one that was never written whole was
 * never spoken of. What the engine knows of how far the database had come stays as it was: it may have been
 * put back from a backup. */
static jwkd_status take_up_note(struct store *store, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer state = {0};
    struct note note;
    jwkd_error why = {0};
    jwkd_status status = store->ops->noted ? store->ops->noted(store->engine, &store->note) : JWKD_NOT_FOUND;
    if (status == JWKD_NOT_FOUND) return JWKD_OK;
    if (status != JWKD_OK)
        return fail(
            error, status, "the note of the last revocation cannot be read; give jwkd its files back");
    status = note_open(store->authenticator, buffer_bytes(&store->note), &note);
    if (status == JWKD_OK) TRY(store->ops->get(store->engine, ENGINE_STATE_KEY, &state));
    if (status == JWKD_OK && bytes_equal(buffer_bytes(&state), note.guard)) {
        status = apply_note(store, &note, &why);
        if (status != JWKD_OK)
            return fail(
                error, status, "a revocation is noted that is not in the database yet: %.300s", why.message);
        forget_note(store);
    }
    store->note.size = 0;
    return status == JWKD_CORRUPT ? JWKD_OK : status;
}

/* Whether it is durable now. It counts only behind what is durable itself: not after a change that failed,
 * and may have happened. */
static bool put_note(struct store *store, const struct note *note)
{
    bool done = store->ops->note && store->proven &&
                note_make(store->authenticator, note, &store->note) == JWKD_OK &&
                store->ops->note(store->engine, buffer_bytes(&store->note)) == JWKD_OK;
    if (!done) store->note.size = 0;
    atomic_store(&store->noted, done);
    return done;
}

bool store_is_unsettled(const struct store *store)
{
    return atomic_load(&store->noted);
}

jwkd_status store_settle(struct store *store, jwkd_error *error)
{
    if (!store_is_unsettled(store)) return JWKD_OK;
    pthread_mutex_lock(&store->committing);
    jwkd_status status = settle(store, error);
    pthread_mutex_unlock(&store->committing);
    return status;
}

/* ---- opening and closing */

jwkd_status store_over(const struct engine_ops *ops, void *engine, const uint8_t mac_key[STORE_MAC_KEY_SIZE],
    const uint8_t id[STORE_ID_SIZE], struct store **out, jwkd_error *error)
{
    if (!ops->close) return JWKD_INVALID_ARGUMENT;
    CLEANUP(store_close_at) struct store *store = calloc(1, sizeof *store);
    if (!store) {
        ops->close(engine);
        return JWKD_NO_MEMORY;
    }
    store->ops = ops;
    store->engine = engine;
    pthread_mutex_init(&store->committing, NULL);
    memcpy(store->id, id, STORE_ID_SIZE);
    if (ops->version != ENGINE_VERSION || !ops->get || !ops->list || !ops->apply)
        return JWKD_INVALID_ARGUMENT;
    TRY(authenticator_new(mac_key, &store->authenticator));
    TRY(take_up_note(store, error));
    *out = TAKE(store);
    return JWKD_OK;
}

void store_close(struct store *store)
{
    if (!store) return;
    (void)!store_settle(store, NULL); /* or the next opening does */
    buffer_clear(&store->note);
    store->ops->close(store->engine);
    authenticator_free(store->authenticator);
    pthread_mutex_destroy(&store->committing);
    free(store);
}

enum store_condition store_condition(const struct store *store)
{
    return store->ops->condition ? store->ops->condition(store->engine) : STORE_READ_WRITE;
}

struct bytes store_id(const struct store *store)
{
    return bytes_of(store->id, sizeof store->id);
}

bool store_went_back(const struct store *store)
{
    return store->ops->went_back && store->ops->went_back(store->engine);
}

static bool is_key(struct bytes key)
{
    return key.size >= 1 && key.size <= LIMIT_STORE_KEY && key.data[0] != 0;
}

jwkd_status store_get(struct store *store, struct bytes key, struct buffer *out, uint64_t *out_revision)
{
    if (!is_key(key)) return JWKD_INVALID_ARGUMENT;
    size_t start = out->size;
    TRY(store_settle(store, NULL));
    TRY(store->ops->get(store->engine, key, out));
    struct bytes record = bytes_of(out->data + start, out->size - start);
    struct store_row row;
    jwkd_status status = record_open(store->authenticator, key, record, &row);
    if (status != JWKD_OK) {
        out->size = start;
        return status;
    }
    memmove(out->data + start, row.value.data, row.value.size);
    out->size = start + row.value.size;
    if (out_revision) *out_revision = row.revision;
    return JWKD_OK;
}

struct listing {
    struct store *store;
    store_visit *visit;
    void *context;
    jwkd_status status;
};

static bool list_one(void *context, struct bytes key, struct bytes record)
{
    struct listing *listing = context;
    if (key.size == 0 || key.data[0] == 0) return true; /* the store's own */
    struct store_row row;
    listing->status = record_open(listing->store->authenticator, key, record, &row);
    return listing->status == JWKD_OK && listing->visit(listing->context, &row);
}

jwkd_status store_list(
    struct store *store, struct bytes prefix, struct bytes after, store_visit *visit, void *context)
{
    if (prefix.size > LIMIT_STORE_KEY || after.size > LIMIT_STORE_KEY) return JWKD_INVALID_ARGUMENT;
    TRY(store_settle(store, NULL));
    struct listing listing = {.store = store, .visit = visit, .context = context};
    TRY(store->ops->list(store->engine, prefix, after, list_one, &listing));
    return listing.status;
}

/* A commit while it is being put together. */
struct plan {
    struct store *store;
    bool urgent;
    struct engine_state state; /* as it will be */
    struct buffer guard;       /* the state's record as it is */
    struct buffer old;         /* the record of the row being looked at */
    struct buffer
        records; /* the new ones; of its full size from the start, so that views into it stay valid */
    const struct store_write **sorted;
    struct engine_change *changes; /* one for each write, and the state's */
    size_t change_count;
};

static void plan_clear(struct plan *plan)
{
    buffer_clear(&plan->guard);
    buffer_clear(&plan->old);
    buffer_clear(&plan->records);
    free(plan->sorted);
    free(plan->changes);
}

static int compare_writes(const void *a, const void *b)
{
    return engine_compare(
        (*(const struct store_write *const *)a)->key, (*(const struct store_write *const *)b)->key);
}

static jwkd_status plan_writes(
    struct plan *plan, const struct store_write *writes, size_t count, jwkd_error *error)
{
    size_t room = 0;
    plan->sorted = calloc(count + 1, sizeof(const struct store_write *));
    plan->changes = calloc(count + 1, sizeof *plan->changes);
    if (!plan->sorted || !plan->changes) return fail(error, JWKD_NO_MEMORY, "no memory for a change");
    for (size_t i = 0; i < count; i++) {
        if (!is_key(writes[i].key))
            return fail(error, JWKD_INVALID_ARGUMENT, "a row's key is empty, too long or reserved");
        if (!writes[i].erase && writes[i].value.size > LIMIT_STORE_VALUE) {
            return fail(
                error, JWKD_INVALID_ARGUMENT, "a row of %zu bytes is too large", writes[i].value.size);
        }
        plan->sorted[i] = &writes[i];
        room += RECORD_HEAD_SIZE + (writes[i].erase ? 0 : writes[i].value.size);
    }
    qsort(plan->sorted, count, sizeof *plan->sorted, compare_writes);
    for (size_t i = 1; i < count; i++) {
        if (engine_compare(plan->sorted[i - 1]->key, plan->sorted[i]->key) == 0) {
            return fail(error, JWKD_INVALID_ARGUMENT, "a change writes the same row twice");
        }
    }
    if (buffer_reserve(&plan->records, room) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "no memory for a change");
    return JWKD_OK;
}

static void toggle(uint8_t *sum, const uint8_t *mac)
{
    for (size_t i = 0; i < RECORD_MAC_SIZE; i++)
        sum[i] ^= mac[i];
}

/* Takes the row as it is out of the count and sum. *out_revision is 0 when there is none. */
static jwkd_status plan_old(struct plan *plan, struct bytes key, uint64_t *out_revision)
{
    plan->old.size = 0;
    *out_revision = 0;
    jwkd_status status = plan->store->ops->get(plan->store->engine, key, &plan->old);
    if (status == JWKD_NOT_FOUND) return JWKD_OK;
    TRY(status);
    struct store_row row;
    TRY(record_open(plan->store->authenticator, key, buffer_bytes(&plan->old), &row));
    toggle(plan->state.sum, record_mac(buffer_bytes(&plan->old)));
    plan->state.count--;
    *out_revision = row.revision;
    return JWKD_OK;
}

static jwkd_status plan_new(struct plan *plan, const struct store_write *write)
{
    struct store_row row = {.key = write->key, .value = write->value, .revision = plan->state.revision};
    size_t start = plan->records.size;
    TRY(record_make(plan->store->authenticator, &row, &plan->records));
    struct bytes record = bytes_of(plan->records.data + start, plan->records.size - start);
    toggle(plan->state.sum, record_mac(record));
    plan->state.count++;
    plan->changes[plan->change_count++] = (struct engine_change){.key = write->key, .record = record};
    return JWKD_OK;
}

static jwkd_status plan_row(struct plan *plan, const struct store_write *write)
{
    uint64_t revision;
    TRY(plan_old(plan, write->key, &revision));
    if (write->expected != STORE_ANY && write->expected != revision) return JWKD_CONFLICT;
    if (!write->erase) return plan_new(plan, write);
    if (revision) plan->changes[plan->change_count++] = (struct engine_change){.key = write->key};
    return JWKD_OK;
}

static jwkd_status plan_rows(struct plan *plan, size_t count)
{
    struct store *store = plan->store;
    TRY(store->ops->get(store->engine, ENGINE_STATE_KEY, &plan->guard));
    TRY(engine_state_open(store->authenticator, buffer_bytes(&plan->guard), &plan->state));
    plan->state.revision++;
    for (size_t i = 0; i < count; i++)
        TRY(plan_row(plan, plan->sorted[i]));
    plan->old.size = 0;
    TRY(engine_state_make(store->authenticator, &plan->state, &plan->old));
    plan->changes[plan->change_count++] =
        (struct engine_change){.key = ENGINE_STATE_KEY, .record = buffer_bytes(&plan->old)};
    return JWKD_OK;
}

static jwkd_status explain(jwkd_status status, jwkd_error *error)
{
    if (status == JWKD_CONFLICT)
        return fail(error, status, "a row was changed or made by somebody else meanwhile");
    if (status == JWKD_NOT_FOUND || status == JWKD_CORRUPT) {
        return fail(error, JWKD_CORRUPT,
            "a stored row failed its check; stop jwkd and restore the store from its backup");
    }
    return fail(error, status, "the store cannot be read: %s", jwkd_status_text(status));
}

static jwkd_status apply_plan(struct plan *plan, jwkd_error *error)
{
    struct store *store = plan->store;
    TRY(apply(store, buffer_bytes(&plan->guard), plan->changes, plan->change_count, plan->urgent, error));
    came_to(store, plan->state.revision);
    return JWKD_OK;
}

static bool note_plan(struct plan *plan)
{
    struct note note = {
        .revision = plan->state.revision, .guard = buffer_bytes(&plan->guard), .count = plan->change_count};
    if (!plan->urgent || plan->change_count > NOTE_CHANGES) return false;
    memcpy(note.changes, plan->changes, plan->change_count * sizeof *plan->changes);
    return put_note(plan->store, &note);
}

static jwkd_status commit(struct plan *plan, size_t count, jwkd_error *error)
{
    TRY(settle(plan->store, error));
    jwkd_status status = plan_rows(plan, count);
    if (status != JWKD_OK) return explain(status, error);
    return note_plan(plan) ? JWKD_OK : apply_plan(plan, error);
}

jwkd_status store_commit(struct store *store, const struct store_write *writes, size_t count, bool urgent,
    uint64_t *out_revision, jwkd_error *error)
{
    CLEANUP(plan_clear) struct plan plan = {.store = store, .urgent = urgent};
    TRY(plan_writes(&plan, writes, count, error));
    pthread_mutex_lock(&store->committing);
    jwkd_status status = commit(&plan, count, error);
    pthread_mutex_unlock(&store->committing);
    if (status == JWKD_OK && out_revision) *out_revision = plan.state.revision;
    return status;
}
