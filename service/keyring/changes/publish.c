#include "base/clock.h"
#include "base/random.h"
#include "keyring/changes/ceiling.h"
#include "keyring/changes/decide.h"
#include "keyring/changes/promotion.h"
#include "keyring/changes/standing.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

/* Chooses when the key becomes primary, and says why. */
static enum promote choose_promotion(
    struct edit *edit, const struct publication_terms *terms, const char **out_reason)
{
    if (terms->hold) return PROMOTE_NEVER;
    *out_reason = "exclusive mode replaces a key at once";
    if (edit->after->settings.mode == MODE_EXCLUSIVE) return PROMOTE_NOW;
    *out_reason = "at once, as was asked: subscribers refuse its tokens until they have the key";
    if (terms->now) return PROMOTE_NOW;
    *out_reason = "nobody follows the environment";
    return operation_nobody_waits(edit) ? PROMOTE_NOW : PROMOTE_LATER;
}

static jwkd_status answer_operation(
    struct edit *edit, struct bytes id, bool rotation, bool done, const char *reason, struct reply *reply)
{
    Jwkd__V1__Operation *operation = reply_alloc(reply, sizeof *operation);
    Jwkd__V1__KeyReply *answer = reply->message.key;
    if (!operation) return JWKD_NO_MEMORY;
    if (done) {
        uint8_t *kept = reply_alloc(reply, id.size);
        if (!kept) return JWKD_NO_MEMORY;
        memcpy(kept, id.data, id.size);
        *operation = (Jwkd__V1__Operation)JWKD__V1__OPERATION__INIT;
        operation->kind = rotation ? JWKD__V1__OPERATION__KIND__ROTATE : JWKD__V1__OPERATION__KIND__PROMOTE;
        operation->kid = answer->key->kid;
        operation->environment = wire_text(edit->after->settings.name);
        operation->revision = edit->after->revision;
        operation->phase = JWKD__V1__OPERATION__PHASE__DONE;
        operation->begun_at = operation->ended_at = edit->transaction->now;
        operation->reason = wire_text(reason);
        operation->id = wire_bytes(bytes_of(kept, id.size));
    } else {
        message_promotion(edit->after, operation);
        TRY(operation_describe(edit->transaction->keyring, edit->after, reply, operation));
    }
    answer->operation = operation;
    return JWKD_OK;
}

/* An imported key may have signed elsewhere, and nobody knows how far those tokens reach. */
static jwkd_status cover_earlier_use(struct edit *edit, struct ring_key *key)
{
    struct reach reach = transaction_reach(edit->transaction, ring_key_longest_lifetime(edit->after, key));
    reach_raise(&key->usage->last, reach);
    return ceiling_raise(edit->transaction, edit->after->owner, key, reach);
}

/* Publishes a key whose sealed form and JWK are there. */
jwkd_status change_publish(struct edit *edit, struct ring_key *key, const struct publication_terms *terms,
    struct reply *reply, jwkd_error *error)
{
    struct ring_environment *environment = edit->after;
    CLEANUP(ring_key_unref_at) struct ring_key *past = NULL;
    if (environment->count >= LIMIT_KEYS_PER_ENVIRONMENT)
        past = ring_environment_take_past(environment, edit->transaction->now);
    if (environment->count >= LIMIT_KEYS_PER_ENVIRONMENT)
        return fail(error, JWKD_RESOURCE_EXHAUSTED,
            "the environment has %d keys that are active or whose tokens could still be valid, which is the "
            "limit: deactivate some, or "
            "replace keys less often",
            LIMIT_KEYS_PER_ENVIRONMENT);
    struct plan_view view;
    TRY(edit_view(edit, &view, error));
    struct plan plan;
    const char *reason = "";
    enum promote promote = choose_promotion(edit, terms, &reason);
    TRY(plan_publish(&view, promote, terms->rotation, terms->invalidate_kid, &plan, error));
    if (ring_environment_find(environment, jwk_kid(key->jwk)) >= 0)
        return fail(error, JWKD_ALREADY_EXISTS, "the environment has a key with this kid already");
    TRY(rows_check_never_held(edit->transaction, key->jwk, error));
    uint8_t operation[OPERATION_ID]; /* not the request's id: two callers may choose the same one */
    if (random_fill(operation, sizeof operation) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    const struct bytes id = bytes_of(operation, sizeof operation);
    edit_write(edit);
    key->state = KEY_ACTIVE;
    key->created_at = edit->transaction->now;
    key->held = terms->hold;
    TRY(ring_environment_add(environment, ring_key_ref(key)));
    int index = (int)environment->count - 1;
    TRY(edit_carry_out(edit, &plan, index, error));
    TRY(rows_put_tombstone(edit->transaction, environment, key->jwk));
    if (past) TRY(rows_erase_key(edit->transaction, environment, past));
    if (key->imported) TRY(cover_earlier_use(edit, key));
    if (!terms->hold) {
        TRY(operation_end(
            edit, JWKD__V1__OPERATION__PHASE__CANCELLED, "a later key was generated or imported"));
        TRY(operation_begin(edit, id, terms->rotation, index, promote == PROMOTE_NOW, reason));
        edit_schedule_rotation(edit);
    }
    TRY(edit_finish(edit, error));
    TRY(change_answer_key(edit, index, !key->imported, reply)); /* the caller has a key that it imports */
    return terms->hold ? JWKD_OK
                       : answer_operation(edit, id, terms->rotation, promote == PROMOTE_NOW, reason, reply);
}
