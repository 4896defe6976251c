#include "keyring/records/rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "keyring/model/message.h"

void rows_request_name(
    const char *kind, struct bytes request_id, const char *principal, char name[ROW_KEY_SIZE])
{
    char id[2 * LIMIT_REQUEST_ID + 1];
    _Static_assert(sizeof "answered/" + 16 + 2 + 2 * LIMIT_REQUEST_ID + LIMIT_PRINCIPAL <= LIMIT_STORE_KEY,
        "the longest is a key of the store");
    bytes_to_hex(request_id, id);
    snprintf(name, ROW_KEY_SIZE, "%s/%s/%s", kind, id, principal);
}

static void answered_name(int64_t at, struct bytes request_id, const char *principal, char name[ROW_KEY_SIZE])
{
    char kind[32];
    snprintf(kind, sizeof kind, "answered/%016" PRIx64, (uint64_t)at);
    rows_request_name(kind, request_id, principal, name);
}

jwkd_status rows_put_environment(struct transaction *transaction, const struct ring_environment *environment)
{
    char name[ROW_KEY_SIZE];
    struct environment_message message;
    snprintf(name, sizeof name, "env/%s", environment->settings.name);
    message_environment(environment, transaction->keyring->epoch, &message);
    return transaction_put_message(transaction, name, &message.environment.base,
        environment->row_revision ? environment->row_revision : STORE_ABSENT);
}

static void key_row_name(
    const struct ring_environment *environment, const struct ring_key *key, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, "key/%s/%s", environment->owner, jwk_kid(key->jwk));
}

jwkd_status rows_put_key(
    struct transaction *transaction, const struct ring_environment *environment, size_t index)
{
    char name[ROW_KEY_SIZE];
    Jwkd__V1__Key key;
    Jwkd__Row__Key row = JWKD__ROW__KEY__INIT;
    message_key(environment, index, true, &key);
    row.key = &key;
    row.sealed = wire_bytes(buffer_bytes(&environment->keys[index]->sealed));
    row.born = environment->keys[index]->born;
    row.jwks_wait_sec = environment->keys[index]->jwks_wait_sec;
    key_row_name(environment, environment->keys[index], name);
    return transaction_put_message(
        transaction, name, &row.base, STORE_ANY); /* the environment's row guards its keys */
}

static void ceiling_row_name(const char *owner, const char *kid, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, "ceiling/%s/%s", owner, kid);
}

jwkd_status rows_make_ceiling(
    const char *owner, const char *kid, struct reach ceiling, char name[ROW_KEY_SIZE], struct buffer *out)
{
    Jwkd__Row__Ceiling row = JWKD__ROW__CEILING__INIT;
    row.at = ceiling.expiry;
    row.age = ceiling.age;
    ceiling_row_name(owner, kid, name);
    return wire_pack(&row.base, out);
}

jwkd_status rows_put_ceiling(
    struct transaction *transaction, const char *owner, const char *kid, struct reach ceiling)
{
    char name[ROW_KEY_SIZE];
    Jwkd__Row__Ceiling row = JWKD__ROW__CEILING__INIT;
    row.at = ceiling.expiry;
    row.age = ceiling.age;
    ceiling_row_name(owner, kid, name);
    return transaction_put_message(transaction, name, &row.base, STORE_ANY);
}

jwkd_status rows_read_ceiling(const struct store_row *row, struct reach *out)
{
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__row__ceiling__descriptor, row->value, &arena, &message) != JWKD_OK)
        return JWKD_CORRUPT;
    const Jwkd__Row__Ceiling *stored = (const Jwkd__Row__Ceiling *)message;
    *out = (struct reach){.expiry = stored->at, .age = stored->age};
    return JWKD_OK;
}

static void operation_row_name(struct bytes id, char name[ROW_KEY_SIZE])
{
    char hex[2 * OPERATION_ID + 1];
    bytes_to_hex(id, hex);
    snprintf(name, ROW_KEY_SIZE, "operation/%s", hex);
}

jwkd_status rows_put_operation(struct transaction *transaction, const Jwkd__V1__Operation *operation)
{
    char name[ROW_KEY_SIZE];
    operation_row_name(wire_view(operation->id), name);
    TRY(transaction_put_message(transaction, name, &operation->base, STORE_ANY));
    if (operation->ended_at && operation->ended_at != operation->begun_at) { /* its age counts from its end */
        answered_name(operation->begun_at, wire_view(operation->id), ROWS_OPERATION_PRINCIPAL, name);
        TRY(transaction_erase(transaction, name));
    }
    answered_name(transaction->now, wire_view(operation->id), ROWS_OPERATION_PRINCIPAL,
        name); /* expires with the answers */
    return transaction_put(transaction, name, (struct bytes){0}, STORE_ANY);
}

