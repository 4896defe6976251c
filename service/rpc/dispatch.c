#include "rpc/dispatch.h"

#include "base/clock.h"

// clang-format off
static const struct dispatch_entry ENTRIES[] = {
    [JWKD__V1__REQUEST__OPERATION_HELLO]              = {"hello", DISPATCH_INLINE, NULL},
    [JWKD__V1__REQUEST__OPERATION_STATUS]             = {"status", DISPATCH_INLINE, keyring_status},
    [JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT] = {"create_environment", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT] = {"update_environment", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS]  = {"list_environments", DISPATCH_INLINE, keyring_list_environments},
    [JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT] = {"delete_environment", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_GENERATE]           = {"generate", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_IMPORT]             = {"import", DISPATCH_IMPORT, NULL},
    [JWKD__V1__REQUEST__OPERATION_LIST_KEYS]          = {"list_keys", DISPATCH_INLINE, keyring_list_keys},
    [JWKD__V1__REQUEST__OPERATION_GET_KEY]            = {"get_key", DISPATCH_INLINE, keyring_get_key},
    [JWKD__V1__REQUEST__OPERATION_SET_PRIMARY]        = {"set_primary", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_DEACTIVATE]         = {"deactivate", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_DESTROY]            = {"destroy", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_SIGN]               = {"sign", DISPATCH_SIGN, keyring_sign},
    [JWKD__V1__REQUEST__OPERATION_SIGN_RAW]           = {"sign_raw", DISPATCH_POOL, keyring_sign_raw},
    [JWKD__V1__REQUEST__OPERATION_VERIFY]             = {"verify", DISPATCH_VERIFY, keyring_verify},
    [JWKD__V1__REQUEST__OPERATION_GET_JWKS]           = {"get_jwks", DISPATCH_INLINE, keyring_follow_jwks},
    [JWKD__V1__REQUEST__OPERATION_GET_CHANGES]        = {"get_changes", DISPATCH_POOL, keyring_get_changes},
    [JWKD__V1__REQUEST__OPERATION_RETIRE]             = {"retire", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_ROTATE]             = {"rotate", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION]     = {"abort_rotation", DISPATCH_CHANGE, NULL},
    [JWKD__V1__REQUEST__OPERATION_GET_OPERATION]      = {"get_operation", DISPATCH_POOL, keyring_get_operation},
    [JWKD__V1__REQUEST__OPERATION_RENEW]              = {"renew", DISPATCH_INLINE, keyring_renew},
    [JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS]   = {"list_subscribers", DISPATCH_POOL, keyring_list_subscribers},
    [JWKD__V1__REQUEST__OPERATION_GET_RECEIPT]        = {"get_receipt", DISPATCH_POOL, keyring_get_receipt},
};
// clang-format on

const struct dispatch_entry *dispatch_find(const Jwkd__V1__Request *request)
{
    size_t number = (size_t)request->operation_case;
    if (number >= sizeof ENTRIES / sizeof *ENTRIES || !ENTRIES[number].name) return NULL;
    return &ENTRIES[number];
}

static jwkd_status check_clock(
    const Jwkd__V1__Request *request, const uint8_t boot_id[16], uint64_t now_ns, jwkd_error *error)
{
    if (request->deadline_ns == 0) return JWKD_OK;
    if (!bytes_equal(wire_view(request->boot_id), bytes_of(boot_id, 16)))
        return fail(error, JWKD_WRONG_BOOT,
            "the deadline is of another run of the service: say hello again and repeat with the same request "
            "id");
    if (request->deadline_ns > now_ns + LIMIT_DEADLINE_SEC * NS_PER_SEC)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a deadline lies at most %d seconds ahead", LIMIT_DEADLINE_SEC);
    return dispatch_check_deadline(request, now_ns, error);
}

jwkd_status dispatch_check_deadline(const Jwkd__V1__Request *request, uint64_t now_ns, jwkd_error *error)
{
    if (request->deadline_ns == 0 || request->deadline_ns >= now_ns) return JWKD_OK;
    return fail(
        error, JWKD_DEADLINE_EXCEEDED, "the deadline had passed before the work began; nothing was done");
}

jwkd_status dispatch_check(
    const Jwkd__V1__Request *request, const uint8_t boot_id[16], uint64_t now_ns, jwkd_error *error)
{
    if (request->version != WIRE_VERSION)
        return fail(error, JWKD_UNSUPPORTED, "protocol version %u is not spoken here, only %d",
            request->version, WIRE_VERSION);
    if (request->request_id.len != LIMIT_REQUEST_ID)
        return fail(error, JWKD_INVALID_ARGUMENT, "a request id has %d bytes, not %zu", LIMIT_REQUEST_ID,
            request->request_id.len);
    if (request->credential.len > LIMIT_CREDENTIAL)
        return fail(error, JWKD_INVALID_ARGUMENT, "a credential has at most %d bytes", LIMIT_CREDENTIAL);
    if (!dispatch_find(request))
        return fail(error, JWKD_UNSUPPORTED, "the request names no operation that is known here");
    return check_clock(request, boot_id, now_ns, error);
}
