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
    const Jwkd__V1__Request *request; /* the request that it answers; NULL: the request could not be read */
    bool shown_once;                  /* the key or secret in it is not kept for repetitions of the request */
    struct access_entry *entry;       /* a reference: the account, token or grant that it borrows from */
};

/* Begins an OK answer to the request. The answer borrows from the request. */
void reply_init(struct reply *reply, const Jwkd__V1__Request *request);
void reply_clear(struct reply *reply);
/* Turns the reply into a failure: no result, the error's message (copied), and a status that the caller
 * understands. */
void reply_fail(struct reply *reply, jwkd_status status, const jwkd_error *error);
/* The answer borrows from the entry: a reference is kept with it. */
void reply_keep(struct reply *reply, struct access_entry *entry);
/* Zeroed memory that lives as long as the reply; NULL when memory or the reply's budget is spent. */
void *reply_alloc(struct reply *reply, size_t size);
/* As reply_alloc, for `count` messages and an array of pointers to them, as protobuf-c has repeated fields.
 * Sets *out_items and returns the pointers. */
void *reply_array(struct reply *reply, size_t count, size_t item_size, void *out_items);

#endif
