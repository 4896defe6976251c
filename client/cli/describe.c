#include "cli/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/settings.h"
#include "cli/operation.h"

void key_type_format(const char *algorithm, uint32_t bits, char out[MOMENT_SIZE])
{
    /* An environment has a size for its RSA keys even while its keys are of another type. */
    bool rsa = strncmp(algorithm, "RS", 2) == 0 || strncmp(algorithm, "PS", 2) == 0;
    snprintf(out, MOMENT_SIZE, rsa && bits ? "%s %" PRIu32 : "%s", algorithm, bits);
}

const char *mode_name(jwkd_mode mode)
{
    return mode == JWKD_EXCLUSIVE ? "exclusive" : "overlap";
}

/* Adds what is absent from most keys. */
static bool add_optional(json_t *object, const jwkd_key *key)
{
    bool added = true;
    if (key->bits) added = added && json_object_set_new(object, "bits", json_integer(key->bits)) == 0;
    if (key->deactivated_at)
        added =
            added && json_object_set_new(object, "deactivated_at", json_integer(key->deactivated_at)) == 0;
    if (key->destroyed_at)
        added = added && json_object_set_new(object, "destroyed_at", json_integer(key->destroyed_at)) == 0;
    if (key->retiring_since)
        added =
            added && json_object_set_new(object, "retiring_since", json_integer(key->retiring_since)) == 0;
    if (key->public_jwk && *key->public_jwk) {
        json_t *jwk = json_read(bytes_of_text(key->public_jwk));
        added = added && jwk && json_object_set_new(object, "public_jwk", jwk) == 0;
    }
    return added;
}

json_t *key_json(const jwkd_key *key)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b}", "kid", key->kid, "state",
        jwkd_key_state_name(key), "algorithm", key->algorithm, "created_at", (json_int_t)key->created_at,
        "revision", (json_int_t)key->revision, "primary", (int)key->primary, "held", (int)key->held,
        "imported", (int)key->imported);
    if (!object || add_optional(object, key)) return object;
    json_decref(object);
    return NULL;
}

json_t *key_with_use_json(const jwkd_key *key)
{
    json_t *object = key_json(key);
    bool added = object && json_object_set_new(
                               object, "tokens_signed", json_integer((json_int_t)key->tokens_signed)) == 0;
    if (key->last_expiry)
        added = added && json_object_set_new(object, "last_expiry", json_integer(key->last_expiry)) == 0;
    if (key->last_used_at)
        added = added && json_object_set_new(object, "last_used_at", json_integer(key->last_used_at)) == 0;
    if (added) return object;
    json_decref(object);
    return NULL;
}

json_t *key_answer_json(const char *environment, const jwkd_key_answer *answer)
{
    json_t *object = key_with_use_json(&answer->key);
    json_t *state = json_pack("{s:s, s:I, s:o}", "name", environment, "revision",
        (json_int_t)answer->revision, "primary_kid", json_text_or_null(answer->primary_kid));
    bool added = json_object_set_new(object, "environment", state) == 0;
    if (answer->operation)
        added = added && json_object_set_new(object, "operation", operation_json(answer->operation)) == 0;
    if (added) return object;
    json_decref(object);
    return NULL;
}

/* The promotion that waits, or null. */
static json_t *pending_json(const jwkd_environment *environment)
{
    return environment->pending ? operation_json(environment->pending) : json_null();
}

static bool add(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static json_t *number_or_null(int64_t number)
{
    return number ? json_integer(number) : json_null();
}

json_t *environment_json(const jwkd_environment *environment)
{
    json_t *object = json_object();
    bool added = add(object, "name", json_text(bytes_of_text(environment->name)));
#define JSON_OF_TEXT(field) json_text_or_null(environment->field)
#define JSON_OF_ALGORITHM(field) json_text_or_null(environment->field)
#define JSON_OF_NUMBER(field) number_or_null(environment->field)
#define JSON_OF_TIME(field) json_integer(environment->field)
#define JSON_OF_MODE(field) json_string(mode_name(environment->field))
#define JSON_OF_FLAG(field) json_boolean(environment->field)
#define ROW(kind, id, field, most, words, option, name, value, json, ...) \
    added = added && add(object, json, JSON_OF_##kind(field));
    SETTING_TABLE(ROW)
#undef ROW
    added = added && add(object, "rotate_at", number_or_null(environment->rotate_at)) &&
            add(object, "revision", json_integer((json_int_t)environment->revision)) &&
            add(object, "primary_kid", json_text_or_null(environment->primary_kid)) &&
            add(object, "created_at", json_integer(environment->created_at)) &&
            add(object, "active_keys", json_integer(environment->active_keys)) &&
            add(object, "operation", pending_json(environment));
    if (added) return object;
    json_decref(object);
    return NULL;
}

jwkd_status print_key_answer(
    bool json, const char *environment, const char *done, const jwkd_key_answer *answer, jwkd_error *error)
{
    if (json) return print_json(key_answer_json(environment, answer), error);
    char type[MOMENT_SIZE];
    key_type_format(answer->key.algorithm, answer->key.bits, type);
    printf("%s %s (%s): %s; %s is at revision %" PRIu64 "\n", done, answer->key.kid, type,
        jwkd_key_state_name(&answer->key), environment, answer->revision);
    return JWKD_OK;
}

void print_signer(const char *environment, const char *primary_kid)
{
    if (*primary_kid)
        printf("%s signs with %s\n", environment, primary_kid);
    else
        printf("%s has no key to sign with: 'jwkctl generate %s' makes one\n", environment, environment);
}
