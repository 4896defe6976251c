/* How a promotion stands: how many subscribers have confirmed its key, and until when it waits for the
 * others. */
#ifndef KEYRING_CHANGES_STANDING_H
#define KEYRING_CHANGES_STANDING_H

#include "domain/promotion.h"
#include "keyring/state.h"

/* Whether every subscriber has confirmed the revision that published the key. True if there is no
 * registry. */
bool operation_key_confirmed(
    struct keyring *keyring, const struct ring_environment *environment, const struct ring_key *key);

/* How the promotion that waits stands at this instant. */
struct promotion operation_standing(struct keyring *keyring, const struct ring_environment *environment,
    uint64_t published_ns, uint64_t now_ns);

/* Adds to an operation that waits what can be said of it at this instant. */
jwkd_status operation_describe(struct keyring *keyring, const struct ring_environment *environment,
    struct reply *reply, Jwkd__V1__Operation *in_out) MUST_CHECK;

#endif
