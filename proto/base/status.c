#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

struct status_row {
    const char *name;
    int http;
    int exit_code;
    const char *text;
};

static const struct status_row STATUSES[] = {
    [JWKD_OK] = {"OK", 200, 0, "ok"},
    [JWKD_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", 400, 1, "the request cannot be right"},
    [JWKD_MALFORMED] = {"MALFORMED", 400, 1, "not well formed"},
    [JWKD_UNSUPPORTED] = {"UNSUPPORTED", 501, 1, "not supported"},
    [JWKD_NOT_FOUND] = {"NOT_FOUND", 404, 1, "not found"},
    [JWKD_ALREADY_EXISTS] = {"ALREADY_EXISTS", 409, 1, "exists already"},
    [JWKD_CONFLICT] = {"CONFLICT", 409, 1, "request id already used for something else"},
    [JWKD_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", 409, 1, "not allowed in this state"},
    [JWKD_DENIED] = {"DENIED", 403, 1, "not permitted"},
    [JWKD_BUSY] = {"BUSY", 503, 1, "busy, try again"},
    [JWKD_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", 504, 1, "the deadline passed"},
    [JWKD_WRONG_BOOT] = {"WRONG_BOOT", 409, 1, "the service was restarted"},
    [JWKD_UNAVAILABLE] = {"UNAVAILABLE", 503, 1, "changes cannot be stored at present"},
    [JWKD_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", 429, 1, "over a limit"},
    [JWKD_COMPACTED] = {"COMPACTED", 410, 1, "too far back, take a snapshot"},
    [JWKD_IN_PROGRESS] = {"IN_PROGRESS", 202, 1, "a key is being made"},
    [JWKD_CORRUPT] = {"CORRUPT", 500, 1, "stored data failed its check"},
    [JWKD_NO_PRIMARY] = {"NO_PRIMARY", 409, 1, "the environment has no primary key"},
    [JWKD_NO_MEMORY] = {"NO_MEMORY", 503, 1, "out of memory"},
    [JWKD_INTERNAL] = {"INTERNAL", 500, 1, "internal error"},
    [JWKD_UNREACHABLE] = {"UNREACHABLE", 502, 3, "the service cannot be reached"},
    [JWKD_TIMED_OUT] = {"TIMED_OUT", 504, 3, "no answer in time"},
    [JWKD_CLOSED] = {"CLOSED", 500, 1, "closed"},
    [JWKD_REFUSED] = {"REFUSED", 401, 1, "the token was refused"},
    [JWKD_NOT_REGISTERED] = {"NOT_REGISTERED", 404, 1, "not registered as a subscriber"},
    [JWKD_UNAUTHENTICATED] = {"UNAUTHENTICATED", 401, 1, "the credential is not accepted"},
};
_Static_assert(sizeof STATUSES / sizeof *STATUSES == JWKD_STATUS_COUNT, "a row for every status");

static const char *const VERDICTS[][2] = {
    [JWKD_VERDICT_NONE] = {"NONE", "not judged"},
    [JWKD_VERDICT_VALID] = {"VALID", "valid"},
    [JWKD_VERDICT_MALFORMED] = {"MALFORMED", "not a well-formed token"},
    [JWKD_VERDICT_ALGORITHM_NOT_ALLOWED] = {"ALGORITHM_NOT_ALLOWED", "the algorithm is not the key's own"},
    [JWKD_VERDICT_UNKNOWN_KEY] = {"UNKNOWN_KEY", "no such key"},
    [JWKD_VERDICT_KEY_DEACTIVATED] = {"KEY_DEACTIVATED", "the key was deactivated"},
    [JWKD_VERDICT_BAD_SIGNATURE] = {"BAD_SIGNATURE", "the signature does not match"},
    [JWKD_VERDICT_EXPIRED] = {"EXPIRED", "the token has expired"},
    [JWKD_VERDICT_NOT_YET_VALID] = {"NOT_YET_VALID", "the token is not valid yet"},
    [JWKD_VERDICT_WRONG_ISSUER] = {"WRONG_ISSUER", "another issuer was expected"},
    [JWKD_VERDICT_WRONG_AUDIENCE] = {"WRONG_AUDIENCE", "meant for another audience"},
    [JWKD_VERDICT_WRONG_TYPE] = {"WRONG_TYPE", "another typ was expected"},
    [JWKD_VERDICT_MISSING_CLAIM] = {"MISSING_CLAIM", "a required claim is missing"},
    [JWKD_VERDICT_KEYS_TOO_OLD] = {"KEYS_TOO_OLD", "the keys held here are too old to trust"},
};
_Static_assert(sizeof VERDICTS / sizeof *VERDICTS == JWKD_VERDICT_COUNT, "a row for every verdict");

static const struct status_row *status_row(jwkd_status status)
{
    return &STATUSES[(unsigned)status < JWKD_STATUS_COUNT ? status : JWKD_INTERNAL];
}

const char *jwkd_status_name(jwkd_status status)
{
    return status_row(status)->name;
}
const char *jwkd_status_text(jwkd_status status)
{
    return status_row(status)->text;
}
int jwkd_status_http(jwkd_status status)
{
    return status_row(status)->http;
}
int jwkd_status_exit_code(jwkd_status status)
{
    return status_row(status)->exit_code;
}

static const char *verdict_word(jwkd_verdict verdict, int column)
{
    return VERDICTS[(unsigned)verdict < JWKD_VERDICT_COUNT ? verdict : JWKD_VERDICT_NONE][column];
}

const char *jwkd_verdict_name(jwkd_verdict verdict)
{
    return verdict_word(verdict, 0);
}
const char *jwkd_verdict_text(jwkd_verdict verdict)
{
    return verdict_word(verdict, 1);
}

jwkd_status fail(jwkd_error *error, jwkd_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        utf8_trim(error->message);
    }
    return status;
}
