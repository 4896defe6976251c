#include "domain/promotion.h"

uint64_t promotion_due_ns(const struct promotion *promotion)
{
    /* Whoever has not got it by the horizon is behind, and waits for it, or is stale, and not live. */
    uint64_t wait_ns = promotion->confirmed >= promotion->subscribers ? 0 : promotion->horizon_ns;
    if (wait_ns < promotion->jwks_max_age_ns) wait_ns = promotion->jwks_max_age_ns;
    uint64_t due_ns = promotion->published_ns + wait_ns;
    return due_ns > promotion->known_from_ns ? due_ns : promotion->known_from_ns;
}
