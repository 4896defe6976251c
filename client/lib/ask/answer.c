#include "lib/ask/answer.h"

#include "base/settings.h"

/* A phase that this library does not know is no end. */
static jwkd_phase phase_of(const Jwkd__V1__Operation *operation)
{
    if (operation->phase == JWKD__V1__OPERATION__PHASE__DONE) return JWKD_PHASE_DONE;
    return operation->phase == JWKD__V1__OPERATION__PHASE__CANCELLED ? JWKD_PHASE_CANCELLED
                                                                     : JWKD_PHASE_WAITING;
}

const char *answer_hex(struct block *block, ProtobufCBinaryData from)
{
    char text[2 * 16 + 1] = "";
    if (from.len == 16) bytes_to_hex(wire_view(from), text);
    return block_text(block, text);
}

const jwkd_operation *answer_operation(struct block *block, const Jwkd__V1__Operation *from)
{
    if (!from) return NULL;
    jwkd_operation *out = block_take(block, sizeof *out);
    jwkd_operation operation = {
        .id = answer_hex(block, from->id),
        .rotation = from->kind == JWKD__V1__OPERATION__KIND__ROTATE,
        .phase = phase_of(from),
        .environment = block_text(block, from->environment),
        .kid = block_text(block, from->kid),
        .revision = from->revision,
        .begun_at = from->begun_at,
        .ended_at = from->ended_at,
        .reason = block_text(block, from->reason),
        .confirmed = from->confirmed,
        .subscribers = from->subscribers,
        .at_most_ms = from->at_most_ms,
    };
    if (out) *out = operation;
    return out;
}

static uint64_t revision_of(const Jwkd__V1__State *state)
{
    return state ? state->revision : 0;
}

jwkd_environment answer_environment(struct block *block, const Jwkd__V1__Environment *from)
{
    return (jwkd_environment){
        .name = block_text(block, from->name),
#define READ_TEXT(field) block_text(block, from->field)
#define READ_ALGORITHM(field) block_text(block, from->field)
#define READ_NUMBER(field) from->field
#define READ_TIME(field) from->field
#define READ_MODE(field) from->field == JWKD__V1__MODE__EXCLUSIVE ? JWKD_EXCLUSIVE : JWKD_OVERLAP
#define READ_FLAG(field) from->field
#define ROW(kind, id, field, ...) .field = READ_##kind(field),
        SETTING_TABLE(ROW)
#undef ROW
            .no_leeway = from->leeway_sec == 0,
        .rotate_at = from->rotate_at,
        .pending = answer_operation(block, from->pending),
        .revision = revision_of(from->state),
        .primary_kid = block_text(block, from->primary_kid),
        .created_at = from->created_at,
        .active_keys = from->active_keys,
    };
}

Jwkd__V1__Environment answer_to_environment(const jwkd_environment *from)
{
    Jwkd__V1__Environment to = JWKD__V1__ENVIRONMENT__INIT;
    to.name = wire_text(from->name);
#define ASK_TEXT(field) wire_text(from->field)
#define ASK_ALGORITHM(field) wire_text(from->field)
#define ASK_NUMBER(field) from->field
#define ASK_TIME(field) from->field
#define ASK_MODE(field) from->field == JWKD_EXCLUSIVE ? JWKD__V1__MODE__EXCLUSIVE : JWKD__V1__MODE__OVERLAP
#define ASK_FLAG(field) from->field
#define ROW(kind, id, field, ...) to.field = ASK_##kind(field);
    SETTING_TABLE(ROW)
#undef ROW
    return to;
}

/* A state that this library does not know is one that it must not trust. */
static jwkd_key_state state_of(const Jwkd__V1__Key *key)
{
    if (key->state == JWKD__V1__KEY_STATE__ACTIVE) return JWKD_KEY_ACTIVE;
    return key->state == JWKD__V1__KEY_STATE__DESTROYED ? JWKD_KEY_DESTROYED : JWKD_KEY_DEACTIVATED;
}

