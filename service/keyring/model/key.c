#include "keyring/model/key.h"

struct ring_key *ring_key_new(void)
{
    CLEANUP(ring_key_unref_at) struct ring_key *key = calloc(1, sizeof *key);
    if (!key) return NULL;
    atomic_init(&key->references, 1);
    key->usage = key_usage_new();
    return key->usage ? TAKE(key) : NULL;
}

struct ring_key *ring_key_ref(struct ring_key *key)
{
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void ring_key_unref(struct ring_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1) return;
    jwk_unref(key->jwk);
    buffer_clear(&key->sealed);
    key_usage_unref(key->usage);
    free(key);
}

jwkd_status ring_key_copy(const struct ring_key *key, struct ring_key **out)
{
    CLEANUP(ring_key_unref_at) struct ring_key *copy = ring_key_new();
    if (!copy) return JWKD_NO_MEMORY;
    copy->state = key->state;
    copy->created_at = key->created_at;
    copy->deactivated_at = key->deactivated_at;
    copy->destroyed_at = key->destroyed_at;
    copy->revision = key->revision;
    copy->born = key->born;
    copy->imported = key->imported;
    copy->held = key->held;
    copy->jwks_wait_sec = key->jwks_wait_sec;
    copy->retiring_since = key->retiring_since;
    key_usage_unref(copy->usage);
    copy->usage = key_usage_ref(key->usage);
    copy->jwk = jwk_ref(key->jwk);
    TRY(buffer_append_bytes(&copy->sealed, buffer_bytes(&key->sealed)));
    *out = TAKE(copy);
    return JWKD_OK;
}
