#include "keyring/changes.h"

#include "base/clock.h"
#include "base/random.h"
#include "keyring/ceiling.h"
#include "keyring/message.h"
#include "keyring/promotion.h"
#include "keyring/rows.h"

/* From here on the batch is being written to: a failure spoils it. */
#define SPOILS(broken) (*(broken) = true)

/* ---- answers ---- */

static jwkd_status answer_environment(const struct edit *edit, struct reply *reply)
{
    Jwkd__V1__EnvironmentReply *answer = reply_alloc(reply, sizeof *answer);
    struct environment_message *message = reply_alloc(reply, sizeof *message);
    if (!answer || !message) return JWKD_NO_MEMORY;
    message_environment(edit->after, edit->batch->keyring->epoch, message);
    *answer = (Jwkd__V1__EnvironmentReply)JWKD__V1__ENVIRONMENT_REPLY__INIT;
    answer->environment = &message->environment;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENT;
    reply->message.environment = answer;
    return JWKD_OK;
}

static jwkd_status answer_key(const struct edit *edit, int index, bool show, struct reply *reply)
{
    Jwkd__V1__KeyReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Key *key = reply_alloc(reply, sizeof *key);
    Jwkd__V1__State *state = reply_alloc(reply, sizeof *state);
    if (!answer || !key || !state) return JWKD_NO_MEMORY;
    message_key(edit->after, (size_t)index, show, key);
    message_state(edit->after, edit->batch->keyring->epoch, state);
    *answer = (Jwkd__V1__KeyReply)JWKD__V1__KEY_REPLY__INIT;
    answer->key = key;
    answer->state = state;
    answer->primary_kid = wire_text(ring_environment_primary_kid(edit->after));
    message_usage(edit->after->keys[index], key);
    reply->message.result_case = JWKD__V1__REPLY__RESULT_KEY;
    reply->message.key = answer;
    reply->shown_once = show && edit->after->settings.show_once;
    return JWKD_OK;
}

/* ---- environments ---- */

static void keep_reserve(struct batch *batch, const struct environment *settings)
{
    const struct key_type *type;
    if (alg_key_type(settings->default_alg, settings->default_bits, &type) == JWKD_OK)
        reserve_use(batch->keyring->reserve, type);
}

static jwkd_status create_environment(struct edit *edit, const Jwkd__V1__CreateEnvironmentRequest *create,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    struct environment *settings = &edit->after->settings;
    TRY(message_settings(create->environment, NULL, 0, settings, error));
    if (create->no_leeway && settings->leeway_sec)
        return fail(error, JWKD_INVALID_ARGUMENT, "a leeway of %u seconds, and none: only one can be",
            settings->leeway_sec);
    environment_defaults(settings);
    if (create->no_leeway) settings->leeway_sec = 0;
    TRY(environment_validate(settings, error));
    if (environment_name_reserved(settings->name))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "no environment may be called \"%s\": addresses of the service over HTTP begin so; take another "
            "name",
            settings->name);
    edit_schedule_rotation(edit);
    if (batch_find(edit->batch, settings->name))
        return fail(error, JWKD_ALREADY_EXISTS, "there is an environment \"%s\" already", settings->name);
    if (batch_environments(edit->batch) >= LIMIT_ENVIRONMENTS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "there are %d environments, which is the limit",
            LIMIT_ENVIRONMENTS);
    edit_note(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED, -1);
    SPOILS(broken);
    TRY(edit_finish(edit, error));
    keep_reserve(edit->batch, settings);
    return answer_environment(edit, reply);
}

/* The age is lowered: a JWKS that somebody has by then may be kept as long as was said when it was got. */
static void honour_jwks_age(struct edit *edit, uint32_t earlier_sec)
{
    int64_t until = edit->batch->age + earlier_sec + RING_COMMIT_SEC;
    if (edit->after->jwks_kept_until < until) edit->after->jwks_kept_until = until;
}

