/* Memory for one unpacked message: bounded, released all at once, wiped.
 *
 * 1 MiB of empty items would unpack to 52 MiB; so a message is given a budget in proportion to its
 * size, and unpacking fails when it is spent. */
#ifndef WIRE_ARENA_H
#define WIRE_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"

struct arena_block;

/* One thread at a time. `allocator` is what protobuf-c's unpack takes. */
struct arena {
    ProtobufCAllocator allocator;
    struct arena_block *blocks;
    size_t budget;
};

/* Initialises with at most `budget` bytes to give away. Must not be moved afterwards. */
void arena_init(struct arena *arena, size_t budget);
/* `size` zero bytes, aligned for any type; NULL when the budget is spent or memory is short. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy; NULL likewise. */
char *arena_text(struct arena *arena, struct bytes text);
/* Wipes and frees everything; the arena is empty afterwards and may be cleared again. */
void arena_clear(struct arena *arena);

#endif
