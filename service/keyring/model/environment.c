#include "keyring/model/environment.h"

#include <inttypes.h>
#include <stdio.h>

struct ring_environment *ring_environment_new(uint64_t id)
{
    struct ring_environment *environment = calloc(1, sizeof *environment);
    if (!environment) return NULL;
    atomic_init(&environment->references, 1);
    environment->id = id;
    environment->primary = -1;
    snprintf(environment->owner, sizeof environment->owner, "%016" PRIx64, id);
    return environment;
}

struct ring_environment *ring_environment_ref(struct ring_environment *environment)
{
    atomic_fetch_add_explicit(&environment->references, 1, memory_order_relaxed);
    return environment;
}

void ring_environment_unref(struct ring_environment *environment)
{
    if (!environment || atomic_fetch_sub_explicit(&environment->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < environment->count; i++)
        ring_key_unref(environment->keys[i]);
    free(environment->keys);
    keyset_unref(environment->keyset);
    buffer_clear(&environment->jwks);
    free(environment);
}

jwkd_status ring_environment_add(struct ring_environment *environment, struct ring_key *key)
{
    size_t count = environment->count, more = count ? 2 * count : 1;
    if ((count & (count - 1)) == 0) { /* there is always room up to the next power of two */
        struct ring_key **keys = realloc(environment->keys, more * sizeof *keys);
        if (!keys) {
            ring_key_unref(key);
            return JWKD_NO_MEMORY;
        }
        environment->keys = keys;
    }
    environment->keys[environment->count++] = key;
    return JWKD_OK;
}

jwkd_status ring_environment_copy(const struct ring_environment *environment, struct ring_environment **out)
{
    CLEANUP(ring_environment_unref_at) struct ring_environment *copy = ring_environment_new(environment->id);
    if (!copy) return JWKD_NO_MEMORY;
    copy->settings = environment->settings;
    copy->revision = environment->revision;
    copy->row_revision = environment->row_revision;
    copy->created_at = environment->created_at;
    copy->largest_lifetime_sec = environment->largest_lifetime_sec;
    copy->jwks_kept_until = environment->jwks_kept_until;
    copy->primary = environment->primary;
    copy->promotion = environment->promotion;
    copy->rotate_at = environment->rotate_at;
    for (size_t i = 0; i < environment->count; i++)
        TRY(ring_environment_add(copy, ring_key_ref(environment->keys[i])));
    *out = TAKE(copy);
    return JWKD_OK;
}

enum { ELSEWHERE_SEC = 24 * 3600 }; /* nobody knows how long a key signed before it was imported */

int64_t ring_key_longest_lifetime(const struct ring_environment *environment, const struct ring_key *key)
{
    int64_t longest = environment->largest_lifetime_sec; /* 0 in older rows */
    if (longest < environment->settings.max_token_lifetime_sec)
        longest = environment->settings.max_token_lifetime_sec;
    return key->imported && longest < ELSEWHERE_SEC ? (int64_t)ELSEWHERE_SEC : longest;
}

bool ring_key_worth_naming(
    const struct ring_environment *environment, const struct ring_key *key, int64_t now)
{
    /* No token outlives the largest lifetime that was ever allowed here. But a key may have signed elsewhere
     * before it was imported, so this is at least a day. */
    int64_t lifetime = environment->largest_lifetime_sec;
    if (lifetime < ELSEWHERE_SEC) lifetime = ELSEWHERE_SEC;
    return !key_state_live(key->state) &&
           key->deactivated_at + lifetime + environment->settings.leeway_sec >= now;
}

/* Longer than any lease: as long as this, somebody may ask for the receipt. */
enum { RECEIPT_SEC = 15 * 60 };

static bool is_past(const struct ring_environment *environment, const struct ring_key *key, int64_t now)
{
    if (key_state_live(key->state) || key->deactivated_at + RECEIPT_SEC >= now) return false;
    if (key->imported) return !ring_key_worth_naming(environment, key, now);
    return atomic_load(&key->usage->last.expiry) + environment->settings.leeway_sec < now;
}

struct ring_key *ring_environment_take_past(struct ring_environment *environment, int64_t now)
{
    for (size_t i = 0; i < environment->count; i++) {
        struct ring_key *key = environment->keys[i];
        if (!is_past(environment, key, now)) continue;
        environment->count--;
        memmove(&environment->keys[i], &environment->keys[i + 1],
            (environment->count - i) * sizeof(struct ring_key *));
        if (environment->primary > (int)i) environment->primary--;
        return key;
    }
    return NULL;
}

jwkd_status ring_environment_finish(struct ring_environment *environment, int64_t now, jwkd_error *error)
{
    size_t live = 0, revoked = 0;
    if (environment->largest_lifetime_sec < environment->settings.max_token_lifetime_sec)
        environment->largest_lifetime_sec = environment->settings.max_token_lifetime_sec;
    CLEANUP(free_at) struct jwk **keys = calloc(environment->count + 1, sizeof *keys);
    CLEANUP(free_at) struct bytes *kids = calloc(environment->count + 1, sizeof *kids);
    if (!keys || !kids) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = environment->count; i-- > 0;) { /* youngest first, as readers of a JWKS expect */
        struct ring_key *key = environment->keys[i];
        if (key_state_live(key->state))
            keys[live++] = key->jwk;
        else if (ring_key_worth_naming(environment, key, now))
            kids[revoked++] = bytes_of_text(jwk_kid(key->jwk));
    }
    CLEANUP(kid_set_unref_at) struct kid_set *gone = NULL;
    CLEANUP(keyset_unref_at) struct keyset *keyset = NULL;
    if (kid_set_new(kids, revoked, &gone) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(keyset_new(keys, live, gone, &keyset, error));
    CLEANUP(buffer_clear) struct buffer jwks = {0};
    if (environment->settings.show_once)
        TRY(buffer_append_text(&jwks, "{\"keys\":[]}"));
    else
        TRY(keyset_json(keyset, &jwks));
    keyset_unref(environment->keyset);
    buffer_clear(&environment->jwks);
    environment->keyset = TAKE(keyset);
    environment->jwks = jwks;
    jwks = (struct buffer){0};
    return JWKD_OK;
}

int ring_environment_find(const struct ring_environment *environment, const char *kid)
{
    for (size_t i = 0; i < environment->count; i++)
        if (strcmp(jwk_kid(environment->keys[i]->jwk), kid) == 0) return (int)i;
    return -1;
}

enum key_state ring_environment_state(const struct ring_environment *environment, size_t index)
{
    return (int)index == environment->primary ? KEY_PRIMARY : environment->keys[index]->state;
}

const char *ring_environment_primary_kid(const struct ring_environment *environment)
{
    return environment->primary < 0 ? "" : jwk_kid(environment->keys[environment->primary]->jwk);
}

size_t ring_environment_live(const struct ring_environment *environment)
{
    size_t live = 0;
    for (size_t i = 0; i < environment->count; i++)
        live += key_state_live(environment->keys[i]->state);
    return live;
}

uint32_t ring_environment_jwks_wait(const struct ring_environment *environment, int64_t age)
{
    uint32_t present = environment->settings.jwks_max_age_sec;
    int64_t earlier = environment->jwks_kept_until - age;
    return earlier > present ? (uint32_t)earlier : present;
}
