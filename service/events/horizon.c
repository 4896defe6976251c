/* Until when a change may not have come to everybody. */
#include "base/clock.h"
#include "events/tables.h"
#include "wire/service_clock.h"

uint32_t registry_max_lease_ms(const struct registry *registry)
{
    return registry->options.max_lease_ms;
}

void registry_set_leases(struct registry *registry, uint32_t earlier_ms, uint32_t granted_ms)
{
    registry->earlier_lease_ms = earlier_ms;
    registry->options.max_lease_ms = granted_ms;
}

void registry_set_first_new_environment(struct registry *registry, uint64_t environment_id)
{
    registry->first_new_environment = environment_id;
}

static uint64_t horizon_ns(uint32_t lease_ms)
{
    return lease_horizon_ns(lease_ms * NS_PER_MS);
}

uint64_t registry_horizon_ns(const struct registry *registry)
{
    return horizon_ns(registry->options.max_lease_ms);
}

uint64_t registry_effective_ns(
    const struct registry *registry, uint64_t environment_id, uint32_t longest_lease_ms, uint64_t swapped_ns)
{
    uint64_t by_lease_ns = swapped_ns + horizon_ns(longest_lease_ms);
    uint64_t by_earlier_ns = registry_knows_followers_from_ns(registry, environment_id);
    return by_lease_ns > by_earlier_ns ? by_lease_ns : by_earlier_ns;
}

static uint32_t longer_lease_ms(const struct registry *registry)
{
    uint32_t own_ms = registry->options.max_lease_ms;
    return own_ms > registry->earlier_lease_ms ? own_ms : registry->earlier_lease_ms;
}

uint32_t registry_longest_lease_ms(const struct registry *registry, uint64_t now_ns)
{
    return registry_knows_all(registry, now_ns) ? registry->options.max_lease_ms : longer_lease_ms(registry);
}

uint64_t registry_knows_all_from_ns(const struct registry *registry)
{
    return registry->options.new_store ? 0
                                       : registry->options.started_ns + horizon_ns(longer_lease_ms(registry));
}

bool registry_knows_all(const struct registry *registry, uint64_t now_ns)
{
    return now_ns >= registry_knows_all_from_ns(registry);
}

uint64_t registry_knows_followers_from_ns(const struct registry *registry, uint64_t environment_id)
{
    bool is_new = registry->first_new_environment && environment_id >= registry->first_new_environment;
    return is_new ? 0 : registry_knows_all_from_ns(registry);
}

bool registry_knows_followers(const struct registry *registry, uint64_t environment_id, uint64_t now_ns)
{
    return now_ns >= registry_knows_followers_from_ns(registry, environment_id);
}
