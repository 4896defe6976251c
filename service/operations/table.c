#include "operations/table.h"

#include "base/limits.h"

// clang-format off
#define OPERATIONS(ROW)                                                                            \
    ROW(HELLO,               OPERATION_INLINE,  RELAYED_HELLO,      RIGHT_NONE,          SCOPE_NOWHERE) \
    ROW(STATUS,              OPERATION_INLINE,  RELAYED_AS_IT_IS,   RIGHT_SEE,           SCOPE_ALL) \
    ROW(CREATE_ENVIRONMENT,  OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ENVIRONMENTS,  SCOPE_ENVIRONMENT) \
    ROW(UPDATE_ENVIRONMENT,  OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ENVIRONMENTS,  SCOPE_ENVIRONMENT) \
    ROW(LIST_ENVIRONMENTS,   OPERATION_POOL,    RELAYED_AS_IT_IS,   RIGHT_NONE,          SCOPE_NOWHERE) \
    ROW(DELETE_ENVIRONMENT,  OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ENVIRONMENTS,  SCOPE_ENVIRONMENT) \
    ROW(GENERATE,            OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(IMPORT,              OPERATION_IMPORT,  RELAYED_NEVER,      RIGHT_IMPORT,        SCOPE_ENVIRONMENT) \
    ROW(LIST_KEYS,           OPERATION_INLINE,  RELAYED_AS_IT_IS,   RIGHT_SEE,           SCOPE_ENVIRONMENT) \
    ROW(GET_KEY,             OPERATION_INLINE,  RELAYED_AS_IT_IS,   RIGHT_SEE,           SCOPE_ENVIRONMENT) \
    ROW(SET_PRIMARY,         OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(DEACTIVATE,          OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(DESTROY,             OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ENVIRONMENTS,  SCOPE_ENVIRONMENT) \
    ROW(SIGN,                OPERATION_SIGN,    RELAYED_NEVER,      RIGHT_SIGN,          SCOPE_ENVIRONMENT) \
    ROW(SIGN_RAW,            OPERATION_POOL,    RELAYED_NEVER,      RIGHT_SIGN_RAW,      SCOPE_ENVIRONMENT) \
    ROW(VERIFY,              OPERATION_VERIFY,  RELAYED_AS_IT_IS,   RIGHT_VERIFY,        SCOPE_ENVIRONMENT) \
    ROW(GET_JWKS,            OPERATION_INLINE,  RELAYED_JWKS,       RIGHT_VERIFY,        SCOPE_ENVIRONMENT) \
    ROW(GET_CHANGES,         OPERATION_POOL,    RELAYED_CHANGES,    RIGHT_VERIFY,        SCOPE_ENVIRONMENT) \
    ROW(RENEW,               OPERATION_INLINE,  RELAYED_RENEWAL,    RIGHT_NONE,          SCOPE_NOWHERE) \
    ROW(LIST_SUBSCRIBERS,    OPERATION_POOL,    RELAYED_AS_IT_IS,   RIGHT_SEE,           SCOPE_ENVIRONMENT) \
    ROW(RETIRE,              OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(ROTATE,              OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(ABORT_ROTATION,      OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_MANAGE,        SCOPE_ENVIRONMENT) \
    ROW(GET_OPERATION,       OPERATION_POOL,    RELAYED_AS_IT_IS,   RIGHT_NONE,          SCOPE_NOWHERE) \
    ROW(GET_RECEIPT,         OPERATION_POOL,    RELAYED_AS_IT_IS,   RIGHT_SEE,           SCOPE_ENVIRONMENT) \
    ROW(WHOAMI,              OPERATION_POOL,    RELAYED_NEVER,      RIGHT_NONE,          SCOPE_NOWHERE) \
    ROW(CREATE_ACCOUNT,      OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(LIST_ACCOUNTS,       OPERATION_POOL,    RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(GET_ACCOUNT,         OPERATION_POOL,    RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(DELETE_ACCOUNT,      OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(CREATE_TOKEN,        OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(LIST_TOKENS,         OPERATION_POOL,    RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(REVOKE_TOKEN,        OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(ADD_GRANT,           OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(LIST_GRANTS,         OPERATION_POOL,    RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(REMOVE_GRANT,        OPERATION_CHANGE,  RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(TEST_GRANT,          OPERATION_POOL,    RELAYED_NEVER,      RIGHT_ACCESS,        SCOPE_ALL) \
    ROW(EXPLAIN,             OPERATION_INLINE,  RELAYED_NEVER,      RIGHT_AUDIT,         SCOPE_ALL)
// clang-format on

static const struct operation TABLE[] = {
#define ROW(NAME, ...) [JWKD__V1__REQUEST__OPERATION_##NAME] = {__VA_ARGS__},
    OPERATIONS(ROW)
#undef ROW
};

/* An operation of the contract without a row does not build. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"
const struct operation *operation_of(const Jwkd__V1__Request *request)
{
    switch (request->operation_case) {
#define ROW(NAME, ...) case JWKD__V1__REQUEST__OPERATION_##NAME:
        OPERATIONS(ROW)
#undef ROW
        return &TABLE[request->operation_case];
    case JWKD__V1__REQUEST__OPERATION__NOT_SET:
    case _JWKD__V1__REQUEST__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    return NULL;
}
#pragma GCC diagnostic pop

const char *operation_name(const Jwkd__V1__Request *request)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &jwkd__v1__request__descriptor, (unsigned)request->operation_case);
    return field ? field->name : "";
}

/* A field of text in a message; "" where it has none of that name. */
static const char *text_in(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    char *text = NULL;
    if (field && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED)
        memcpy(&text, (const uint8_t *)message + field->offset, sizeof text);
    return text ? text : "";
}

/* The contract calls it `environment` everywhere but where the environment itself is made, changed or
 * deleted. */
const char *operation_environment(const Jwkd__V1__Request *request)
{
    const Jwkd__V1__Environment *settings = NULL;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION__NOT_SET) return "";
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT)
        return request->delete_environment->name;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT)
        settings = request->create_environment->environment;
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT)
        settings = request->update_environment->environment;
    else
        return text_in(&request->hello->base, "environment"); /* whichever it is: the members of a union */
    return settings ? settings->name : "";
}

jwkd_status operation_check_envelope(const Jwkd__V1__Request *request, jwkd_error *error)
{
    if (request->version != WIRE_VERSION)
        return fail(error, JWKD_UNSUPPORTED, "protocol version %u is not spoken here, only %d",
            request->version, WIRE_VERSION);
    if (request->request_id.len != LIMIT_REQUEST_ID)
        return fail(error, JWKD_INVALID_ARGUMENT, "a request id has %d bytes, not %zu", LIMIT_REQUEST_ID,
            request->request_id.len);
    return JWKD_OK;
}
