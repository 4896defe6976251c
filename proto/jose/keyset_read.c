/* A key set from a document. */
#include <stdlib.h>

#include "base/limits.h"
#include "jose/json.h"
#include "jose/keyset.h"

/* A key that was read, and which entry of the document it is of. */
struct entry {
    struct jwk *key; /* NULL: left out again */
    size_t index;
};

struct reading {
    const struct keyset_rules *rules;
    struct skipped_keys *skipped; /* NULL: nobody asks */
    struct entry *entries;        /* in the order of the document */
    size_t count;
};

static void reading_clear(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        jwk_unref(reading->entries[i].key);
    free(reading->entries);
}

static jwkd_status out_of_memory(jwkd_error *error)
{
    return fail(error, JWKD_NO_MEMORY, "out of memory");
}

/* ---- one entry */

static jwkd_status check_names(const struct json *json, int item, jwkd_error *error)
{
    for (int node = item; node < json_next(json, item); node++)
        if (json->nodes[node].doubled) return fail(error, JWKD_MALFORMED, "a member name twice");
    return JWKD_OK;
}

/* An RSA key without alg, once for each algorithm that it may be used with. */
static jwkd_status add_algorithms(
    const struct json *json, int item, struct reading *reading, struct jwk *key, size_t index)
{
    uint32_t algs = reading->rules->default_algs;
    reading->entries[reading->count++] = (struct entry){.key = key, .index = index};
    if (jwk_kty(key) != KTY_RSA || json_member(json, item, "alg") != JSON_NONE) return JWKD_OK;
    for (enum alg alg = jwk_alg(key) + 1; alg < ALG_COUNT; alg++)
        if (alg_kty(alg) == KTY_RSA && algs & ALG_BIT(alg)) {
            struct entry *entry = &reading->entries[reading->count];
            TRY(jwk_with_alg(key, alg, &entry->key));
            entry->index = index;
            reading->count++;
        }
    return JWKD_OK;
}

/* Whether the document is good without an entry that failed so. */
static bool may_skip(const struct keyset_rules *rules, jwkd_status status)
{
    if (status == JWKD_UNSUPPORTED) return true;
    return rules->foreign && (status == JWKD_MALFORMED || status == JWKD_INVALID_ARGUMENT);
}

static jwkd_status skip(struct reading *reading, size_t index, struct bytes kid, const char *reason)
{
    return reading->skipped ? skipped_keys_add(reading->skipped, index, kid, reason) : JWKD_OK;
}

static jwkd_status read_entry(
    const struct json *json, int item, struct reading *reading, size_t index, jwkd_error *error)
{
    const struct jwk_rules rules = {
        .default_alg = alg_first_rsa(reading->rules->default_algs), .taken_in = !reading->rules->foreign};
    struct jwk *key = NULL;
    jwkd_error why = {0};
    jwkd_status status = check_names(json, item, &why);
    if (status == JWKD_OK) status = jwk_from_node(json, item, &rules, &key, &why);
    if (status == JWKD_OK) {
        status = add_algorithms(json, item, reading, key, index);
        return status == JWKD_OK ? JWKD_OK : out_of_memory(error);
    }
    if (jwk_node_is_private(json, item) || !may_skip(reading->rules, status))
        return fail(error, status, "key %zu: %.200s", index + 1, why.message);
    struct bytes kid = json_string(json, json_member(json, item, "kid"));
    return skip(reading, index, kid, why.message) == JWKD_OK ? JWKD_OK : out_of_memory(error);
}

/* ---- several under one kid */

/* Entries by kid, and the earlier first. */
static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
    int order = strcmp(jwk_kid(a->key), jwk_kid(b->key));
    return order ? order : a < b ? -1 : a > b;
}

/* What becomes of an entry beside those of its kid that are kept. */
enum place { PLACE_OWN, PLACE_AGAIN, PLACE_FULL };

static enum place place_of(const struct entry *entry, struct entry *const *kept, size_t count)
{
    size_t alike = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(jwk_json(kept[i]->key), jwk_json(entry->key))) return PLACE_AGAIN;
        alike += jwk_accepts(kept[i]->key, jwk_alg(entry->key));
    }
    return alike < LIMIT_KEYS_ALIKE ? PLACE_OWN : PLACE_FULL;
}

