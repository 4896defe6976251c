/* libjwkd: sign, verify locally, and follow the keys of a jwkd service.
 *
 * Threads. Every function may be called from any thread at any time, on the same handle too, unless its
 * comment says otherwise. Callbacks run on a thread of the library: keep them short; unless their comment
 * says otherwise they may call anything except the close or free of the handle that called them.
 *
 * Ownership. Inputs are borrowed for the call. What a function hands out through `jwkd_x **out` is the
 * caller's, one block with everything it points to, freed by jwkd_free() unless a function of its own is
 * named.
 *
 * Errors. Functions return a jwkd_status (see <jwkd/status.h>) and leave outputs untouched unless it is
 * JWKD_OK. `error`, always last, may be NULL; it is filled on failure with a sentence for a person.
 *
 * Units. Times are seconds since 1970-01-01 UTC; durations carry their unit in the name.
 *
 * Process. The library prints nothing, installs no signal handler, and never calls nng_fini(). Handles are
 * not valid in a child after fork(): there every call answers JWKD_CLOSED. Nor can a child open a connection
 * once the parent has tried to, or has used libnng by itself: see jwkd_open(). */
#ifndef JWKD_H
#define JWKD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jwkd/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "1.2.3". */
JWKD_API const char *jwkd_version(void);

/* Borrowed bytes. */
typedef struct jwkd_bytes {
    const void *data;
    size_t size;
} jwkd_bytes;

/* Frees a block that the library handed out, wiping it first. NULL is fine. */
JWKD_API void jwkd_free(void *block);

/* ---- Connection ------------------------------------------------------------------------------------ */

typedef struct jwkd_client jwkd_client;

typedef struct jwkd_client_options {
    const char *name; /* what this program calls itself, shown to operators; NULL: the program's file name */
    uint32_t timeout_ms; /* for one call, repetitions included; 0: 5000; at most 60000 */
    bool background;     /* jwkd_open() does not insist on a service: it connects when there is one */
    /* A file that holds an API token, alone on its first line: every request asks as its account. It is read
     * anew when it changes, so that a token can be replaced while the program runs; it must be a regular file
     * or a pipe that nobody but its owner can read (root may leave one to a group). NULL: $JWKD_TOKEN_FILE,
     * else no credential; "": none at all. */
    const char *token_file;
    bool insecure_tcp; /* the token may be sent over plain tcp, where others can read it; over connections to
                          a loopback address it may anyway */
} jwkd_client_options;

/* Opens a connection by the service's one URL, "ipc:///run/jwkd/rpc.sock" or "tcp://host:port"; a plain path
 * is an ipc URL. NULL: $JWKD_URL, else $XDG_RUNTIME_DIR/jwkd/rpc.sock if that exists, else
 * /run/jwkd/rpc.sock. The other sockets are learned from the service and may not be of a weaker transport or
 * another host or directory. `options` may be NULL. The other end of an ipc socket must belong to root or to
 * the owner of the socket's directory (DENIED otherwise). UNREACHABLE (at once where nobody listens),
 * TIMED_OUT, DENIED, UNSUPPORTED (no protocol version in common), INVALID_ARGUMENT. Afterwards it reconnects
 * by itself. A call is repeated under one request id until its time is up: UNREACHABLE then says that there
 * was no connection, TIMED_OUT that the request may have been carried out. DENIED: the caller's grants do not
 * allow it; the message ends with an id by which an auditor can ask why (jwkd_explain()). UNAUTHENTICATED:
 * the token is not accepted, its file cannot be read, or it may not travel over this connection.
 *
 * Programs that fork: libnng works in no child of a process that has used it. FAILED_PRECONDITION where that
 * was an earlier jwkd_open(), successful or not; where the program itself has used libnng, libnng aborts the
 * child. Two ways work: the parent opens nothing, and each child opens its own; or children verify by
 * jwkd_verifier_from_jwks(), which needs no libnng. */
JWKD_API jwkd_status jwkd_open(
    const char *url, const jwkd_client_options *options, jwkd_client **out, jwkd_error *error);
/* Calls under way end with JWKD_CLOSED. Verifiers and watches made from it must be closed before. No other
 * call may begin on the handle meanwhile. NULL is fine. */
JWKD_API void jwkd_close(jwkd_client *client);

/* Asks for a sign of life; *out_round_trip_us (may be NULL) is how long the answer took. */
JWKD_API jwkd_status jwkd_ping(jwkd_client *client, uint64_t *out_round_trip_us, jwkd_error *error);

typedef struct jwkd_reserve_status {
    const char *key_type; /* "RSA-4096", "P-256", "Ed25519", ... */
    uint32_t ready, wanted;
} jwkd_reserve_status;
typedef struct jwkd_service_status {
    const char *version;
    const char *boot_id; /* hexadecimal: this run of the service */
    const char *epoch;   /* hexadecimal: this incarnation of its store */
    const char *store;   /* "read-write", "read-only", or "full": some changes are refused, or all */
    uint64_t uptime_sec;
    uint64_t service_revision;
    uint32_t environments, active_keys, keys_in_signer;
    bool memory_locked; /* unsealed keys are never swapped out */
    uint64_t requests, requests_failed, requests_busy, tokens_signed, tokens_verified, changes, commits;
    size_t reserve_count;
    const jwkd_reserve_status *reserves;
    int64_t signing_refused_until;       /* the wall clock is behind what the keys have seen; 0: it is not */
    const char *signing_refused_because; /* "": it is not */
    int64_t clock_accepted_at;           /* when an operator last took such a clock for right; 0: never */
    int64_t clock_accepted_seen;         /* the instant that it was behind */
    const char *clock_accepted_by;       /* who did, e.g. "uid:0" */
} jwkd_service_status;
/* How the service is doing. */
JWKD_API jwkd_status jwkd_get_status(jwkd_client *client, jwkd_service_status **out, jwkd_error *error);