static jwkd_status update_environment(struct edit *edit, const Jwkd__V1__UpdateEnvironmentRequest *update,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    struct environment *settings = &edit->after->settings;
    if (update->n_fields == 0)
        return fail(error, JWKD_INVALID_ARGUMENT, "no field is named that is to be changed");
    uint32_t rotated_every_sec = settings->rotate_every_sec, jwks_max_age_sec = settings->jwks_max_age_sec;
    bool shown_once = settings->show_once && edit->after->count > 0;
    TRY(message_settings(update->environment, update->fields, update->n_fields, settings, error));
    if (shown_once && !settings->show_once)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "it has keys that were to be shown once: make another environment for keys that can be read");
    if (settings->rotate_every_sec != rotated_every_sec) edit_schedule_rotation(edit);
    if (alg_kty(settings->default_alg) == KTY_RSA && settings->default_bits == 0)
        settings->default_bits = 4096;
    TRY(environment_validate(settings, error));
    CLEANUP(free_at) struct plan_key *keys = calloc(edit->after->count + 1, sizeof *keys);
    if (!keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct plan_view view = edit_view(edit, keys);
    TRY(plan_mode(&view, settings->mode, error));
    if (settings->jwks_max_age_sec < jwks_max_age_sec) honour_jwks_age(edit, jwks_max_age_sec);
    edit_note(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED, -1);
    SPOILS(broken);
    TRY(edit_finish(edit, error));
    keep_reserve(edit->batch, settings);
    return answer_environment(edit, reply);
}

static jwkd_status delete_environment(struct edit *edit, const Jwkd__V1__DeleteEnvironmentRequest *request,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    struct ring_environment *environment = edit->after;
    size_t live = ring_environment_live(environment);
    if (live && !request->with_live_keys)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "\"%s\" still has %zu active key%s: deactivate first, or delete with them (--force)",
            environment->settings.name, live, live == 1 ? "" : "s");
    Jwkd__V1__DeleteEnvironmentReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__State *state = reply_alloc(reply, sizeof *state);
    if (!answer || !state) return fail(error, JWKD_NO_MEMORY, "out of memory");
    edit->deleted = true;
    edit_note(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED, -1);
    SPOILS(broken);
    for (size_t i = 0; i < environment->count; i++)
        TRY(batch_forget(edit->batch, environment->owner, jwk_kid(environment->keys[i]->jwk)));
    TRY(operation_end(edit, JWKD__V1__OPERATION__PHASE__CANCELLED, "the environment was deleted"));
    TRY(edit_finish(edit, error));
    edit->batch->urgent = true;
    message_state(environment, edit->batch->keyring->epoch, state);
    *answer = (Jwkd__V1__DeleteEnvironmentReply)JWKD__V1__DELETE_ENVIRONMENT_REPLY__INIT;
    answer->state = state;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_DELETED;
    reply->message.deleted = answer;
    return JWKD_OK;
}

/* ---- new keys ---- */

struct generation change_generation(const Jwkd__V1__Request *request)
{
    const Jwkd__V1__GenerateRequest *generate = request->generate;
    const Jwkd__V1__RotateRequest *rotate = request->rotate;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ROTATE)
        return (struct generation){.environment = rotate->environment,
            .algorithm = rotate->algorithm,
            .bits = rotate->bits,
            .terms = {.now = rotate->now, .rotation = true, .invalidate_kid = ""}};
    return (struct generation){.environment = generate->environment,
        .algorithm = generate->algorithm,
        .bits = generate->bits,
        .terms = {.hold = generate->hold, .now = generate->now, .invalidate_kid = generate->invalidate_kid}};
}

jwkd_status change_key_type(const struct ring_environment *environment, const struct generation *request,
    enum alg *out_alg, const struct key_type **out_type, jwkd_error *error)
{
    const struct environment *settings = &environment->settings;
    enum alg alg = settings->default_alg;
    if (*request->algorithm) TRY(message_algorithm(request->algorithm, &alg, error));
    if (request->bits && alg_kty(alg) != KTY_RSA)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a size in bits goes with RSA only, not with %s", alg_name(alg));
    uint32_t bits = request->bits;
    if (!bits && alg_kty(alg) == KTY_RSA) bits = settings->default_bits ? settings->default_bits : 4096;
    if (alg_key_type(alg, bits, out_type) != JWKD_OK)
        return fail(error, JWKD_UNSUPPORTED, "%s%s cannot be generated here%s", alg_name(alg),
            request->bits ? " of this size" : "",
            request->bits ? ": RSA keys have 2048, 3072 or 4096 bits" : ": OpenSSL 3.5 can");
    *out_alg = alg;
    return JWKD_OK;
}

/* When the key is to become primary, and why. */
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
        operation->begun_at = operation->ended_at = edit->batch->now;
        operation->reason = wire_text(reason);
        operation->id = wire_bytes(bytes_of(kept, id.size));
    } else {
        message_promotion(edit->after, operation);
        TRY(operation_describe(edit->batch->keyring, edit->after, reply, operation));
    }
    answer->operation = operation;
    return JWKD_OK;
}