jwkd_status rows_get_operation(struct keyring *keyring, struct bytes id, struct buffer *out)
{
    char name[ROW_KEY_SIZE];
    uint64_t revision;
    operation_row_name(id, name);
    return store_get(keyring->options.store, bytes_of_text(name), out, &revision);
}

static void log_row_name(
    const struct ring_environment *environment, uint64_t revision, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, "log/%s/%016" PRIx64, environment->owner, revision);
}

jwkd_status rows_put_event(
    struct transaction *transaction, const struct ring_environment *environment, const Jwkd__V1__Event *event)
{
    char name[ROW_KEY_SIZE];
    log_row_name(environment, environment->revision, name);
    TRY(transaction_put_message(transaction, name, &event->base, STORE_ABSENT));
    if (environment->revision <= LIMIT_EVENT_LOG) return JWKD_OK;
    log_row_name(environment, environment->revision - LIMIT_EVENT_LOG, name);
    return transaction_erase(transaction, name);
}

jwkd_status rows_erase_key(
    struct transaction *transaction, const struct ring_environment *environment, const struct ring_key *key)
{
    char name[ROW_KEY_SIZE];
    key_row_name(environment, key, name);
    TRY(transaction_erase(transaction, name));
    ceiling_row_name(environment->owner, jwk_kid(key->jwk), name);
    return transaction_erase(transaction, name);
}

jwkd_status rows_erase_environment(
    struct transaction *transaction, const struct ring_environment *environment)
{
    char name[ROW_KEY_SIZE];
    snprintf(name, sizeof name, "env/%s", environment->settings.name);
    TRY(transaction_erase(transaction, name));
    for (size_t i = 0; i < environment->count; i++)
        TRY(rows_erase_key(transaction, environment, environment->keys[i]));
    uint64_t oldest = environment->revision > LIMIT_EVENT_LOG ? environment->revision - LIMIT_EVENT_LOG : 0;
    for (uint64_t revision = oldest; revision <= environment->revision; revision++) {
        log_row_name(environment, revision, name);
        TRY(transaction_erase(transaction, name));
    }
    return JWKD_OK;
}

static void tombstone_name(const struct jwk *jwk, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, "held/%s", jwk_thumbprint(jwk));
}

jwkd_status rows_put_tombstone(
    struct transaction *transaction, const struct ring_environment *environment, const struct jwk *jwk)
{
    char name[ROW_KEY_SIZE];
    tombstone_name(jwk, name);
    return transaction_put(transaction, name, bytes_of_text(environment->owner), STORE_ABSENT);
}

jwkd_status rows_check_never_held(struct transaction *transaction, const struct jwk *jwk, jwkd_error *error)
{
    char name[ROW_KEY_SIZE];
    tombstone_name(jwk, name);
    CLEANUP(buffer_clear) struct buffer owner = {0};
    uint64_t revision;
    jwkd_status status =
        store_get(transaction->keyring->options.store, bytes_of_text(name), &owner, &revision);
    for (size_t i = 0; status == JWKD_NOT_FOUND && i < transaction->write_count; i++)
        if (bytes_equal_text(transaction->writes[i].key, name)) status = JWKD_OK;
    if (status == JWKD_NOT_FOUND) return JWKD_OK;
    if (status != JWKD_OK)
        return fail(error, status, "the store cannot be read: %s", jwkd_status_text(status));
    return fail(error, JWKD_ALREADY_EXISTS,
        "this key is or was held by an environment; a key belongs to one environment, once: make a new one");
}

static void ready_row_name(const struct ready_key *key, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, ROW_RESERVE "%s/%s", key->type->name, jwk_kid(key->jwk));
}

jwkd_status rows_put_ready_key(struct transaction *transaction, const struct ready_key *key)
{
    char name[ROW_KEY_SIZE];
    ready_row_name(key, name);
    Jwkd__Row__ReadyKey row = JWKD__ROW__READY_KEY__INIT;
    row.key_type = wire_text(key->type->name);
    row.jwk = wire_bytes(jwk_json(key->jwk));
    row.sealed = wire_bytes(buffer_bytes(&key->sealed));
    return transaction_put_message(transaction, name, &row.base, STORE_ANY);
}