/* ---- Signing --------------------------------------------------------------------------------------- */

typedef struct jwkd_sign_item {
    jwkd_bytes claims; /* a JSON object, {} for none; iss, iat, exp, jti and aud are added where absent (RFC
                          7519, 9068); an iat must not lie ahead of the service's clock */
    const char *type;  /* the typ header; NULL: "at+jwt" */
    const char *const *audiences; /* become aud; none: the claims' own, else the environment's default */
    size_t audience_count;
    uint32_t lifetime_sec; /* 0: the claims' own exp, else the environment's default */
} jwkd_sign_item;

/* One token (JWS compact serialisation, RFC 7515 section 7.1), NUL-terminated. Concurrent calls for the same
 * environment travel together. INVALID_ARGUMENT, MALFORMED (claims), NOT_FOUND, NO_PRIMARY. */
JWKD_API jwkd_status jwkd_sign(jwkd_client *client, const char *environment, const jwkd_sign_item *item,
    char **out_token, jwkd_error *error);

typedef struct jwkd_signed_token {
    jwkd_status status;  /* of this item alone */
    const char *message; /* why not, for a person; "" when OK */
    const char *token;   /* "" unless OK */
    int64_t expires_at;
} jwkd_signed_token;
typedef struct jwkd_signed_list {
    const char *kid;
    size_t count; /* as many as there were items, in their order */
    const jwkd_signed_token *tokens;
} jwkd_signed_list;
/* Up to 256 tokens in one request, by one key; concurrent calls travel together here too. JWKD_OK means that
 * the request as a whole was carried out: look at each token's status. */
JWKD_API jwkd_status jwkd_sign_many(jwkd_client *client, const char *environment, const jwkd_sign_item *items,
    size_t count, jwkd_signed_list **out, jwkd_error *error);

/* Called exactly once unless jwkd_sign_async() itself failed; possibly before that returns. `token` (NULL
 * unless OK) and `error` (NULL if OK) are borrowed for the call. It runs on a thread that carries other
 * answers: it must not wait, so of this library it may call jwkd_sign_async() and what reads tokens, nothing
 * that asks the service, and not jwkd_verify(), which may wait for a snapshot. */
typedef void jwkd_sign_done(void *context, jwkd_status status, const char *token, const jwkd_error *error);
/* As jwkd_sign(), without waiting. The item is copied. BUSY when 4096 are waiting already. */
JWKD_API jwkd_status jwkd_sign_async(jwkd_client *client, const char *environment, const jwkd_sign_item *item,
    jwkd_sign_done *done, void *context, jwkd_error *error);

/* Likewise of jwkd_sign_many_async(): `list` (NULL unless OK) is the callee's, to be freed
 * with jwkd_free(). */
typedef void jwkd_sign_many_done(
    void *context, jwkd_status status, jwkd_signed_list *list, const jwkd_error *error);
/* As jwkd_sign_many(), without waiting. The items are copied. BUSY as above. */
JWKD_API jwkd_status jwkd_sign_many_async(jwkd_client *client, const char *environment,
    const jwkd_sign_item *items, size_t count, jwkd_sign_many_done *done, void *context, jwkd_error *error);

/* Signs bytes that are not a JSON object. `type` is mandatory and neither JWT nor at+jwt. */
JWKD_API jwkd_status jwkd_sign_raw(jwkd_client *client, const char *environment, const char *type,
    jwkd_bytes payload, char **out_token, jwkd_error *error);

/* ---- Verifying ------------------------------------------------------------------------------------- */

/* What the caller expects of a token. A zeroed one, or NULL, expects what the environment says. */
typedef struct jwkd_expectation {
    const char *issuer;           /* NULL: the environment's; over a plain JWKS: not checked */
    const char *const *audiences; /* any of these; none: the environment's default audience, if it has one */
    size_t audience_count;
    const char *type;    /* typ, with or without "application/"; NULL: at+jwt, JWT or none at all */
    int64_t now;         /* 0: the system's clock */
    uint32_t leeway_sec; /* for exp, nbf and iat; 0: the environment's; over a plain JWKS: none */
    bool signature_only; /* no claim is judged; the payload may be any bytes */
} jwkd_expectation;

/* A verified token's contents. A caller that verifies often keeps one a thread and uses it again
 * and again. */
typedef struct jwkd_token jwkd_token;
/* NULL when memory is short. */
JWKD_API jwkd_token *jwkd_token_new(void);
JWKD_API void jwkd_token_free(jwkd_token *token);
/* All of these hand out views into `token`, not NUL-terminated, valid until it is used again or freed; empty
 * (data NULL, size 0) where the claim is absent or of another type, or the last verdict was not VALID (but
 * see jwkd_inspect()). One thread at a time. */
