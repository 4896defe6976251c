/* The receipts of deactivations: opened when one was committed, and told to whoever asks
 * (proto/DELIVERY.md D2 to D6). */
#ifndef KEYRING_RECEIPT_H
#define KEYRING_RECEIPT_H

#include "keyring/state.h"

/* After the swap to `snapshot`, before the event is sent. */
void keyring_open_receipts(struct keyring *keyring, const struct snapshot *snapshot,
    const struct publisher_event *event, uint64_t swapped_ns);

#endif
