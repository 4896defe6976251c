/* A call's inside, for call.c and call_pool.c. */
#ifndef LIB_CALL_INTERNAL_H
#define LIB_CALL_INTERNAL_H

#include "lib/connection/call.h"

enum call_phase { CALL_SENDING, CALL_RECEIVING, CALL_PAUSING };

/* Belongs to one chain of nng callbacks, or to the thread that waits for it. Kept for the next call when it
 * has ended. */
struct call {
    jwkd_client *client;
    struct call *next, *previous; /* in client->active or ->idle */
    enum call_way way;
    nng_ctx context;
    nng_aio *aio, *sleep; /* nng 1.5.2 takes a timeout for success on an aio that ever slept: hence two */
    nng_pipe pipe;        /* that the message under way was sent by */
    enum call_phase phase;
    uint64_t sent_ns;         /* shortly before the message under way left */
    nng_duration patience_ms; /* how long nng waits for the answer to it */
    struct call_order order;
    uint8_t request_id[16];
    uint8_t sent_id[16]; /* of the message under way: the request's, or a hello's own */
    uint8_t boot_id[16]; /* of the session that the message under way was made for */
    bool hello;          /* the message under way is a hello that has to come first */
    bool unanswered;     /* the request left at least once and what became of it is not known */
    unsigned pauses, silences;
    jwkd_status trouble; /* the last reason to try again; reported when time runs out */
};

/* One of the idle calls, or a new one; active from now on. CLOSED, NO_MEMORY. */
jwkd_status call_take(
    jwkd_client *client, enum call_way way, struct call **out, jwkd_error *error) MUST_CHECK;
void call_give_back(struct call *call);
/* The operation under way has ended: what comes next. nng's callback, or called by the thread that waits. */
void call_step(void *call);

#endif