JWKD_API jwkd_bytes jwkd_token_claims(const jwkd_token *token); /* the payload as it was signed */
/* Whether the payload is a claims set: a JSON object whose names are unique, at every depth (RFC 7519 section
 * 4). If not, it is bytes of any kind: after jwkd_inspect(), or where `signature_only` was expected. */
JWKD_API bool jwkd_token_has_claims(const jwkd_token *token);
JWKD_API jwkd_bytes jwkd_token_header(const jwkd_token *token); /* the JOSE header, decoded */
JWKD_API jwkd_bytes jwkd_token_kid(const jwkd_token *token);
JWKD_API jwkd_bytes jwkd_token_string(const jwkd_token *token, const char *claim);
/* A claim of any type as JSON text, in the very spelling that was signed; a string without quotes and
 * escapes. */
JWKD_API jwkd_bytes jwkd_token_json(const jwkd_token *token, const char *claim);
/* 0, unless the token was judged by keys that nobody vouches for any more (JWKD_SERVE_STALE): then how long
 * ago they were known to be the present ones, in milliseconds; UINT64_MAX: never. */
JWKD_API uint64_t jwkd_token_stale_ms(const jwkd_token *token);
/* A whole number, however it is written: 42, 42.0 and 4.2e1 are one. False, and *out stays as it is, where
 * the claim is absent, no number, has a fraction (42.9, 1e-5), or does not fit: jwkd_token_json() tells its
 * text. */
JWKD_API bool jwkd_token_integer(const jwkd_token *token, const char *claim, int64_t *out);

typedef struct jwkd_verifier jwkd_verifier;

/* What happened to an environment's keys. */
typedef enum jwkd_event_kind {
    JWKD_EVENT_SYNCHRONISED =
        0, /* a snapshot was taken: at the start, after a gap, a reconnect or a restart */
    JWKD_EVENT_ENVIRONMENT_CREATED = 1,
    JWKD_EVENT_ENVIRONMENT_UPDATED = 2,
    JWKD_EVENT_ENVIRONMENT_DELETED = 3,
    JWKD_EVENT_KEY_PUBLISHED = 4,
    JWKD_EVENT_KEY_PROMOTED = 5,
    JWKD_EVENT_KEY_DEACTIVATED = 6,
    JWKD_EVENT_KEY_DESTROYED = 7,
    JWKD_EVENT_CONNECTED = 8,    /* the event stream is up */
    JWKD_EVENT_DISCONNECTED = 9, /* the event stream is down; the lease goes on */
    /* A verifier's own, told when they change (see jwkd_freshness): */
    JWKD_EVENT_FRESH = 10,
    JWKD_EVENT_BEHIND = 11,
    JWKD_EVENT_STALE = 12,
    JWKD_EVENT_KEY_CHANGED = 13 /* held or retiring: nothing that tokens are judged by */
} jwkd_event_kind;

/* "KEY_DEACTIVATED", ... */
JWKD_API const char *jwkd_event_kind_name(jwkd_event_kind kind);

struct jwkd_key;
struct jwkd_environment;

/* One change; an event of several changes is handed out one by one, with the same revision. Borrowed for the
 * callback. */
typedef struct jwkd_event {
    jwkd_event_kind kind;
    const char *environment; /* "" for CONNECTED and DISCONNECTED */
    uint64_t revision, previous_revision;
    int64_t at;
    const char *primary_kid;    /* after a change or a snapshot; "" for none, and in the other events */
    const struct jwkd_key *key; /* of a KEY_ change, else NULL */
    const struct jwkd_environment *settings; /* of an ENVIRONMENT_ change, else NULL */
    /* Who made the change, e.g. "uid:1000"; the service itself is "service:schedule" or
     * "service:operation/ID". "" where that is not told: from older services, and where it is no change. */
    const char *principal;
} jwkd_event;
typedef void jwkd_on_event(void *context, const jwkd_event *event);

/* What becomes of tokens when nobody vouches for the keys any more. */
typedef enum jwkd_on_stale {
    JWKD_REFUSE_STALE = 0, /* the verdict is KEYS_TOO_OLD */
    JWKD_SERVE_STALE = 1   /* they are judged by the keys held; jwkd_token_stale_ms() says how old these are.
                              The service is told, and calls the receipts of deactivations unbounded. */
} jwkd_on_stale;

typedef struct jwkd_verifier_options {
    jwkd_on_event *on_event; /* called when the verifier already judges by the new state; NULL: none */
    void *context;
    jwkd_on_stale on_stale;
    /* A shorter lease than the service's; 0: the service's. At least 1000, which are four heartbeats
     * and at most 600000, which no service grants more than (INVALID_ARGUMENT); what is longer than the
     * service's own is cut to that, as jwkd_freshness tells. */
    uint32_t lease_ms;
    /* How long a token with an unknown kid may wait for a snapshot that is on its way; 0: 250. */
    uint32_t unknown_kid_wait_ms;
} jwkd_verifier_options;

/* Starts a cache of an environment's keys: registers, takes a snapshot, follows the events; returns when the
 * verifier is fresh, which the next heartbeat makes it. `options` may be NULL. NOT_FOUND: no such
 * environment. UNSUPPORTED: the service is too old to register subscribers. UNREACHABLE, TIMED_OUT (no
 * heartbeat came), DENIED (the caller may not hear events: jwkd_verify_remotely() is left). With a client
 * opened in the background it answers JWKD_OK without a service; until the verifier is fresh every verdict is
 * KEYS_TOO_OLD, and the message says what is in the way. */
