#include "net/shares.h"

#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>

struct share {
    struct shares *of;
    size_t users; /* under the lock of all */
    atomic_size_t used[SHARE_KINDS];
    char caller[];
};

struct shares {
    size_t capacities[SHARE_KINDS];
    atomic_size_t used[SHARE_KINDS]; /* by all */
    pthread_mutex_t lock;            /* guards the tree and each share's users */
    void *tree;
};

jwkd_status shares_new(const size_t capacities[SHARE_KINDS], struct shares **out)
{
    struct shares *shares = calloc(1, sizeof *shares);
    if (!shares) return JWKD_NO_MEMORY;
    memcpy(shares->capacities, capacities, sizeof shares->capacities);
    pthread_mutex_init(&shares->lock, NULL);
    *out = shares;
    return JWKD_OK;
}

void shares_free(struct shares *shares)
{
    if (!shares) return;
    pthread_mutex_destroy(&shares->lock);
    free(shares);
}

static const char *caller_of(const void *node)
{
    return ((const struct share *)node)->caller;
}

static int compare(const void *one, const void *other)
{
    return strcmp(caller_of(one), caller_of(other));
}

static struct share *new_share(struct shares *shares, const char *caller)
{
    size_t size = strlen(caller) + 1;
    struct share *share = calloc(1, sizeof *share + size);
    if (!share) return NULL;
    share->of = shares;
    memcpy(share->caller, caller, size);
    return share;
}

struct share *shares_get(struct shares *shares, const char *caller)
{
    struct share *fresh = new_share(shares, caller), *share = NULL;
    if (!fresh) return NULL;
    pthread_mutex_lock(&shares->lock);
    struct share *const *node = tsearch(fresh, &shares->tree, compare);
    if (node) {
        share = *node;
        share->users++;
    }
    pthread_mutex_unlock(&shares->lock);
    if (share != fresh) free(fresh);
    return share;
}

void shares_put(struct shares *shares, struct share *share)
{
    pthread_mutex_lock(&shares->lock);
    bool last = --share->users == 0;
    if (last) tdelete(share, &shares->tree, compare);
    pthread_mutex_unlock(&shares->lock);
    if (last) free(share);
}

/* Own and all as they would be: what is left then is for the others. */
static bool is_fair(const struct share *share, enum share_kind kind, size_t own, size_t all)
{
    const size_t capacity = share->of->capacities[kind];
    return all <= capacity && own <= capacity - all + 1;
}

bool share_take(struct share *share, enum share_kind kind, size_t amount)
{
    size_t own = atomic_fetch_add(&share->used[kind], amount) + amount;
    size_t all = atomic_fetch_add(&share->of->used[kind], amount) + amount;
    if (is_fair(share, kind, own, all)) return true;
    share_give(share, kind, amount);
    return false;
}

void share_give(struct share *share, enum share_kind kind, size_t amount)
{
    atomic_fetch_sub(&share->used[kind], amount);
    atomic_fetch_sub(&share->of->used[kind], amount);
}

void share_add(struct share *share, enum share_kind kind, size_t amount)
{
    atomic_fetch_add(&share->used[kind], amount);
    atomic_fetch_add(&share->of->used[kind], amount);
}

bool share_is_left(const struct share *share, enum share_kind kind, size_t amount)
{
    return is_fair(share, kind, share->used[kind] + amount, share->of->used[kind] + amount);
}

size_t shares_used(const struct shares *shares, enum share_kind kind)
{
    return shares->used[kind];
}

size_t shares_capacity(const struct shares *shares, enum share_kind kind)
{
    return shares->capacities[kind];
}
