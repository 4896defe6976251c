#include "keyring/model/usage.h"

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

void reach_raise(struct atomic_reach *what, struct reach to)
{
    key_usage_raise(&what->expiry, to.expiry);
    key_usage_raise(&what->age, to.age);
}

struct reach reach_read(const struct atomic_reach *reach)
{
    return (struct reach){.expiry = atomic_load(&reach->expiry), .age = atomic_load(&reach->age)};
}

struct reach reach_larger(struct reach a, struct reach b)
{
    return (struct reach){
        .expiry = a.expiry > b.expiry ? a.expiry : b.expiry, .age = a.age > b.age ? a.age : b.age};
}

struct reach reach_further(struct reach reach, int64_t sec)
{
    return (struct reach){.expiry = reach.expiry + sec, .age = reach.age + sec};
}

bool reach_within(struct reach reach, struct reach ceiling)
{
    return reach.expiry <= ceiling.expiry && reach.age <= ceiling.age;
}

void key_usage_signed(struct key_usage *usage, struct reach reach, int64_t now)
{
    reach_raise(&usage->last, reach);
    if (atomic_load_explicit(&usage->last_used_at, memory_order_relaxed) < now)
        key_usage_raise(&usage->last_used_at, now);
    atomic_fetch_add_explicit(&usage->tokens, 1, memory_order_relaxed);
}

int64_t key_usage_step(uint32_t max_token_lifetime_sec)
{
    int64_t step = max_token_lifetime_sec / 4;
    return step < SHORTEST_STEP_SEC ? SHORTEST_STEP_SEC : step > LONGEST_STEP_SEC ? LONGEST_STEP_SEC : step;
}
