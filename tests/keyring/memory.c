#include "keyring/memory.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct memory_row {
    struct memory_row *next;
    struct buffer key, record;
};

struct memory {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t released;
    struct memory_row *rows; /* in byte order */
    const char *prefix;      /* of the commit that has the outcome; static storage */
    enum memory_outcome outcome;
    bool lost, held, went_back, takes_notes;
    struct buffer note;
    unsigned waiting, lists;
};

static const uint8_t MAC_KEY[STORE_MAC_KEY_SIZE] = "the MAC key that the tests use.";
static const uint8_t ID[STORE_ID_SIZE] = "a store of ours";
static const struct engine_limits LIMITS = {.rows = 8192,
    .bytes = 64 * 1024 * 1024,
    .key = LIMIT_STORE_KEY,
    .record = RECORD_HEAD_SIZE + LIMIT_STORE_VALUE};

/* The place that points to the row of that key, or to the first one behind it. */
static struct memory_row **place_of(struct memory *memory, struct bytes key)
{
    struct memory_row **place = &memory->rows;
    while (*place && engine_compare(buffer_bytes(&(*place)->key), key) < 0)
        place = &(*place)->next;
    return place;
}

static struct memory_row *row_of(struct memory *memory, struct bytes key)
{
    struct memory_row *row = *place_of(memory, key);
    return row && bytes_equal(buffer_bytes(&row->key), key) ? row : NULL;
}

static void row_remove(struct memory_row **place)
{
    struct memory_row *row = *place;
    *place = row->next;
    buffer_clear(&row->key);
    buffer_clear(&row->record);
    free(row);
}

static void row_put(struct memory *memory, struct bytes key, struct bytes record)
{
    struct memory_row **place = place_of(memory, key), *row = calloc(1, sizeof *row);
    if (!row || buffer_append_bytes(&row->key, key) != JWKD_OK ||
        buffer_append_bytes(&row->record, record) != JWKD_OK)
        abort();
    if (*place && bytes_equal(buffer_bytes(&(*place)->key), key)) row_remove(place);
    row->next = *place;
    *place = row;
}

static void apply(struct memory *memory, const struct engine_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (changes[i].record.size)
            row_put(memory, changes[i].key, changes[i].record);
        else if (row_of(memory, changes[i].key))
            row_remove(place_of(memory, changes[i].key));
    }
}

/* ---- the engine ---- */

static jwkd_status engine_open(
    const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error)
{
    (void)error;
    *out = (struct engine_opened){.engine = (void *)(uintptr_t)opening->place, .limits = LIMITS};
    memcpy(out->store_id, ID, sizeof ID);
    return JWKD_OK;
}

static jwkd_status engine_check(const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error)
{
    (void)opening, (void)out_rows;
    return fail(error, JWKD_UNSUPPORTED, "no other process sees it");
}

static enum store_presence engine_look(const void *place)
{
    (void)place;
    return STORE_PRESENT;
}

static jwkd_status engine_get(
    void *engine, const struct bytes *keys, size_t count, engine_visit *visit, void *context)
{
    struct memory *memory = engine;
    pthread_mutex_lock(&memory->lock);
    jwkd_status status = memory->lost ? JWKD_UNAVAILABLE : JWKD_OK;
    for (size_t i = 0; i < count && status == JWKD_OK; i++) {
        struct memory_row *row = row_of(memory, keys[i]);
        if (!visit(context, keys[i], row ? buffer_bytes(&row->record) : (struct bytes){0})) break;
    }
    pthread_mutex_unlock(&memory->lock);
    return status;
}

static bool begins_with(struct bytes key, struct bytes prefix)
{
    return key.size >= prefix.size && bytes_equal(bytes_of(key.data, prefix.size), prefix);
}

static jwkd_status engine_list(
    void *engine, struct bytes prefix, struct bytes after, engine_visit *visit, void *context)
{
    struct memory *memory = engine;
    pthread_mutex_lock(&memory->lock);
    memory->lists++;
    memory->waiting++;
    while (memory->held)
        pthread_cond_wait(&memory->released, &memory->lock);
    memory->waiting--;
    jwkd_status status = memory->lost ? JWKD_UNAVAILABLE : JWKD_OK;
    for (struct memory_row *row = memory->rows; row && status == JWKD_OK; row = row->next) {
        struct bytes key = buffer_bytes(&row->key);
        if (!begins_with(key, prefix) || (after.size && engine_compare(key, after) <= 0)) continue;
        if (!visit(context, key, buffer_bytes(&row->record))) break;
    }
    pthread_mutex_unlock(&memory->lock);
    return status;
}

/* What was told for this commit; forgotten then. */
static enum memory_outcome take_outcome(
    struct memory *memory, const struct engine_change *changes, size_t count)
{
    for (size_t i = 0; memory->outcome != MEMORY_DONE && i < count; i++) {
        if (!begins_with(changes[i].key, bytes_of_text(memory->prefix))) continue;
        enum memory_outcome outcome = memory->outcome;
        memory->outcome = MEMORY_DONE;
        return outcome;
    }
    return MEMORY_DONE;
}

