#include "keyring/answers/may.h"
#include "keyring/changes/standing.h"
#include "keyring/records/rows.h"

/* Fills `reply` with the operation as it is now: from its row, with what can be said of one that waits. */
static jwkd_status answer_operation(struct keyring *keyring, const struct caller *caller, struct bytes id,
    struct reply *reply, Jwkd__V1__Operation **out, jwkd_error *error)
{
    static const char NONE[] =
        "there is no operation of this id that you may see; they are kept for %d hours";
    CLEANUP(buffer_clear) struct buffer row = {0};
    jwkd_status status = id.size == OPERATION_ID ? rows_get_operation(keyring, id, &row) : JWKD_NOT_FOUND;
    if (status == JWKD_NOT_FOUND) return fail(error, status, NONE, LIMIT_ANSWER_AGE_SEC / 3600);
    if (status != JWKD_OK)
        return fail(error, status, "the store cannot be read: %s", jwkd_status_text(status));
    /* Unpacked into the reply's own memory. */
    Jwkd__V1__Operation *operation = jwkd__v1__operation__unpack(&reply->arena.allocator, row.size, row.data);
    if (!operation) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    /* Found by its id only by one who may see its environment. */
    if (!caller_may_by_name(reply->snapshot, caller, RIGHT_SEE, operation->environment))
        return fail(error, JWKD_NOT_FOUND, NONE, LIMIT_ANSWER_AGE_SEC / 3600);
    *out = operation;
    if (operation->phase != JWKD__V1__OPERATION__PHASE__WAITING) return JWKD_OK;
    const struct ring_environment *environment = snapshot_find(reply->snapshot, operation->environment);
    bool waits = environment && environment->promotion.waiting &&
                 bytes_equal(bytes_of(environment->promotion.operation, OPERATION_ID), id);
    if (waits) return operation_describe(keyring, environment, reply, operation);
    if (environment) return JWKD_OK; /* it is just being decided */
    operation->phase = JWKD__V1__OPERATION__PHASE__CANCELLED;
    operation->reason = wire_text("the environment was deleted");
    return JWKD_OK;
}

jwkd_status keyring_get_operation(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    reply->snapshot = keyring_snapshot(keyring);
    Jwkd__V1__OperationReply *answer = reply_alloc(reply, sizeof *answer);
    if (!answer) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    *answer = (Jwkd__V1__OperationReply)JWKD__V1__OPERATION_REPLY__INIT;
    TRY(answer_operation(
        keyring, caller, wire_view(request->get_operation->id), reply, &answer->operation, error));
    reply->message.result_case = JWKD__V1__REPLY__RESULT_OPERATION;
    reply->message.operation = answer;
    return JWKD_OK;
}
