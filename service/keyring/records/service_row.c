#include "keyring/records/service_row.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "keyring/age.h"
#include "keyring/records/rows.h"

static jwkd_status mint_epoch(struct keyring *keyring, jwkd_error *error)
{
    if (random_fill(keyring->epoch, sizeof keyring->epoch) == JWKD_OK) return JWKD_OK;
    return fail(error, JWKD_INTERNAL, "no random bytes");
}

/* The first of `writes` is the service's row; its value is filled in here. */
static jwkd_status commit(struct keyring *keyring, const Jwkd__Row__Service *row, uint64_t expected,
    struct store_write *writes, size_t count, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(wire_pack(&row->base, &packed));
    writes[0] = (struct store_write){
        .key = bytes_of_text(SERVICE_ROW), .value = buffer_bytes(&packed), .expected = expected};
    jwkd_status status = store_commit(
        keyring->options.store, writes, count, false, &keyring->records.service_row_revision, error);
    if (status == JWKD_OK || expected == STORE_ABSENT) return status;
    return service_row_find_out(
        keyring, status, writes[0].value, false, &keyring->records.service_row_revision, error);
}

static jwkd_status make(struct keyring *keyring, jwkd_error *error)
{
    TRY(mint_epoch(keyring, error));
    keyring->records.next_environment_id = 1;
    Jwkd__Row__Service row = JWKD__ROW__SERVICE__INIT;
    struct store_write write;
    age_load(keyring, &row);
    age_put(keyring, &row);
    row.epoch = wire_bytes(bytes_of(keyring->epoch, sizeof keyring->epoch));
    row.next_environment_id = keyring->records.next_environment_id;
    if (keyring->options.registry) row.max_lease_ms = registry_max_lease_ms(keyring->options.registry);
    return commit(keyring, &row, STORE_ABSENT, &write, 1, error);
}

static jwkd_status read_row(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    uint64_t *out_revision, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer value = {0};
    jwkd_status status = store_get(keyring->options.store, bytes_of_text(SERVICE_ROW), &value, out_revision);
    if (status != JWKD_OK)
        return fail(
            error, status, "the row \"" SERVICE_ROW "\" cannot be read: %s", jwkd_status_text(status));
    ProtobufCMessage *message;
    status = wire_unpack(&jwkd__row__service__descriptor, buffer_bytes(&value), arena, &message);
    const Jwkd__Row__Service *row = status == JWKD_OK ? (const Jwkd__Row__Service *)message : NULL;
    if (!row || row->epoch.len != sizeof keyring->epoch)
        return fail(error, JWKD_CORRUPT, "the row \"" SERVICE_ROW "\" is damaged");
    *out = row;
    return JWKD_OK;
}

static void take_numbers(struct keyring *keyring, const Jwkd__Row__Service *row, uint64_t revision)
{
    keyring->records.next_environment_id = row->next_environment_id;
    keyring->records.service_revision = row->revision;
    keyring->records.service_row_revision = revision;
    key_usage_raise(&keyring->wall.high, row->wall_high);
}

jwkd_status service_row_load(
    struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out, jwkd_error *error)
{
    uint64_t revision;
    *out = NULL;
    jwkd_status status = read_row(keyring, arena, out, &revision, error);
    if (status == JWKD_NOT_FOUND) return make(keyring, error);
    TRY(status);
    memcpy(keyring->epoch, (*out)->epoch.data, sizeof keyring->epoch);
    take_numbers(keyring, *out, revision);
    age_load(keyring, *out);
    return JWKD_OK;
}

jwkd_status service_row_read(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    uint64_t *out_revision, jwkd_error *error)
{
    TRY(read_row(keyring, arena, out, out_revision, error));
    /* If this run's own new epoch is not in the store yet, nobody else has begun one. */
    if (keyring->records.not_renewed ||
        memcmp((*out)->epoch.data, keyring->epoch, sizeof keyring->epoch) == 0)
        return JWKD_OK;
    keyring->records.estranged = true;
    return fail(error, JWKD_INTERNAL, "another process began another epoch in the store; " KEYRING_RESTART);
}

void service_row_take(struct keyring *keyring, const Jwkd__Row__Service *row, uint64_t revision)
{
    take_numbers(keyring, row, revision);
    age_catch_up(keyring, row);
}

void service_row_fill(const struct keyring *keyring, Jwkd__Row__Service *out)
{
    struct registry *registry = keyring->options.registry;
    *out = (Jwkd__Row__Service)JWKD__ROW__SERVICE__INIT;
    out->epoch = wire_bytes(bytes_of(keyring->epoch, sizeof keyring->epoch));
    out->next_environment_id = keyring->records.next_environment_id;
    out->revision = keyring->records.service_revision;
    out->wall_high = keyring->wall.high;
    age_put(keyring, out);
    if (registry) out->max_lease_ms = registry_longest_lease_ms(registry, clock_elapsed_ns());
}

