#include "keyring/model/message.h"

static bool takes(char *const *fields, size_t count, const char *name)
{
    if (!fields) return true;
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i], name) == 0) return true;
    return false;
}

static jwkd_status take_text(
    const char *name, const char *value, char *out, size_t capacity, jwkd_error *error)
{
    size_t length = strlen(value);
    if (length >= capacity)
        return fail(error, JWKD_INVALID_ARGUMENT, "%s is longer than %zu characters", name, capacity - 1);
    memcpy(out, value, length + 1);
    return JWKD_OK;
}

static const char *const FIELDS[] = {
#define ROW(kind, id, field, ...) #field,
    SETTING_TABLE(ROW)
#undef ROW
};

static jwkd_status check_fields(char *const *fields, size_t count, jwkd_error *error)
{
    for (size_t i = 0; fields && i < count; i++) {
        bool known = false;
        for (size_t j = 0; j < sizeof FIELDS / sizeof *FIELDS; j++)
            known |= strcmp(fields[i], FIELDS[j]) == 0;
        if (!known)
            return fail(error, JWKD_INVALID_ARGUMENT,
                "an environment has no field \"%.40s\" that can be changed", fields[i]);
    }
    return JWKD_OK;
}

jwkd_status message_algorithm(const char *name, enum alg *out, jwkd_error *error)
{
    char known[200] = "";
    *out = alg_from_name(bytes_of_text(name));
    if (*out != ALG_NONE) return JWKD_OK;
    for (int alg = ALG_NONE + 1; alg < ALG_COUNT; alg++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", alg_name((enum alg)alg));
    }
    return fail(error, JWKD_UNSUPPORTED, "the algorithm \"%.16s\" is none of %s", name, known);
}

static jwkd_status take_algorithm(
    const Jwkd__V1__Environment *message, struct environment *settings, jwkd_error *error)
{
    settings->default_alg = ALG_NONE;
    settings->default_bits = message->default_bits;
    return *message->default_algorithm
               ? message_algorithm(message->default_algorithm, &settings->default_alg, error)
               : JWKD_OK;
}

static jwkd_status take_mode(Jwkd__V1__Mode mode, enum environment_mode *out, jwkd_error *error)
{
    if (mode != JWKD__V1__MODE__OVERLAP && mode != JWKD__V1__MODE__EXCLUSIVE)
        return fail(error, JWKD_INVALID_ARGUMENT, "the mode %d is not known", (int)mode);
    *out = mode == JWKD__V1__MODE__EXCLUSIVE ? MODE_EXCLUSIVE : MODE_OVERLAP;
    return JWKD_OK;
}

