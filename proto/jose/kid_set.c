#include "jose/kid_set.h"

#include <stdatomic.h>
#include <stdlib.h>

/* One block: where each kid ends, in the order of compare(), then their text in the same order. */
struct kid_set {
    atomic_uint references;
    size_t count;
    size_t ends[]; /* counted from the start of the text */
};

static const uint8_t *text(const struct kid_set *set)
{
    return (const uint8_t *)&set->ends[set->count];
}

static size_t start(const struct kid_set *set, size_t index)
{
    return index ? set->ends[index - 1] : 0;
}

static struct bytes at(const struct kid_set *set, size_t index)
{
    return bytes_of(text(set) + start(set, index), set->ends[index] - start(set, index));
}

/* Shorter ones first: cheaper than the alphabet, and any order will do. */
static int compare(struct bytes a, struct bytes b)
{
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

static int compare_items(const void *left, const void *right)
{
    return compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

/* Where the kid is, or belongs. */
static size_t place(const struct kid_set *set, struct bytes kid)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(at(set, middle), kid) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct kid_set *allocate(size_t count, size_t text_size)
{
    struct kid_set *set = malloc(sizeof *set + count * sizeof set->ends[0] + text_size);
    if (!set) return NULL;
    atomic_init(&set->references, 1);
    set->count = count;
    return set;
}

/* Of kids in order, each once. */
static jwkd_status lay_out(const struct bytes *kids, size_t count, struct kid_set **out)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += kids[i].size;
    struct kid_set *set = allocate(count, size);
    if (!set) return JWKD_NO_MEMORY;
    uint8_t *to = (uint8_t *)&set->ends[count];
    for (size_t i = 0, end = 0; i < count; i++) {
        if (kids[i].size) memcpy(to + end, kids[i].data, kids[i].size);
        set->ends[i] = end += kids[i].size;
    }
    *out = set;
    return JWKD_OK;
}

jwkd_status kid_set_new(const struct bytes *kids, size_t count, struct kid_set **out)
{
    CLEANUP(free_at) struct bytes *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) return JWKD_NO_MEMORY;
    if (count) memcpy(sorted, kids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_items);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || compare(sorted[distinct - 1], sorted[i]) != 0) sorted[distinct++] = sorted[i];
    return lay_out(sorted, distinct, out);
}

jwkd_status kid_set_with(struct kid_set *set, struct bytes kid, struct kid_set **out)
{
    if (!set || set->count == 0) return lay_out(&kid, 1, out);
    size_t index = place(set, kid), size = set->ends[set->count - 1], before = start(set, index);
    if (index < set->count && compare(at(set, index), kid) == 0) {
        *out = kid_set_ref(set);
        return JWKD_OK;
    }
    struct kid_set *grown = allocate(set->count + 1, size + kid.size);
    if (!grown) return JWKD_NO_MEMORY;
    memcpy(grown->ends, set->ends, index * sizeof set->ends[0]);
    grown->ends[index] = before + kid.size;
    for (size_t i = index; i < set->count; i++)
        grown->ends[i + 1] = set->ends[i] + kid.size;
    uint8_t *to = (uint8_t *)&grown->ends[grown->count];
    memcpy(to, text(set), before);
    if (kid.size) memcpy(to + before, kid.data, kid.size);
    memcpy(to + before + kid.size, text(set) + before, size - before);
    *out = grown;
    return JWKD_OK;
}

bool kid_set_contains(const struct kid_set *set, struct bytes kid)
{
    if (!set) return false;
    size_t index = place(set, kid);
    return index < set->count && compare(at(set, index), kid) == 0;
}

size_t kid_set_count(const struct kid_set *set)
{
    return set ? set->count : 0;
}

struct kid_set *kid_set_ref(struct kid_set *set)
{
    if (set) atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void kid_set_unref(struct kid_set *set)
{
    if (set && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1) free(set);
}