JWKD_API jwkd_status jwkd_verifier_open(jwkd_client *client, const char *environment,
    const jwkd_verifier_options *options, jwkd_verifier **out, jwkd_error *error);

/* An entry of a JWKS document that cannot be used, and why. All of it is valid until the callback returns. */
typedef struct jwkd_skipped_key {
    size_t index;   /* in the array "keys", from 0 */
    jwkd_bytes kid; /* as written there: any UTF-8, of any length; empty: it has none, or it is no string */
    const char *reason; /* for a person: "RSA modulus under 2048 bits" */
} jwkd_skipped_key;
typedef void jwkd_on_skipped(void *context, const jwkd_skipped_key *key);

/* Zeroed, or NULL: the defaults. */
typedef struct jwkd_jwks_options {
    /* The algorithms that tokens may have (RFC 8725 section 3.1), by name, "PS256". An RSA key without alg
     * then verifies those of RSA that are named here. None: what a key is for; RS256 for an RSA key without
     * alg. */
    const char *const *algorithms;
    size_t algorithm_count;
    jwkd_on_skipped
        *on_skipped; /* called in the caller's thread, for each entry that is skipped; NULL: none */
    void *context;
} jwkd_jwks_options;
/* A verifier over a JWKS document (RFC 7517 section 5) without any service. Each entry is judged by itself,
 * and one that cannot be used is skipped: a kty, crv, alg, use or key_ops that does not verify here,
 * symmetric keys among them; what is missing, no base64url or no valid kid; a point off its curve; a weak RSA
 * key (under 2048 bits, an exponent under 65537, ROCA). A token that names it gets UNKNOWN_KEY, and a message
 * that says why. Several keys may have one kid: each that fits the token's alg is tried (8 at most), and
 * identical ones count once. INVALID_ARGUMENT: a private key in the set, an algorithm that is none of ours;
 * MALFORMED: no JWKS; RESOURCE_EXHAUSTED: over 4 MiB or 4096 entries. `jwks` is not kept. */
JWKD_API jwkd_status jwkd_verifier_open_jwks(
    jwkd_bytes jwks, const jwkd_jwks_options *options, jwkd_verifier **out, jwkd_error *error);
/* The same without options. */
JWKD_API jwkd_status jwkd_verifier_from_jwks(jwkd_bytes jwks, jwkd_verifier **out, jwkd_error *error);
/* Adds a public JWK by hand, for environments that show a key once. With a service it is used only while the
 * service lists its kid as live. An RSA key without alg is for RS256, or the first of RSA's that the options
 * of a verifier over a JWKS document name. */
JWKD_API jwkd_status jwkd_verifier_pin(jwkd_verifier *verifier, jwkd_bytes jwk, jwkd_error *error);
/* Waits for callbacks under way. NULL is fine. */
JWKD_API void jwkd_verifier_close(jwkd_verifier *verifier);

/* Judges a token here, without asking anybody: signature, kid, alg, crit, typ, iss, aud, exp, nbf, iat (RFC
 * 7515 section 5.2, RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4). `out` (may be NULL) receives the
 * contents, of a VALID token only. No token ever causes a request. A kid that is not known gets UNKNOWN_KEY
 * while the verifier is fresh; while it is behind the call waits for the snapshot that is on its way, for
 * unknown_kid_wait_ms at most; KEYS_TOO_OLD when even then nobody can tell. Whether the key is still live,
 * and the keys still vouched for, is looked at last, after the signature. */
JWKD_API jwkd_verdict jwkd_verify(jwkd_verifier *verifier, const char *token, size_t size,
    const jwkd_expectation *expected, jwkd_token *out, jwkd_error *error);
/* The revision that is judged by; 0 before the first snapshot and over a plain JWKS. */
JWKD_API uint64_t jwkd_verifier_revision(const jwkd_verifier *verifier);

/* Whether the keys that a verifier holds are the present ones. The service's heartbeats vouch for them, each
 * for the length of the lease from the instant at which the service made it. */
typedef enum jwkd_freshness_state {
    JWKD_STALE = 0,  /* nobody vouches for them: on_stale says what becomes of tokens */
    JWKD_BEHIND = 1, /* the lease goes on, but something was missed and is being fetched */
    JWKD_FRESH = 2   /* they are all there is */
} jwkd_freshness_state;
typedef struct jwkd_freshness {
    jwkd_freshness_state state;
    uint64_t age_ms;   /* since they were last known to be the present ones; UINT64_MAX: never yet */
    uint64_t revision; /* as jwkd_verifier_revision() */
    uint32_t lease_ms; /* that is in force; 0: not registered yet */
    uint64_t held_us;  /* since the keys that are held replaced others: no verdict since has been by those */
} jwkd_freshness;
/* "STALE", "BEHIND" or "FRESH". */
JWKD_API const char *jwkd_freshness_name(jwkd_freshness_state state);
/* At this instant. Over a plain JWKS: always FRESH, the rest 0. */
JWKD_API jwkd_status jwkd_verifier_freshness(
    const jwkd_verifier *verifier, jwkd_freshness *out, jwkd_error *error);

/* Reads header and payload without judging anything: never trust what it hands out. JWKD_OK says that there
 * was something to read, not that anybody signed it. The payload may be any bytes; the functions that look
 * for a claim find none in one that is not a JSON object. MALFORMED: not three parts, not base64url, or a
 * header that no verifier reads. */
