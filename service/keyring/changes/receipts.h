/* The receipts of deactivations: opened when one is committed
 * (proto/DELIVERY.md D2 to D6). */
#ifndef KEYRING_CHANGES_RECEIPTS_H
#define KEYRING_CHANGES_RECEIPTS_H

#include "keyring/state.h"

/* Call it after the swap to `snapshot` and before the event is sent. */
void keyring_open_receipts(struct keyring *keyring, const struct snapshot *snapshot,
    const struct publisher_event *event, uint64_t swapped_ns);

#endif
