#include "keyring/records/transaction.h"

#include <stdlib.h>

#include "keyring/age.h"

enum { TRANSACTION_MEMORY = 64 * 1024 * 1024 };

jwkd_status transaction_init(struct transaction *transaction, struct keyring *keyring, int64_t now)
{
    *transaction = (struct transaction){.keyring = keyring,
        .now = now,
        .age = age_sec(keyring),
        .next_environment_id = keyring->records.next_environment_id,
        .service_revision = keyring->records.service_revision};
    transaction->events_tail = &transaction->events;
    transaction->made_tail = &transaction->made;
    arena_init(&transaction->arena, TRANSACTION_MEMORY);
    return JWKD_OK;
}

void transaction_clear(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->touched_count; i++)
        ring_environment_unref(transaction->touched[i].environment);
    book_unref(transaction->book);
    free(transaction->touched);
    free(transaction->writes);
    for (struct ready_key *key = transaction->taken, *next; key; key = next) {
        next = key->next;
        reserve_put(transaction->keyring->reserve, key);
    }
    for (struct transaction_ceiling *entry = transaction->ceilings; entry; entry = entry->next)
        key_usage_unref(entry->usage);
    if (transaction->keyring->options.registry) registry_reopen(transaction->keyring->options.registry);
    arena_clear(&transaction->arena);
}

char *transaction_text(struct transaction *transaction, const char *text)
{
    return arena_text(&transaction->arena, bytes_of_text(text));
}

static jwkd_status transaction_write(struct transaction *transaction, struct store_write write)
{
    for (size_t i = 0; i < transaction->write_count; i++) {
        if (!bytes_equal(transaction->writes[i].key, write.key)) continue;
        write.expected = transaction->writes[i].expected;
        transaction->bytes -= store_write_size(&transaction->writes[i]);
        transaction->bytes += store_write_size(&write);
        transaction->writes[i] = write;
        return JWKD_OK;
    }
    if (transaction->write_count == transaction->write_capacity) {
        size_t capacity = transaction->write_capacity ? transaction->write_capacity * 2 : 64;
        struct store_write *writes = realloc(transaction->writes, capacity * sizeof *writes);
        if (!writes) return JWKD_NO_MEMORY;
        transaction->writes = writes;
        transaction->write_capacity = capacity;
    }
    transaction->writes[transaction->write_count++] = write;
    transaction->bytes += store_write_size(&write);
    return JWKD_OK;
}

bool transaction_has_room(const struct transaction *transaction)
{
    const struct store_limits *limits = store_limits(transaction->keyring->options.store);
    if (transaction->write_count == 0) return true;
    return !transaction->single && transaction->write_count < limits->rows / 2 &&
           transaction->bytes < limits->bytes / 2;
}

jwkd_status transaction_put(
    struct transaction *transaction, const char *key, struct bytes value, uint64_t expected)
{
    char *key_copy = transaction_text(transaction, key);
    uint8_t *value_copy = arena_alloc(&transaction->arena, value.size + 1);
    if (!key_copy || !value_copy) return JWKD_NO_MEMORY;
    if (value.size) memcpy(value_copy, value.data, value.size);
    return transaction_write(transaction,
        (struct store_write){
            .key = bytes_of_text(key_copy), .value = bytes_of(value_copy, value.size), .expected = expected});
}

jwkd_status transaction_put_message(
    struct transaction *transaction, const char *key, const ProtobufCMessage *value, uint64_t expected)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(wire_pack(value, &packed));
    return transaction_put(transaction, key, buffer_bytes(&packed), expected);
}

jwkd_status transaction_erase(struct transaction *transaction, const char *key)
{
    char *copy = transaction_text(transaction, key);
    if (!copy) return JWKD_NO_MEMORY;
    return transaction_write(
        transaction, (struct store_write){.key = bytes_of_text(copy), .erase = true, .expected = STORE_ANY});
}

struct ring_environment *transaction_find(const struct transaction *transaction, const char *name)
{
    for (size_t i = 0; i < transaction->touched_count; i++)
        if (strcmp(transaction->touched[i].name, name) == 0) return transaction->touched[i].environment;
    return snapshot_find(transaction->keyring->present.snapshot, name); /* only this thread replaces it */
}

