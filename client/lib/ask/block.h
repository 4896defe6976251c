/* What the library hands out: one block of memory with everything it points to, freed by jwkd_free(). */
#ifndef LIB_BLOCK_H
#define LIB_BLOCK_H

#include <jwkd.h>

#include "base/bytes.h"

/* A block being laid out. The same function lays it out twice: first it only measures (`memory` is NULL,
 * and so is everything taken), then it writes. */
struct block {
    uint8_t *memory;
    size_t used;
};

/* Room for `size` bytes, aligned for any type; NULL while measuring. */
void *block_take(struct block *block, size_t size);
/* A NUL-terminated copy; NULL while measuring. */
const char *block_text(struct block *block, const char *text);
jwkd_bytes block_bytes(struct block *block, struct bytes bytes);

/* Lays out `from` and returns where the outermost structure lies. Must take the same twice. */
typedef void *block_layout(struct block *block, const void *from);
/* NO_MEMORY. */
jwkd_status block_build(block_layout *layout, const void *from, void **out) MUST_CHECK;
/* A block that is just this text with a NUL behind it. */
jwkd_status block_from_text(struct bytes text, char **out) MUST_CHECK;

#endif