JWKD_API jwkd_status jwkd_inspect(const char *token, size_t size, jwkd_token *out, jwkd_error *error);

typedef struct jwkd_verified {
    jwkd_verdict verdict;
    const char *message; /* for a person */
    const char *kid;
    jwkd_bytes claims; /* of a valid token only; JSON */
} jwkd_verified;
/* Lets the service judge. `now`, `leeway_sec` and `signature_only` of the expectation are the service's own
 * and must be zero. */
JWKD_API jwkd_status jwkd_verify_remotely(jwkd_client *client, const char *environment, const char *token,
    size_t size, const jwkd_expectation *expected, jwkd_verified **out, jwkd_error *error);

/* The environment's JWKS document, NUL-terminated JSON. */
JWKD_API jwkd_status jwkd_get_jwks(
    jwkd_client *client, const char *environment, char **out_jwks, jwkd_error *error);
/* The same keys as SubjectPublicKeyInfo in PEM, each after a line "# kid". Any JWKS document will do: entries
 * are skipped as jwkd_verifier_open_jwks() skips them, each with a line "# key 2 is skipped: " and the reason
 * at the end. */
JWKD_API jwkd_status jwkd_jwks_to_pem(jwkd_bytes jwks, char **out_pem, jwkd_error *error);

/* ---- Watching -------------------------------------------------------------------------------------- */

typedef struct jwkd_watch jwkd_watch;
/* Follows the events of one environment, or of all (NULL), without holding keys. Missed events are fetched
 * where the service's log still has them; otherwise a SYNCHRONISED event says that there was a gap. */
JWKD_API jwkd_status jwkd_watch_open(jwkd_client *client, const char *environment, jwkd_on_event *on_event,
    void *context, jwkd_watch **out, jwkd_error *error);
JWKD_API void jwkd_watch_close(jwkd_watch *watch);

/* ---- Administration -------------------------------------------------------------------------------- */

typedef enum jwkd_mode { JWKD_OVERLAP = 0, JWKD_EXCLUSIVE = 1 } jwkd_mode;

/* An environment, as asked for and as answered. Zero and NULL in a new one mean the default given. */
typedef struct jwkd_environment {
    const char *name;              /* a-z, 0-9, '-', '_', '.'; at most 63; begins with a letter or digit; none
                                      of those that the HTTP addresses begin with (jwkctl(1)) */
    const char *issuer;            /* the iss of its tokens; "": none */
    const char *default_algorithm; /* RS256 */
    uint32_t default_bits;         /* RSA: 4096 */
    const char *default_audience;  /* "": none */
    uint32_t max_token_lifetime_sec;     /* 3600 */
    uint32_t default_token_lifetime_sec; /* 900, or the largest lifetime where that is less */
    uint32_t leeway_sec;                 /* 30 */
    jwkd_mode mode;
    bool show_once; /* the public key is handed out by generate only; not to be undone once there are keys */
    bool no_leeway; /* leeway_sec 0 is meant, not the default; an update looks at leeway_sec alone */
    uint32_t rotate_every_sec; /* rotate by itself this long after the last new key; 0: never */
    uint32_t jwks_max_age_sec; /* how long readers of the JWKS over HTTP may keep it; 0: there are none */
    /* answered only: */
    uint64_t revision;
    const char *primary_kid; /* "": none */
    int64_t created_at;
    uint32_t active_keys;
    int64_t rotate_at;                    /* when it will rotate by itself; 0: never */
    const struct jwkd_operation *pending; /* the promotion that waits; NULL: none */
} jwkd_environment;

/* Which members of an environment an update takes over. */
enum {
    JWKD_SET_ISSUER = 1 << 0,
    JWKD_SET_DEFAULT_ALGORITHM = 1 << 1,
    JWKD_SET_DEFAULT_BITS = 1 << 2,
    JWKD_SET_DEFAULT_AUDIENCE = 1 << 3,
    JWKD_SET_MAX_TOKEN_LIFETIME = 1 << 4,
    JWKD_SET_DEFAULT_TOKEN_LIFETIME = 1 << 5,
    JWKD_SET_LEEWAY = 1 << 6,
    JWKD_SET_MODE = 1 << 7,
    JWKD_SET_SHOW_ONCE = 1 << 8,
    JWKD_SET_ROTATE_EVERY = 1 << 9,
    JWKD_SET_JWKS_MAX_AGE = 1 << 10
};

/* ALREADY_EXISTS, INVALID_ARGUMENT. */
JWKD_API jwkd_status jwkd_environment_create(
    jwkd_client *client, const jwkd_environment *environment, jwkd_environment **out, jwkd_error *error);
/* `fields` is a sum of JWKD_SET_ values; `environment->name` says which. */
JWKD_API jwkd_status jwkd_environment_update(jwkd_client *client, const jwkd_environment *environment,
    unsigned fields, jwkd_environment **out, jwkd_error *error);
/* FAILED_PRECONDITION while it has active keys, unless `with_live_keys`. Final: its keys can never
 * come back. */
JWKD_API jwkd_status jwkd_environment_delete(
    jwkd_client *client, const char *name, bool with_live_keys, jwkd_error *error);