jwkd_status transaction_touch(
    struct transaction *transaction, const char *name, struct ring_environment *environment)
{
    if (environment) ring_environment_ref(environment);
    for (size_t i = 0; i < transaction->touched_count; i++) {
        if (strcmp(transaction->touched[i].name, name) != 0) continue;
        ring_environment_unref(transaction->touched[i].environment);
        transaction->touched[i].environment = environment;
        return JWKD_OK;
    }
    if (transaction->touched_count == transaction->touched_capacity) {
        size_t capacity = transaction->touched_capacity ? transaction->touched_capacity * 2 : 16;
        struct snapshot_change *touched = realloc(transaction->touched, capacity * sizeof *touched);
        if (touched) {
            transaction->touched = touched;
            transaction->touched_capacity = capacity;
        }
    }
    char *copy = transaction_text(transaction, name);
    if (!copy || transaction->touched_count == transaction->touched_capacity) {
        ring_environment_unref(environment);
        return JWKD_NO_MEMORY;
    }
    transaction->touched[transaction->touched_count++] =
        (struct snapshot_change){.name = copy, .environment = environment};
    return JWKD_OK;
}

unsigned transaction_waiting(const struct transaction *transaction)
{
    unsigned waiting = transaction->waiting;
    for (const struct pending *pending = transaction->keyring->pending; pending; pending = pending->next)
        waiting++;
    return waiting;
}

size_t transaction_environments(const struct transaction *transaction)
{
    size_t count = transaction->keyring->present.snapshot->count;
    for (size_t i = 0; i < transaction->touched_count; i++) {
        bool before =
            snapshot_find(transaction->keyring->present.snapshot, transaction->touched[i].name) != NULL;
        bool after = transaction->touched[i].environment != NULL;
        if (after && !before) count++;
        if (before && !after) count--;
    }
    return count;
}

/* Copies every text into the transaction's memory. */
static jwkd_status copy_made(
    struct transaction *transaction, const struct keyring_made *made, struct keyring_made *out)
{
    *out = *made;
    const char **const texts[] = {&out->verb, &out->environment, &out->principal, &out->kid,
        &out->deactivated, &out->primary_kid, &out->subject};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = transaction_text(transaction, *texts[i] ? *texts[i] : "");
        if (!*texts[i]) return JWKD_NO_MEMORY;
    }
    return JWKD_OK;
}

jwkd_status transaction_tell(struct transaction *transaction, const struct keyring_made *made)
{
    struct transaction_made *entry = arena_alloc(&transaction->arena, sizeof *entry);
    if (!entry) return JWKD_NO_MEMORY;
    TRY(copy_made(transaction, made, &entry->made));
    *transaction->made_tail = entry;
    transaction->made_tail = &entry->next;
    return JWKD_OK;
}

const struct book *transaction_book(const struct transaction *transaction)
{
    return transaction->book ? transaction->book : transaction->keyring->present.snapshot->book;
}

jwkd_status transaction_publish(struct transaction *transaction, const Jwkd__V1__Event *event)
{
    struct transaction_event *entry = arena_alloc(&transaction->arena, sizeof *entry);
    size_t size = protobuf_c_message_get_packed_size(&event->base);
    uint8_t *packed = arena_alloc(&transaction->arena, size + 1);
    char *environment = transaction_text(transaction, event->environment);
    if (!entry || !packed || !environment) return JWKD_NO_MEMORY;
    protobuf_c_message_pack(&event->base, packed);
    entry->event = (struct publisher_event){.environment = environment,
        .environment_id = event->state->environment_id,
        .revision = event->state->revision,
        .service_revision = event->service_revision,
        .packed = bytes_of(packed, size)};
    *transaction->events_tail = entry;
    transaction->events_tail = &entry->next;
    return JWKD_OK;
}

jwkd_status transaction_forget(struct transaction *transaction, const char *owner, const char *kid)
{
    struct transaction_forget *entry = arena_alloc(&transaction->arena, sizeof *entry);
    char *owner_copy = transaction_text(transaction, owner), *kid_copy = transaction_text(transaction, kid);
    if (!entry || !owner_copy || !kid_copy) return JWKD_NO_MEMORY;
    *entry = (struct transaction_forget){.next = transaction->forgets, .owner = owner_copy, .kid = kid_copy};
    transaction->forgets = entry;
    return JWKD_OK;
}

struct reach transaction_reach(const struct transaction *transaction, int64_t lifetime_sec)
{
    return (struct reach){.expiry = transaction->now + lifetime_sec, .age = transaction->age + lifetime_sec};
}
