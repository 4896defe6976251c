#include "keyring/state.h"

struct snapshot *keyring_snapshot(struct keyring *keyring)
{
    pthread_mutex_lock(&keyring->present.lock);
    struct snapshot *snapshot = snapshot_ref(keyring->present.snapshot);
    pthread_mutex_unlock(&keyring->present.lock);
    return snapshot;
}

void keyring_swap(struct keyring *keyring, struct snapshot *next)
{
    pthread_mutex_lock(&keyring->present.lock);
    struct snapshot *old = keyring->present.snapshot;
    keyring->present.snapshot = next;
    pthread_mutex_unlock(&keyring->present.lock);
    snapshot_unref(old);
}

void keyring_trouble(const struct keyring *keyring, jwkd_status status, const char *message)
{
    if (keyring->options.on_trouble) keyring->options.on_trouble(keyring->options.context, status, message);
}

jwkd_status keyring_require(
    const struct snapshot *snapshot, const char *name, struct ring_environment **out, jwkd_error *error)
{
    struct ring_environment *environment = snapshot_find(snapshot, name);
    if (environment) {
        *out = environment;
        return JWKD_OK;
    }
    if (!environment_name_valid(name))
        return fail(error, JWKD_INVALID_ARGUMENT, "that is not the name of an environment");
    return fail(error, JWKD_NOT_FOUND, "there is no environment \"%s\"", name);
}

const uint8_t *keyring_epoch(const struct keyring *keyring)
{
    return keyring->epoch;
}

uint64_t keyring_service_revision(struct keyring *keyring)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    return snapshot->service_revision;
}

void keyring_set_traffic(
    struct keyring *keyring, void (*read)(void *context, struct keyring_traffic *out), void *context)
{
    keyring->traffic_context = context;
    keyring->read_traffic = read;
}
