#include "keyring/batch.h"

#include <inttypes.h>

#include "base/clock.h"
#include "keyring/age.h"
#include "keyring/agenda.h"
#include "keyring/rows.h"
#include "keyring/service_row.h"

enum { BATCH_MEMORY = 64 * 1024 * 1024 };

jwkd_status batch_init(struct batch *batch, struct keyring *keyring, int64_t now)
{
    *batch = (struct batch){.keyring = keyring,
        .now = now,
        .age = age_sec(keyring),
        .next_environment_id = keyring->next_environment_id,
        .service_revision = keyring->service_revision};
    batch->events_tail = &batch->events;
    arena_init(&batch->arena, BATCH_MEMORY);
    return JWKD_OK;
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++)
        ring_environment_unref(batch->touched[i].environment);
    free(batch->touched);
    free(batch->writes);
    for (struct ready_key *key = batch->taken, *next; key; key = next) {
        next = key->next;
        reserve_put(batch->keyring->reserve, key);
    }
    for (struct batch_ceiling *entry = batch->ceilings; entry; entry = entry->next)
        key_usage_unref(entry->usage);
    if (batch->keyring->options.registry) registry_reopen(batch->keyring->options.registry);
    arena_clear(&batch->arena);
}

char *batch_text(struct batch *batch, const char *text)
{
    return arena_text(&batch->arena, bytes_of_text(text));
}

static jwkd_status batch_write(struct batch *batch, struct store_write write)
{
    for (size_t i = 0; i < batch->write_count; i++) {
        if (!bytes_equal(batch->writes[i].key, write.key)) continue;
        write.expected = batch->writes[i].expected;
        batch->writes[i] = write;
        return JWKD_OK;
    }
    if (batch->write_count == batch->write_capacity) {
        size_t capacity = batch->write_capacity ? batch->write_capacity * 2 : 64;
        struct store_write *writes = realloc(batch->writes, capacity * sizeof *writes);
        if (!writes) return JWKD_NO_MEMORY;
        batch->writes = writes;
        batch->write_capacity = capacity;
    }
    batch->writes[batch->write_count++] = write;
    return JWKD_OK;
}

jwkd_status batch_put(struct batch *batch, const char *key, struct bytes value, uint64_t expected)
{
    char *key_copy = batch_text(batch, key);
    uint8_t *value_copy = arena_alloc(&batch->arena, value.size + 1);
    if (!key_copy || !value_copy) return JWKD_NO_MEMORY;
    if (value.size) memcpy(value_copy, value.data, value.size);
    return batch_write(batch,
        (struct store_write){
            .key = bytes_of_text(key_copy), .value = bytes_of(value_copy, value.size), .expected = expected});
}

jwkd_status batch_put_message(
    struct batch *batch, const char *key, const ProtobufCMessage *value, uint64_t expected)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(wire_pack(value, &packed));
    return batch_put(batch, key, buffer_bytes(&packed), expected);
}

jwkd_status batch_erase(struct batch *batch, const char *key)
{
    char *copy = batch_text(batch, key);
    if (!copy) return JWKD_NO_MEMORY;
    return batch_write(
        batch, (struct store_write){.key = bytes_of_text(copy), .erase = true, .expected = STORE_ANY});
}

struct ring_environment *batch_find(const struct batch *batch, const char *name)
{
    for (size_t i = 0; i < batch->touched_count; i++)
        if (strcmp(batch->touched[i].name, name) == 0) return batch->touched[i].environment;
    return snapshot_find(batch->keyring->snapshot, name); /* only this thread swaps it */
}

jwkd_status batch_touch(struct batch *batch, const char *name, struct ring_environment *environment)
{
    if (environment) ring_environment_ref(environment);
    for (size_t i = 0; i < batch->touched_count; i++) {
        if (strcmp(batch->touched[i].name, name) != 0) continue;
        ring_environment_unref(batch->touched[i].environment);
        batch->touched[i].environment = environment;
        return JWKD_OK;
    }
    if (batch->touched_count == batch->touched_capacity) {
        size_t capacity = batch->touched_capacity ? batch->touched_capacity * 2 : 16;
        struct snapshot_change *touched = realloc(batch->touched, capacity * sizeof *touched);
        if (touched) {
            batch->touched = touched;
            batch->touched_capacity = capacity;
        }
    }
    char *copy = batch_text(batch, name);
    if (!copy || batch->touched_count == batch->touched_capacity) {
        ring_environment_unref(environment);
        return JWKD_NO_MEMORY;
    }
    batch->touched[batch->touched_count++] =
        (struct snapshot_change){.name = copy, .environment = environment};
    return JWKD_OK;
}

unsigned batch_waiting(const struct batch *batch)
{
    unsigned waiting = batch->waiting;
    for (const struct pending *pending = batch->keyring->pending; pending; pending = pending->next)
        waiting++;
    return waiting;
}

size_t batch_environments(const struct batch *batch)
{
    size_t count = batch->keyring->snapshot->count;
    for (size_t i = 0; i < batch->touched_count; i++) {
        bool before = snapshot_find(batch->keyring->snapshot, batch->touched[i].name) != NULL;
        bool after = batch->touched[i].environment != NULL;
        if (after && !before) count++;
        if (before && !after) count--;
    }
    return count;
}

