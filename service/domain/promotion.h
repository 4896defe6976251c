/* When a published key may become primary (proto/DELIVERY.md P1 to P4, P7). Pure. */
#ifndef DOMAIN_PROMOTION_H
#define DOMAIN_PROMOTION_H

#include <stdbool.h>
#include <stdint.h>

/* Instants and durations of the running-time clock, in ns. */
struct promotion {
    uint64_t published_ns;    /* at the latest: when the key was in the snapshot */
    uint64_t known_from_ns;   /* from when on whoever can be fresh is registered */
    uint64_t horizon_ns;      /* until the last lease of those who are has ended */
    uint64_t jwks_max_age_ns; /* readers over HTTP cannot confirm; 0: there are none */
    bool all_known;           /* whoever can be fresh is registered */
    uint32_t subscribers, confirmed;
};

/* The earliest instant at which no fresh verifier can be without the key, as far as is known now:
 * confirmations bring it forward, and only who begins to follow may put it off, by his own lease. */
uint64_t promotion_due_ns(const struct promotion *promotion);

/* Whether everybody has it who could be fresh: all of them are known, and each has confirmed it. */
static inline bool promotion_is_confirmed(const struct promotion *promotion)
{
    return promotion->all_known && promotion->confirmed >= promotion->subscribers;
}

#endif