static jwkd_status engine_apply(void *engine, struct bytes guard, const struct engine_change *changes,
    size_t count, bool urgent, jwkd_error *error)
{
    (void)urgent;
    struct memory *memory = engine;
    pthread_mutex_lock(&memory->lock);
    enum memory_outcome outcome = take_outcome(memory, changes, count);
    bool same = bytes_equal(buffer_bytes(&row_of(memory, ENGINE_STATE_KEY)->record), guard);
    if (same && !memory->lost && outcome != MEMORY_REFUSED) apply(memory, changes, count);
    bool failed = memory->lost || outcome != MEMORY_DONE;
    memory->lost |= outcome == MEMORY_DONE_UNSEEN;
    pthread_mutex_unlock(&memory->lock);
    if (!same) return fail(error, JWKD_CONFLICT, "the guard is broken");
    return failed ? fail(error, JWKD_UNAVAILABLE, "the disk failed, as it was told to") : JWKD_OK;
}

static jwkd_status engine_note(void *engine, struct bytes note)
{
    struct memory *memory = engine;
    pthread_mutex_lock(&memory->lock);
    bool taken = memory->takes_notes && !memory->lost;
    memory->note.size = taken ? 0 : memory->note.size;
    if (taken && buffer_append_bytes(&memory->note, note) != JWKD_OK) abort();
    pthread_mutex_unlock(&memory->lock);
    return taken ? JWKD_OK : JWKD_UNAVAILABLE;
}

static jwkd_status engine_noted(void *engine, struct buffer *out)
{
    struct memory *memory = engine;
    return memory->note.size ? buffer_append_bytes(out, buffer_bytes(&memory->note)) : JWKD_NOT_FOUND;
}

static void engine_close(void *engine)
{
    (void)engine;
} /* it outlives its stores, as a disk does */

static bool engine_went_back(const void *engine)
{
    const struct memory *memory = engine;
    return memory->went_back;
}

static const struct engine_ops OPS = {.version = ENGINE_VERSION,
    .open = engine_open,
    .check = engine_check,
    .look = engine_look,
    .get = engine_get,
    .list = engine_list,
    .apply = engine_apply,
    .note = engine_note,
    .noted = engine_noted,
    .went_back = engine_went_back,
    .close = engine_close};

/* ---- */

DEFINE_CLEANUP(struct authenticator *, authenticator_free)

struct memory *memory_new(void)
{
    struct memory *memory = calloc(1, sizeof *memory);
    CLEANUP(authenticator_free_at) struct authenticator *authenticator = NULL;
    CLEANUP(buffer_clear) struct buffer state = {0};
    if (!memory || authenticator_new(MAC_KEY, &authenticator) != JWKD_OK ||
        engine_state_make(authenticator, &(struct engine_state){0}, &state) != JWKD_OK)
        abort();
    pthread_mutex_init(&memory->lock, NULL);
    pthread_cond_init(&memory->released, NULL);
    row_put(memory, ENGINE_STATE_KEY, buffer_bytes(&state));
    return memory;
}

void memory_free(struct memory *memory)
{
    while (memory->rows)
        row_remove(&memory->rows);
    buffer_clear(&memory->note);
    pthread_cond_destroy(&memory->released);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

struct store *memory_open(struct memory *memory)
{
    struct store *store;
    struct store_options options = {.engine = &OPS, .place = memory};
    memcpy(options.mac_key, MAC_KEY, sizeof options.mac_key);
    if (store_open(&options, &store, NULL) != JWKD_OK) abort();
    return store;
}

void memory_take_notes(struct memory *memory)
{
    memory->takes_notes = true;
}

void memory_go_back(struct memory *memory, bool went_back)
{
    memory->went_back = went_back;
}

void memory_next(struct memory *memory, const char *prefix, enum memory_outcome outcome)
{
    pthread_mutex_lock(&memory->lock);
    memory->prefix = prefix;
    memory->outcome = outcome;
    pthread_mutex_unlock(&memory->lock);
}

void memory_mend(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    memory->lost = false;
    pthread_mutex_unlock(&memory->lock);
}

void memory_hold(struct memory *memory, bool held)
{
    pthread_mutex_lock(&memory->lock);
    memory->held = held;
    pthread_cond_broadcast(&memory->released);
    pthread_mutex_unlock(&memory->lock);
}

unsigned memory_waiting(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    unsigned waiting = memory->waiting;
    pthread_mutex_unlock(&memory->lock);
    return waiting;
}

unsigned memory_lists(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    unsigned lists = memory->lists;
    pthread_mutex_unlock(&memory->lock);
    return lists;
}

size_t memory_count(struct memory *memory, const char *prefix)
{
    size_t count = 0;
    pthread_mutex_lock(&memory->lock);
    for (struct memory_row *row = memory->rows; row; row = row->next)
        count += begins_with(buffer_bytes(&row->key), bytes_of_text(prefix));
    pthread_mutex_unlock(&memory->lock);
    return count;
}
