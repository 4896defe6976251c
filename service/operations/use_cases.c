#include "operations/use_cases.h"

// clang-format off
#define USE_CASES(ROW)                                       \
    ROW(STATUS,            keyring_status)                   \
    ROW(LIST_ENVIRONMENTS, keyring_list_environments)        \
    ROW(LIST_KEYS,         keyring_list_keys)                \
    ROW(GET_KEY,           keyring_get_key)                  \
    ROW(SIGN,              keyring_sign)                     \
    ROW(SIGN_RAW,          keyring_sign_raw)                 \
    ROW(VERIFY,            keyring_verify)                   \
    ROW(GET_JWKS,          keyring_follow_jwks)              \
    ROW(GET_CHANGES,       keyring_get_changes)              \
    ROW(RENEW,             keyring_renew)                    \
    ROW(LIST_SUBSCRIBERS,  keyring_list_subscribers)         \
    ROW(GET_OPERATION,     keyring_get_operation)            \
    ROW(GET_RECEIPT,       keyring_get_receipt)              \
    ROW(LIST_ACCOUNTS,     keyring_list_accounts)            \
    ROW(GET_ACCOUNT,       keyring_get_account)              \
    ROW(LIST_TOKENS,       keyring_list_tokens)              \
    ROW(LIST_GRANTS,       keyring_list_grants)

#define OTHERS(ROW)                                                                                       \
    ROW(HELLO) ROW(CREATE_ENVIRONMENT) ROW(UPDATE_ENVIRONMENT) ROW(DELETE_ENVIRONMENT) ROW(GENERATE)      \
    ROW(IMPORT) ROW(SET_PRIMARY) ROW(DEACTIVATE) ROW(DESTROY) ROW(RETIRE) ROW(ROTATE) ROW(ABORT_ROTATION) \
    ROW(CREATE_ACCOUNT) ROW(DELETE_ACCOUNT) ROW(CREATE_TOKEN) ROW(REVOKE_TOKEN) ROW(ADD_GRANT)            \
    ROW(REMOVE_GRANT) ROW(WHOAMI) ROW(TEST_GRANT) ROW(EXPLAIN) ROW(_NOT_SET)
// clang-format on

/* An operation that neither list has does not build. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"
keyring_use_case *use_case_of(const Jwkd__V1__Request *request)
{
    switch (request->operation_case) {
#define ROW(NAME, USE_CASE)                   \
    case JWKD__V1__REQUEST__OPERATION_##NAME: \
        return USE_CASE;
        USE_CASES(ROW)
#undef ROW
#define ROW(NAME) case JWKD__V1__REQUEST__OPERATION_##NAME:
        OTHERS(ROW)
#undef ROW
    case _JWKD__V1__REQUEST__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    return NULL;
}
#pragma GCC diagnostic pop