typedef struct jwkd_environment_list {
    size_t count;
    const jwkd_environment *environments; /* by name */
} jwkd_environment_list;
/* All environments, however many pages the service gives them in. */
JWKD_API jwkd_status jwkd_environment_get_all(
    jwkd_client *client, jwkd_environment_list **out, jwkd_error *error);

typedef enum jwkd_key_state {
    JWKD_KEY_ACTIVE = 1,
    JWKD_KEY_DEACTIVATED = 2,
    JWKD_KEY_DESTROYED = 3
} jwkd_key_state;

typedef struct jwkd_key {
    const char *kid;
    jwkd_key_state state;
    bool primary; /* the one that signs; active then */
    const char *algorithm;
    uint32_t bits; /* RSA only */
    int64_t created_at;
    int64_t deactivated_at; /* 0: not */
    int64_t destroyed_at;   /* 0: not */
    uint64_t revision;      /* of the environment when the key last changed */
    const char *public_jwk; /* JSON; "" where the environment shows it once only */
    bool imported, held;
    int64_t
        retiring_since; /* 0: not; else it is deactivated by itself once none of its tokens can be valid */
    /* Of answers, not of events: */
    int64_t last_expiry;    /* "in use until": the largest exp it signed, never too low; 0: none */
    uint64_t tokens_signed; /* since the start of the service */
    int64_t last_used_at;   /* likewise; 0: not */
} jwkd_key;
/* "primary", "active", "retiring", "deactivated" or "destroyed". */
JWKD_API const char *jwkd_key_state_name(const jwkd_key *key);

/* A key, and the environment's state after the call. */
typedef struct jwkd_key_answer {
    jwkd_key key;
    uint64_t revision;
    const char *primary_kid;                /* "": none */
    const struct jwkd_operation *operation; /* generate, import, rotate: the promotion; NULL: none */
} jwkd_key_answer;

typedef struct jwkd_generate_options {
    const char *algorithm;      /* NULL: the environment's default */
    uint32_t bits;              /* RSA: 2048, 3072 or 4096; 0: the environment's default */
    bool hold;                  /* leave it active instead of making it primary */
    bool now;                   /* make it primary at once, whether or not its subscribers have it */
    const char *invalidate_kid; /* exclusive mode: the live key that it replaces; else NULL */
    uint32_t wait_ms;           /* how long to wait for a key that is being made; 0: do not: IN_PROGRESS */
    /* Called about twice a second meanwhile; must not close the client. Or NULL. */
    void (*on_progress)(void *context, uint64_t waited_ms);
    void *context;
} jwkd_generate_options;
/* The key is published when this returns, and becomes primary once every subscriber has confirmed that it
 * holds it, or once every lease has run out: jwkd_await_operation().
 *
 * Answers in milliseconds from the service's reserve of ready keys; with an empty reserve the key is made
 * meanwhile (IN_PROGRESS when it takes longer than `wait_ms`; it will be made nevertheless and appear in the
 * list). */
JWKD_API jwkd_status jwkd_generate(jwkd_client *client, const char *environment,
    const jwkd_generate_options *options, jwkd_key_answer **out, jwkd_error *error);

typedef struct jwkd_import_options {
    const char
        *algorithm; /* NULL: the JWK's alg, else the environment's default if it fits. Must be given where
                       that is not the environment's, and the key is not held: FAILED_PRECONDITION */
    bool hold, now;
    const char *invalidate_kid;
} jwkd_import_options;
/* `private_key`: a private JWK or an unencrypted PEM key that no environment ever held (ALREADY_EXISTS
 * otherwise). */
JWKD_API jwkd_status jwkd_import(jwkd_client *client, const char *environment, jwkd_bytes private_key,
    const jwkd_import_options *options, jwkd_key_answer **out, jwkd_error *error);

/* One key, destroyed ones too. NOT_FOUND. */
JWKD_API jwkd_status jwkd_get_key(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error);
typedef struct jwkd_key_list {
    size_t count;
    const jwkd_key *keys; /* newest first */
    uint64_t revision;
    const char *primary_kid;
} jwkd_key_list;
/* All keys that the environment ever had. NOT_FOUND: no such environment. */
JWKD_API jwkd_status jwkd_get_keys(
    jwkd_client *client, const char *environment, jwkd_key_list **out, jwkd_error *error);
/* FAILED_PRECONDITION unless the key is active. */
JWKD_API jwkd_status jwkd_set_primary(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error);
/* At once and final; jwkd_get_receipt() says who has confirmed it. The last active key only with
 * `allow_none`. Deactivating a deactivated key changes nothing and is OK. */
JWKD_API jwkd_status jwkd_deactivate(jwkd_client *client, const char *environment, const char *kid,
    bool allow_none, jwkd_key_answer **out, jwkd_error *error);
/* Deactivated keys only: the private key is erased. */
JWKD_API jwkd_status jwkd_destroy(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error);

/* ---- Rotation and revocation ----------------------------------------------------------------------- */

typedef enum jwkd_phase {
    JWKD_PHASE_WAITING = 1,  /* the key is published; not every subscriber has confirmed it */
    JWKD_PHASE_DONE = 2,     /* it became primary */
    JWKD_PHASE_CANCELLED = 3 /* something else was decided meanwhile */
} jwkd_phase;

