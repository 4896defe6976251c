#include "wire/arena.h"

#include <stdlib.h>

enum { BLOCK_SIZE = 8 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char data[];
};

static void *arena_allocator_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}
/* Nothing is given back one by one: protobuf-c frees a half-unpacked message on failure. */
static void arena_allocator_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){
        .allocator = {.alloc = arena_allocator_alloc, .free = arena_allocator_free, .allocator_data = arena},
        .budget = budget};
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > arena->budget) return NULL;
    size = (size + align - 1) & ~(align - 1);
    if (size > arena->budget) return NULL;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = calloc(1, sizeof *block + room);
        if (!block) return NULL;
        block->size = room;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = block->data + block->used;
    block->used += size;
    arena->budget -= size;
    return memory;
}

char *arena_text(struct arena *arena, struct bytes text)
{
    char *copy = arena_alloc(arena, text.size + 1);
    if (copy && text.size) memcpy(copy, text.data, text.size);
    return copy;
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        bytes_wipe(block->data, block->used);
        free(block);
    }
    arena->budget = 0;
}
