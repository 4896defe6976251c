#include "signer/signer_internal.h"

enum { DEFAULT_MAX_UNSEALED = 1024 };

jwkd_status signer_new(const struct signer_options *options, struct signer **out, jwkd_error *error)
{
    struct signer *signer = calloc(1, sizeof *signer);
    size_t limit = options->max_unsealed ? options->max_unsealed : DEFAULT_MAX_UNSEALED;
    if (!signer || cache_init(&signer->cache, limit) != JWKD_OK) {
        free(signer);
        return fail(error, JWKD_NO_MEMORY, "no memory for a signer of %zu keys", limit);
    }
    signer->seal = options->seal;
    *out = signer;
    return JWKD_OK;
}

void signer_free(struct signer *signer)
{
    if (!signer) return;
    cache_clear(&signer->cache);
    free(signer);
}

bool signer_made_room(struct signer *signer, jwkd_status status, const struct binding *keep)
{
    return status == JWKD_NO_MEMORY && cache_push_out(&signer->cache, keep);
}

static jwkd_status unseal(
    struct signer *signer, const struct signer_key *key, const struct binding *name, struct unsealed **out)
{
    uint64_t moment;
    struct unsealed *found = cache_find(&signer->cache, name, &moment);
    if (!found) {
        CLEANUP(secret_clear) struct secret material = {0};
        struct unsealed *fresh;
        TRY(seal_unwrap(signer->seal, key->sealed, binding_bytes(name), &material));
        TRY(unsealed_new(secret_bytes(&material), key->alg, name, &fresh));
        found = cache_add(&signer->cache, fresh, moment);
    }
    *out = found;
    return JWKD_OK;
}

static jwkd_status try_sign(struct signer *signer, const struct signer_key *key, const struct binding *name,
    struct bytes input, struct buffer *out)
{
    CLEANUP(unsealed_unref_at) struct unsealed *unsealed = NULL;
    TRY(unseal(signer, key, name, &unsealed));
    if (!unsealed_signs_as(unsealed, key->alg)) return JWKD_INVALID_ARGUMENT;
    return unsealed_sign(unsealed, input, out);
}

jwkd_status signer_sign(
    struct signer *signer, const struct signer_key *key, struct bytes input, struct buffer *out)
{
    struct binding name;
    jwkd_status status;
    TRY(binding_make(key->owner, key->kid, &name));
    do {
        status = try_sign(signer, key, &name, input, out);
    } while (signer_made_room(signer, status, &name));
    return status;
}

void signer_forget(struct signer *signer, const char *owner, const char *kid)
{
    struct binding name;
    if (binding_make(owner, kid, &name) == JWKD_OK) cache_forget(&signer->cache, &name);
}

size_t signer_unsealed(struct signer *signer)
{
    return cache_count(&signer->cache);
}
