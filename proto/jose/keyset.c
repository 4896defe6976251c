#include "jose/keyset.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"

/* One block. */
struct keyset {
    atomic_uint references;
    size_t count;
    bool shares_kids; /* several keys may have one kid */
    struct kid_set *revoked;
    struct jwk **keys;   /* in the order of the set, a reference each */
    struct jwk **sorted; /* the same by kid */
    struct jwk *room[];  /* for both */
};

static int compare_keys(const void *left, const void *right)
{
    return strcmp(jwk_kid(*(struct jwk *const *)left), jwk_kid(*(struct jwk *const *)right));
}

/* As strcmp would, had `kid` a NUL at its end. */
static int compare_kid(struct bytes kid, const char *other)
{
    size_t size = strlen(other), common = kid.size < size ? kid.size : size;
    int order = common ? memcmp(kid.data, other, common) : 0;
    if (order) return order;
    return kid.size == size ? 0 : kid.size < size ? -1 : 1;
}

static void keyset_free(struct keyset *keyset)
{
    for (size_t i = 0; i < keyset->count; i++)
        jwk_unref(keyset->keys[i]);
    kid_set_unref(keyset->revoked);
    free(keyset);
}

static struct keyset *keyset_alloc(size_t most, struct kid_set *revoked, bool shares_kids)
{
    struct keyset *keyset = calloc(1, sizeof *keyset + 2 * most * sizeof keyset->room[0]);
    if (!keyset) return NULL;
    atomic_init(&keyset->references, 1);
    keyset->keys = keyset->room;
    keyset->sorted = keyset->room + most;
    keyset->revoked = kid_set_ref(revoked);
    keyset->shares_kids = shares_kids;
    return keyset;
}

/* A kid that appears twice and may not, or NULL. */
static const char *find_double(const struct keyset *keyset)
{
    for (size_t i = 0; i < keyset->count; i++) {
        const char *kid = jwk_kid(keyset->sorted[i]);
        bool again = !keyset->shares_kids && i > 0 && strcmp(kid, jwk_kid(keyset->sorted[i - 1])) == 0;
        if (again || kid_set_contains(keyset->revoked, bytes_of_text(kid))) return kid;
    }
    return NULL;
}

static jwkd_status make(struct jwk *const *keys, size_t count, struct kid_set *revoked, bool shares_kids,
    struct keyset **out, jwkd_error *error)
{
    CLEANUP(keyset_unref_at) struct keyset *keyset = keyset_alloc(count, revoked, shares_kids);
    if (!keyset) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (; keyset->count < count; keyset->count++)
        keyset->sorted[keyset->count] = keyset->keys[keyset->count] = jwk_ref(keys[keyset->count]);
    qsort(keyset->sorted, count, sizeof(struct jwk *), compare_keys);
    const char *twice = find_double(keyset);
    if (twice) return fail(error, JWKD_INVALID_ARGUMENT, "kid \"%s\" appears twice", twice);
    *out = TAKE(keyset);
    return JWKD_OK;
}

jwkd_status keyset_new(
    struct jwk *const *keys, size_t count, struct kid_set *revoked, struct keyset **out, jwkd_error *error)
{
    return make(keys, count, revoked, false, out, error);
}

jwkd_status keyset_sharing(struct jwk *const *keys, size_t count, struct keyset **out, jwkd_error *error)
{
    return make(keys, count, NULL, true, out, error);
}

/* ---- by one change */

static bool same_kid(const struct keyset *keyset, size_t a, size_t b)
{
    return strcmp(jwk_kid(keyset->sorted[a]), jwk_kid(keyset->sorted[b])) == 0;
}

/* Where the kid is in the order of kids, the first of them, or belongs. */
static size_t place(const struct keyset *keyset, struct bytes kid, bool *out_found)
{
    size_t low = 0, high = keyset->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_kid(kid, jwk_kid(keyset->sorted[middle]));
        *out_found = order == 0;
        if (order == 0) {
            while (keyset->shares_kids && middle > 0 && same_kid(keyset, middle - 1, middle))
                middle--;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *out_found = false;
    return low;
}

/* How many keys have the kid of the one at `at`, the first of them. */
static size_t run_at(const struct keyset *keyset, size_t at)
{
    size_t end = at + 1;
    while (keyset->shares_kids && end < keyset->count && same_kid(keyset, at, end))
        end++;
    return end - at;
}

static bool among(const struct jwk *key, struct jwk *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i] == key) return true;
    return false;
}

