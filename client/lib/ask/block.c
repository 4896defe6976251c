#include "lib/ask/block.h"

#include <stdlib.h>

/* Stands before every block, so that freeing can wipe it. */
struct block_header {
    _Alignas(max_align_t) size_t size;
};

void *block_take(struct block *block, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    void *room = block->memory ? block->memory + block->used : NULL;
    block->used += (size + align - 1) & ~(align - 1);
    return room;
}

const char *block_text(struct block *block, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = block_take(block, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

jwkd_bytes block_bytes(struct block *block, struct bytes bytes)
{
    void *copy = block_take(block, bytes.size + 1);
    if (copy && bytes.size) memcpy(copy, bytes.data, bytes.size);
    return (jwkd_bytes){.data = copy, .size = bytes.size};
}

static void *block_new(size_t size)
{
    struct block_header *header = calloc(1, sizeof *header + size);
    if (!header) return NULL;
    header->size = size;
    return header + 1;
}

jwkd_status block_build(block_layout *layout, const void *from, void **out)
{
    struct block block = {0};
    layout(&block, from);
    void *memory = block_new(block.used);
    if (!memory) return JWKD_NO_MEMORY;
    block = (struct block){.memory = memory};
    *out = layout(&block, from);
    return JWKD_OK;
}

jwkd_status block_from_text(struct bytes text, char **out)
{
    char *copy = block_new(text.size + 1);
    if (!copy) return JWKD_NO_MEMORY;
    if (text.size) memcpy(copy, text.data, text.size);
    *out = copy;
    return JWKD_OK;
}

void jwkd_free(void *block)
{
    if (!block) return;
    struct block_header *header = (struct block_header *)block - 1;
    bytes_wipe(header, sizeof *header + header->size);
    free(header);
}