static jwkd_status leave_out(struct reading *reading, struct entry *entry, enum place place)
{
    CLEANUP(jwk_unref_at) struct jwk *key = TAKE(entry->key);
    if (place == PLACE_AGAIN) return JWKD_OK;
    return skip(reading, entry->index, bytes_of_text(jwk_kid(key)), "too many other keys of its kid and alg");
}

/* Identical keys count once; of those that fit the same tokens there are few, since each is tried. */
static jwkd_status leave_out_doubles(struct reading *reading)
{
    CLEANUP(free_at) struct entry **sorted = malloc((reading->count + 1) * sizeof(struct entry *));
    if (!sorted) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < reading->count; i++)
        sorted[i] = &reading->entries[i];
    qsort(sorted, reading->count, sizeof(struct entry *), compare_entries);
    size_t run = 0, kept = 0; /* sorted[run .. kept) has those of the present kid that stay */
    for (size_t i = 0; i < reading->count; i++) {
        struct entry *entry = sorted[i];
        if (kept > run && strcmp(jwk_kid(sorted[run]->key), jwk_kid(entry->key)) != 0) run = kept;
        enum place place = place_of(entry, sorted + run, kept - run);
        if (place == PLACE_OWN)
            sorted[kept++] = entry;
        else
            TRY(leave_out(reading, entry, place));
    }
    return JWKD_OK;
}

/* ---- the document */

static jwkd_status make(struct reading *reading, struct keyset **out, jwkd_error *error)
{
    CLEANUP(free_at) struct jwk **keys = malloc((reading->count + 1) * sizeof(struct jwk *));
    size_t count = 0;
    if (!keys || (reading->rules->foreign && leave_out_doubles(reading) != JWKD_OK))
        return out_of_memory(error);
    for (size_t i = 0; i < reading->count; i++)
        if (reading->entries[i].key) keys[count++] = reading->entries[i].key;
    return reading->rules->foreign ? keyset_sharing(keys, count, out, error)
                                   : keyset_new(keys, count, NULL, out, error);
}

static jwkd_status read_all(
    const struct json *json, struct reading *reading, struct keyset **out, jwkd_error *error)
{
    int keys = json_member(json, JSON_ROOT, "keys");
    if (!json_is(json, keys, JSON_ARRAY))
        return fail(error, JWKD_MALFORMED, "no JSON object with an array keys");
    size_t count = json->nodes[keys].children;
    if (count > LIMIT_KEYSET_KEYS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "a key set of over %d keys", LIMIT_KEYSET_KEYS);
    size_t algs = (size_t)__builtin_popcount(reading->rules->default_algs);
    reading->entries = calloc(count * (algs ? algs : 1) + 1, sizeof *reading->entries);
    if (!reading->entries) return out_of_memory(error);
    int item = json_first(json, keys);
    for (size_t i = 0; i < count; i++, item = json_next(json, item))
        TRY(read_entry(json, item, reading, i, error));
    return make(reading, out, error);
}

jwkd_status keyset_from_json(struct bytes text, const struct keyset_rules *rules, struct keyset **out,
    struct skipped_keys *out_skipped, jwkd_error *error)
{
    if (text.size > LIMIT_JWKS)
        return fail(error, JWKD_RESOURCE_EXHAUSTED, "a key set over %d bytes", LIMIT_JWKS);
    CLEANUP(json_clear) struct json json;
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
    CLEANUP(reading_clear)
    struct reading reading = {.rules = rules, .skipped = out_skipped ? &skipped : NULL};
    TRY(rules->foreign ? json_parse_marking(&json, text, error) : json_parse(&json, text, error));
    if (json.nodes[JSON_ROOT].doubled) return fail(error, JWKD_MALFORMED, "JSON: a member name twice");
    TRY(read_all(&json, &reading, out, error));
    if (!out_skipped) return JWKD_OK;
    *out_skipped = skipped;
    skipped = (struct skipped_keys){0};
    return JWKD_OK;
}
