#include "relay/held.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 8 * 1024 }; /* what a message takes at least */

jwkd_status held_unpack(struct bytes packed, struct held **out)
{
    CLEANUP(held_unref_at) struct held *held = calloc(1, sizeof *held);
    ProtobufCMessage *message;
    if (!held) return JWKD_NO_MEMORY;
    atomic_init(&held->references, 1);
    TRY(wire_unpack(&jwkd__v1__reply__descriptor, packed, &held->arena, &message));
    held->reply = (Jwkd__V1__Reply *)message;
    size_t given = packed.size * LIMIT_UNPACK_FACTOR + LIMIT_UNPACK_BASE;
    held->size = sizeof *held + ARENA_BLOCK + (given - held->arena.budget);
    *out = TAKE(held);
    return JWKD_OK;
}

struct held *held_ref(struct held *held)
{
    if (held) atomic_fetch_add_explicit(&held->references, 1, memory_order_relaxed);
    return held;
}

void held_unref(struct held *held)
{
    if (!held || atomic_fetch_sub_explicit(&held->references, 1, memory_order_acq_rel) != 1) return;
    arena_clear(&held->arena);
    free(held);
}