jwkd_key answer_key(struct block *block, const Jwkd__V1__Key *from)
{
    jwkd_bytes jwk = block_bytes(block, wire_view(from->public_jwk));
    return (jwkd_key){
        .kid = block_text(block, from->kid),
        .state = state_of(from),
        .primary = from->primary,
        .algorithm = block_text(block, from->algorithm),
        .bits = from->bits,
        .created_at = from->created_at,
        .deactivated_at = from->deactivated_at,
        .destroyed_at = from->destroyed_at,
        .revision = from->revision,
        .public_jwk = jwk.data, /* a block's bytes have a NUL behind them */
        .imported = from->imported,
        .held = from->held,
        .retiring_since = from->retiring_since,
        .last_expiry = from->last_expiry,
        .tokens_signed = from->tokens_signed,
        .last_used_at = from->last_used_at,
    };
}

const char *jwkd_key_state_name(const jwkd_key *key)
{
    switch (key->state) {
    case JWKD_KEY_ACTIVE:
        return key->primary ? "primary" : key->retiring_since ? "retiring" : "active";
    case JWKD_KEY_DEACTIVATED:
        return "deactivated";
    case JWKD_KEY_DESTROYED:
        return "destroyed";
    }
    return "deactivated";
}

/* ---- whole answers */

static jwkd_status build(block_layout *layout, const void *from, void **out, jwkd_error *error)
{
    if (block_build(layout, from, out) == JWKD_OK) return JWKD_OK;
    return fail(error, JWKD_NO_MEMORY, "out of memory");
}

static void *lay_out_environment(struct block *block, const void *from)
{
    jwkd_environment *out = block_take(block, sizeof *out);
    jwkd_environment environment = answer_environment(block, from);
    if (out) *out = environment;
    return out;
}

jwkd_status answer_environment_block(const struct reply *reply, jwkd_environment **out, jwkd_error *error)
{
    const Jwkd__V1__Environment *environment = reply->message->environment->environment;
    if (!environment) return fail(error, JWKD_MALFORMED, "the service's answer lacks the environment");
    void *block;
    TRY(build(lay_out_environment, environment, &block, error));
    *out = block;
    return JWKD_OK;
}

static void *lay_out_key_answer(struct block *block, const void *from)
{
    const Jwkd__V1__KeyReply *reply = from;
    jwkd_key_answer *out = block_take(block, sizeof *out);
    jwkd_key_answer answer = {
        .key = answer_key(block, reply->key),
        .revision = revision_of(reply->state),
        .primary_kid = block_text(block, reply->primary_kid),
        .operation = answer_operation(block, reply->operation),
    };
    if (out) *out = answer;
    return out;
}

