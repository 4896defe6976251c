#include "keyring/records/access_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "keyring/model/access_message.h"
#include "keyring/records/rows.h"

/* What the names of the rows begin with. */
static const char *const PREFIXES[ACCESS_KIND_COUNT] = {
    [ACCESS_ACCOUNT] = "account/", [ACCESS_TOKEN] = "token/", [ACCESS_GRANT] = "grant/"};

static void row_name(enum access_kind kind, const char *id, char name[ROW_KEY_SIZE])
{
    snprintf(name, ROW_KEY_SIZE, "%s%s", PREFIXES[kind], id);
}

/* ---- writing */

jwkd_status access_rows_put(struct transaction *transaction, const struct access_entry *entry)
{
    char name[ROW_KEY_SIZE];
    row_name(entry->kind, entry->id, name);
    switch (entry->kind) {
    case ACCESS_ACCOUNT: {
        Jwkd__V1__Account row;
        message_account((const struct access_account *)(const void *)entry, &row);
        return transaction_put_message(transaction, name, &row.base, STORE_ANY);
    }
    case ACCESS_TOKEN: {
        const struct access_token *token = (const struct access_token *)(const void *)entry;
        Jwkd__Row__Token row = JWKD__ROW__TOKEN__INIT;
        Jwkd__V1__Token message;
        message_token(token, &message);
        row.token = &message;
        row.digest = wire_bytes(bytes_of(token->digest, sizeof token->digest));
        return transaction_put_message(transaction, name, &row.base, STORE_ANY);
    }
    case ACCESS_GRANT: {
        Jwkd__V1__Grant row;
        message_grant((const struct access_grant *)(const void *)entry, &row);
        return transaction_put_message(transaction, name, &row.base, STORE_ANY);
    }
    case ACCESS_KIND_COUNT:
        break;
    }
    return JWKD_INTERNAL;
}

jwkd_status access_rows_erase(struct transaction *transaction, enum access_kind kind, const char *id)
{
    char name[ROW_KEY_SIZE];
    row_name(kind, id, name);
    return transaction_erase(transaction, name);
}

jwkd_status access_rows_put_service(struct transaction *transaction, uint64_t revision, const char *owner)
{
    Jwkd__Row__Access row = JWKD__ROW__ACCESS__INIT;
    row.revision = revision;
    row.owner = wire_text(owner);
    return transaction_put_message(transaction, ACCESS_ROW, &row.base, STORE_ANY);
}

/* ---- reading */

struct loading {
    struct access_change *changes; /* whose entries are references */
    size_t count, capacity;
    enum access_kind kind;
    jwkd_status status;
    char row[ROW_KEY_SIZE]; /* where it went wrong */
};

static void loading_clear(struct loading *loading)
{
    for (size_t i = 0; i < loading->count; i++)
        access_entry_unref(loading->changes[i].entry);
    free(loading->changes);
}

static jwkd_status read_account(struct bytes value, struct arena *arena, struct access_entry **out)
{
    ProtobufCMessage *message;
    TRY(wire_unpack(&jwkd__v1__account__descriptor, value, arena, &message));
    const Jwkd__V1__Account *row = (const Jwkd__V1__Account *)message;
    struct access_account *account = access_account_new(&(struct access_account){
        .entry = {.id = row->name, .created_at = row->created_at, .created_by = row->created_by},
        .note = row->note});
    if (!account) return JWKD_NO_MEMORY;
    *out = &account->entry;
    return JWKD_OK;
}

static jwkd_status read_token(struct bytes value, struct arena *arena, struct access_entry **out)
{
    ProtobufCMessage *message;
    TRY(wire_unpack(&jwkd__row__token__descriptor, value, arena, &message));
    const Jwkd__Row__Token *stored = (const Jwkd__Row__Token *)message;
    const Jwkd__V1__Token *row = stored->token;
    struct access_token made;
    if (!row || stored->digest.len != sizeof made.digest) return JWKD_CORRUPT;
    made = (struct access_token){
        .entry = {.id = row->id, .created_at = row->created_at, .created_by = row->created_by},
        .account = row->account,
        .note = row->note,
        .expires_at = row->expires_at};
    memcpy(made.digest, stored->digest.data, sizeof made.digest);
    struct access_token *token = access_token_new(&made);
    if (!token) return JWKD_NO_MEMORY;
    *out = &token->entry;
    return JWKD_OK;
}