jwkd_status service_row_find_out(struct keyring *keyring, jwkd_status failure, struct bytes written,
    bool urgent, uint64_t *out_revision, jwkd_error *error)
{
    static const char OTHERS[] = "somebody else changed the store meanwhile";
    if (failure != JWKD_UNAVAILABLE) return failure;
    CLEANUP(buffer_clear) struct buffer row = {0};
    uint64_t revision;
    jwkd_status status = store_get(keyring->options.store, bytes_of_text(SERVICE_ROW), &row, &revision);
    if (status == JWKD_OK) {
        if (revision == keyring->records.service_row_revision) return failure;
        if (!bytes_equal(buffer_bytes(&row), written)) return fail(error, JWKD_CONFLICT, OTHERS);
        /* The row can be read, but a crash may still lose it. An empty commit on top of it makes it
         * durable. */
        status = store_commit(keyring->options.store, NULL, 0, urgent, NULL, NULL);
        if (status == JWKD_CONFLICT) return fail(error, status, OTHERS);
        if (status == JWKD_OK) {
            *out_revision = revision;
            return JWKD_OK;
        }
    }
    keyring->records.estranged = true;
    return fail(error, JWKD_INTERNAL, "it is not known whether the change was stored; " KEYRING_RESTART);
}

jwkd_status service_row_rewrite(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct store_write *writes, size_t count, jwkd_error *error)
{
    return commit(keyring, row, keyring->records.service_row_revision, writes, count, error);
}

/* ---- another epoch */

/* How far a key may have signed in a history that is lost. */
struct lost_use {
    struct ring_key *key;
    struct reach reach;
    char name[ROW_KEY_SIZE];
    struct buffer packed;
};
struct lost_uses {
    struct lost_use *items;
    size_t count;
};

static void lost_uses_clear(struct lost_uses *uses)
{
    for (size_t i = 0; i < uses->count; i++)
        buffer_clear(&uses->items[i].packed);
    free(uses->items);
}

/* The largest lifetime may have been raised in that history, too. So it is at least a day, as for an imported
 * key. */
enum { LOST_SEC = 24 * 3600 };

static jwkd_status add_environment(
    struct lost_uses *uses, const struct ring_environment *environment, int64_t now, int64_t age)
{
    for (size_t i = 0; i < environment->count; i++) {
        struct ring_key *key = environment->keys[i];
        if (key->state != KEY_ACTIVE) continue;
        int64_t longest = ring_key_longest_lifetime(environment, key);
        if (longest < LOST_SEC) longest = LOST_SEC;
        struct lost_use *use = &uses->items[uses->count++];
        *use = (struct lost_use){.key = key,
            .reach = reach_larger((struct reach){.expiry = now + longest, .age = age + longest},
                reach_read(&key->usage->ceiling))};
        TRY(rows_make_ceiling(environment->owner, jwk_kid(key->jwk), use->reach, use->name, &use->packed));
    }
    return JWKD_OK;
}

static jwkd_status list_lost_uses(const struct keyring *keyring, struct ring_environment *const *environments,
    size_t count, struct lost_uses *out)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++)
        most += environments[i]->count;
    out->items = calloc(most, sizeof *out->items);
    if (!out->items) return JWKD_NO_MEMORY;
    int64_t now = clock_wall_sec(), age = age_sec(keyring);
    for (size_t i = 0; i < count; i++)
        TRY(add_environment(out, environments[i], now, age));
    return JWKD_OK;
}

/* In that history ready keys may have been given to another environment, and may even have been deactivated
 * since. So none of them is used. */
struct ready_rows {
    char (*names)[ROW_KEY_SIZE];
    size_t count;
    jwkd_status status;
};

static void ready_rows_clear(struct ready_rows *rows)
{
    free(rows->names);
}

static bool take_ready_row(void *context, const struct store_row *row)
{
    struct ready_rows *rows = context;
    char(*grown)[ROW_KEY_SIZE] = realloc(rows->names, (rows->count + 1) * sizeof *grown);
    if (!grown) {
        rows->status = JWKD_NO_MEMORY;
        return false;
    }
    rows->names = grown;
    snprintf(grown[rows->count++], ROW_KEY_SIZE, "%.*s", (int)row->key.size, (const char *)row->key.data);
    return true;
}

static jwkd_status list_ready_rows(const struct keyring *keyring, struct ready_rows *out)
{
    TRY(store_list(
        keyring->options.store, bytes_of_text(ROW_RESERVE), (struct bytes){0}, take_ready_row, out));
    return out->status;
}

/* How many of the `count` writes, from the last one back, the store takes at once beside the service's
 * row. */
static size_t portion(const struct keyring *keyring, const struct store_write *writes, size_t count)
{
    const struct store_limits *limits = store_limits(keyring->options.store);
    size_t taken = 0, bytes = 0;
    for (; taken < count && taken + 1 < limits->rows; taken++) {
        bytes += store_write_size(&writes[count - taken - 1]);
        if (bytes > limits->bytes / 2) break;
    }
    return taken ? taken : count; /* let the store refuse a write that is too large by itself */
}

/* The service's row comes last, with what is left. A crash before that does no harm: keys may have signed
 * further, and there are fewer ready keys. */
