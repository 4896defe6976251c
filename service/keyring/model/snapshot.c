#include "keyring/model/snapshot.h"

static struct snapshot *snapshot_new(size_t capacity, uint64_t service_revision)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot) return NULL;
    atomic_init(&snapshot->references, 1);
    snapshot->service_revision = service_revision;
    snapshot->environments = calloc(capacity + 1, sizeof *snapshot->environments);
    if (!snapshot->environments) {
        free(snapshot);
        return NULL;
    }
    return snapshot;
}

static jwkd_status choose_book(const struct snapshot *old, struct book *book, struct book **out)
{
    if (!book && old) book = old->book;
    if (!book) return book_next(NULL, NULL, 0, 0, out);
    *out = book_ref(book);
    return JWKD_OK;
}

static int compare_changes(const void *a, const void *b)
{
    const struct snapshot_change *x = a, *y = b;
    return strcmp(x->name, y->name);
}

jwkd_status snapshot_next(const struct snapshot *old, const struct snapshot_change *changes, size_t count,
    struct book *book, uint64_t service_revision, struct snapshot **out)
{
    size_t old_count = old ? old->count : 0;
    CLEANUP(free_at) struct snapshot_change *sorted = calloc(count + 1, sizeof *sorted);
    struct snapshot *next = snapshot_new(old_count + count, service_revision);
    if (!sorted || !next || choose_book(old, book, &next->book) != JWKD_OK) {
        snapshot_unref(next);
        return JWKD_NO_MEMORY;
    }
    if (count) memcpy(sorted, changes, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_changes);
    size_t i = 0, j = 0;
    while (i < old_count || j < count) {
        int order = i == old_count ? 1
                    : j == count   ? -1
                                   : strcmp(old->environments[i]->settings.name, sorted[j].name);
        struct ring_environment *chosen = order < 0 ? old->environments[i] : sorted[j].environment;
        if (order <= 0) i++;
        if (order >= 0) j++;
        if (chosen) next->environments[next->count++] = ring_environment_ref(chosen);
    }
    *out = next;
    return JWKD_OK;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < snapshot->count; i++)
        ring_environment_unref(snapshot->environments[i]);
    book_unref(snapshot->book);
    free(snapshot->environments);
    free(snapshot);
}

size_t snapshot_after(const struct snapshot *snapshot, const char *name)
{
    size_t low = 0, high = snapshot->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(snapshot->environments[middle]->settings.name, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ring_environment *snapshot_find(const struct snapshot *snapshot, const char *name)
{
    size_t after = snapshot_after(snapshot, name);
    if (after == 0) return NULL;
    struct ring_environment *candidate = snapshot->environments[after - 1];
    return strcmp(candidate->settings.name, name) == 0 ? candidate : NULL;
}
