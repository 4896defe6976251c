#include "keyring/changes/edit.h"

#include <stdlib.h>

#include "keyring/changes/ceiling.h"
#include "keyring/changes/standing.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

/* The caller's name goes into the event and its row as a whole. If names were cut, two could become one. */
static jwkd_status begin(
    struct edit *edit, struct transaction *transaction, struct edit_cause cause, jwkd_error *error)
{
    *edit = (struct edit){.transaction = transaction, .cause = cause};
    if (strlen(cause.principal) > LIMIT_PRINCIPAL)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the caller's name is longer than %d bytes", LIMIT_PRINCIPAL);
    return JWKD_OK;
}

jwkd_status edit_begin(struct edit *edit, struct transaction *transaction, struct edit_cause cause,
    const char *name, jwkd_error *error)
{
    TRY(begin(edit, transaction, cause, error));
    const struct ring_environment *before = transaction_find(transaction, name);
    if (!before) return fail(error, JWKD_NOT_FOUND, "there is no environment \"%.63s\"", name);
    edit->signed_before = before->primary >= 0;
    return ring_environment_copy(before, &edit->after);
}

jwkd_status edit_begin_new(
    struct edit *edit, struct transaction *transaction, struct edit_cause cause, jwkd_error *error)
{
    TRY(begin(edit, transaction, cause, error));
    edit->after = ring_environment_new(transaction->next_environment_id);
    if (!edit->after) return fail(error, JWKD_NO_MEMORY, "out of memory");
    edit->after->created_at = transaction->now;
    return JWKD_OK;
}

void edit_write(struct edit *edit)
{
    edit->writing = true;
}

void edit_well_ended(struct edit *edit)
{
    edit->writing = false;
}

void edit_clear(struct edit *edit)
{
    if (edit->writing) edit->transaction->spoiled = true;
    ring_environment_unref(edit->after);
    free(edit->keys);
    *edit = (struct edit){0};
}

void edit_schedule_rotation(struct edit *edit)
{
    uint32_t every_sec = edit->after->settings.rotate_every_sec;
    edit->after->rotate_at = every_sec ? edit->transaction->now + every_sec : 0;
}

void edit_add(struct edit *edit, Jwkd__V1__Change__Kind kind, int key)
{
    if (edit->count < EDIT_MAX_CHANGES)
        edit->changes[edit->count++] = (struct edit_change){.kind = kind, .key = key};
}

jwkd_status edit_view(struct edit *edit, struct plan_view *out, jwkd_error *error)
{
    const struct ring_environment *environment = edit->after;
    free(edit->keys);
    struct plan_key *keys = edit->keys = calloc(environment->count + 1, sizeof *keys);
    if (!keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < environment->count; i++)
        keys[i] = (struct plan_key){.kid = jwk_kid(environment->keys[i]->jwk),
            .state = ring_environment_state(environment, i),
            .born = environment->keys[i]->born,
            .revision = environment->keys[i]->revision,
            .held = environment->keys[i]->held,
            .retiring = environment->keys[i]->retiring_since != 0,
            .confirmed =
                environment->keys[i]->state == KEY_ACTIVE && (int)i != environment->primary &&
                operation_key_confirmed(edit->transaction->keyring, environment, environment->keys[i])};
    *out = (struct plan_view){.mode = environment->settings.mode, .keys = keys, .count = environment->count};
    return JWKD_OK;
}

/* Replaces a shared key by a copy that the edit may change. */
static jwkd_status own_key(struct edit *edit, int index, struct ring_key **out)
{
    struct ring_key *copy;
    TRY(ring_key_copy(edit->after->keys[index], &copy));
    ring_key_unref(edit->after->keys[index]);
    edit->after->keys[index] = copy;
    copy->revision = edit->after->revision + 1;
    *out = copy;
    return JWKD_OK;
}

static jwkd_status carry_out_step(struct edit *edit, enum key_action action, int index, jwkd_error *error)
{
    struct ring_environment *environment = edit->after;
    enum key_state next;
    struct ring_key *key;
    if (action != KEY_PUBLISH) /* a new key is in the list already, as active */
        TRY(lifecycle_next(ring_environment_state(environment, (size_t)index), action, &next, error));
    TRY(own_key(edit, index, &key));
    switch (action) {
    case KEY_PUBLISH:
        key->born = environment->revision + 1;
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, index);
        break;
    case KEY_PROMOTE:
        environment->primary = index;
        key->held = false;
        key->retiring_since = 0;
        int64_t first_sec = environment->settings.max_token_lifetime_sec;
        first_sec += key_usage_step(environment->settings.max_token_lifetime_sec);
        TRY(ceiling_raise(
            edit->transaction, environment->owner, key, transaction_reach(edit->transaction, first_sec)));
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_PROMOTED, index);
        break;
    case KEY_DEMOTE:
        if (environment->primary == index) environment->primary = -1;
        break;
    case KEY_HOLD:
        key->held = true;
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_CHANGED, index);
        break;
    case KEY_RETIRE:
        key->retiring_since = edit->transaction->now;
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_CHANGED, index);
        break;
    case KEY_DEACTIVATE:
        if (environment->primary == index) environment->primary = -1;
        key->state = KEY_DEACTIVATED;
        key->retiring_since = 0;
        key->deactivated_at = edit->transaction->now;
        key->jwks_wait_sec = ring_environment_jwks_wait(environment, edit->transaction->age);
        edit->transaction->urgent = true;
        TRY(transaction_forget(edit->transaction, environment->owner, jwk_kid(key->jwk)));
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED, index);
        break;
    case KEY_DESTROY:
        key->state = KEY_DESTROYED;
        key->destroyed_at = edit->transaction->now;
        buffer_clear(&key->sealed);
        TRY(transaction_forget(edit->transaction, environment->owner, jwk_kid(key->jwk)));
        edit_add(edit, JWKD__V1__CHANGE__KIND__KEY_DESTROYED, index);
        break;
    case KEY_ACTION_COUNT:
        return JWKD_INTERNAL;
    }
    return JWKD_OK;
}

