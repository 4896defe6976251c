#include "keyring/changes/decide.h"
#include "keyring/changes/promotion.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

static jwkd_status answer_environment(const struct edit *edit, struct reply *reply)
{
    Jwkd__V1__EnvironmentReply *answer = reply_alloc(reply, sizeof *answer);
    struct environment_message *message = reply_alloc(reply, sizeof *message);
    if (!answer || !message) return JWKD_NO_MEMORY;
    message_environment(edit->after, edit->transaction->keyring->epoch, message);
    *answer = (Jwkd__V1__EnvironmentReply)JWKD__V1__ENVIRONMENT_REPLY__INIT;
    answer->environment = &message->environment;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENT;
    reply->message.environment = answer;
    return JWKD_OK;
}

static void keep_reserve(struct transaction *transaction, const struct environment *settings)
{
    const struct key_type *type;
    if (alg_key_type(settings->default_alg, settings->default_bits, &type) == JWKD_OK)
        reserve_use(transaction->keyring->reserve, type);
}

jwkd_status decide_create_environment(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__CreateEnvironmentRequest *create = asked->request->create_environment;
    struct environment *settings = &edit->after->settings;
    if (!create->environment)
        return fail(error, JWKD_INVALID_ARGUMENT, "the environment to be created is missing");
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
    if (transaction_find(edit->transaction, settings->name))
        return fail(error, JWKD_ALREADY_EXISTS, "there is an environment \"%s\" already", settings->name);
    if (transaction_environments(edit->transaction) >= LIMIT_ENVIRONMENTS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "there are %d environments, which is the limit",
            LIMIT_ENVIRONMENTS);
    edit_add(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED, -1);
    edit_write(edit);
    TRY(edit_finish(edit, error));
    keep_reserve(edit->transaction, settings);
    return answer_environment(edit, reply);
}

/* Called when jwks_max_age_sec is lowered. Readers may keep a JWKS that they have by then for as long as they
 * were told when they got it. */
static void honour_jwks_age(struct edit *edit, uint32_t earlier_sec)
{
    int64_t until = edit->transaction->age + earlier_sec + RING_COMMIT_SEC;
    if (edit->after->jwks_kept_until < until) edit->after->jwks_kept_until = until;
}

jwkd_status decide_update_environment(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__UpdateEnvironmentRequest *update = asked->request->update_environment;
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
    struct plan_view view;
    TRY(edit_view(edit, &view, error));
    TRY(plan_mode(&view, settings->mode, error));
    if (settings->jwks_max_age_sec < jwks_max_age_sec) honour_jwks_age(edit, jwks_max_age_sec);
    edit_add(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED, -1);
    edit_write(edit);
    TRY(edit_finish(edit, error));
    keep_reserve(edit->transaction, settings);
    return answer_environment(edit, reply);
}

jwkd_status decide_delete_environment(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__DeleteEnvironmentRequest *request = asked->request->delete_environment;
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
    edit_add(edit, JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED, -1);
    edit_write(edit);
    for (size_t i = 0; i < environment->count; i++)
        TRY(transaction_forget(edit->transaction, environment->owner, jwk_kid(environment->keys[i]->jwk)));
    TRY(operation_end(edit, JWKD__V1__OPERATION__PHASE__CANCELLED, "the environment was deleted"));
    TRY(edit_finish(edit, error));
    TRY(access_edit_environment_gone(edit->transaction, edit->cause, environment->id, error));
    edit->transaction->urgent = true;
    message_state(environment, edit->transaction->keyring->epoch, state);
    *answer = (Jwkd__V1__DeleteEnvironmentReply)JWKD__V1__DELETE_ENVIRONMENT_REPLY__INIT;
    answer->state = state;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_DELETED;
    reply->message.deleted = answer;
    return JWKD_OK;
}