jwkd_status batch_publish(struct batch *batch, const Jwkd__V1__Event *event)
{
    struct batch_event *entry = arena_alloc(&batch->arena, sizeof *entry);
    char *name = batch_text(batch, event->environment);
    size_t size = protobuf_c_message_get_packed_size(&event->base);
    uint8_t *packed = arena_alloc(&batch->arena, size + 1);
    if (!entry || !name || !packed) return JWKD_NO_MEMORY;
    protobuf_c_message_pack(&event->base, packed);
    entry->event = (struct publisher_event){.environment = name,
        .environment_id = event->state->environment_id,
        .revision = event->state->revision,
        .service_revision = event->service_revision,
        .packed = bytes_of(packed, size)};
    *batch->events_tail = entry;
    batch->events_tail = &entry->next;
    return JWKD_OK;
}

jwkd_status batch_forget(struct batch *batch, const char *owner, const char *kid)
{
    struct batch_forget *entry = arena_alloc(&batch->arena, sizeof *entry);
    char *owner_copy = batch_text(batch, owner), *kid_copy = batch_text(batch, kid);
    if (!entry || !owner_copy || !kid_copy) return JWKD_NO_MEMORY;
    *entry = (struct batch_forget){.next = batch->forgets, .owner = owner_copy, .kid = kid_copy};
    batch->forgets = entry;
    return JWKD_OK;
}

struct reach batch_reach(const struct batch *batch, int64_t lifetime_sec)
{
    return (struct reach){.expiry = batch->now + lifetime_sec, .age = batch->age + lifetime_sec};
}

jwkd_status batch_raise(
    struct batch *batch, const char *owner, const struct ring_key *key, struct reach ceiling)
{
    struct reach present = reach_read(&key->usage->ceiling);
    for (const struct batch_ceiling *other = batch->ceilings; other; other = other->next)
        if (other->usage == key->usage) present = reach_larger(present, other->at);
    if (reach_within(ceiling, present)) return JWKD_OK;
    ceiling = reach_larger(ceiling, present);
    struct batch_ceiling *entry = arena_alloc(&batch->arena, sizeof *entry);
    if (!entry) return JWKD_NO_MEMORY;
    TRY(rows_put_ceiling(batch, owner, jwk_kid(key->jwk), ceiling));
    *entry =
        (struct batch_ceiling){.next = batch->ceilings, .usage = key_usage_ref(key->usage), .at = ceiling};
    batch->ceilings = entry;
    return JWKD_OK;
}

static jwkd_status put_service_row(struct batch *batch)
{
    Jwkd__Row__Service row;
    service_row_fill(batch->keyring, &row);
    row.next_environment_id = batch->next_environment_id;
    row.revision = batch->service_revision;
    if (batch->now > row.wall_high) row.wall_high = batch->now;
    return batch_put_message(batch, SERVICE_ROW, &row.base, batch->keyring->service_row_revision);
}

/* What was committed becomes what everybody sees. */
static jwkd_status apply(struct batch *batch, struct snapshot *next)
{
    struct keyring *keyring = batch->keyring;
    keyring->next_environment_id = batch->next_environment_id;
    keyring->service_revision = batch->service_revision;
    key_usage_raise(&keyring->wall_high, batch->now);
    for (struct batch_ceiling *entry = batch->ceilings; entry; entry = entry->next)
        reach_raise(&entry->usage->ceiling, entry->at);
    /* Listed before they can be seen: a heartbeat that is stamped after the swap never lacks them. */
    for (struct batch_event *entry = batch->events; entry && keyring->publisher; entry = entry->next)
        publisher_list(keyring->publisher, &entry->event);
    keyring_swap(keyring, next);
    uint64_t swapped_ns = clock_elapsed_ns();
    agenda_note(keyring, batch->touched, batch->touched_count, swapped_ns);
    for (struct batch_event *entry = batch->events; entry; entry = entry->next) {
        keyring_open_receipts(keyring, next, &entry->event, swapped_ns); /* only this thread swaps it away */
        jwkd_status status = keyring->publisher ? publisher_send(keyring->publisher, &entry->event) : JWKD_OK;
        if (status != JWKD_OK)
            keyring_trouble(keyring, status, "an event was not sent; subscribers will take a snapshot");
        atomic_fetch_add_explicit(&keyring->changes, 1, memory_order_relaxed);
    }
    for (struct batch_forget *entry = batch->forgets; entry; entry = entry->next)
        signer_forget(keyring->options.signer, entry->owner, entry->kid);
    for (struct ready_key *key = batch->taken, *after; key; key = after) {
        after = key->next;
        ready_key_free(key);
    }
    batch->taken = NULL;
    return JWKD_OK;
}

jwkd_status batch_commit(struct batch *batch, jwkd_error *error)
{
    struct keyring *keyring = batch->keyring;
    if (batch->write_count == 0) return JWKD_OK;
    if (keyring->estranged) return fail(error, JWKD_UNAVAILABLE, "nothing can be changed; " KEYRING_RESTART);
    TRY(store_settle(keyring->options.store, error));
    if (keyring->unsettled) TRY(service_row_settle_again(keyring, error));
    TRY(put_service_row(batch));
    CLEANUP(snapshot_unref_at) struct snapshot *next = NULL;
    TRY(snapshot_next(
        keyring->snapshot, batch->touched, batch->touched_count, batch->service_revision, &next));
    uint64_t row_revision;
    jwkd_status status = store_commit(
        keyring->options.store, batch->writes, batch->write_count, batch->urgent, &row_revision, error);
    if (status != JWKD_OK) TRY(service_row_find_out(keyring, status, batch->urgent, &row_revision, error));
    atomic_fetch_add_explicit(&keyring->commits, 1, memory_order_relaxed);
    keyring->service_row_revision = row_revision;
    for (size_t i = 0; i < batch->touched_count; i++) /* nobody else sees them yet */
        if (batch->touched[i].environment) batch->touched[i].environment->row_revision = row_revision;
    return apply(batch, TAKE(next));
}
