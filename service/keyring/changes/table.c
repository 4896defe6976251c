#include "keyring/changes/decide.h"

/* ---- the environment that a change is of */

typedef const char *environment_of(const Jwkd__V1__Request *request);

#define ENVIRONMENT_OF(change, member)                                           \
    static const char *environment_of_##change(const Jwkd__V1__Request *request) \
    {                                                                            \
        return request->change->member;                                          \
    }
ENVIRONMENT_OF(delete_environment, name)
ENVIRONMENT_OF(generate, environment)
ENVIRONMENT_OF(import, environment)
ENVIRONMENT_OF(set_primary, environment)
ENVIRONMENT_OF(deactivate, environment)
ENVIRONMENT_OF(destroy, environment)
ENVIRONMENT_OF(retire, environment)
ENVIRONMENT_OF(rotate, environment)
ENVIRONMENT_OF(abort_rotation, environment)

static const char *environment_of_update_environment(const Jwkd__V1__Request *request)
{
    return request->update_environment->environment ? request->update_environment->environment->name : "";
}

/* ---- the rows */

struct change {
    environment_of *environment; /* NULL: the change makes one */
    change_decision *decide;
    bool is_final, is_deactivation;
    access_decision *decide_access; /* of accounts, tokens and grants; none of the above then */
};

// clang-format off
#define CHANGES(ROW)                                                                                           \
    ROW(CREATE_ENVIRONMENT, NULL,                              decide_create_environment, false, false)        \
    ROW(UPDATE_ENVIRONMENT, environment_of_update_environment, decide_update_environment, false, false)        \
    ROW(DELETE_ENVIRONMENT, environment_of_delete_environment, decide_delete_environment, false, false)        \
    ROW(GENERATE,           environment_of_generate,           decide_generate,           false, false)        \
    ROW(ROTATE,             environment_of_rotate,             decide_generate,           false, false)        \
    ROW(ABORT_ROTATION,     environment_of_abort_rotation,     decide_abort_rotation,     false, false)        \
    ROW(IMPORT,             environment_of_import,             decide_import,             false, false)        \
    ROW(SET_PRIMARY,        environment_of_set_primary,        decide_set_primary,        false, false)        \
    ROW(RETIRE,             environment_of_retire,             decide_retire,             false, false)        \
    ROW(DEACTIVATE,         environment_of_deactivate,         decide_deactivate,         true,  true)         \
    ROW(DESTROY,            environment_of_destroy,            decide_destroy,            true,  false)

#define ACCESS_CHANGES(ROW)                                                                                    \
    ROW(CREATE_ACCOUNT, decide_create_account)                                                                 \
    ROW(DELETE_ACCOUNT, decide_delete_account)                                                                 \
    ROW(CREATE_TOKEN,   decide_create_token)                                                                   \
    ROW(REVOKE_TOKEN,   decide_revoke_token)                                                                   \
    ROW(ADD_GRANT,      decide_add_grant)                                                                      \
    ROW(REMOVE_GRANT,   decide_remove_grant)

#define NO_CHANGES(ROW)                                                                                        \
    ROW(HELLO) ROW(STATUS) ROW(LIST_ENVIRONMENTS) ROW(LIST_KEYS) ROW(GET_KEY) ROW(SIGN) ROW(SIGN_RAW)          \
    ROW(VERIFY) ROW(GET_JWKS) ROW(GET_CHANGES) ROW(RENEW) ROW(LIST_SUBSCRIBERS) ROW(GET_OPERATION)             \
    ROW(GET_RECEIPT) ROW(WHOAMI) ROW(LIST_ACCOUNTS) ROW(GET_ACCOUNT) ROW(LIST_TOKENS) ROW(LIST_GRANTS)         \
    ROW(TEST_GRANT) ROW(EXPLAIN) ROW(_NOT_SET)
// clang-format on

static const struct change TABLE[] = {
#define ROW(NAME, ...) [JWKD__V1__REQUEST__OPERATION_##NAME] = {__VA_ARGS__, NULL},
    CHANGES(ROW)
#undef ROW
#define ROW(NAME, function) [JWKD__V1__REQUEST__OPERATION_##NAME] = {.decide_access = function},
        ACCESS_CHANGES(ROW)
#undef ROW
};

/* An operation of the contract that is in no list does not build. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"
static const struct change *find(const Jwkd__V1__Request *request)
{
    switch (request->operation_case) {
#define ROW(NAME, ...) case JWKD__V1__REQUEST__OPERATION_##NAME:
        CHANGES(ROW)
        ACCESS_CHANGES(ROW)
        return &TABLE[request->operation_case];
        NO_CHANGES(ROW)
    case _JWKD__V1__REQUEST__OPERATION__CASE_IS_INT_SIZE:
        break;
#undef ROW
    }
    return NULL;
}
#pragma GCC diagnostic pop

const char *change_environment(const Jwkd__V1__Request *request)
{
    const struct change *change = find(request);
    return change && change->environment ? change->environment(request) : "";
}

bool change_is_final(const Jwkd__V1__Request *request)
{
    const struct change *change = find(request);
    return change && change->is_final;
}

bool change_is_deactivation(const Jwkd__V1__Request *request)
{
    const struct change *change = find(request);
    return change && change->is_deactivation;
}

/* ---- deciding */

/* The operation's name in the contract, for keyring_made. */
static const char *verb_of(const Jwkd__V1__Request *request)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &jwkd__v1__request__descriptor, (unsigned)request->operation_case);
    return field ? field->name : "";
}

static jwkd_status decide_access(struct transaction *transaction, struct edit_cause cause,
    const struct change *change, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    CLEANUP(access_edit_clear) struct access_edit edit;
    access_edit_begin(&edit, transaction, cause, asked->request->dry_run);
    TRY(change->decide_access(&edit, asked, reply, error));
    access_edit_well_ended(&edit);
    return JWKD_OK;
}

static jwkd_status decide(struct edit *edit, struct transaction *transaction,
    const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const struct edit_cause cause = {.verb = verb_of(asked->request), .principal = asked->principal};
    const struct change *change = find(asked->request);
    if (!change) return fail(error, JWKD_UNSUPPORTED, "this operation changes nothing");
    if (change->decide_access) return decide_access(transaction, cause, change, asked, reply, error);
    if (change->environment)
        TRY(edit_begin(edit, transaction, cause, change->environment(asked->request), error));
    else
        TRY(edit_begin_new(edit, transaction, cause, error));
    return change->decide(edit, asked, reply, error);
}

jwkd_status change_decide(struct transaction *transaction, const struct change_request *change,
    struct reply *reply, jwkd_error *error)
{
    CLEANUP(edit_clear) struct edit edit = {0};
    jwkd_status status = decide(&edit, transaction, change, reply, error);
    if (status == JWKD_OK) edit_well_ended(&edit);
    return status;
}
