#include "keyring/changes/decide.h"
#include "keyring/changes/promotion.h"
#include "keyring/model/message.h"

jwkd_status change_answer_key(const struct edit *edit, int index, bool show, struct reply *reply)
{
    Jwkd__V1__KeyReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Key *key = reply_alloc(reply, sizeof *key);
    Jwkd__V1__State *state = reply_alloc(reply, sizeof *state);
    if (!answer || !key || !state) return JWKD_NO_MEMORY;
    message_key(edit->after, (size_t)index, show, key);
    message_state(edit->after, edit->transaction->keyring->epoch, state);
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

/* What a change does to a key, and to a promotion that waits. */
struct key_change {
    jwkd_status (*plan)(const struct edit *edit, const struct plan_view *view,
        const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error);
    /* The reasons for which the change ends a promotion that waits: that of the same key, or that of another
     * key. A change that decides which key signs, or no longer does, ends it. NULL: it goes on waiting. */
    const char *ends_its_own, *ends_others;
    Jwkd__V1__Operation__Phase its_own; /* in which phase its own ends; another key's is cancelled */
};

static jwkd_status end_promotion(struct edit *edit, const struct key_change *change, const char *kid)
{
    bool its_own = strcmp(edit->after->promotion.kid, kid) == 0;
    const char *reason = its_own ? change->ends_its_own : change->ends_others;
    if (!reason) return JWKD_OK;
    return operation_end(edit, its_own ? change->its_own : JWKD__V1__OPERATION__PHASE__CANCELLED, reason);
}

static jwkd_status change_key(struct edit *edit, const struct key_change *change,
    const Jwkd__V1__Request *request, const char *kid, struct reply *reply, jwkd_error *error)
{
    struct plan_view view;
    struct plan plan;
    TRY(edit_view(edit, &view, error));
    TRY(change->plan(edit, &view, request, kid, &plan, error));
    int index = ring_environment_find(edit->after, kid);
    if (plan.count == 0) return change_answer_key(edit, index, false, reply);
    edit_write(edit);
    TRY(edit_carry_out(edit, &plan, index, error));
    TRY(end_promotion(edit, change, kid));
    TRY(edit_finish(edit, error));
    return change_answer_key(edit, index, false, reply);
}

/* Setting the primary key primary again changes one thing only: a key that waits to replace it does so no
 * longer. */
static jwkd_status plan_set_primary(const struct edit *edit, const struct plan_view *view,
    const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error)
{
    const struct ring_promotion *promotion = &edit->after->promotion;
    (void)request;
    TRY(plan_promote(view, kid, false, out, error));
    if (out->count > 0 || !promotion->waiting) return JWKD_OK;
    return plan_abort_rotation(view, promotion->kid, out, error);
}

jwkd_status decide_set_primary(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    static const struct key_change CHANGE = {.plan = plan_set_primary,
        .ends_its_own = "it was set primary by hand",
        .its_own = JWKD__V1__OPERATION__PHASE__DONE,
        .ends_others = "another key was set primary"};
    return change_key(edit, &CHANGE, asked->request, asked->request->set_primary->kid, reply, error);
}

static jwkd_status plan_deactivation(const struct edit *edit, const struct plan_view *view,
    const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error)
{
    (void)edit;
    return plan_deactivate(view, kid, request->deactivate->allow_none, out, error);
}

jwkd_status decide_deactivate(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    static const struct key_change CHANGE = {.plan = plan_deactivation,
        .ends_its_own = "the key was deactivated",
        .its_own = JWKD__V1__OPERATION__PHASE__CANCELLED,
        .ends_others = "another key was deactivated"};
    return change_key(edit, &CHANGE, asked->request, asked->request->deactivate->kid, reply, error);
}

static jwkd_status plan_retirement(const struct edit *edit, const struct plan_view *view,
    const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error)
{
    (void)edit;
    (void)request;
    return plan_retire(view, kid, out, error);
}

jwkd_status decide_retire(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    static const struct key_change CHANGE = {.plan = plan_retirement,
        .ends_its_own = "the key was let retire",
        .its_own = JWKD__V1__OPERATION__PHASE__CANCELLED};
    return change_key(edit, &CHANGE, asked->request, asked->request->retire->kid, reply, error);
}

static jwkd_status plan_destruction(const struct edit *edit, const struct plan_view *view,
    const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error)
{
    (void)edit;
    (void)request;
    return plan_destroy(view, kid, out, error);
}

jwkd_status decide_destroy(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    static const struct key_change CHANGE = {.plan = plan_destruction};
    return change_key(edit, &CHANGE, asked->request, asked->request->destroy->kid, reply, error);
}

static jwkd_status plan_abortion(const struct edit *edit, const struct plan_view *view,
    const Jwkd__V1__Request *request, const char *kid, struct plan *out, jwkd_error *error)
{
    (void)edit;
    (void)request;
    return plan_abort_rotation(view, kid, out, error);
}

/* Aborts the rotation that waits; if none does, the last one, whose key is primary now. */
jwkd_status decide_abort_rotation(
    struct edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    static const struct key_change CHANGE = {.plan = plan_abortion,
        .ends_its_own = "it was aborted",
        .its_own = JWKD__V1__OPERATION__PHASE__CANCELLED,
        .ends_others = "it was aborted"};
    const struct ring_environment *environment = edit->after;
    char kid[LIMIT_KID + 1] = "";
    const char *rotated = environment->promotion.waiting ? environment->promotion.kid
                                                         : ring_environment_primary_kid(environment);
    if (!*rotated) return fail(error, JWKD_FAILED_PRECONDITION, "there is no rotation to abort");
    memcpy(kid, rotated, strlen(rotated) + 1);
    return change_key(edit, &CHANGE, asked->request, kid, reply, error);
}
