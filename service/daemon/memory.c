#include "daemon/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/process.h"

enum {
    MAPPED_ABOVE = 64 * 1024, /* allocations that are mappings of their own */
    GIVE_BACK_ABOVE = 512 * 1024,
};

static char *heap_start; /* a page */

void memory_begin(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *end = sbrk(0);
    heap_start = end + (page - (uintptr_t)end % page) % page;
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, MAPPED_ABOVE);
    mallopt(M_TRIM_THRESHOLD, GIVE_BACK_ABOVE);
}

/* Free bytes of the heap, whether the system has them back or not. */
static size_t free_bytes(void)
{
    return mallinfo2().fordblks;
}

void memory_give_back(void)
{
    static size_t given; /* of the free bytes, at most */
    size_t idle = free_bytes();
    if (idle < given) given = idle; /* used again */
    if (idle - given < GIVE_BACK_ABOVE) return;
    const size_t size = (size_t)((char *)sbrk(0) - heap_start);
    const bool locked = process_has_locked();
    if (locked) munlock(heap_start, size);
    malloc_trim(0);
    if (locked) mlock2(heap_start, size, MLOCK_ONFAULT);
    given = free_bytes();
}
