/* Until when a change may not have come to everybody. */
#include "base/clock.h"
#include "events/registry_internal.h"

uint32_t registry_max_lease_ms(const struct registry *registry)
{
    return registry->options.max_lease_ms;
}

void registry_set_leases(struct registry *registry, uint32_t earlier_ms, uint32_t granted_ms)
{
    registry->earlier_lease_ms = earlier_ms;
    registry->options.max_lease_ms = granted_ms;
}

/* A lease and 1000 ppm of drift. */
static uint64_t horizon_ns(uint32_t lease_ms)
{
    uint64_t lease_ns = lease_ms * NS_PER_MS;
    return lease_ns + lease_ns / 1000;
}

uint64_t registry_horizon_ns(const struct registry *registry)
{
    return horizon_ns(registry->options.max_lease_ms);
}

uint64_t registry_effective_ns(const struct registry *registry, uint64_t swapped_ns)
{
    uint64_t by_own_ns = swapped_ns + registry_horizon_ns(registry);
    uint64_t by_earlier_ns = registry_knows_all_from_ns(registry);
    return by_own_ns > by_earlier_ns ? by_own_ns : by_earlier_ns;
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