jwkd_status rows_erase_ready_key(struct transaction *transaction, const struct ready_key *key)
{
    char name[ROW_KEY_SIZE];
    ready_row_name(key, name);
    return transaction_erase(transaction, name);
}

jwkd_status rows_put_answer(struct transaction *transaction, struct bytes request_id, const char *principal,
    const uint8_t digest[32], struct bytes reply, bool deactivation)
{
    char name[ROW_KEY_SIZE];
    Jwkd__Row__Answer row = JWKD__ROW__ANSWER__INIT;
    row.digest = wire_bytes(bytes_of(digest, 32));
    row.at = transaction->now;
    row.reply = wire_bytes(reply);
    rows_request_name("answer", request_id, principal, name);
    TRY(transaction_put_message(transaction, name, &row.base, STORE_ABSENT));
    answered_name(transaction->now, request_id, principal, name);
    return transaction_put(transaction, name, bytes_of_text(deactivation ? "d" : ""), STORE_ANY);
}

jwkd_status rows_erase_answer(
    struct transaction *transaction, int64_t at, struct bytes request_id, const char *principal)
{
    char name[ROW_KEY_SIZE];
    rows_request_name("answer", request_id, principal, name);
    TRY(transaction_erase(transaction, name));
    answered_name(at, request_id, principal, name);
    return transaction_erase(transaction, name);
}

bool rows_read_answered(const struct store_row *row, int64_t *out_at, uint8_t out_id[LIMIT_REQUEST_ID],
    char out_principal[ROW_KEY_SIZE], bool *out_deactivation)
{
    enum { TIME = sizeof ROW_ANSWERED - 1, ID = TIME + 16 + 1, NAME = ID + 2 * LIMIT_REQUEST_ID + 1 };
    if (row->key.size <= NAME || row->key.size >= ROW_KEY_SIZE) return false;
    char time[17] = {0};
    memcpy(time, row->key.data + TIME, 16);
    if (!bytes_from_hex(bytes_of(row->key.data + ID, 2 * LIMIT_REQUEST_ID), out_id, LIMIT_REQUEST_ID))
        return false;
    *out_at = (int64_t)strtoull(time, NULL, 16);
    memcpy(out_principal, row->key.data + NAME, row->key.size - NAME);
    out_principal[row->key.size - NAME] = '\0';
    *out_deactivation = bytes_equal_text(row->value, "d");
    return strcmp(out_principal, ROWS_OPERATION_PRINCIPAL) != 0;
}

jwkd_status rows_read_answer(const struct store_row *row, const uint8_t digest[32], struct buffer *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    if (row->revision == STORE_ABSENT) return JWKD_NOT_FOUND;
    if (wire_unpack(&jwkd__row__answer__descriptor, row->value, &arena, &message) != JWKD_OK)
        return JWKD_CORRUPT;
    const Jwkd__Row__Answer *stored = (const Jwkd__Row__Answer *)message;
    if (!bytes_equal(wire_view(stored->digest), bytes_of(digest, 32))) return JWKD_CONFLICT;
    return buffer_append_bytes(out, wire_view(stored->reply));
}

jwkd_status rows_get_answer(struct keyring *keyring, struct bytes request_id, const char *principal,
    const uint8_t digest[32], struct buffer *out)
{
    char name[ROW_KEY_SIZE];
    rows_request_name("answer", request_id, principal, name);
    CLEANUP(buffer_clear) struct buffer value = {0};
    struct store_row row = {.key = bytes_of_text(name)};
    TRY(store_get(keyring->options.store, row.key, &value, &row.revision));
    row.value = buffer_bytes(&value);
    return rows_read_answer(&row, digest, out);
}

/* ---- reading ---- */

/* `stored` NULL: nothing waits. */
static jwkd_status read_promotion(const Jwkd__V1__Operation *stored, struct ring_promotion *out)
{
    if (!stored) return JWKD_OK;
    if (stored->id.len != sizeof out->operation || strlen(stored->kid) > LIMIT_KID) return JWKD_CORRUPT;
    *out = (struct ring_promotion){.waiting = true,
        .rotation = stored->kind == JWKD__V1__OPERATION__KIND__ROTATE,
        .revision = stored->revision,
        .begun_at = stored->begun_at,
        .jwks_wait_sec = stored->jwks_wait_sec};
    memcpy(out->operation, stored->id.data, sizeof out->operation);
    memcpy(out->kid, stored->kid, strlen(stored->kid) + 1);
    return JWKD_OK;
}

