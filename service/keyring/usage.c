#include "keyring/usage.h"

#include <stdlib.h>

enum { SHORTEST_STEP_SEC = 60, LONGEST_STEP_SEC = 3600 };

struct key_usage *key_usage_new(void)
{
    struct key_usage *usage = calloc(1, sizeof *usage);
    if (usage) atomic_init(&usage->references, 1);
    return usage;
}

struct key_usage *key_usage_ref(struct key_usage *usage)
{
    atomic_fetch_add_explicit(&usage->references, 1, memory_order_relaxed);
    return usage;
}

void key_usage_unref(struct key_usage *usage)
{
    if (usage && atomic_fetch_sub_explicit(&usage->references, 1, memory_order_acq_rel) == 1) free(usage);
}

void key_usage_raise(atomic_int_fast64_t *what, int64_t to)
{
    int_fast64_t present = atomic_load(what);
    while (present < to && !atomic_compare_exchange_weak(what, &present, to)) {
    }
}

void key_usage_signed(struct key_usage *usage, int64_t expires_at, int64_t now)
{
    key_usage_raise(&usage->last_expiry, expires_at);
    if (atomic_load_explicit(&usage->last_used_at, memory_order_relaxed) < now) key_usage_raise(&usage->last_used_at, now);
    atomic_fetch_add_explicit(&usage->tokens, 1, memory_order_relaxed);
}

int64_t key_usage_step(uint32_t max_token_lifetime_sec)
{
    int64_t step = max_token_lifetime_sec / 4;
    return step < SHORTEST_STEP_SEC ? SHORTEST_STEP_SEC : step > LONGEST_STEP_SEC ? LONGEST_STEP_SEC : step;
}
