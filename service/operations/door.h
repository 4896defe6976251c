/* The one door: whatever transport brought a request, it is checked, carried out and answered here.
 *
 *     transport: bytes, and who sent them -> door_ask() -> checked -> at once, by a worker of the pool, or by
 * the keyring's writer -> the transport's `answer`: bytes
 */
#ifndef OPERATIONS_DOOR_H
#define OPERATIONS_DOOR_H

#include "keyring/keyring.h"
#include "operations/credential.h"
#include "operations/denials.h"
#include "operations/late.h"
#include "operations/pool.h"

struct door;

struct door_options {
    struct keyring *keyring;
    struct registry *registry; /* outlives the door */
    uint8_t boot_id[16];
    const char *version;
    const char *const *events_urls; /* told to clients in hello */
    size_t events_url_count;
    uint32_t heartbeat_ms;
    struct door_access access;
    unsigned workers; /* 0: one a processor */
    unsigned queue;   /* requests of one caller that may wait for a worker; 0: 128 */
};

jwkd_status door_open(const struct door_options *options, struct door **out, jwkd_error *error) MUST_CHECK;
/* What waits for a worker is carried out, and the workers end; what is asked from then on is answered with
 * BUSY. When no transport asks any more. NULL is fine; may be called twice. */
void door_close(struct door *door);
/* After that, and before keyring_close(). NULL is fine. */
void door_free(struct door *door);

struct door_call;

/* What the door wants to know of a transport, on any thread. */
struct door_transport {
    bool (*is_awaited)(const struct door_call *call); /* whether anybody would hear the answer */
    bool (*may_answer)(const struct door_call *call); /* whether the caller reads what it is answered */
    /* Takes the answer, and ends the call: nothing of it is looked at afterwards. Without bytes there is none
     * (nobody awaits it, or memory is short): the caller's own timeout tells it. */
    void (*answer)(struct door_call *call, struct buffer *packed);
};

/* One request, from its arrival to its answer; the transport's memory, zeroed but for the first three. */
struct door_call {
    const struct door_transport *transport;
    struct caller caller;
    const void *turn; /* whose turn it takes before the pool: the same pointer for the same caller */
    /* the door's own: */
    struct door *door;
    struct pool_job job;
    struct late_job late;
    jwkd_error refused; /* why it is answered late */
    struct pool_shared shared;
    struct keyring_signing *signing;     /* what is shared: */
    struct keyring_verifying *verifying; /* either of them */
    struct keyring_command command;
    struct arena arena;
    Jwkd__V1__Request *request; /* in the arena; NULL when it could not be read */
    struct reply reply;         /* borrows from the request */
    const struct operation *operation;
    char denial[DENIAL_ID + 1]; /* "": it is not denied */
};

/* Answers, perhaps before it returns. The message is a packed jwkd.v1.Request, borrowed for the call. */
void door_ask(struct door *door, struct door_call *call, struct bytes message);

#endif
