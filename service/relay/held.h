/* An unpacked reply with the memory it lives in, shared by reference: it is held, and sent meanwhile. */
#ifndef RELAY_HELD_H
#define RELAY_HELD_H

#include <stdatomic.h>

#include "base/cleanup.h"
#include "wire/wire.h"

struct held {
    atomic_uint references;
    struct arena arena;
    Jwkd__V1__Reply *reply; /* immutable from the moment it is shared */
    size_t size;            /* of its memory, about */
};

/* MALFORMED, NO_MEMORY. */
jwkd_status held_unpack(struct bytes packed, struct held **out) MUST_CHECK;
struct held *held_ref(struct held *held); /* NULL is fine */
void held_unref(struct held *held);       /* NULL is fine */
DEFINE_CLEANUP(struct held *, held_unref)

#endif