/* An imported key may have signed elsewhere, and nobody knows until when. */
static jwkd_status cover_earlier_use(struct edit *edit, struct ring_key *key)
{
    struct reach reach = batch_reach(edit->batch, ring_key_longest_lifetime(edit->after, key));
    reach_raise(&key->usage->last, reach);
    return ceiling_raise(edit->batch, edit->after->owner, key, reach);
}

/* Publishes a key whose sealed form and JWK are at hand. */
static jwkd_status publish(struct edit *edit, struct ring_key *key, const struct publication_terms *terms,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    struct ring_environment *environment = edit->after;
    CLEANUP(ring_key_unref_at) struct ring_key *past = NULL;
    if (environment->count >= LIMIT_KEYS_PER_ENVIRONMENT)
        past = ring_environment_take_past(environment, edit->batch->now);
    if (environment->count >= LIMIT_KEYS_PER_ENVIRONMENT)
        return fail(error, JWKD_RESOURCE_EXHAUSTED,
            "the environment has %d keys that are active or whose tokens could still be valid, which is the "
            "limit: deactivate some, or "
            "replace keys less often",
            LIMIT_KEYS_PER_ENVIRONMENT);
    CLEANUP(free_at) struct plan_key *keys = calloc(environment->count + 1, sizeof *keys);
    if (!keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct plan_view view = edit_view(edit, keys);
    struct plan plan;
    const char *reason = "";
    enum promote promote = choose_promotion(edit, terms, &reason);
    TRY(plan_publish(&view, promote, terms->rotation, terms->invalidate_kid, &plan, error));
    if (ring_environment_find(environment, jwk_kid(key->jwk)) >= 0)
        return fail(error, JWKD_ALREADY_EXISTS, "the environment has a key with this kid already");
    TRY(rows_check_never_held(edit->batch, key->jwk, error));
    uint8_t operation[OPERATION_ID]; /* not the request's id: two callers may choose the same */
    if (random_fill(operation, sizeof operation) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    const struct bytes id = bytes_of(operation, sizeof operation);
    SPOILS(broken);
    key->state = KEY_ACTIVE;
    key->created_at = edit->batch->now;
    key->held = terms->hold;
    TRY(ring_environment_add(environment, ring_key_ref(key)));
    int index = (int)environment->count - 1;
    TRY(edit_carry_out(edit, &plan, index, error));
    TRY(rows_put_tombstone(edit->batch, environment, key->jwk));
    if (past) TRY(rows_erase_key(edit->batch, environment, past));
    if (key->imported) TRY(cover_earlier_use(edit, key));
    if (!terms->hold) {
        TRY(operation_end(
            edit, JWKD__V1__OPERATION__PHASE__CANCELLED, "a later key was generated or imported"));
        TRY(operation_begin(edit, id, terms->rotation, index, promote == PROMOTE_NOW, reason));
        edit_schedule_rotation(edit);
    }
    TRY(edit_finish(edit, error));
    TRY(answer_key(edit, index, !key->imported, reply)); /* whoever imports a key has it */
    return terms->hold ? JWKD_OK
                       : answer_operation(edit, id, terms->rotation, promote == PROMOTE_NOW, reason, reply);
}

/* From the reserve to an environment. CORRUPT: the key does not open and never will. */
static jwkd_status rebind(
    const struct edit *edit, const struct ready_key *ready, enum alg alg, struct ring_key **out)
{
    CLEANUP(ring_key_unref_at) struct ring_key *key = ring_key_new();
    if (!key) return JWKD_NO_MEMORY;
    TRY(jwk_with_alg(ready->jwk, alg, &key->jwk));
    struct signer_key sealed = {.owner = RESERVE_OWNER,
        .kid = jwk_kid(ready->jwk),
        .alg = jwk_alg(ready->jwk),
        .sealed = buffer_bytes(&ready->sealed)};
    TRY(signer_rebind(edit->batch->keyring->options.signer, &sealed, edit->after->owner, &key->sealed));
    *out = TAKE(key);
    return JWKD_OK;
}

/* With the batch the key is gone for good, its row too, or back in the reserve. */
static jwkd_status use_up(struct batch *batch, struct ready_key *ready)
{
    ready->next = batch->taken;
    batch->taken = ready;
    return ready->stored ? rows_erase_ready_key(batch, ready) : JWKD_OK;
}

/* A ready key, bound to the environment; *out_ready is NULL when there is none. One that does not open would
 * fail whoever takes it next as well: it is dropped, and another one taken. */
static jwkd_status take_ready(struct edit *edit, const struct key_type *type, enum alg alg,
    struct ready_key **out_ready, struct ring_key **out_key, bool *broken, jwkd_error *error)
{
    struct keyring *keyring = edit->batch->keyring;
    for (struct ready_key *ready; (ready = reserve_take(keyring->reserve, type)) != NULL;) {
        jwkd_status status = rebind(edit, ready, alg, out_key);
        if (status == JWKD_OK) {
            *out_ready = ready;
            return JWKD_OK;
        }
        if (status != JWKD_CORRUPT) {
            reserve_put(keyring->reserve, ready);
            return fail(error, status, "a key of the reserve cannot be used: %s", jwkd_status_text(status));
        }
        keyring_trouble(keyring, status, "a key of the reserve does not open and is dropped");
        SPOILS(broken);
        TRY(use_up(edit->batch, ready));
        *broken = false;
    }
    *out_ready = NULL;
    return JWKD_OK;
}

static jwkd_status note_work(
    struct batch *batch, const struct change_request *change, uint64_t environment_id)
{
    char name[ROW_KEY_SIZE];
    rows_request_name("work", wire_view(change->request->request_id), change->principal, name);
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(pending_pack(change->request, &packed));
    Jwkd__Row__Work row = JWKD__ROW__WORK__INIT;
    row.principal = wire_text(change->principal);
    row.environment_id = environment_id;
    row.request = wire_bytes(buffer_bytes(&packed));
    row.digest = wire_bytes(bytes_of(change->digest, OPERATION_DIGEST_SIZE));
    return batch_put_message(batch, name, &row.base, STORE_ANY);
}

static jwkd_status check_rotation(const struct ring_environment *environment, jwkd_error *error)
{
    if (environment->settings.mode == MODE_EXCLUSIVE)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "exclusive mode does not rotate: generate, and name the kid that is invalidated (--invalidate "
            "KID)");
    if (environment->promotion.waiting)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "the key \"%.128s\" is waiting to become primary already: await that, or abort it (rotate "
            "--abort)",
            environment->promotion.kid);
    return JWKD_OK;
}

