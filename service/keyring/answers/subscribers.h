/* Between the registry of subscribers and the messages of the contract. */
#ifndef KEYRING_SUBSCRIBERS_H
#define KEYRING_SUBSCRIBERS_H

#include "keyring/state.h"

/* Fills a message; its texts and bytes are copied into the reply. `present` is the environment's revision
 * now. */
jwkd_status subscribers_describe(const struct registry_subscriber *subscriber, uint64_t present,
    uint64_t now_ns, struct reply *reply, Jwkd__V1__Subscriber *out) MUST_CHECK;

#endif
