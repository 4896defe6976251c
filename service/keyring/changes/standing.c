#include "keyring/changes/standing.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "wire/service_clock.h"

/* Whether every lease that may lack the key has run out. Judged by the wall clock, since an earlier run may
 * have published the key. */
static bool every_lease_has_ended(
    const struct registry *registry, const struct ring_key *key, uint64_t now_ns)
{
    uint64_t horizon_ms =
        lease_horizon_ns(registry_longest_lease_ms(registry, now_ns) * NS_PER_MS) / NS_PER_MS;
    return clock_wall_sec() > key->created_at + RING_COMMIT_SEC + (int64_t)(horizon_ms / 1000 + 1);
}

bool operation_key_confirmed(
    struct keyring *keyring, const struct ring_environment *environment, const struct ring_key *key)
{
    struct registry *registry = keyring->options.registry;
    if (!registry) return true;
    uint64_t now_ns = clock_elapsed_ns();
    if (!registry_knows_followers(registry, environment->id, now_ns))
        return every_lease_has_ended(registry, key, now_ns);
    struct registry_count count = registry_count(registry, environment->id, key->born, now_ns);
    return count.confirmed >= count.subscribers;
}

struct promotion operation_standing(struct keyring *keyring, const struct ring_environment *environment,
    uint64_t published_ns, uint64_t now_ns)
{
    struct registry *registry = keyring->options.registry;
    struct promotion promotion = {.published_ns = published_ns,
        .all_known = true,
        .jwks_max_age_ns = environment->promotion.jwks_wait_sec * NS_PER_SEC};
    if (!registry) return promotion;
    struct registry_count count =
        registry_count(registry, environment->id, environment->promotion.revision, now_ns);
    promotion.known_from_ns = registry_knows_followers_from_ns(registry, environment->id);
    promotion.horizon_ns =
        registry_effective_ns(registry, environment->id, count.longest_lease_ms, published_ns) - published_ns;
    promotion.all_known = registry_knows_followers(registry, environment->id, now_ns);
    promotion.subscribers = count.subscribers;
    promotion.confirmed = count.confirmed;
    return promotion;
}

jwkd_status operation_describe(struct keyring *keyring, const struct ring_environment *environment,
    struct reply *reply, Jwkd__V1__Operation *in_out)
{
    uint64_t now_ns = clock_elapsed_ns();
    struct promotion standing =
        operation_standing(keyring, environment, environment->promotion.published_ns, now_ns);
    uint64_t due_ns = promotion_due_ns(&standing);
    char text[200];
    in_out->subscribers = standing.subscribers;
    in_out->confirmed = standing.confirmed;
    in_out->at_most_ms = due_ns > now_ns ? (uint32_t)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
    if (!standing.all_known)
        snprintf(text, sizeof text, "the service has just started and does not know all subscribers yet");
    else if (!promotion_is_confirmed(&standing))
        snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32 " subscribers have confirmed the key",
            standing.confirmed, standing.subscribers);
    else
        snprintf(text, sizeof text, "readers of the JWKS may keep the one before for %" PRIu32 " s",
            environment->promotion.jwks_wait_sec);
    in_out->reason = arena_text(&reply->arena, bytes_of_text(text));
    return in_out->reason ? JWKD_OK : JWKD_NO_MEMORY;
}
