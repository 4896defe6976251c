#include "domain/promotion.h"

uint64_t promotion_due_ns(const struct promotion *promotion)
{
    /* A subscriber that lacks the key at the horizon is behind, and waits for it, or is stale, and refuses
     * everything. */
    uint64_t wait_ns = promotion->confirmed >= promotion->subscribers ? 0 : promotion->horizon_ns;
    if (wait_ns < promotion->jwks_max_age_ns) wait_ns = promotion->jwks_max_age_ns;
    uint64_t due_ns = promotion->published_ns + wait_ns;
    return due_ns > promotion->known_from_ns ? due_ns : promotion->known_from_ns;
}
