#include "keyring/changes/ceiling.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/records/transaction.h"
#include "keyring/records/rows.h"

enum { LONGEST_WAIT_SEC = 5 };

static void wish_free(struct ceiling_wish *wish)
{
    ring_key_unref(wish->key);
    free(wish);
}

/* Leaves the wish with the writer. */
static jwkd_status ask(struct keyring *keyring, const struct ring_environment *environment,
    struct ring_key *key, struct reach at)
{
    struct ceiling_wish *wish = calloc(1, sizeof *wish);
    if (!wish) return JWKD_NO_MEMORY;
    memcpy(wish->environment, environment->settings.name, sizeof wish->environment);
    memcpy(wish->owner, environment->owner, sizeof wish->owner);
    wish->key = ring_key_ref(key);
    wish->at = at;
    pthread_mutex_lock(&keyring->queue.lock);
    bool taken = keyring->queue.running && !keyring->queue.stopping;
    if (taken) {
        wish->next = keyring->queue.wishes;
        keyring->queue.wishes = wish;
        pthread_cond_signal(&keyring->queue.filled);
    }
    pthread_mutex_unlock(&keyring->queue.lock);
    if (!taken) wish_free(wish);
    return taken ? JWKD_OK : JWKD_UNAVAILABLE;
}

/* True once the ceiling is high enough. */
static bool await(struct keyring *keyring, struct key_usage *usage, struct reach reach,
    uint64_t refused_before, struct ceiling_patience *patience)
{
    struct timespec *until = &patience->until;
    int result = 0;
    pthread_mutex_lock(&keyring->queue.lock);
    if (until->tv_sec == 0) *until = wait_end(LONGEST_WAIT_SEC * NS_PER_SEC);
    while (!reach_within(reach, reach_read(&usage->ceiling)) && usage->refused == refused_before &&
           !keyring->queue.stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&keyring->queue.ceilings_moved, &keyring->queue.lock, until);
    pthread_mutex_unlock(&keyring->queue.lock);
    return reach_within(reach, reach_read(&usage->ceiling));
}

jwkd_status ceiling_cover(struct keyring *keyring, const struct ring_environment *environment,
    struct ring_key *key, struct reach reach, struct ceiling_patience *patience, jwkd_error *error)
{
    struct key_usage *usage = key->usage;
    struct reach ceiling = reach_read(&usage->ceiling);
    int64_t step = key_usage_step(environment->settings.max_token_lifetime_sec);
    if (reach_within(reach_further(reach, step / 2), ceiling)) return JWKD_OK;
    const struct reach wanted = reach_further(reach, step);
    uint64_t refused = atomic_load(&usage->refused);
    if (reach_within(reach, ceiling)) { /* ahead of need, once */
        if (!atomic_exchange(&usage->asked, true) && ask(keyring, environment, key, wanted) != JWKD_OK)
            atomic_store(&usage->asked, false);
        return JWKD_OK;
    }
    if (ask(keyring, environment, key, wanted) == JWKD_OK && await(keyring, usage, reach, refused, patience))
        return JWKD_OK;
    return fail(error, JWKD_UNAVAILABLE,
        "how far the key's tokens reach could not be written to the store: tokens that end earlier can still "
        "be signed");
}

jwkd_status ceiling_raise(
    struct transaction *transaction, const char *owner, const struct ring_key *key, struct reach ceiling)
{
    struct reach present = reach_read(&key->usage->ceiling);
    for (const struct transaction_ceiling *other = transaction->ceilings; other; other = other->next)
        if (other->usage == key->usage) present = reach_larger(present, other->at);
    if (reach_within(ceiling, present)) return JWKD_OK;
    ceiling = reach_larger(ceiling, present);
    struct transaction_ceiling *entry = arena_alloc(&transaction->arena, sizeof *entry);
    if (!entry) return JWKD_NO_MEMORY;
    TRY(rows_put_ceiling(transaction, owner, jwk_kid(key->jwk), ceiling));
    *entry = (struct transaction_ceiling){
        .next = transaction->ceilings, .usage = key_usage_ref(key->usage), .at = ceiling};
    transaction->ceilings = entry;
    return JWKD_OK;
}

jwkd_status ceiling_put(
    struct transaction *transaction, struct ceiling_wish *wishes, struct ceiling_wish **out_rest)
{
    *out_rest = NULL;
    for (struct ceiling_wish *wish = wishes; wish; wish = wish->next) {
        if (!transaction_has_room(transaction)) {
            *out_rest = wish;
            break;
        }
        const struct ring_environment *environment = transaction_find(transaction, wish->environment);
        if (!environment || strcmp(environment->owner, wish->owner) != 0) continue; /* deleted meanwhile */
        if (ring_environment_find(environment, jwk_kid(wish->key->jwk)) < 0)
            continue; /* it was past, and was removed to make room */
        TRY(ceiling_raise(transaction, wish->owner, wish->key, wish->at));
    }
    return JWKD_OK;
}

void ceiling_wake(
    struct keyring *keyring, struct ceiling_wish *wishes, const struct ceiling_wish *rest, bool committed)
{
    pthread_mutex_lock(&keyring->queue.lock);
    for (const struct ceiling_wish *wish = wishes; wish != rest; wish = wish->next) {
        atomic_store(&wish->key->usage->asked, false);
        if (!committed || !reach_within(wish->at, reach_read(&wish->key->usage->ceiling)))
            atomic_fetch_add(&wish->key->usage->refused, 1);
    }
    pthread_cond_broadcast(&keyring->queue.ceilings_moved);
    pthread_mutex_unlock(&keyring->queue.lock);
    for (struct ceiling_wish *next; wishes != rest; wishes = next) {
        next = wishes->next;
        wish_free(wishes);
    }
}