/* A promotion: under way, or ended at most a day ago. */
typedef struct jwkd_operation {
    const char *id; /* hexadecimal */
    bool rotation;  /* the key that was primary retires */
    jwkd_phase phase;
    const char *environment, *kid;
    uint64_t revision; /* that published the key */
    int64_t begun_at, ended_at;
    const char *reason;              /* what it waits for, or how it ended, for a person */
    uint32_t confirmed, subscribers; /* while WAITING: how many have confirmed it, of how many */
    uint32_t at_most_ms; /* while WAITING: it is done after this time at the latest, by all who follow now */
} jwkd_operation;

/* Generates a key, and lets the key that is replaced retire. FAILED_PRECONDITION: a promotion waits already,
 * or the environment is in exclusive mode. `options->hold` and `invalidate_kid` must not be set. */
JWKD_API jwkd_status jwkd_rotate(jwkd_client *client, const char *environment,
    const jwkd_generate_options *options, jwkd_key_answer **out, jwkd_error *error);
/* Takes the last rotation back: a promotion that waits is cancelled; one that is done is undone, as long as
 * the old key is not deactivated. The new key stays active, held. FAILED_PRECONDITION: there is none. */
JWKD_API jwkd_status jwkd_abort_rotation(
    jwkd_client *client, const char *environment, jwkd_key_answer **out, jwkd_error *error);
/* Has a key that is active and not primary deactivated once the last token it signed has expired. */
JWKD_API jwkd_status jwkd_retire(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error);

/* NOT_FOUND: there is none of this id, or it ended over a day ago. */
JWKD_API jwkd_status jwkd_get_operation(
    jwkd_client *client, const char *id, jwkd_operation **out, jwkd_error *error);
typedef void jwkd_on_operation(void *context, const jwkd_operation *operation);
/* Asks until it is no longer WAITING, or `wait_ms` are over: then TIMED_OUT. `on_progress` (may be NULL) is
 * called with each answer while it waits, some four times a second; it must not close the client. */
JWKD_API jwkd_status jwkd_await_operation(jwkd_client *client, const char *id, uint32_t wait_ms,
    jwkd_on_operation *on_progress, void *context, jwkd_operation **out, jwkd_error *error);

/* Somebody who verifies by an environment's events. */
typedef struct jwkd_subscriber {
    const char *instance;  /* hexadecimal */
    const char *name;      /* what it calls itself: jwkd_client_options */
    const char *principal; /* who it is, e.g. "uid:1000" */
    const char *environment;
    uint64_t revision, behind; /* that it has confirmed (0: none yet), and by how many it is behind */
    uint32_t lease_ms;
    bool serves_stale;                    /* it judges by old keys too, when it is cut off */
    uint64_t last_seen_ms, registered_ms; /* how long ago */
} jwkd_subscriber;
typedef struct jwkd_subscriber_list {
    size_t count;
    const jwkd_subscriber *subscribers;
} jwkd_subscriber_list;
/* Of one environment, or of all (NULL). */
JWKD_API jwkd_status jwkd_get_subscribers(
    jwkd_client *client, const char *environment, jwkd_subscriber_list **out, jwkd_error *error);

typedef struct jwkd_receipt_line {
    jwkd_subscriber subscriber;
    bool confirmed;    /* it refuses the key, since `after_us` microseconds after the deactivation */
    bool gone;         /* it is registered no longer */
    uint64_t after_us; /* until its confirmation came */
} jwkd_receipt_line;
/* Who refuses a deactivated key. */
typedef struct jwkd_receipt {
    const char *environment, *kid;
    uint64_t revision; /* that deactivated it */
    int64_t at;
    bool complete;  /* everybody who followed the environment has confirmed */
    bool bounded;   /* every lease that could still accept it has run out */
    bool unbounded; /* somebody who has not confirmed serves stale keys */
    bool forgotten; /* the service was started since, or it was long ago: who followed, and whether somebody
                       served stale keys, is not known, and there are no lines */
    uint32_t effective_in_ms;        /* until everybody refuses it, whoever answered; 0: that is past */
    int64_t effective_everywhere_by; /* the same as an instant, rounded up */
    int64_t last_expiry;             /* until when its tokens would have lived; 0: it signed none */
    uint32_t jwks_max_age_sec;       /* readers of the JWKS over HTTP may accept it for so long */
    size_t count;
    const jwkd_receipt_line *lines;
} jwkd_receipt;
/* As it stands now: it fills while subscribers confirm. FAILED_PRECONDITION: the key is live. Of keys that
 * were deactivated before the service was started there are no lines. */
JWKD_API jwkd_status jwkd_get_receipt(
    jwkd_client *client, const char *environment, const char *kid, jwkd_receipt **out, jwkd_error *error);

/* ---- Access ---------------------------------------------------------------------------------------- */

/* Who may do what. A principal is who asks: "uid:1000" over a local socket, "account:NAME" by an API token,
 * "anonymous" over plain tcp. It may what its grants say; changing accounts, tokens and grants takes the role
 * admin in every environment (DENIED). */

typedef struct jwkd_account {
    const char *name; /* its principal is "account:" and this */
    const char *note;
    const char *created_by;
    int64_t created_at;
    uint32_t tokens, grants; /* as it stands; 0 in the answer to its creation */
} jwkd_account;
typedef struct jwkd_account_list {
    size_t count;
    const jwkd_account *accounts; /* by name */
} jwkd_account_list;