/* A copy, but for the keys with that kid, with room for one more. */
static struct keyset *copy_without(const struct keyset *set, struct bytes kid, struct kid_set *revoked)
{
    struct keyset *copy = keyset_alloc(set->count + 1, revoked, set->shares_kids);
    bool found;
    size_t at = place(set, kid, &found), run = found ? run_at(set, at) : 0, behind = at + run;
    if (!copy) return NULL;
    for (size_t i = 0; i < set->count; i++)
        if (!among(set->keys[i], set->sorted + at, run)) copy->keys[copy->count++] = jwk_ref(set->keys[i]);
    memcpy(copy->sorted, set->sorted, at * sizeof set->sorted[0]);
    memcpy(copy->sorted + at, set->sorted + behind, (set->count - behind) * sizeof set->sorted[0]);
    return copy;
}

jwkd_status keyset_with(const struct keyset *set, const struct jwk *key, struct keyset **out)
{
    struct bytes kid = bytes_of_text(jwk_kid(key));
    bool found;
    if (kid_set_contains(set->revoked, kid)) return JWKD_INVALID_ARGUMENT;
    size_t at = place(set, kid, &found);
    if (!found && set->count >= LIMIT_KEYSET_KEYS) return JWKD_RESOURCE_EXHAUSTED;
    struct keyset *copy = copy_without(set, kid, set->revoked);
    if (!copy) return JWKD_NO_MEMORY;
    memmove(copy->sorted + at + 1, copy->sorted + at, (copy->count - at) * sizeof copy->sorted[0]);
    copy->keys[copy->count++] = copy->sorted[at] = jwk_ref(key);
    *out = copy;
    return JWKD_OK;
}

jwkd_status keyset_without(const struct keyset *set, struct bytes kid, struct keyset **out)
{
    bool found;
    place(set, kid, &found);
    if (!found) {
        *out = keyset_ref(set);
        return JWKD_OK;
    }
    struct keyset *copy = copy_without(set, kid, set->revoked);
    if (!copy) return JWKD_NO_MEMORY;
    *out = copy;
    return JWKD_OK;
}

jwkd_status keyset_revoking(const struct keyset *set, struct bytes kid, struct keyset **out)
{
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    if (kid_set_count(set->revoked) >= LIMIT_KEYSET_KEYS) return JWKD_RESOURCE_EXHAUSTED;
    TRY(kid_set_with(set->revoked, kid, &revoked));
    struct keyset *copy = copy_without(set, kid, revoked);
    if (!copy) return JWKD_NO_MEMORY;
    *out = copy;
    return JWKD_OK;
}

jwkd_status keyset_joined(
    const struct keyset *set, struct jwk *const *keys, size_t count, struct keyset **out)
{
    CLEANUP(free_at) struct jwk **all = malloc((set->count + count + 1) * sizeof(struct jwk *));
    if (!all) return JWKD_NO_MEMORY;
    memcpy(all, set->keys, set->count * sizeof *all);
    memcpy(all + set->count, keys, count * sizeof *all);
    return make(all, set->count + count, set->revoked, set->shares_kids, out, NULL);
}

jwkd_status keyset_under(const struct keyset *set, struct kid_set *revoked, struct keyset **out)
{
    CLEANUP(free_at) struct jwk **left = malloc((set->count + 1) * sizeof(struct jwk *));
    size_t count = 0;
    if (!left) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < set->count; i++)
        if (!kid_set_contains(revoked, bytes_of_text(jwk_kid(set->keys[i])))) left[count++] = set->keys[i];
    return make(left, count, revoked, set->shares_kids, out, NULL);
}

jwkd_status keyset_emptied(const struct keyset *set, struct keyset **out)
{
    return keyset_new(NULL, 0, set->revoked, out, NULL);
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

enum key_standing keyset_find_all(const struct keyset *keyset, struct bytes kid, struct key_run *out)
{
    bool found;
    size_t at = place(keyset, kid, &found);
    if (!found) return kid_set_contains(keyset->revoked, kid) ? KEY_REVOKED : KEY_UNKNOWN;
    *out = (struct key_run){.keys = keyset->sorted + at, .count = run_at(keyset, at)};
    return KEY_LIVE;
}

enum key_standing keyset_find(const struct keyset *keyset, struct bytes kid, const struct jwk **out_key)
{
    struct key_run run;
    enum key_standing standing = keyset_find_all(keyset, kid, &run);
    if (standing == KEY_LIVE) *out_key = run.keys[0];
    return standing;
}

bool keyset_only(const struct keyset *keyset, struct key_run *out)
{
    if (keyset->count == 0 || run_at(keyset, 0) != keyset->count) return false;
    *out = (struct key_run){.keys = keyset->sorted, .count = keyset->count};
    return true;
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