jwkd_status message_settings(const Jwkd__V1__Environment *message, char *const *fields, size_t field_count,
    struct environment *in_out, jwkd_error *error)
{
    struct environment s = *in_out;
    TRY(check_fields(fields, field_count, error));
    TRY(take_text("name", message->name, s.name, sizeof s.name, error));
#define TAKE_TEXT(field) TRY(take_text(#field, message->field, s.field, sizeof s.field, error))
#define TAKE_ALGORITHM(field) TRY(take_algorithm(message, &s, error))
#define TAKE_NUMBER(field) s.field = message->field
#define TAKE_TIME(field) s.field = message->field
#define TAKE_MODE(field) TRY(take_mode(message->field, &s.field, error))
#define TAKE_FLAG(field) s.field = message->field
#define ROW(kind, id, field, ...) \
    if (takes(fields, field_count, #field)) TAKE_##kind(field);
    SETTING_TABLE(ROW)
#undef ROW
    *in_out = s;
    return JWKD_OK;
}

void message_state(const struct ring_environment *environment, const uint8_t epoch[16], Jwkd__V1__State *out)
{
    *out = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    out->epoch = wire_bytes(bytes_of(epoch, 16));
    out->environment_id = environment->id;
    out->revision = environment->revision;
}

void message_environment(
    const struct ring_environment *environment, const uint8_t epoch[16], struct environment_message *out)
{
    const struct environment *s = &environment->settings;
    Jwkd__V1__Environment *m = &out->environment;
    *m = (Jwkd__V1__Environment)JWKD__V1__ENVIRONMENT__INIT;
    message_state(environment, epoch, &out->state);
    m->name = wire_text(s->name);
#define SAY_TEXT(field) wire_text(s->field)
#define SAY_ALGORITHM(field) wire_text(alg_name(s->default_alg))
#define SAY_NUMBER(field) s->field
#define SAY_TIME(field) s->field
#define SAY_MODE(field) s->field == MODE_EXCLUSIVE ? JWKD__V1__MODE__EXCLUSIVE : JWKD__V1__MODE__OVERLAP
#define SAY_FLAG(field) s->field
#define ROW(kind, id, field, ...) m->field = SAY_##kind(field);
    SETTING_TABLE(ROW)
#undef ROW
    m->rotate_at = environment->rotate_at;
    m->jwks_kept_until = environment->jwks_kept_until;
    if (environment->promotion.waiting) {
        message_promotion(environment, &out->pending);
        m->pending = &out->pending;
    }
    m->state = &out->state;
    m->primary_kid = wire_text(ring_environment_primary_kid(environment));
    m->created_at = environment->created_at;
    m->largest_token_lifetime_sec = environment->largest_lifetime_sec;
    m->active_keys = (uint32_t)ring_environment_live(environment);
}

static Jwkd__V1__KeyState wire_state(enum key_state state)
{
    switch (state) {
    case KEY_ACTIVE:
    case KEY_PRIMARY:
        return JWKD__V1__KEY_STATE__ACTIVE;
    case KEY_DEACTIVATED:
        return JWKD__V1__KEY_STATE__DEACTIVATED;
    case KEY_DESTROYED:
        return JWKD__V1__KEY_STATE__DESTROYED;
    case KEY_ABSENT:
    case KEY_STATE_COUNT:
        break;
    }
    return JWKD__V1__KEY_STATE__KEY_STATE_NONE;
}

void message_key(const struct ring_environment *environment, size_t index, bool show, Jwkd__V1__Key *out)
{
    const struct ring_key *key = environment->keys[index];
    *out = (Jwkd__V1__Key)JWKD__V1__KEY__INIT;
    out->kid = wire_text(jwk_kid(key->jwk));
    out->state = wire_state(key->state);
    out->primary = (int)index == environment->primary;
    out->algorithm = wire_text(alg_name(jwk_alg(key->jwk)));
    out->bits = jwk_bits(key->jwk);
    out->created_at = key->created_at;
    out->deactivated_at = key->deactivated_at;
    out->destroyed_at = key->destroyed_at;
    out->revision = key->revision;
    if (show || !environment->settings.show_once) out->public_jwk = wire_bytes(jwk_json(key->jwk));
    out->imported = key->imported;
    out->held = key->held;
    out->retiring_since = key->retiring_since;
}

void message_usage(const struct ring_key *key, Jwkd__V1__Key *out)
{
    out->last_expiry = atomic_load(&key->usage->last.expiry);
    out->last_used_at = atomic_load(&key->usage->last_used_at);
    out->tokens_signed = atomic_load(&key->usage->tokens);
}

void message_promotion(const struct ring_environment *environment, Jwkd__V1__Operation *out)
{
    const struct ring_promotion *promotion = &environment->promotion;
    *out = (Jwkd__V1__Operation)JWKD__V1__OPERATION__INIT;
    out->id = wire_bytes(bytes_of(promotion->operation, sizeof promotion->operation));
    out->kind = promotion->rotation ? JWKD__V1__OPERATION__KIND__ROTATE : JWKD__V1__OPERATION__KIND__PROMOTE;
    out->phase = JWKD__V1__OPERATION__PHASE__WAITING;
    out->environment = wire_text(environment->settings.name);
    out->kid = wire_text(promotion->kid);
    out->revision = promotion->revision;
    out->begun_at = promotion->begun_at;
    out->jwks_wait_sec = promotion->jwks_wait_sec;
}
