/* A transaction becomes durable, is listed by heartbeats, seen, told: in this order (proto/DELIVERY.md S2).
 */
#ifndef KEYRING_COMMIT_H
#define KEYRING_COMMIT_H

#include "keyring/records/transaction.h"

/* Commits; then swaps the snapshot, publishes, and lets the signer forget. UNAVAILABLE: nothing was changed.
 * RESOURCE_EXHAUSTED: likewise, for it is more than the store takes at once. CONFLICT: somebody else changed
 * the store; it is to be read anew, and decided again (keyring->records.outdated). INTERNAL: whether anything
 * was changed is not known, and nothing is changed any more before the next start. */
jwkd_status commit_transaction(struct transaction *transaction, jwkd_error *error) MUST_CHECK;

#endif
