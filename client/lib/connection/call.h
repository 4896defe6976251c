/* One request and its answer: envelope, deadline, repetition under the same request id (proto/DELIVERY.md C1,
 * C5). */
#ifndef LIB_CALL_H
#define LIB_CALL_H

#include "base/cleanup.h"
#include "lib/connection/client.h"

/* An unpacked answer of status OK. */
struct reply {
    struct arena arena;
    Jwkd__V1__Reply *message;
    uint64_t sent_ns; /* an instant before the request left that it answers, by clock_elapsed_ns() */
};
void reply_free(struct reply *reply); /* NULL is fine */
DEFINE_CLEANUP(struct reply *, reply_free)

/* Called once, mostly on a thread of nng's: must not wait. The reply (NULL unless OK) is the callee's; the
 * error is borrowed. */
typedef void call_done(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error);

struct call_order {
    /* The operation; the envelope's fields are filled in here. Lives, with all it points to, until `done`.
     * NULL: just say hello; the reply is NULL then. */
    Jwkd__V1__Request *request;
    const uint8_t *request_id; /* 16 bytes; NULL: a fresh one */
    uint64_t expires_ns;       /* when to give up, by clock_elapsed_ns() */
    call_done *done;
    void *context;
};
/* `done` is called unless this fails: CLOSED, NO_MEMORY. */
jwkd_status call_start(jwkd_client *client, const struct call_order *order, jwkd_error *error) MUST_CHECK;

/* Likewise, on the caller's own thread, which calls `done` before this returns. Never on a thread
 * of nng's. */
jwkd_status call_carry(jwkd_client *client, const struct call_order *order, jwkd_error *error) MUST_CHECK;

/* As call_carry(), with the outcome. MALFORMED when the answer is not of the expected kind. Never on a thread
 * of nng's. */
struct call_wait {
    uint32_t timeout_ms; /* 0: the client's */
    const uint8_t *request_id;
};
jwkd_status client_call(jwkd_client *client, Jwkd__V1__Request *request, Jwkd__V1__Reply__ResultCase expected,
    const struct call_wait *wait, struct reply **out, jwkd_error *error) MUST_CHECK;
jwkd_status client_hello(jwkd_client *client, uint32_t timeout_ms, jwkd_error *error) MUST_CHECK;

/* Why a connection was closed as soon as it was made. */
enum {
    REFUSED_STRANGER = NNG_EPERM,      /* the other end is not who it should be: DENIED */
    REFUSED_OVERHEARD = NNG_EPEERAUTH, /* others could read the token: UNAUTHENTICATED */
};
/* Ends calls that wait for a connection, and for a moment those that begin, for that reason. */
void call_refuse_all(jwkd_client *client, int reason);
/* No call begins any more; those under way end with CLOSED, and this waits for them. */
void call_end_all(jwkd_client *client);
/* Frees the pool, when all calls have ended. */
void call_free_idle(jwkd_client *client);

/* For what makes several requests, and pauses in between: the client is not freed meanwhile. CLOSED. */
jwkd_status client_enter(jwkd_client *client, jwkd_error *error) MUST_CHECK;
void client_leave(jwkd_client *client);
DEFINE_CLEANUP(jwkd_client *, client_leave)
/* Sleeps; CLOSED when the client is being closed. Within the two. */
jwkd_status client_pause(jwkd_client *client, uint64_t ms, jwkd_error *error) MUST_CHECK;

#endif
