#include "operations/table.h"

#include "base/limits.h"

// clang-format off
#define OPERATIONS(ROW)                                             \
    ROW(HELLO,              OPERATION_INLINE, RELAYED_HELLO)        \
    ROW(STATUS,             OPERATION_INLINE, RELAYED_AS_IT_IS)     \
    ROW(CREATE_ENVIRONMENT, OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(UPDATE_ENVIRONMENT, OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(LIST_ENVIRONMENTS,  OPERATION_INLINE, RELAYED_AS_IT_IS)     \
    ROW(DELETE_ENVIRONMENT, OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(GENERATE,           OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(IMPORT,             OPERATION_IMPORT, RELAYED_NEVER)        \
    ROW(LIST_KEYS,          OPERATION_INLINE, RELAYED_AS_IT_IS)     \
    ROW(GET_KEY,            OPERATION_INLINE, RELAYED_AS_IT_IS)     \
    ROW(SET_PRIMARY,        OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(DEACTIVATE,         OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(DESTROY,            OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(SIGN,               OPERATION_SIGN,   RELAYED_NEVER)        \
    ROW(SIGN_RAW,           OPERATION_POOL,   RELAYED_NEVER)        \
    ROW(VERIFY,             OPERATION_VERIFY, RELAYED_AS_IT_IS)     \
    ROW(GET_JWKS,           OPERATION_INLINE, RELAYED_JWKS)         \
    ROW(GET_CHANGES,        OPERATION_POOL,   RELAYED_CHANGES)      \
    ROW(RENEW,              OPERATION_INLINE, RELAYED_RENEWAL)      \
    ROW(LIST_SUBSCRIBERS,   OPERATION_POOL,   RELAYED_AS_IT_IS)     \
    ROW(RETIRE,             OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(ROTATE,             OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(ABORT_ROTATION,     OPERATION_CHANGE, RELAYED_NEVER)        \
    ROW(GET_OPERATION,      OPERATION_POOL,   RELAYED_AS_IT_IS)     \
    ROW(GET_RECEIPT,        OPERATION_POOL,   RELAYED_AS_IT_IS)
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
