#include "keyring/changes/receipts.h"

void keyring_open_receipts(struct keyring *keyring, const struct snapshot *snapshot,
    const struct publisher_event *event, uint64_t swapped_ns)
{
    const struct ring_environment *environment = snapshot_find(snapshot, event->environment);
    if (!keyring->options.registry || !environment || environment->id != event->environment_id) return;
    for (size_t i = 0; i < environment->count; i++) {
        const struct ring_key *key = environment->keys[i];
        if (key->state != KEY_DEACTIVATED || key->revision != event->revision) continue;
        const struct registry_receipt_key opened = {
            .environment_id = environment->id, .kid = jwk_kid(key->jwk), .revision = key->revision};
        jwkd_status status = registry_open_receipt(keyring->options.registry, &opened, swapped_ns);
        if (status != JWKD_OK)
            keyring_trouble(
                keyring, status, "a deactivation has no receipt: who confirms it will not be known");
    }
}
