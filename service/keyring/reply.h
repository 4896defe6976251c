/* An answer being put together: a message, the memory of its parts, and the snapshot that it borrows from. */
#ifndef KEYRING_REPLY_H
#define KEYRING_REPLY_H

#include "keyring/model/snapshot.h"
#include "wire/wire.h"

/* Not to be moved after reply_init. */
struct reply {
    Jwkd__V1__Reply message;
    struct arena arena;
    struct snapshot *snapshot;
    const Jwkd__V1__Request *request; /* which it answers; NULL: it could not be read */
    bool shown_once;                  /* the key in it is not to be kept for repetitions of the request */
};

/* Begins an OK answer to the request, which is borrowed from. */
void reply_init(struct reply *reply, const Jwkd__V1__Request *request);
void reply_clear(struct reply *reply);
/* Turns it into a failure: no result, the error's message, and the status as the caller understands it. The
 * message is copied. */
void reply_fail(struct reply *reply, jwkd_status status, const jwkd_error *error);
/* Zeroed memory that lives as long as the reply; NULL when memory or the reply's budget is spent. */
void *reply_alloc(struct reply *reply, size_t size);
/* Likewise for `count` messages with an array of pointers to them, as protobuf-c has repeated fields: sets
 * *out_items and returns the pointers. */
void *reply_array(struct reply *reply, size_t count, size_t item_size, void *out_items);

#endif