static jwkd_status generate(struct edit *edit, const struct change_request *change, bool *broken,
    struct reply *reply, jwkd_error *error)
{
    const struct generation wanted = change_generation(change->request), *request = &wanted;
    enum alg alg;
    const struct key_type *type;
    TRY(change_key_type(edit->after, request, &alg, &type, error));
    if (request->terms.rotation) TRY(check_rotation(edit->after, error));
    /* What can be refused is refused before somebody waits for a key. */
    CLEANUP(free_at) struct plan_key *keys = calloc(edit->after->count + 1, sizeof *keys);
    if (!keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct plan_view view = edit_view(edit, keys);
    struct plan plan;
    TRY(plan_publish(&view, request->terms.hold ? PROMOTE_NEVER : PROMOTE_LATER, request->terms.rotation,
        request->terms.invalidate_kid, &plan, error));
    struct reserve *reserve = edit->batch->keyring->reserve;
    reserve_use(reserve, type);
    struct ready_key *ready;
    CLEANUP(ring_key_unref_at) struct ring_key *key = NULL;
    TRY(take_ready(edit, type, alg, &ready, &key, broken, error));
    if (!ready && !change->noted) {
        if (strlen(request->environment) + strlen(request->algorithm) +
                strlen(request->terms.invalidate_kid) >
            LIMIT_WORK)
            return fail(error, JWKD_INVALID_ARGUMENT, "the request is too long");
        if (batch_waiting(edit->batch) >= LIMIT_WAITING)
            return fail(
                error, JWKD_RESOURCE_EXHAUSTED, "%d generations wait for their keys already", LIMIT_WAITING);
        SPOILS(broken);
        TRY(note_work(edit->batch, change, edit->after->id));
        *broken = false;
    }
    if (!ready)
        return fail(error, JWKD_IN_PROGRESS,
            "a key is being made; repeat the request with the same request id to collect the answer");
    jwkd_status status = publish(edit, key, &request->terms, broken, reply, error);
    if (status != JWKD_OK && !*broken) {
        reserve_put(reserve, ready);
        return status;
    }
    jwkd_status used_up = use_up(edit->batch, ready);
    return status == JWKD_OK ? used_up : status;
}

static jwkd_status import(struct edit *edit, const struct change_request *change, bool *broken,
    struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__ImportRequest *request = change->request->import;
    struct keyring_command *prepared = change->prepared;
    if (!prepared || !prepared->jwk || strcmp(prepared->owner, edit->after->owner) != 0)
        return fail(error, JWKD_UNAVAILABLE, "the environment was replaced meanwhile; try again");
    CLEANUP(ring_key_unref_at) struct ring_key *key = ring_key_new();
    if (!key) return fail(error, JWKD_NO_MEMORY, "out of memory");
    key->jwk = jwk_ref(prepared->jwk);
    key->imported = true;
    TRY(buffer_append_bytes(&key->sealed, buffer_bytes(&prepared->sealed)));
    const struct publication_terms terms = {
        .hold = request->hold, .now = request->now, .invalidate_kid = request->invalidate_kid};
    return publish(edit, key, &terms, broken, reply, error);
}

/* ---- existing keys ---- */

static jwkd_status plan_for(const struct plan_view *view, const Jwkd__V1__Request *request, const char *kid,
    struct plan *out, jwkd_error *error)
{
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_SET_PRIMARY)
        return plan_promote(view, kid, false, out, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_DEACTIVATE)
        return plan_deactivate(view, kid, request->deactivate->allow_none, out, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RETIRE)
        return plan_retire(view, kid, out, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION)
        return plan_abort_rotation(view, kid, out, error);
    return plan_destroy(view, kid, out, error);
}

