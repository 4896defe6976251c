/* A transaction becomes durable, is listed by heartbeats, becomes visible and is told, in this order
 * (proto/DELIVERY.md S2). */
#ifndef KEYRING_COMMIT_H
#define KEYRING_COMMIT_H

#include "keyring/records/transaction.h"

/* Commits; then swaps the snapshot, publishes, and makes the signer forget keys. UNAVAILABLE: nothing was
 * changed. RESOURCE_EXHAUSTED: nothing was changed, since it is more than the store takes at once. CONFLICT:
 * somebody else changed the store; the caller has to read it anew (keyring->records.outdated) and to decide
 * again. INTERNAL: it is not known whether anything was changed, and nothing can be changed before the next
 * start. */
jwkd_status commit_transaction(struct transaction *transaction, jwkd_error *error) MUST_CHECK;

#endif