static jwkd_status read_grant(struct bytes value, struct arena *arena, struct access_entry **out)
{
    ProtobufCMessage *message;
    CLEANUP(rule_unref_at) struct rule *rule = NULL;
    enum access_role role;
    TRY(wire_unpack(&jwkd__v1__grant__descriptor, value, arena, &message));
    const Jwkd__V1__Grant *row = (const Jwkd__V1__Grant *)message;
    /* A grant that is not understood gives nothing, and must not be lost: a later version wrote it. */
    if (!access_role_by_name(row->role, &role)) return JWKD_UNSUPPORTED;
    if (row->rule.len && rule_parse(wire_view(row->rule), &rule, NULL) != JWKD_OK) return JWKD_UNSUPPORTED;
    struct access_grant *grant = access_grant_new(&(struct access_grant){
        .entry = {.id = row->id, .created_at = row->created_at, .created_by = row->created_by},
        .principal = row->principal,
        .environment = row->environment,
        .environment_id = row->environment_id,
        .role = role,
        .rule = rule});
    if (!grant) return JWKD_NO_MEMORY;
    *out = &grant->entry;
    return JWKD_OK;
}

static jwkd_status read_entry(enum access_kind kind, struct bytes value, struct access_entry **out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    switch (kind) {
    case ACCESS_ACCOUNT:
        return read_account(value, &arena, out);
    case ACCESS_TOKEN:
        return read_token(value, &arena, out);
    case ACCESS_GRANT:
        return read_grant(value, &arena, out);
    case ACCESS_KIND_COUNT:
        break;
    }
    return JWKD_INTERNAL;
}

static bool grow(struct loading *loading)
{
    if (loading->count < loading->capacity) return true;
    size_t capacity = loading->capacity ? loading->capacity * 2 : 64;
    struct access_change *grown = realloc(loading->changes, capacity * sizeof *grown);
    if (!grown) return false;
    loading->changes = grown;
    loading->capacity = capacity;
    return true;
}

static bool load_row(void *context, const struct store_row *row)
{
    struct loading *loading = context;
    struct access_entry *entry = NULL;
    size_t prefix = strlen(PREFIXES[loading->kind]);
    loading->status = grow(loading) ? read_entry(loading->kind, row->value, &entry) : JWKD_NO_MEMORY;
    /* The name of the row says the same as what stands in it. */
    if (loading->status == JWKD_OK &&
        !bytes_equal_text(bytes_of(row->key.data + prefix, row->key.size - prefix), entry->id)) {
        access_entry_unref(entry);
        loading->status = JWKD_CORRUPT;
    }
    if (loading->status != JWKD_OK) {
        snprintf(loading->row, sizeof loading->row, "%.*s", (int)row->key.size, (const char *)row->key.data);
        return false;
    }
    loading->changes[loading->count++] =
        (struct access_change){.kind = loading->kind, .id = entry->id, .entry = entry};
    return true;
}

static jwkd_status load_entries(struct keyring *keyring, struct loading *loading, jwkd_error *error)
{
    for (int kind = 0; kind < ACCESS_KIND_COUNT; kind++) {
        loading->kind = (enum access_kind)kind;
        jwkd_status status = store_list(
            keyring->options.store, bytes_of_text(PREFIXES[kind]), (struct bytes){0}, load_row, loading);
        if (status == JWKD_OK) status = loading->status;
        if (status == JWKD_UNSUPPORTED)
            return fail(error, status, "the row \"%.150s\" is of a later version of jwkd: start that one",
                loading->row);
        if (status != JWKD_OK)
            return fail(error, status, "the row \"%.150s\" cannot be read: %s",
                *loading->row ? loading->row : PREFIXES[kind], jwkd_status_text(status));
    }
    return JWKD_OK;
}

static jwkd_status load_state(struct keyring *keyring, struct access_state *out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer value = {0};
    CLEANUP(arena_clear) struct arena arena = {0};
    ProtobufCMessage *message;
    *out = (struct access_state){0};
    jwkd_status status = store_get(keyring->options.store, bytes_of_text(ACCESS_ROW), &value, NULL);
    if (status == JWKD_NOT_FOUND) return JWKD_OK;
    if (status == JWKD_OK)
        status = wire_unpack(&jwkd__row__access__descriptor, buffer_bytes(&value), &arena, &message);
    const Jwkd__Row__Access *row = status == JWKD_OK ? (const Jwkd__Row__Access *)message : NULL;
    if (!row || strlen(row->owner) > LIMIT_PRINCIPAL)
        return fail(error, status == JWKD_OK ? JWKD_CORRUPT : status,
            "the row \"" ACCESS_ROW "\" cannot be read: %s", jwkd_status_text(status));
    out->revision = row->revision;
    memcpy(out->owner, row->owner, strlen(row->owner) + 1);
    return JWKD_OK;
}

jwkd_status access_rows_load(
    struct keyring *keyring, struct access_state *out_state, struct book **out, jwkd_error *error)
{
    CLEANUP(loading_clear) struct loading loading = {0};
    TRY(load_state(keyring, out_state, error));
    TRY(load_entries(keyring, &loading, error));
    jwkd_status status = book_next(NULL, loading.changes, loading.count, out_state->revision, out);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "out of memory");
}
