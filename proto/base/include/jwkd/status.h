/* Status and verdict codes: one set of numbers for the C interface, the wire, HTTP and exit codes.
 * This header is installed as <jwkd/status.h> and is also what the service itself uses. */
#ifndef JWKD_STATUS_H
#define JWKD_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#define JWKD_API __attribute__((visibility("default")))

/* The outcome of an operation. The numbers are those of jwkd.v1.Status and never change meaning. */
typedef enum jwkd_status {
    JWKD_OK = 0,
    JWKD_INVALID_ARGUMENT = 1,    /* the request is well formed but says something impossible */
    JWKD_MALFORMED = 2,           /* the bytes are not a message, a key, a token, ... at all */
    JWKD_UNSUPPORTED = 3,         /* protocol version, operation or algorithm not known here */
    JWKD_NOT_FOUND = 4,           /* no such environment or key */
    JWKD_ALREADY_EXISTS = 5,      /* the name or the key material was used before */
    JWKD_CONFLICT = 6,            /* the request id was used for another operation */
    JWKD_FAILED_PRECONDITION = 7, /* the key's state or the environment's mode does not allow it */
    JWKD_DENIED = 8,              /* the caller, or the peer, may not do this */
    JWKD_BUSY = 9,                /* a queue is full; try again a little later */
    JWKD_DEADLINE_EXCEEDED = 10,  /* the deadline passed before the work began; nothing was done */
    JWKD_WRONG_BOOT = 11,         /* the deadline names another run of the service; say hello again */
    JWKD_UNAVAILABLE = 12,        /* the store cannot be written at present; nothing was changed */
    JWKD_RESOURCE_EXHAUSTED = 13, /* a stated limit would be passed */
    JWKD_COMPACTED = 14,          /* the log no longer reaches back that far; take a snapshot */
    JWKD_IN_PROGRESS = 15,        /* a key is being made; repeat with the same request id to collect it */
    JWKD_CORRUPT = 16,            /* stored data failed its check */
    JWKD_NO_PRIMARY = 17,         /* the environment has no primary key, so nothing can be signed */
    JWKD_NO_MEMORY = 18,
    JWKD_INTERNAL = 19,
    /* Only ever raised on the client's own side: */
    JWKD_UNREACHABLE = 20, /* no connection to the service */
    JWKD_TIMED_OUT = 21,   /* no answer in time; whether a change was made is not known */
    JWKD_CLOSED = 22,      /* the handle is being closed, or was inherited across fork() */
    JWKD_REFUSED = 23,     /* the token is not acceptable; the verdict says why */
    /* Of the service again: */
    JWKD_NOT_REGISTERED = 24, /* the subscriber is not registered (any more); the library registers anew */
    JWKD_UNAUTHENTICATED =
        25 /* the credential is none, or has ended, or may not travel over this connection */
} jwkd_status;
/* One more than the largest. */
#define JWKD_STATUS_COUNT (JWKD_UNAUTHENTICATED + 1)

/* What a verifier says of a token. Zero is deliberately not "valid". */
typedef enum jwkd_verdict {
    JWKD_VERDICT_NONE = 0, /* not judged (yet) */
    JWKD_VERDICT_VALID = 1,
    JWKD_VERDICT_MALFORMED = 2, /* not a JWS compact serialisation of a JWT; RFC 7515 section 7.1 */
    JWKD_VERDICT_ALGORITHM_NOT_ALLOWED = 3, /* alg is not the key's own; RFC 8725 section 3.1 */
    JWKD_VERDICT_UNKNOWN_KEY = 4,           /* kid absent, or names no key of the set */
    JWKD_VERDICT_KEY_DEACTIVATED = 5,
    JWKD_VERDICT_BAD_SIGNATURE = 6,
    JWKD_VERDICT_EXPIRED = 7,       /* exp; RFC 7519 section 4.1.4 */
    JWKD_VERDICT_NOT_YET_VALID = 8, /* nbf or iat lies ahead; RFC 7519 sections 4.1.5, 4.1.6 */
    JWKD_VERDICT_WRONG_ISSUER = 9,
    JWKD_VERDICT_WRONG_AUDIENCE = 10,
    JWKD_VERDICT_WRONG_TYPE = 11, /* typ; RFC 8725 section 3.11, RFC 9068 section 4 */
    JWKD_VERDICT_MISSING_CLAIM = 12,
    JWKD_VERDICT_KEYS_TOO_OLD = 13 /* the verifier has no key set that it may still trust */
} jwkd_verdict;
/* One more than the largest. */
#define JWKD_VERDICT_COUNT (JWKD_VERDICT_KEYS_TOO_OLD + 1)

/* Detail for a person, owned by the caller, filled only when a function fails. `message` is one
 * sentence without a final newline; it never contains key material or a token. */
typedef struct jwkd_error {
    jwkd_status status;
    char message[256];
} jwkd_error;

/* The name used on the wire and in JSON, e.g. "FAILED_PRECONDITION". Never NULL; static storage. */
JWKD_API const char *jwkd_status_name(jwkd_status status);
/* A short phrase for a person, e.g. "not allowed in this state". Never NULL; static storage. */
JWKD_API const char *jwkd_status_text(jwkd_status status);
/* The HTTP status code (RFC 9110) that stands for this status. */
JWKD_API int jwkd_status_http(jwkd_status status);
/* The exit code of jwkctl: 0, 1 failed or refused, 2 usage, 3 service not reachable. */
JWKD_API int jwkd_status_exit_code(jwkd_status status);
/* E.g. "KEY_DEACTIVATED". Never NULL; static storage. */
JWKD_API const char *jwkd_verdict_name(jwkd_verdict verdict);
/* A short phrase for a person, e.g. "the key was deactivated". Never NULL; static storage. */
JWKD_API const char *jwkd_verdict_text(jwkd_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