static jwkd_status commit_portions(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct store_write *writes, size_t count, jwkd_error *error)
{
    size_t taken;
    while ((taken = portion(keyring, writes + 1, count - 1)) < count - 1) {
        count -= taken;
        TRY(store_commit(keyring->options.store, writes + count, taken, false, NULL, error));
    }
    return service_row_rewrite(keyring, row, writes, count, error);
}

static jwkd_status commit_all(struct keyring *keyring, const Jwkd__Row__Service *row,
    const struct lost_uses *uses, const struct ready_rows *ready, jwkd_error *error)
{
    size_t count = 1;
    CLEANUP(free_at) struct store_write *writes = calloc(uses->count + ready->count + 1, sizeof *writes);
    if (!writes) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < uses->count; i++)
        writes[count++] = (struct store_write){.key = bytes_of_text(uses->items[i].name),
            .value = buffer_bytes(&uses->items[i].packed),
            .expected = STORE_ANY};
    for (size_t i = 0; i < ready->count; i++)
        writes[count++] =
            (struct store_write){.key = bytes_of_text(ready->names[i]), .erase = true, .expected = STORE_ANY};
    return commit_portions(keyring, row, writes, count, error);
}

static bool wants_epoch(const struct keyring *keyring)
{
    return keyring->options.new_epoch || store_went_back(keyring->options.store);
}

static void tell_of_epoch(const struct keyring *keyring, jwkd_status failure)
{
    keyring_trouble(keyring, failure,
        keyring->options.new_epoch
            ? "a new epoch begins, as was asked for: verifiers take all keys anew"
            : "the store was put back from a backup, or copied: a new epoch begins, and verifiers take all "
              "keys "
              "anew. What was deactivated after the backup was made is live again: look, and deactivate it");
}

/* ---- renewing */

/* Commits the row. With another epoch also how far each key may have signed, and that no ready key is
 * used. */
static jwkd_status write_renewed(struct keyring *keyring, const Jwkd__Row__Service *row, bool another,
    struct ring_environment *const *environments, size_t count, jwkd_error *error)
{
    CLEANUP(lost_uses_clear) struct lost_uses uses = {0};
    CLEANUP(ready_rows_clear) struct ready_rows ready = {0};
    if (another && list_lost_uses(keyring, environments, count, &uses) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    jwkd_status status = another ? list_ready_rows(keyring, &ready) : JWKD_OK;
    if (status != JWKD_OK)
        return fail(error, status, "the ready keys cannot be listed: %s", jwkd_status_text(status));
    for (size_t i = 0; i < uses.count; i++)
        reach_raise(&uses.items[i].key->usage->last, uses.items[i].reach);
    status = commit_all(keyring, row, &uses, &ready, error);
    for (size_t i = 0; i < uses.count && status == JWKD_OK; i++)
        reach_raise(&uses.items[i].key->usage->ceiling, uses.items[i].reach);
    return status;
}

void service_row_renew(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count)
{
    struct registry *registry = keyring->options.registry;
    jwkd_error error = {0};
    Jwkd__Row__Service renewed = *row;
    renewed.wall_high = keyring->wall.high; /* may have been accepted a moment ago */
    uint32_t earlier_ms = row->max_lease_ms,
             wanted_ms = registry ? registry_max_lease_ms(registry) : earlier_ms;
    bool another = wants_epoch(keyring), longer = wanted_ms > earlier_ms;
    jwkd_status status = another ? mint_epoch(keyring, &error) : JWKD_OK;
    renewed.epoch = wire_bytes(bytes_of(keyring->epoch, sizeof keyring->epoch));
    if (longer) renewed.max_lease_ms = wanted_ms;
    if (another) reserve_clear(keyring->reserve);
    if (status == JWKD_OK && (another || longer))
        status = write_renewed(keyring, &renewed, another, environments, count, &error);
    keyring->records.not_renewed = another && status != JWKD_OK;
    /* The leases of the run before last as long as they were granted. Longer leases than the store knows of
     * are granted only once it knows of them. A row without a lease was written by a version without
     * leases. */
    bool unknown = longer && status != JWKD_OK;
    if (registry) registry_set_leases(registry, earlier_ms, unknown && earlier_ms ? earlier_ms : wanted_ms);
    /* If the store was put back, the run before may have made environments with the ids that come next
     * now. */
    if (registry && !another)
        registry_set_first_new_environment(registry, keyring->records.next_environment_id);
    if (another) tell_of_epoch(keyring, status);
    if (keyring->records.estranged)
        keyring_trouble(keyring, status, error.message);
    else if (unknown)
        keyring_trouble(keyring, status,
            "a longer lease than before could not be written: it is granted after the next start");
}

jwkd_status service_row_renew_again(struct keyring *keyring, jwkd_error *error)
{
    Jwkd__Row__Service row;
    service_row_fill(keyring, &row);
    TRY(write_renewed(keyring, &row, true, keyring->present.snapshot->environments,
        keyring->present.snapshot->count, error));
    keyring->records.not_renewed = false;
    return JWKD_OK;
}
