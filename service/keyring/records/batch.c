#include "keyring/records/batch.h"

#include <stdlib.h>

#include "keyring/age.h"

enum { BATCH_MEMORY = 64 * 1024 * 1024 };

jwkd_status batch_init(struct batch *batch, struct keyring *keyring, int64_t now)
{
    *batch = (struct batch){.keyring = keyring,
        .now = now,
        .age = age_sec(keyring),
        .next_environment_id = keyring->records.next_environment_id,
        .service_revision = keyring->records.service_revision};
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
        batch->bytes -= store_write_size(&batch->writes[i]);
        batch->bytes += store_write_size(&write);
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
    batch->bytes += store_write_size(&write);
    return JWKD_OK;
}

bool batch_has_room(const struct batch *batch)
{
    const struct store_limits *limits = store_limits(batch->keyring->options.store);
    if (batch->write_count == 0) return true;
    return !batch->single && batch->write_count < limits->rows / 2 && batch->bytes < limits->bytes / 2;
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
    return snapshot_find(batch->keyring->present.snapshot, name); /* only this thread swaps it */
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
    size_t count = batch->keyring->present.snapshot->count;
    for (size_t i = 0; i < batch->touched_count; i++) {
        bool before = snapshot_find(batch->keyring->present.snapshot, batch->touched[i].name) != NULL;
        bool after = batch->touched[i].environment != NULL;
        if (after && !before) count++;
        if (before && !after) count--;
    }
    return count;
}

/* Every text of it in the batch's memory. */
static jwkd_status copy_made(struct batch *batch, const struct keyring_made *made, struct keyring_made *out)
{
    *out = *made;
    const char **const texts[] = {
        &out->verb, &out->environment, &out->principal, &out->kid, &out->deactivated, &out->primary_kid};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = batch_text(batch, *texts[i]);
        if (!*texts[i]) return JWKD_NO_MEMORY;
    }
    return JWKD_OK;
}

jwkd_status batch_publish(struct batch *batch, const Jwkd__V1__Event *event, const struct keyring_made *made)
{
    struct batch_event *entry = arena_alloc(&batch->arena, sizeof *entry);
    size_t size = protobuf_c_message_get_packed_size(&event->base);
    uint8_t *packed = arena_alloc(&batch->arena, size + 1);
    if (!entry || !packed) return JWKD_NO_MEMORY;
    TRY(copy_made(batch, made, &entry->made));
    protobuf_c_message_pack(&event->base, packed);
    entry->event = (struct publisher_event){.environment = entry->made.environment,
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