jwkd_status rows_read_environment(const struct store_row *row, struct ring_environment **out)
{
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__environment__descriptor, row->value, &arena, &message) != JWKD_OK)
        return JWKD_CORRUPT;
    const Jwkd__V1__Environment *stored = (const Jwkd__V1__Environment *)message;
    if (!stored->state) return JWKD_CORRUPT;
    CLEANUP(ring_environment_unref_at)
    struct ring_environment *environment = ring_environment_new(stored->state->environment_id);
    if (!environment) return JWKD_NO_MEMORY;
    if (message_settings(stored, NULL, 0, &environment->settings, NULL) != JWKD_OK) return JWKD_CORRUPT;
    environment->revision = stored->state->revision;
    environment->row_revision = row->revision;
    environment->created_at = stored->created_at;
    environment->rotate_at = stored->rotate_at;
    TRY(read_promotion(stored->pending, &environment->promotion));
    if (environment->promotion.jwks_wait_sec == 0) /* no reader is waited for, or the row is an older one */
        environment->promotion.jwks_wait_sec = environment->settings.jwks_max_age_sec;
    environment->jwks_kept_until = stored->jwks_kept_until;
    environment->largest_lifetime_sec = stored->largest_token_lifetime_sec; /* 0 in older rows */
    *out = TAKE(environment);
    return JWKD_OK;
}

static enum key_state stored_state(Jwkd__V1__KeyState state)
{
    switch (state) {
    case JWKD__V1__KEY_STATE__ACTIVE:
        return KEY_ACTIVE;
    case JWKD__V1__KEY_STATE__DEACTIVATED:
        return KEY_DEACTIVATED;
    case JWKD__V1__KEY_STATE__DESTROYED:
        return KEY_DESTROYED;
    case JWKD__V1__KEY_STATE__KEY_STATE_NONE:
    case _JWKD__V1__KEY_STATE_IS_INT_SIZE:
        break;
    }
    return KEY_ABSENT;
}

static const struct jwk_rules STORED_KEY_RULES = {.require_kid = true, .taken_in = true};

jwkd_status rows_read_key(const struct store_row *row, struct ring_key **out, bool *out_primary)
{
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__row__key__descriptor, row->value, &arena, &message) != JWKD_OK)
        return JWKD_CORRUPT;
    const Jwkd__Row__Key *stored = (const Jwkd__Row__Key *)message;
    if (!stored->key || stored_state(stored->key->state) == KEY_ABSENT) return JWKD_CORRUPT;
    CLEANUP(ring_key_unref_at) struct ring_key *key = ring_key_new();
    if (!key) return JWKD_NO_MEMORY;
    jwkd_status status =
        jwk_from_json(wire_view(stored->key->public_jwk), &STORED_KEY_RULES, &key->jwk, NULL);
    if (status != JWKD_OK)
        return status == JWKD_NO_MEMORY || status == JWKD_UNSUPPORTED ? status : JWKD_CORRUPT;
    key->state = stored_state(stored->key->state);
    key->created_at = stored->key->created_at;
    key->deactivated_at = stored->key->deactivated_at;
    key->destroyed_at = stored->key->destroyed_at;
    key->revision = stored->key->revision;
    key->born = stored->born;
    key->jwks_wait_sec = stored->jwks_wait_sec;
    key->imported = stored->key->imported;
    key->held = stored->key->held;
    key->retiring_since = stored->key->retiring_since;
    TRY(buffer_append_bytes(&key->sealed, wire_view(stored->sealed)));
    *out_primary = stored->key->primary;
    *out = TAKE(key);
    return JWKD_OK;
}

jwkd_status rows_read_ready_key(const struct store_row *row, struct ready_key **out)
{
    CLEANUP(arena_clear) struct arena arena;
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__row__ready_key__descriptor, row->value, &arena, &message) != JWKD_OK)
        return JWKD_CORRUPT;
    const Jwkd__Row__ReadyKey *stored = (const Jwkd__Row__ReadyKey *)message;
    CLEANUP(ready_key_free_at) struct ready_key *key = calloc(1, sizeof *key);
    if (!key) return JWKD_NO_MEMORY;
    key->type = key_type_by_name(bytes_of_text(stored->key_type));
    if (!key->type) return JWKD_UNSUPPORTED;
    TRY(jwk_from_json(wire_view(stored->jwk), &STORED_KEY_RULES, &key->jwk, NULL) == JWKD_OK ? JWKD_OK
                                                                                             : JWKD_CORRUPT);
    TRY(buffer_append_bytes(&key->sealed, wire_view(stored->sealed)));
    key->stored = true;
    *out = TAKE(key);
    return JWKD_OK;
}
