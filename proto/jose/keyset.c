#include "jose/keyset.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"
#include "jose/json.h"

struct entry {
    struct bytes kid;
    const struct jwk *key; /* NULL: revoked */
};

struct keyset {
    atomic_uint references;
    size_t count, entry_count;
    struct jwk **keys;     /* in the order of the set, a reference each */
    struct entry *entries; /* live and revoked, sorted by kid */
    uint8_t *revoked_text;
};

static int compare_kids(struct bytes a, struct bytes b)
{
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

static int compare_entries(const void *left, const void *right)
{
    return compare_kids(((const struct entry *)left)->kid, ((const struct entry *)right)->kid);
}

static void keyset_free(struct keyset *keyset)
{
    for (size_t i = 0; i < keyset->count; i++)
        jwk_unref(keyset->keys[i]);
    free(keyset->keys);
    free(keyset->entries);
    free(keyset->revoked_text);
    free(keyset);
}

/* Everything that the set will need, with nothing in it. */
static jwkd_status keyset_alloc(
    size_t count, const struct bytes *revoked, size_t revoked_count, struct keyset **out)
{
    size_t text_size = 1;
    for (size_t i = 0; i < revoked_count; i++)
        text_size += revoked[i].size;
    struct keyset *keyset = calloc(1, sizeof *keyset);
    if (!keyset) return JWKD_NO_MEMORY;
    keyset->keys = calloc(count + 1, sizeof *keyset->keys);
    keyset->entries = calloc(count + revoked_count + 1, sizeof *keyset->entries);
    keyset->revoked_text = malloc(text_size);
    if (!keyset->keys || !keyset->entries || !keyset->revoked_text) {
        keyset_free(keyset);
        return JWKD_NO_MEMORY;
    }
    atomic_init(&keyset->references, 1);
    *out = keyset;
    return JWKD_OK;
}

static void add_keys(struct keyset *keyset, struct jwk *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct jwk *key = keyset->keys[keyset->count++] = jwk_ref(keys[i]);
        keyset->entries[keyset->entry_count++] =
            (struct entry){.kid = bytes_of_text(jwk_kid(key)), .key = key};
    }
}

static void add_revoked(struct keyset *keyset, const struct bytes *revoked, size_t count)
{
    uint8_t *text = keyset->revoked_text;
    for (size_t i = 0; i < count; i++) {
        if (revoked[i].size) memcpy(text, revoked[i].data, revoked[i].size);
        keyset->entries[keyset->entry_count++] = (struct entry){.kid = bytes_of(text, revoked[i].size)};
        text += revoked[i].size;
    }
}

jwkd_status keyset_new(struct jwk *const *keys, size_t count, const struct bytes *revoked,
    size_t revoked_count, struct keyset **out, jwkd_error *error)
{
    struct keyset *keyset;
    jwkd_status status = keyset_alloc(count, revoked, revoked_count, &keyset);
    if (status != JWKD_OK) return fail(error, status, "%s", jwkd_status_text(status));
    add_keys(keyset, keys, count);
    add_revoked(keyset, revoked, revoked_count);
    qsort(keyset->entries, keyset->entry_count, sizeof *keyset->entries, compare_entries);
    for (size_t i = 1; i < keyset->entry_count; i++) {
        struct bytes kid = keyset->entries[i].kid;
        if (!bytes_equal(keyset->entries[i - 1].kid, kid)) continue;
        status = fail(error, JWKD_INVALID_ARGUMENT, "kid \"%.*s\" appears twice", (int)kid.size,
            (const char *)kid.data);
        keyset_free(keyset);
        return status;
    }
    *out = keyset;
    return JWKD_OK;
}

/* ---- from a document */

struct key_list {
    struct jwk **keys;
    size_t count;
};

static void key_list_clear(struct key_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        jwk_unref(list->keys[i]);
    free(list->keys);
}

static jwkd_status read_keys(const struct json *json, int array, const struct keyset_rules *rules,
    struct key_list *list, jwkd_error *error)
{
    const struct jwk_rules key_rules = {.default_alg = rules->default_alg};
    int item = json_first(json, array);
    for (uint32_t i = 0; i < json->nodes[array].children; i++, item = json_next(json, item)) {
        jwkd_error why = {0};
        jwkd_status status = jwk_from_node(json, item, &key_rules, &list->keys[list->count], &why);
        if (status == JWKD_OK) {
            list->count++;
        } else if (status != JWKD_UNSUPPORTED || !rules->skip_unusable) {
            return fail(error, status, "key %u: %.200s", i + 1, why.message);
        }
    }
    return JWKD_OK;
}

jwkd_status keyset_from_json(struct bytes text, const struct keyset_rules *rules, const struct bytes *revoked,
    size_t revoked_count, struct keyset **out, jwkd_error *error)
{
    if (text.size > LIMIT_JWKS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "a key set over %d bytes", LIMIT_JWKS);
    CLEANUP(json_clear) struct json json;
    CLEANUP(key_list_clear) struct key_list list = {0};
    TRY(json_parse(&json, text, error));
    int keys = json_member(&json, JSON_ROOT, "keys");
    if (!json_is(&json, keys, JSON_ARRAY))
        return fail(error, JWKD_MALFORMED, "no JSON object with an array keys");
    size_t count = json.nodes[keys].children;
    if (count > LIMIT_KEYSET_KEYS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "a key set of over %d keys", LIMIT_KEYSET_KEYS);
    list.keys = calloc(count + 1, sizeof *list.keys);
    if (!list.keys) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(read_keys(&json, keys, rules, &list, error));
    return keyset_new(list.keys, list.count, revoked, revoked_count, out, error);
}

/* ---- use */

struct keyset *keyset_ref(const struct keyset *keyset)
{
    struct keyset *mutable = (struct keyset *)(uintptr_t)keyset;
    atomic_fetch_add_explicit(&mutable->references, 1, memory_order_relaxed);
    return mutable;
}

void keyset_unref(struct keyset *keyset)
{
    if (keyset && atomic_fetch_sub_explicit(&keyset->references, 1, memory_order_acq_rel) == 1)
        keyset_free(keyset);
}

size_t keyset_count(const struct keyset *keyset)
{
    return keyset->count;
}
const struct jwk *keyset_at(const struct keyset *keyset, size_t index)
{
    return keyset->keys[index];
}

enum key_standing keyset_find(const struct keyset *keyset, struct bytes kid, const struct jwk **out_key)
{
    size_t low = 0, high = keyset->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = &keyset->entries[middle];
        int order = compare_kids(kid, entry->kid);
        if (order == 0) {
            if (!entry->key) return KEY_REVOKED;
            *out_key = entry->key;
            return KEY_LIVE;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return KEY_UNKNOWN;
}

static jwkd_status append_document(const struct keyset *keyset, struct buffer *out)
{
    TRY(buffer_append_text(out, "{\"keys\":["));
    for (size_t i = 0; i < keyset->count; i++) {
        if (i) TRY(buffer_append_text(out, ","));
        TRY(buffer_append_bytes(out, jwk_json(keyset->keys[i])));
    }
    return buffer_append_text(out, "]}");
}

jwkd_status keyset_json(const struct keyset *keyset, struct buffer *out)
{
    size_t before = out->size;
    jwkd_status status = append_document(keyset, out);
    if (status != JWKD_OK) out->size = before;
    return status;
}
