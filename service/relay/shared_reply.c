#include "relay/shared_reply.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 8 * 1024 }; /* what a message takes at least */

jwkd_status shared_reply_unpack(struct bytes packed, struct shared_reply **out)
{
    CLEANUP(shared_reply_unref_at) struct shared_reply *reply = calloc(1, sizeof *reply);
    ProtobufCMessage *message;
    if (!reply) return JWKD_NO_MEMORY;
    atomic_init(&reply->references, 1);
    TRY(wire_unpack(&jwkd__v1__reply__descriptor, packed, &reply->arena, &message));
    reply->reply = (Jwkd__V1__Reply *)message;
    size_t given = packed.size * LIMIT_UNPACK_FACTOR + LIMIT_UNPACK_BASE;
    reply->size = sizeof *reply + ARENA_BLOCK + (given - reply->arena.budget);
    *out = TAKE(reply);
    return JWKD_OK;
}

struct shared_reply *shared_reply_ref(struct shared_reply *reply)
{
    if (reply) atomic_fetch_add_explicit(&reply->references, 1, memory_order_relaxed);
    return reply;
}

void shared_reply_unref(struct shared_reply *reply)
{
    if (!reply || atomic_fetch_sub_explicit(&reply->references, 1, memory_order_acq_rel) != 1) return;
    arena_clear(&reply->arena);
    free(reply);
}
