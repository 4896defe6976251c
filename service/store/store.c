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
    bool proven; /* guarded by committing: the last change succeeded, so the database is durable as it can be
                    read */
    uint8_t id[STORE_ID_SIZE];
    struct store_limits limits;
};

DEFINE_CLEANUP(struct store *, store_close)

/* ---- notes */

/* After a broken guard: whether the database took the note by an attempt that was reported as failed.
 * CONFLICT: it did not, and is in another state. */
static jwkd_status find_out(struct store *store, const struct note *note)
{
    CLEANUP(buffer_clear) struct buffer state = {0};
    TRY(engine_get_one(store->ops, store->engine, ENGINE_STATE_KEY, &state));
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

/* If the database has the note's change but may yet lose it (not `proven`), the note stays in its place until
 * the next one. The next note waits until a change has succeeded. */
static void forget_note(struct store *store)
{
    if (store->proven && store->ops->forget) store->ops->forget(store->engine, store->note.size);
    store->note.size = 0;
    atomic_store(&store->noted, false);
}

/* Brings the note into the database. */
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

/* Takes up the last note, unless the database has gone on since. A note that was never written whole was
 * never told to anybody. The engine is not told how far the database came: it may have been put back from a
 * backup. */
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
    if (status == JWKD_OK) TRY(engine_get_one(store->ops, store->engine, ENGINE_STATE_KEY, &state));
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

/* Whether the note is durable now. It counts only if the state that it follows is durable. So none is put
 * after a change that failed, since that change may have happened all the same. */
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

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What the engine's limits leave for the callers' rows. */
static struct store_limits limits_within(const struct engine_limits *engine)
{
    size_t state = ENGINE_STATE_KEY.size + ENGINE_STATE_SIZE;
    return (struct store_limits){
        .rows = engine->rows ? engine->rows - 1 : 0,
        .bytes = engine->bytes > state ? engine->bytes - state : 0,
        .key = smaller(engine->key, LIMIT_STORE_KEY),
        .value = smaller(
            engine->record > RECORD_HEAD_SIZE ? engine->record - RECORD_HEAD_SIZE : 0, LIMIT_STORE_VALUE),
    };
}

static bool is_whole(const struct engine_ops *ops)
{
    return ops->version == ENGINE_VERSION && ops->open && ops->check && ops->look && ops->get && ops->list &&
           ops->apply && ops->close;
}

/* Checks what every engine takes for granted. */
static jwkd_status prepare(const struct store_options *options, struct engine_opening *out, jwkd_error *error)
{
    if (!is_whole(options->engine))
        return fail(error, JWKD_INVALID_ARGUMENT, "the storage engine lacks something");
    if (options->key_id.size > ENGINE_KEY_ID_SIZE)
        return fail(error, JWKD_INVALID_ARGUMENT, "the id of the key-encryption key is too long");
    *out = (struct engine_opening){
        .place = options->place, .create = options->create, .key_id = options->key_id};
    jwkd_status status = authenticator_new(options->mac_key, &out->authenticator);
    return status == JWKD_OK ? status : fail(error, status, "OpenSSL has no HMAC-SHA256 for the store");
}

static void opening_clear(struct engine_opening *opening)
{
    authenticator_free(opening->authenticator);
}

jwkd_status store_open(const struct store_options *options, struct store **out, jwkd_error *error)
{
    CLEANUP(opening_clear) struct engine_opening opening = {0};
    struct engine_opened opened = {0};
    TRY(prepare(options, &opening, error));
    struct store *made = calloc(1, sizeof *made);
    if (!made) return fail(error, JWKD_NO_MEMORY, "no memory for the store");
    jwkd_status status = options->engine->open(&opening, &opened, error);
    if (status != JWKD_OK) {
        free(made);
        return status;
    }
    CLEANUP(store_close_at) struct store *store = made;
    *store = (struct store){.ops = options->engine,
        .engine = opened.engine,
        .authenticator = TAKE(opening.authenticator),
        .limits = limits_within(&opened.limits)};
    pthread_mutex_init(&store->committing, NULL);
    memcpy(store->id, opened.store_id, STORE_ID_SIZE);
    jwkd_error why = {0};
    status = take_up_note(store, &why);
    if (status != JWKD_OK)
        return fail(error, status, "the store cannot be opened: %s",
            why.message[0] ? why.message : jwkd_status_text(status));
    *out = TAKE(store);
    return JWKD_OK;
}

jwkd_status store_check(const struct store_options *options, uint64_t *out_rows, jwkd_error *error)
{
    CLEANUP(opening_clear) struct engine_opening opening = {0};
    TRY(prepare(options, &opening, error));
    return options->engine->check(&opening, out_rows, error);
}

enum store_presence store_look(const struct engine_ops *engine, const void *place)
{
    return engine->look(place);
}

const struct store_limits *store_limits(const struct store *store)
{
    return &store->limits;
}

size_t store_write_size(const struct store_write *write)
{
    return write->key.size + (write->erase ? 0 : RECORD_HEAD_SIZE + write->value.size);
}

void store_close(struct store *store)
{
    if (!store) return;
    (void)!store_settle(store, NULL); /* if that fails, the next opening does it */
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

/* ---- reading */

static bool is_key(struct bytes key)
{
    return key.size >= 1 && key.size <= LIMIT_STORE_KEY && key.data[0] != 0;
}

jwkd_status store_get(struct store *store, struct bytes key, struct buffer *out, uint64_t *out_revision)
{
    if (!is_key(key)) return JWKD_INVALID_ARGUMENT;
    size_t start = out->size;
    TRY(store_settle(store, NULL));
    TRY(engine_get_one(store->ops, store->engine, key, out));
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

struct reading {
    struct store *store;
    store_visit *visit;
    void *context;
    jwkd_status status;
};

static bool list_one(void *context, struct bytes key, struct bytes record)
{
    struct reading *reading = context;
    if (key.size == 0 || key.data[0] == 0) return true; /* the store's own */
    struct store_row row;
    reading->status = record_open(reading->store->authenticator, key, record, &row);
    return reading->status == JWKD_OK && reading->visit(reading->context, &row);
}

static bool get_one(void *context, struct bytes key, struct bytes record)
{
    struct reading *reading = context;
    struct store_row row = {.key = key, .revision = STORE_ABSENT};
    if (record.size) reading->status = record_open(reading->store->authenticator, key, record, &row);
    return reading->status == JWKD_OK && reading->visit(reading->context, &row);
}

jwkd_status store_get_many(
    struct store *store, const struct bytes *keys, size_t count, store_visit *visit, void *context)
{
    for (size_t i = 0; i < count; i++)
        if (!is_key(keys[i])) return JWKD_INVALID_ARGUMENT;
    TRY(store_settle(store, NULL));
    struct reading reading = {.store = store, .visit = visit, .context = context};
    TRY(store->ops->get(store->engine, keys, count, get_one, &reading));
    return reading.status;
}

jwkd_status store_list(
    struct store *store, struct bytes prefix, struct bytes after, store_visit *visit, void *context)
{
    if (prefix.size > LIMIT_STORE_KEY || after.size > LIMIT_STORE_KEY) return JWKD_INVALID_ARGUMENT;
    TRY(store_settle(store, NULL));
    struct reading reading = {.store = store, .visit = visit, .context = context};
    TRY(store->ops->list(store->engine, prefix, after, list_one, &reading));
    return reading.status;
}

/* ---- writing */

/* A commit that is being put together. */
struct plan {
    struct store *store;
    bool urgent;
    struct engine_state state; /* after the commit */
    struct buffer guard;       /* the state's record before the commit, */
    struct buffer next;        /* and after it */
    struct bytes *keys;        /* of the state's row, and of each write */
    size_t looked_at;          /* how many of them were read */
    jwkd_status status;        /* what reading them came to */
    struct buffer
        records; /* the new ones; it has its full size from the start, so that views into it stay valid */
    const struct store_write **sorted;
    struct engine_change *changes; /* one for each write, and the state's */
    size_t change_count;
};

static void plan_clear(struct plan *plan)
{
    buffer_clear(&plan->guard);
    buffer_clear(&plan->next);
    buffer_clear(&plan->records);
    free(plan->keys);
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
    const struct store_limits *limits = &plan->store->limits;
    size_t room = 0, bytes = 0;
    plan->keys = calloc(count + 1, sizeof *plan->keys);
    plan->sorted = calloc(count + 1, sizeof(const struct store_write *));
    plan->changes = calloc(count + 1, sizeof *plan->changes);
    if (!plan->keys || !plan->sorted || !plan->changes)
        return fail(error, JWKD_NO_MEMORY, "no memory for a change");
    for (size_t i = 0; i < count; i++) {
        if (!is_key(writes[i].key) || writes[i].key.size > limits->key)
            return fail(error, JWKD_INVALID_ARGUMENT, "a row's key is empty, too long or reserved");
        if (!writes[i].erase && writes[i].value.size > limits->value) {
            return fail(
                error, JWKD_INVALID_ARGUMENT, "a row of %zu bytes is too large", writes[i].value.size);
        }
        plan->sorted[i] = &writes[i];
        room += RECORD_HEAD_SIZE + (writes[i].erase ? 0 : writes[i].value.size);
        bytes += store_write_size(&writes[i]);
    }
    if (count > limits->rows || bytes > limits->bytes) {
        return fail(error, JWKD_RESOURCE_EXHAUSTED,
            "the change has %zu rows of %zu bytes, and the store takes %zu of %zu at once", count, bytes,
            limits->rows, limits->bytes);
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

/* Takes the present row out of the count and the sum, and plans what becomes of it. */
static jwkd_status plan_row(struct plan *plan, const struct store_write *write, struct bytes record)
{
    struct store_row row = {.revision = STORE_ABSENT};
    if (record.size) {
        TRY(record_open(plan->store->authenticator, write->key, record, &row));
        toggle(plan->state.sum, record_mac(record));
        plan->state.count--;
    }
    if (write->expected != STORE_ANY && write->expected != row.revision) return JWKD_CONFLICT;
    if (!write->erase) return plan_new(plan, write);
    if (record.size) plan->changes[plan->change_count++] = (struct engine_change){.key = write->key};
    return JWKD_OK;
}

static jwkd_status plan_state(struct plan *plan, struct bytes record)
{
    if (!record.size) return JWKD_NOT_FOUND;
    TRY(buffer_append_bytes(&plan->guard, record));
    TRY(engine_state_open(plan->store->authenticator, buffer_bytes(&plan->guard), &plan->state));
    plan->state.revision++;
    return JWKD_OK;
}

/* Called for the state's row first, then for each row to be written. */
static bool plan_one(void *context, struct bytes key, struct bytes record)
{
    (void)key;
    struct plan *plan = context;
    size_t index = plan->looked_at++;
    plan->status = index ? plan_row(plan, plan->sorted[index - 1], record) : plan_state(plan, record);
    return plan->status == JWKD_OK;
}

/* Reads all rows at once: on some engines each reading is a round trip. */
static jwkd_status plan_rows(struct plan *plan, size_t count)
{
    struct store *store = plan->store;
    plan->keys[0] = ENGINE_STATE_KEY;
    for (size_t i = 0; i < count; i++)
        plan->keys[i + 1] = plan->sorted[i]->key;
    TRY(store->ops->get(store->engine, plan->keys, count + 1, plan_one, plan));
    TRY(plan->status);
    TRY(engine_state_make(store->authenticator, &plan->state, &plan->next));
    plan->changes[plan->change_count++] =
        (struct engine_change){.key = ENGINE_STATE_KEY, .record = buffer_bytes(&plan->next)};
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
