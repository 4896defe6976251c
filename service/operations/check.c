#include "operations/check.h"

#include "base/clock.h"
#include "base/limits.h"
#include "operations/table.h"

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
    return check_deadline(request, now_ns, error);
}

jwkd_status check_deadline(const Jwkd__V1__Request *request, uint64_t now_ns, jwkd_error *error)
{
    if (request->deadline_ns == 0 || request->deadline_ns >= now_ns) return JWKD_OK;
    return fail(
        error, JWKD_DEADLINE_EXCEEDED, "the deadline had passed before the work began; nothing was done");
}

jwkd_status check_request(
    const Jwkd__V1__Request *request, const uint8_t boot_id[16], uint64_t now_ns, jwkd_error *error)
{
    TRY(operation_check_envelope(request, error));
    if (request->credential.len > LIMIT_CREDENTIAL)
        return fail(error, JWKD_INVALID_ARGUMENT, "a credential has at most %d bytes", LIMIT_CREDENTIAL);
    if (!operation_of(request))
        return fail(error, JWKD_UNSUPPORTED, "the request names no operation that is known here");
    if (request->dry_run && operation_of(request)->right != RIGHT_ACCESS)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "only changes of accounts, tokens and grants can be tried without being made (dry_run)");
    return check_clock(request, boot_id, now_ns, error);
}