jwkd_status answer_key_block(const struct reply *reply, jwkd_key_answer **out, jwkd_error *error)
{
    const Jwkd__V1__KeyReply *key = reply->message->key;
    if (!key->key || !key->state) return fail(error, JWKD_MALFORMED, "the service's answer lacks the key");
    void *block;
    TRY(build(lay_out_key_answer, key, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- events */

static const jwkd_event_kind KINDS[] = {
    [JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED] = JWKD_EVENT_ENVIRONMENT_CREATED,
    [JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED] = JWKD_EVENT_ENVIRONMENT_UPDATED,
    [JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED] = JWKD_EVENT_ENVIRONMENT_DELETED,
    [JWKD__V1__CHANGE__KIND__KEY_PUBLISHED] = JWKD_EVENT_KEY_PUBLISHED,
    [JWKD__V1__CHANGE__KIND__KEY_PROMOTED] = JWKD_EVENT_KEY_PROMOTED,
    [JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED] = JWKD_EVENT_KEY_DEACTIVATED,
    [JWKD__V1__CHANGE__KIND__KEY_DESTROYED] = JWKD_EVENT_KEY_DESTROYED,
    [JWKD__V1__CHANGE__KIND__KEY_CHANGED] = JWKD_EVENT_KEY_CHANGED,
};

bool answer_event_is_whole(const Jwkd__V1__Event *event)
{
    if (!event->state || event->state->epoch.len != 16) return false;
    for (size_t i = 0; i < event->n_changes; i++) {
        const Jwkd__V1__Change *change = event->changes[i];
        if (change->kind <= JWKD__V1__CHANGE__KIND__NONE ||
            change->kind > JWKD__V1__CHANGE__KIND__KEY_CHANGED)
            return false;
        bool of_key = change->kind >= JWKD__V1__CHANGE__KIND__KEY_PUBLISHED;
        bool of_settings = change->kind == JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED ||
                           change->kind == JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED;
        if ((of_key && !change->key) || (of_settings && !change->environment)) return false;
    }
    return true;
}

bool answer_event_deletes(const Jwkd__V1__Event *event)
{
    for (size_t i = 0; i < event->n_changes; i++)
        if (event->changes[i]->kind == JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED) return true;
    return false;
}

static void *lay_out_event(struct block *block, const void *from)
{
    const struct event_parts *parts = from;
    const Jwkd__V1__Change *change = parts->change;
    jwkd_event *out = block_take(block, sizeof *out);
    jwkd_event event = {
        .kind = KINDS[change->kind],
        .environment = block_text(block, parts->event->environment),
        .revision = parts->event->state->revision,
        .previous_revision = parts->event->previous_revision,
        .at = parts->event->at,
        .primary_kid = block_text(block, parts->event->primary_kid),
        .principal = block_text(block, parts->event->principal),
    };
    if (change->key) {
        jwkd_key *room = block_take(block, sizeof *room), key = answer_key(block, change->key);
        if (room) *room = key;
        event.key = room;
    }
    if (change->environment) {
        jwkd_environment *room = block_take(block, sizeof *room);
        jwkd_environment settings = answer_environment(block, change->environment);
        if (room) *room = settings;
        event.settings = room;
    }
    if (out) *out = event;
    return out;
}

jwkd_status answer_event_block(const Jwkd__V1__Event *event, const Jwkd__V1__Change *change, jwkd_event **out)
{
    void *block;
    TRY(block_build(lay_out_event, &(struct event_parts){.event = event, .change = change}, &block));
    *out = block;
    return JWKD_OK;
}

const char *jwkd_event_kind_name(jwkd_event_kind kind)
{
    static const char *const NAMES[] = {
        [JWKD_EVENT_SYNCHRONISED] = "SYNCHRONISED",
        [JWKD_EVENT_ENVIRONMENT_CREATED] = "ENVIRONMENT_CREATED",
        [JWKD_EVENT_ENVIRONMENT_UPDATED] = "ENVIRONMENT_UPDATED",
        [JWKD_EVENT_ENVIRONMENT_DELETED] = "ENVIRONMENT_DELETED",
        [JWKD_EVENT_KEY_PUBLISHED] = "KEY_PUBLISHED",
        [JWKD_EVENT_KEY_PROMOTED] = "KEY_PROMOTED",
        [JWKD_EVENT_KEY_DEACTIVATED] = "KEY_DEACTIVATED",
        [JWKD_EVENT_KEY_DESTROYED] = "KEY_DESTROYED",
        [JWKD_EVENT_CONNECTED] = "CONNECTED",
        [JWKD_EVENT_DISCONNECTED] = "DISCONNECTED",
        [JWKD_EVENT_FRESH] = "FRESH",
        [JWKD_EVENT_BEHIND] = "BEHIND",
        [JWKD_EVENT_STALE] = "STALE",
        [JWKD_EVENT_KEY_CHANGED] = "KEY_CHANGED",
    };
    return (unsigned)kind < sizeof NAMES / sizeof *NAMES ? NAMES[kind] : "UNKNOWN";
}
