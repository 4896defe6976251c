#include "keyring/records/allowance.h"

#include <search.h>
#include <stdlib.h>

#include "base/clock.h"
#include "keyring/age.h"
#include "keyring/records/rows.h"

/* An answer that is kept. */
struct kept {
    uint64_t since_ns; /* by the store's age */
    int64_t at;        /* the time in the name of its row */
    uint8_t id[LIMIT_REQUEST_ID];
};

/* A ring, oldest first. */
struct queue {
    struct kept *items;
    size_t first, count, capacity;
};

/* The allowance of one caller. */
struct allowance {
    struct queue changes, deactivations;
    char principal[];
};

static struct kept *oldest(const struct queue *queue)
{
    return &queue->items[queue->first];
}

static void drop_oldest(struct queue *queue)
{
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
}

static jwkd_status append(struct queue *queue, const struct kept *item)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? 2 * queue->capacity : 8;
        struct kept *items = malloc(capacity * sizeof *items);
        if (!items) return JWKD_NO_MEMORY;
        for (size_t i = 0; i < queue->count; i++)
            items[i] = queue->items[(queue->first + i) % queue->capacity];
        free(queue->items);
        *queue = (struct queue){.items = items, .count = queue->count, .capacity = capacity};
    }
    queue->items[(queue->first + queue->count++) % queue->capacity] = *item;
    return JWKD_OK;
}

/* ---- allowances, by caller */

static int compare(const void *a, const void *b)
{
    const struct allowance *x = a, *y = b;
    return strcmp(x->principal, y->principal);
}

static struct allowance *new_allowance(const char *principal)
{
    size_t size = strlen(principal) + 1;
    struct allowance *allowance = calloc(1, sizeof *allowance + size);
    if (allowance) memcpy(allowance->principal, principal, size);
    return allowance;
}

static void free_allowance(void *allowance)
{
    struct allowance *owned = allowance;
    free(owned->changes.items);
    free(owned->deactivations.items);
    free(owned);
}

/* NULL: nothing of the caller's is kept, or there is no memory to look for it. */
static struct allowance *find(const struct keyring *keyring, const char *principal)
{
    struct allowance *wanted = new_allowance(principal);
    void *const *node = wanted ? tfind(wanted, &keyring->records.allowances, compare) : NULL;
    free(wanted);
    return node ? *node : NULL;
}

static jwkd_status find_or_add(struct keyring *keyring, const char *principal, struct allowance **out)
{
    struct allowance *fresh = new_allowance(principal);
    void **node = fresh ? tsearch(fresh, &keyring->records.allowances, compare) : NULL;
    if (!node || *node != fresh) free(fresh);
    if (!node) return JWKD_NO_MEMORY;
    *out = *node;
    return JWKD_OK;
}

/* ---- what is asked */

static size_t most_changes(const struct keyring *keyring)
{
    return keyring->options.most_changes ? keyring->options.most_changes : LIMIT_CHANGES;
}

static size_t most_answers(const struct keyring *keyring)
{
    return keyring->options.most_answers ? keyring->options.most_answers : LIMIT_ANSWERS;
}

/* How long a repetition must still be known; 0: the answer may go. */
static uint64_t needed_ns(const struct keyring *keyring, const struct kept *kept)
{
    uint64_t until_ns = kept->since_ns + LIMIT_REPEAT_SEC * NS_PER_SEC, now_ns = age_ns(keyring);
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

jwkd_status allowance_check(const struct keyring *keyring, const char *principal, jwkd_error *error)
{
    const struct allowance *allowance = find(keyring, principal);
    size_t most = most_changes(keyring);
    if (!allowance || allowance->changes.count < most) return JWKD_OK;
    uint64_t left_ns = needed_ns(keyring, oldest(&allowance->changes));
    if (left_ns == 0) return JWKD_OK;
    return fail(error, JWKD_RESOURCE_EXHAUSTED,
        "this caller has made %zu changes within %d s: its next one can be made in %llu s; deactivations can "
        "at any "
        "time",
        most, LIMIT_REPEAT_SEC, (unsigned long long)((left_ns + NS_PER_SEC - 1) / NS_PER_SEC));
}

/* Drops up to two answers for a new one, so that what a burst left becomes less again. */
static jwkd_status make_room(
    struct transaction *transaction, const char *principal, struct queue *queue, bool whatever_age)
{
    for (int i = 0; i < 2 && queue->count >= most_answers(transaction->keyring); i++) {
        const struct kept *old = oldest(queue);
        if (!whatever_age && needed_ns(transaction->keyring, old)) break;
        TRY(rows_erase_answer(transaction, old->at, bytes_of(old->id, sizeof old->id), principal));
        drop_oldest(queue);
    }
    return JWKD_OK;
}

jwkd_status allowance_add(
    struct transaction *transaction, const char *principal, struct bytes request_id, bool deactivation)
{
    struct allowance *allowance;
    TRY(find_or_add(transaction->keyring, principal, &allowance));
    struct queue *queue = deactivation ? &allowance->deactivations : &allowance->changes;
    TRY(make_room(transaction, principal, queue, deactivation));
    struct kept kept = {.since_ns = age_ns(transaction->keyring), .at = transaction->now};
    if (request_id.size != sizeof kept.id) return JWKD_INVALID_ARGUMENT;
    memcpy(kept.id, request_id.data, sizeof kept.id);
    return append(queue, &kept);
}

/* ---- the start, and the end */

struct loading {
    struct keyring *keyring;
    uint64_t age_ns;
    int64_t now;
    jwkd_status status;
};

static bool load_answer(void *context, const struct store_row *row)
{
    struct loading *loading = context;
    struct kept kept;
    char principal[ROW_KEY_SIZE];
    bool deactivation;
    struct allowance *allowance;
    if (!rows_read_answered(row, &kept.at, kept.id, principal, &deactivation)) return true;
    uint64_t ago_ns = loading->now > kept.at ? (uint64_t)(loading->now - kept.at) * NS_PER_SEC : 0;
    kept.since_ns = loading->age_ns > ago_ns ? loading->age_ns - ago_ns : 0;
    loading->status = find_or_add(loading->keyring, principal, &allowance);
    if (loading->status == JWKD_OK)
        loading->status = append(deactivation ? &allowance->deactivations : &allowance->changes, &kept);
    return loading->status == JWKD_OK;
}

jwkd_status allowance_load(struct keyring *keyring)
{
    struct loading loading = {.keyring = keyring, .age_ns = age_ns(keyring), .now = clock_wall_sec()};
    TRY(store_list(
        keyring->options.store, bytes_of_text(ROW_ANSWERED), (struct bytes){0}, load_answer, &loading));
    return loading.status;
}

static void forget(struct queue *queue, struct bytes id)
{
    if (queue->count && bytes_equal(bytes_of(oldest(queue)->id, LIMIT_REQUEST_ID), id)) drop_oldest(queue);
}

void allowance_forget(struct keyring *keyring, const char *principal, struct bytes request_id)
{
    struct allowance *allowance = find(keyring, principal);
    if (!allowance) return;
    forget(&allowance->changes, request_id);
    forget(&allowance->deactivations, request_id);
    if (allowance->changes.count || allowance->deactivations.count) return;
    tdelete(allowance, &keyring->records.allowances, compare);
    free_allowance(allowance);
}

void allowance_clear(struct keyring *keyring)
{
    tdestroy(keyring->records.allowances, free_allowance);
    keyring->records.allowances = NULL;
}
