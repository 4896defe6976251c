#include "operations/access.h"

#include <stdio.h>

#include "access/principal.h"
#include "domain/environment.h"
#include "keyring/model/access_message.h"

enum { GRANTS_TOLD = 64 };

#define OUT_OF_MEMORY(error) fail(error, JWKD_NO_MEMORY, "out of memory for the answer")

/* ---- checking */

static struct access_where where_of(
    const struct snapshot *snapshot, enum operation_scope scope, const char *environment)
{
    if (scope != SCOPE_ENVIRONMENT || !*environment) return (struct access_where){0};
    const struct ring_environment *found = snapshot_find(snapshot, environment);
    return (struct access_where){.environment = environment, .id = found ? found->id : 0};
}

jwkd_status access_check(const struct snapshot *snapshot, const struct caller *caller,
    const struct operation *operation, const char *environment, jwkd_error *error)
{
    if (operation->right == RIGHT_NONE) return JWKD_OK;
    const struct access_where where = where_of(snapshot, operation->scope, environment);
    const struct access_who who = caller_who(caller);
    if (book_rights(snapshot->book, &who, where) & (unsigned)operation->right) return JWKD_OK;
    if (where.environment)
        return fail(error, JWKD_DENIED,
            "%.100s may not do this in \"%.63s\": it takes the right \"%s\" there", caller->principal,
            environment, access_right_name(operation->right));
    return fail(error, JWKD_DENIED,
        "%.100s may not do this: it takes the right \"%s\" in every environment (*)", caller->principal,
        access_right_name(operation->right));
}

/* ---- whoami */

struct told {
    Jwkd__V1__WhoamiReply *answer;
    Jwkd__V1__Grant *items;
};

static bool tell_grant(void *context, const struct access_grant *grant)
{
    struct told *told = context;
    told->answer->more = told->answer->n_grants == GRANTS_TOLD;
    if (told->answer->more) return false;
    message_grant(grant, &told->items[told->answer->n_grants++]);
    return true;
}

/* By a setting, where there is no grant. */
static void tell_role(const struct caller *caller, struct told *told)
{
    if (told->answer->n_grants || caller->otherwise == ROLE_NONE) return;
    Jwkd__V1__Grant *grant = &told->items[told->answer->n_grants++];
    *grant = (Jwkd__V1__Grant)JWKD__V1__GRANT__INIT;
    grant->principal = wire_text(caller->principal);
    grant->role = wire_text(access_role_name(caller->otherwise));
    grant->environment = wire_text("*");
    grant->created_by = wire_text(caller->is_local ? "ipc_role" : "tcp_role");
}

jwkd_status access_whoami(
    const struct door_options *options, const struct caller *caller, struct reply *reply, jwkd_error *error)
{
    struct told told = {.answer = reply_alloc(reply, sizeof *told.answer)};
    void *pointers = reply_array(reply, GRANTS_TOLD, sizeof *told.items, &told.items);
    Jwkd__V1__Token *token = reply_alloc(reply, sizeof *token);
    if (!told.answer || !pointers || !token) return OUT_OF_MEMORY(error);
    reply->snapshot = keyring_snapshot(options->keyring);
    const struct book *book = reply->snapshot->book;
    *told.answer = (Jwkd__V1__WhoamiReply)JWKD__V1__WHOAMI_REPLY__INIT;
    told.answer->principal = wire_text(caller->principal);
    told.answer->transport_principal = wire_text(caller->transport_principal);
    told.answer->access_revision = book_revision(book);
    told.answer->grants = pointers;
    book_visit_grants(book, caller->principal, tell_grant, &told);
    tell_role(caller, &told);
    const struct access_entry *entry = caller->token ? book_find(book, ACCESS_TOKEN, caller->token) : NULL;
    if (entry) {
        message_token((const struct access_token *)(const void *)entry, token);
        told.answer->token = token;
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_WHOAMI;
    reply->message.whoami = told.answer;
    return JWKD_OK;
}

/* ---- trying */

/* A request of that operation, for looking it up. */
static jwkd_status find_operation(
    const char *name, const struct operation **out, bool *out_signs, jwkd_error *error)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(&jwkd__v1__request__descriptor, name);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    if (field) request.operation_case = (Jwkd__V1__Request__OperationCase)field->id;
    *out = field && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ? operation_of(&request) : NULL;
    if (!*out)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "there is no operation \"%.40s\"; e.g. sign, verify, generate, rotate, deactivate, list_keys",
            name);
    *out_signs = request.operation_case == JWKD__V1__REQUEST__OPERATION_SIGN;
    return JWKD_OK;
}