jwkd_status edit_carry_out(struct edit *edit, const struct plan *plan, int new_key, jwkd_error *error)
{
    for (size_t i = 0; i < plan->count; i++) {
        int index = plan->steps[i].key == PLAN_NEW_KEY ? new_key : plan->steps[i].key;
        TRY(carry_out_step(edit, plan->steps[i].action, index, error));
    }
    return JWKD_OK;
}

static jwkd_status put_changed_keys(struct edit *edit)
{
    for (size_t i = 0; i < edit->after->count; i++)
        if (edit->after->keys[i]->revision == edit->after->revision)
            TRY(rows_put_key(edit->transaction, edit->after, i));
    return JWKD_OK;
}

/* The change is about the first key that it did something to. */
static struct keyring_made describe(const struct edit *edit)
{
    const struct ring_environment *after = edit->after;
    struct keyring_made made = {.verb = edit->cause.verb,
        .environment = after->settings.name,
        .revision = after->revision,
        .principal = edit->cause.principal,
        .kid = "",
        .deactivated = "",
        .primary_kid = edit->deleted ? "" : ring_environment_primary_kid(after)};
    for (size_t i = 0; i < edit->count; i++) {
        if (edit->changes[i].key < 0) continue;
        const char *kid = jwk_kid(after->keys[edit->changes[i].key]->jwk);
        if (!*made.kid)
            made.kid = kid;
        else if (edit->changes[i].kind == JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED)
            made.deactivated = kid;
    }
    return made;
}

static jwkd_status put_event(struct edit *edit, struct environment_message *environment)
{
    const struct keyring *keyring = edit->transaction->keyring;
    Jwkd__V1__Change changes[EDIT_MAX_CHANGES], *pointers[EDIT_MAX_CHANGES];
    Jwkd__V1__Key keys[EDIT_MAX_CHANGES];
    for (size_t i = 0; i < edit->count; i++) {
        changes[i] = (Jwkd__V1__Change)JWKD__V1__CHANGE__INIT;
        changes[i].kind = edit->changes[i].kind;
        if (edit->changes[i].key < 0) {
            changes[i].environment = &environment->environment;
        } else {
            message_key(edit->after, (size_t)edit->changes[i].key, false, &keys[i]);
            changes[i].key = &keys[i];
        }
        pointers[i] = &changes[i];
    }
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    event.state = &environment->state;
    event.previous_revision = edit->after->revision - 1;
    event.service_revision = edit->transaction->service_revision;
    event.environment = edit->after->settings.name;
    event.at = edit->transaction->now;
    event.primary_kid = environment->environment.primary_kid;
    event.n_changes = edit->count;
    event.changes = pointers;
    event.principal = wire_text(edit->cause.principal);
    if (!edit->deleted)
        TRY(rows_put_event(edit->transaction, edit->after, &event)); /* for later runs: without boot id */
    event.boot_id = wire_bytes(bytes_of(keyring->options.boot_id, sizeof keyring->options.boot_id));
    const struct keyring_made made = describe(edit);
    TRY(transaction_tell(edit->transaction, &made));
    return transaction_publish(edit->transaction, &event);
}

jwkd_status edit_finish(struct edit *edit, jwkd_error *error)
{
    struct transaction *transaction = edit->transaction;
    struct ring_environment *after = edit->after;
    bool created = after->revision == 0;
    if (!edit->signed_before && after->primary >= 0) edit_schedule_rotation(edit); /* it stood still */
    after->revision++;
    transaction->service_revision++;
    if (created) transaction->next_environment_id++;
    TRY(ring_environment_finish(after, transaction->now, error));
    struct environment_message message;
    message_environment(after, transaction->keyring->epoch, &message);
    if (edit->deleted) {
        TRY(rows_erase_environment(transaction, after));
    } else {
        TRY(rows_put_environment(transaction, after));
        TRY(put_changed_keys(edit));
    }
    TRY(put_event(edit, &message));
    return transaction_touch(transaction, after->settings.name, edit->deleted ? NULL : after);
}
