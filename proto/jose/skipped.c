#include "jose/skipped.h"

#include <stdlib.h>

jwkd_status skipped_keys_add(struct skipped_keys *list, size_t index, struct bytes kid, const char *reason)
{
    struct skipped_key *grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown) return JWKD_NO_MEMORY;
    list->items = grown;
    size_t size = strlen(reason) + 1;
    char *text = malloc(size + kid.size); /* the reason, and the kid behind it */
    if (!text) return JWKD_NO_MEMORY;
    memcpy(text, reason, size);
    if (kid.size) memcpy(text + size, kid.data, kid.size);
    grown[list->count++] =
        (struct skipped_key){.index = index, .kid = bytes_of(text + size, kid.size), .reason = text};
    return JWKD_OK;
}

const struct skipped_key *skipped_keys_find(const struct skipped_keys *list, struct bytes kid)
{
    for (size_t i = 0; kid.size && i < list->count; i++)
        if (bytes_equal(list->items[i].kid, kid)) return &list->items[i];
    return NULL;
}

void skipped_keys_clear(struct skipped_keys *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].reason);
    free(list->items);
    *list = (struct skipped_keys){0};
}