static const struct access_grant *deciding_grant(const struct snapshot *snapshot, const struct caller *caller,
    const struct operation *operation, const char *environment)
{
    const struct access_where where = where_of(snapshot, operation->scope, environment);
    const struct access_who who = caller_who(caller);
    for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++) {
        if (!(access_role_rights((enum access_role)role) & (unsigned)operation->right)) continue;
        const struct access_grant *grant = book_deciding(snapshot->book, &who, where, (enum access_role)role);
        if (grant) return grant;
    }
    return NULL;
}

static const char *reason_for(
    const struct caller *caller, const struct operation *operation, const struct access_grant *grant)
{
    if (operation->right == RIGHT_NONE) return "it takes no right";
    if (grant) return "by this grant";
    return caller->otherwise != ROLE_NONE ? "by the role that the daemon gives to those without a grant" : "";
}

jwkd_status access_test_grant(const struct door_options *options, const Jwkd__V1__TestGrantRequest *request,
    struct reply *reply, jwkd_error *error)
{
    const struct operation *operation;
    bool signs = false;
    jwkd_error why = {0};
    TRY(find_operation(request->operation, &operation, &signs, error));
    if (*request->environment && !environment_name_valid(request->environment))
        return fail(error, JWKD_INVALID_ARGUMENT, "that is no name of an environment");
    if (!*request->principal || strlen(request->principal) > LIMIT_PRINCIPAL)
        return fail(error, JWKD_INVALID_ARGUMENT, "a principal has 1 to %d bytes", LIMIT_PRINCIPAL);
    Jwkd__V1__TestGrantReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Grant *told = reply_alloc(reply, sizeof *told);
    if (!answer || !told) return OUT_OF_MEMORY(error);
    reply->snapshot = keyring_snapshot(options->keyring);
    bool is_local = strcmp(request->principal, "anonymous") != 0;
    const struct caller caller = {.principal = request->principal,
        .otherwise = credential_role(&options->access, request->principal, is_local),
        .is_local = is_local};
    *answer = (Jwkd__V1__TestGrantReply)JWKD__V1__TEST_GRANT_REPLY__INIT;
    jwkd_status status = access_check(reply->snapshot, &caller, operation, request->environment, &why);
    const struct access_grant *grant =
        status == JWKD_OK ? deciding_grant(reply->snapshot, &caller, operation, request->environment) : NULL;
    if (status == JWKD_OK && signs && request->item)
        status = keyring_try_sign(options->keyring, &caller, request->environment, request->item, &why);
    answer->allowed = status == JWKD_OK;
    const char *reason = status == JWKD_OK ? reason_for(&caller, operation, grant) : why.message;
    answer->reason = arena_text(&reply->arena, bytes_of_text(reason));
    if (!answer->reason) return OUT_OF_MEMORY(error);
    if (grant) {
        message_grant(grant, told);
        answer->grant = told;
    }
    reply->message.result_case = JWKD__V1__REPLY__RESULT_TESTED;
    reply->message.tested = answer;
    return JWKD_OK;
}

/* ---- explaining */

static char *keep(struct reply *reply, const char *text)
{
    return arena_text(&reply->arena, bytes_of_text(text));
}

jwkd_status access_explain(
    struct denials *denials, const Jwkd__V1__ExplainRequest *request, struct reply *reply, jwkd_error *error)
{
    struct denial denial;
    if (denials_find(denials, request->id, &denial) != JWKD_OK)
        return fail(
            error, JWKD_NOT_FOUND, "there is no denial with this id; the last %d are known", DENIALS_KEPT);
    Jwkd__V1__ExplainReply *answer = reply_alloc(reply, sizeof *answer);
    if (!answer) return OUT_OF_MEMORY(error);
    *answer = (Jwkd__V1__ExplainReply)JWKD__V1__EXPLAIN_REPLY__INIT;
    answer->at = denial.at;
    answer->id = keep(reply, denial.id);
    answer->principal = keep(reply, denial.principal);
    answer->transport_principal = keep(reply, denial.transport_principal);
    answer->operation = keep(reply, denial.operation);
    answer->environment = keep(reply, denial.environment);
    answer->reason = keep(reply, denial.reason);
    answer->origin = keep(reply, denial.origin);
    if (!answer->id || !answer->principal || !answer->transport_principal || !answer->operation ||
        !answer->environment || !answer->reason || !answer->origin)
        return OUT_OF_MEMORY(error);
    reply->message.result_case = JWKD__V1__REPLY__RESULT_EXPLAINED;
    reply->message.explained = answer;
    return JWKD_OK;
}
