#include "jose/json_names.h"

#include <stdlib.h>

#include "base/cleanup.h"

enum { FEW = 24 }; /* up to here comparing all pairs is cheaper than sorting */

static int compare_names(const void *left, const void *right)
{
    const struct bytes *a = left, *b = right;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    return a->size ? memcmp(a->data, b->data, a->size) : 0;
}

static void collect_names(const struct json *json, uint32_t object, struct bytes *out)
{
    uint32_t index = object + 1;
    for (uint32_t i = 0; i < json->nodes[object].children; i++) {
        out[i] = json->nodes[index].text;
        index = json->nodes[index + 1].next;
    }
}

static jwkd_status check_few(const struct json *json, uint32_t object)
{
    struct bytes names[FEW];
    collect_names(json, object, names);
    for (uint32_t i = 1; i < json->nodes[object].children; i++)
        for (uint32_t j = 0; j < i; j++)
            if (bytes_equal(names[i], names[j])) return JWKD_MALFORMED;
    return JWKD_OK;
}

jwkd_status json_check_names(const struct json *json, uint32_t object)
{
    uint32_t count = json->nodes[object].children;
    if (count <= FEW) return check_few(json, object);
    CLEANUP(free_at) struct bytes *names = malloc(count * sizeof *names);
    if (!names) return JWKD_NO_MEMORY;
    collect_names(json, object, names);
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 1; i < count; i++)
        if (bytes_equal(names[i], names[i - 1])) return JWKD_MALFORMED;
    return JWKD_OK;
}