/* `note` and `out` may be NULL. INVALID_ARGUMENT, ALREADY_EXISTS, RESOURCE_EXHAUSTED. */
JWKD_API jwkd_status jwkd_account_create(
    jwkd_client *client, const char *name, const char *note, jwkd_account **out, jwkd_error *error);
/* With its tokens and grants. NOT_FOUND. */
JWKD_API jwkd_status jwkd_account_delete(jwkd_client *client, const char *name, jwkd_error *error);
/* NOT_FOUND. */
JWKD_API jwkd_status jwkd_account_get(
    jwkd_client *client, const char *name, jwkd_account **out, jwkd_error *error);
JWKD_API jwkd_status jwkd_account_get_all(jwkd_client *client, jwkd_account_list **out, jwkd_error *error);

/* An API token, without its secret. */
typedef struct jwkd_api_token {
    const char *id, *account, *note, *created_by;
    int64_t created_at, expires_at;
    const char *secret; /* all of the token, in the answer to its creation alone; "" elsewhere */
} jwkd_api_token;
typedef struct jwkd_api_token_list {
    size_t count;
    const jwkd_api_token *tokens; /* by id */
} jwkd_api_token_list;

/* `lifetime_sec` 0: 90 days. The service keeps no secret: a repetition of the request is answered without it.
 * NOT_FOUND: no such account. RESOURCE_EXHAUSTED: it has 64 tokens. */
JWKD_API jwkd_status jwkd_api_token_create(jwkd_client *client, const char *account, const char *note,
    uint32_t lifetime_sec, jwkd_api_token **out, jwkd_error *error);
/* From the next request on it is not accepted. NOT_FOUND. */
JWKD_API jwkd_status jwkd_api_token_revoke(jwkd_client *client, const char *id, jwkd_error *error);
/* `account` NULL: of all. */
JWKD_API jwkd_status jwkd_api_token_get_all(
    jwkd_client *client, const char *account, jwkd_api_token_list **out, jwkd_error *error);

typedef struct jwkd_grant {
    const char *id; /* "": it is what a setting of the daemon gives, named in created_by */
    const char *principal, *role, *environment, *created_by;
    const char *rule; /* JSON; "": none */
    int64_t created_at;
} jwkd_grant;
typedef struct jwkd_grant_list {
    size_t count;
    const jwkd_grant *grants; /* by id */
} jwkd_grant_list;

/* `principal`: exact, or ending in "*" behind "/" or ":". `role`: viewer, verifier, signer, raw-signer,
 * operator, importer, auditor, relay, admin. `environment`: exact, "*", or ending in "*" behind "-", "_" or
 * ".". `rule`: of a signer, what it may put into a token, as JSON (jwkctl(1), RULES); NULL: anything.
 * `dry_run`: say what would come of it, and change nothing. */
typedef struct jwkd_grant_wish {
    const char *principal, *role, *environment, *rule;
    bool dry_run;
} jwkd_grant_wish;
/* `out` may be NULL. INVALID_ARGUMENT, NOT_FOUND (no such environment or account), RESOURCE_EXHAUSTED.
 * ALREADY_EXISTS: such a grant is there, with whatever rule. */
JWKD_API jwkd_status jwkd_grant_add(
    jwkd_client *client, const jwkd_grant_wish *wish, jwkd_grant **out, jwkd_error *error);
/* NOT_FOUND. FAILED_PRECONDITION: nobody would be left who may change access. */
JWKD_API jwkd_status jwkd_grant_remove(jwkd_client *client, const char *id, bool dry_run, jwkd_error *error);
/* `principal` NULL: all; else those that match it. */
JWKD_API jwkd_status jwkd_grant_get_all(
    jwkd_client *client, const char *principal, jwkd_grant_list **out, jwkd_error *error);

/* Whether a principal may do something. */
typedef struct jwkd_grant_test {
    bool allowed;
    const char *reason;      /* for a person */
    const jwkd_grant *grant; /* that decides; NULL: none does */
} jwkd_grant_test;
/* Whether a principal may carry out an operation ("sign", "rotate", "list_keys", ... as the contract calls
 * it) in an environment; of sign, with `item` (may be NULL), whether its rule lets such a token be signed.
 * Nothing is carried out. */
JWKD_API jwkd_status jwkd_grant_try(jwkd_client *client, const char *principal, const char *operation,
    const char *environment, const jwkd_sign_item *item, jwkd_grant_test **out, jwkd_error *error);

typedef struct jwkd_identity {
    const char *principal;           /* as whom requests of this client are judged */
    const char *transport_principal; /* whom the connection belongs to */
    const jwkd_api_token *token;     /* that is the credential; NULL: none is */
    size_t grant_count;              /* the most specific first */
    const jwkd_grant *grants;
    bool more; /* there are more grants than are listed */
    uint64_t access_revision;
} jwkd_identity;
/* Who one is, and what one may do. Takes no right. */
JWKD_API jwkd_status jwkd_whoami(jwkd_client *client, jwkd_identity **out, jwkd_error *error);

typedef struct jwkd_denial {
    const char *id, *principal, *transport_principal, *origin, *operation, *environment, *reason;
    int64_t at;
} jwkd_denial;
/* Why something was denied, by the id that the caller was told. Takes the role auditor. NOT_FOUND: it is not
 * among the last 1024. */
JWKD_API jwkd_status jwkd_explain(jwkd_client *client, const char *id, jwkd_denial **out, jwkd_error *error);

#ifdef __cplusplus
}
#endif
#endif
