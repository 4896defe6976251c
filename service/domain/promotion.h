/* When a published key may become primary (proto/DELIVERY.md P1 to P4, P7). Pure. */
#ifndef DOMAIN_PROMOTION_H
#define DOMAIN_PROMOTION_H

#include <stdbool.h>
#include <stdint.h>

/* Instants and durations of the running-time clock, in ns. */
struct promotion {
    uint64_t published_ns;    /* the key was in the snapshot by then */
    uint64_t known_from_ns;   /* from then on every verifier that can be fresh is registered */
    uint64_t horizon_ns;      /* until the last lease of the registered verifiers has ended */
    uint64_t jwks_max_age_ns; /* readers over HTTP cannot confirm; 0: there are none */
    bool all_known;           /* every verifier that can be fresh is registered */
    uint32_t subscribers, confirmed;
};

/* The earliest instant at which no fresh verifier can lack the key, as far as is known now. Confirmations
 * bring it forward. Only a verifier that begins to follow can put it off, by its own lease. */
uint64_t promotion_due_ns(const struct promotion *promotion);

/* Whether every verifier that can be fresh has the key: all of them are known, and each has confirmed it. */
static inline bool promotion_is_confirmed(const struct promotion *promotion)
{
    return promotion->all_known && promotion->confirmed >= promotion->subscribers;
}

#endif
