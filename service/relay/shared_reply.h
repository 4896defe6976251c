/* An unpacked reply with the memory it lives in, shared by reference: it is kept, and sent meanwhile. */
#ifndef RELAY_SHARED_REPLY_H
#define RELAY_SHARED_REPLY_H

#include <stdatomic.h>

#include "base/cleanup.h"
#include "wire/wire.h"

struct shared_reply {
    atomic_uint references;
    struct arena arena;
    Jwkd__V1__Reply *reply; /* immutable from the moment it is shared */
    size_t size;            /* of its memory, about */
};

/* MALFORMED, NO_MEMORY. */
jwkd_status shared_reply_unpack(struct bytes packed, struct shared_reply **out) MUST_CHECK;
struct shared_reply *shared_reply_ref(struct shared_reply *reply); /* NULL is fine */
void shared_reply_unref(struct shared_reply *reply);               /* NULL is fine */
DEFINE_CLEANUP(struct shared_reply *, shared_reply_unref)

#endif