/* Whoever decides what signs, or what no longer does, decides against a promotion that waits. */
static jwkd_status end_promotion(struct edit *edit, const Jwkd__V1__Request *request, const char *kid)
{
    static const Jwkd__V1__Operation__Phase CANCELLED = JWKD__V1__OPERATION__PHASE__CANCELLED;
    bool itself = strcmp(edit->after->promotion.kid, kid) == 0;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_SET_PRIMARY)
        return itself ? operation_end(edit, JWKD__V1__OPERATION__PHASE__DONE, "it was set primary by hand")
                      : operation_end(edit, CANCELLED, "another key was set primary");
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_DEACTIVATE)
        return operation_end(
            edit, CANCELLED, itself ? "the key was deactivated" : "another key was deactivated");
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION)
        return operation_end(edit, CANCELLED, "it was aborted");
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RETIRE && itself)
        return operation_end(edit, CANCELLED, "the key was let retire");
    return JWKD_OK;
}

/* The primary key set primary once more changes nothing but this: another one that waits to replace it does
 * so no longer. */
static bool keeps_primary(const struct edit *edit, const Jwkd__V1__Request *request)
{
    return request->operation_case == JWKD__V1__REQUEST__OPERATION_SET_PRIMARY &&
           edit->after->promotion.waiting;
}

static jwkd_status change_key(struct edit *edit, const Jwkd__V1__Request *request, const char *kid,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    CLEANUP(free_at) struct plan_key *keys = calloc(edit->after->count + 1, sizeof *keys);
    if (!keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct plan_view view = edit_view(edit, keys);
    struct plan plan;
    TRY(plan_for(&view, request, kid, &plan, error));
    int index = ring_environment_find(edit->after, kid);
    if (plan.count == 0 && keeps_primary(edit, request))
        TRY(plan_abort_rotation(&view, edit->after->promotion.kid, &plan, error));
    if (plan.count == 0) return answer_key(edit, index, false, reply);
    SPOILS(broken);
    TRY(edit_carry_out(edit, &plan, index, error));
    TRY(end_promotion(edit, request, kid));
    TRY(edit_finish(edit, error));
    return answer_key(edit, index, false, reply);
}

/* The rotation that waits; or else the last one, whose key is primary now. */
static jwkd_status abort_rotation(
    struct edit *edit, const Jwkd__V1__Request *request, bool *broken, struct reply *reply, jwkd_error *error)
{
    const struct ring_environment *environment = edit->after;
    char kid[LIMIT_KID + 1] = "";
    const char *rotated = environment->promotion.waiting ? environment->promotion.kid
                                                         : ring_environment_primary_kid(environment);
    if (!*rotated) return fail(error, JWKD_FAILED_PRECONDITION, "there is no rotation to abort");
    memcpy(kid, rotated, strlen(rotated) + 1);
    return change_key(edit, request, kid, broken, reply, error);
}

/* ---- which ---- */

static jwkd_status change_environment(struct edit *edit, const struct change_request *change, bool *broken,
    struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__Request *request = change->request;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT)
        return update_environment(edit, request->update_environment, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT)
        return delete_environment(edit, request->delete_environment, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GENERATE ||
        request->operation_case == JWKD__V1__REQUEST__OPERATION_ROTATE)
        return generate(edit, change, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION)
        return abort_rotation(edit, request, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RETIRE)
        return change_key(edit, request, request->retire->kid, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_IMPORT)
        return import(edit, change, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_SET_PRIMARY)
        return change_key(edit, request, request->set_primary->kid, broken, reply, error);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_DEACTIVATE)
        return change_key(edit, request, request->deactivate->kid, broken, reply, error);
    return change_key(edit, request, request->destroy->kid, broken, reply, error);
}

/* NULL for an operation that is no change of an existing environment. */
static const char *environment_of(const Jwkd__V1__Request *request)
{
    // clang-format off
    switch (request->operation_case) {
    case JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT:
        return request->update_environment->environment ? request->update_environment->environment->name : "";
    case JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT: return request->delete_environment->name;
    case JWKD__V1__REQUEST__OPERATION_GENERATE:           return request->generate->environment;
    case JWKD__V1__REQUEST__OPERATION_IMPORT:             return request->import->environment;
    case JWKD__V1__REQUEST__OPERATION_SET_PRIMARY:        return request->set_primary->environment;
    case JWKD__V1__REQUEST__OPERATION_DEACTIVATE:         return request->deactivate->environment;
    case JWKD__V1__REQUEST__OPERATION_DESTROY:            return request->destroy->environment;
    case JWKD__V1__REQUEST__OPERATION_RETIRE:             return request->retire->environment;
    case JWKD__V1__REQUEST__OPERATION_ROTATE:             return request->rotate->environment;
    case JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION:     return request->abort_rotation->environment;
    case JWKD__V1__REQUEST__OPERATION_HELLO:
    case JWKD__V1__REQUEST__OPERATION_STATUS:
    case JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT:
    case JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS:
    case JWKD__V1__REQUEST__OPERATION_LIST_KEYS:
    case JWKD__V1__REQUEST__OPERATION_GET_KEY:
    case JWKD__V1__REQUEST__OPERATION_SIGN:
    case JWKD__V1__REQUEST__OPERATION_SIGN_RAW:
    case JWKD__V1__REQUEST__OPERATION_VERIFY:
    case JWKD__V1__REQUEST__OPERATION_GET_JWKS:
    case JWKD__V1__REQUEST__OPERATION_GET_CHANGES:
    case JWKD__V1__REQUEST__OPERATION_RENEW:
    case JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS:
    case JWKD__V1__REQUEST__OPERATION_GET_OPERATION:
    case JWKD__V1__REQUEST__OPERATION_GET_RECEIPT:
    case JWKD__V1__REQUEST__OPERATION__NOT_SET:
    case _JWKD__V1__REQUEST__OPERATION__CASE_IS_INT_SIZE: break;
    }
    // clang-format on
    return NULL;
}

/* The operation's name in the contract: what it is told by (keyring_made). */
static const char *verb_of(const Jwkd__V1__Request *request)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &jwkd__v1__request__descriptor, (unsigned)request->operation_case);
    return field ? field->name : "";
}

static jwkd_status decide(struct edit *edit, struct batch *batch, const struct change_request *change,
    bool *broken, struct reply *reply, jwkd_error *error)
{
    const struct edit_cause cause = {.verb = verb_of(change->request), .principal = change->principal};
    if (change->request->operation_case == JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT) {
        const Jwkd__V1__CreateEnvironmentRequest *create = change->request->create_environment;
        if (!create->environment)
            return fail(error, JWKD_INVALID_ARGUMENT, "the environment to be created is missing");
        TRY(edit_begin_new(edit, batch, cause, error));
        return create_environment(edit, create, broken, reply, error);
    }
    const char *name = environment_of(change->request);
    if (!name) return fail(error, JWKD_UNSUPPORTED, "this operation changes nothing");
    TRY(edit_begin(edit, batch, cause, name, error));
    return change_environment(edit, change, broken, reply, error);
}

jwkd_status change_decide(struct batch *batch, const struct change_request *change, struct reply *reply,
    bool *out_broken, jwkd_error *error)
{
    bool broken = false;
    CLEANUP(edit_clear) struct edit edit = {0};
    jwkd_status status = decide(&edit, batch, change, &broken, reply, error);
    *out_broken = broken && status != JWKD_OK;
    return status;
}
