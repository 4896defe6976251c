/* Promotions as durable operations (proto/DELIVERY.md P6, P9). One begins with the publication of a key, and
 * ends with its promotion or by another decision. */
#ifndef KEYRING_PROMOTION_H
#define KEYRING_PROMOTION_H

#include "keyring/changes/edit.h"

/* Whether a key that is published now may become primary in the same revision, because nobody verifies by the
 * environment (proto/DELIVERY.md P5). If so, nobody can begin to follow it until the transaction is committed
 * or given up. */
bool operation_nobody_waits(struct edit *edit);

/* The key `index`, which this edit publishes, waits for promotion from now on. `done`: it is primary already.
 * `id` is a new one. */
jwkd_status operation_begin(
    struct edit *edit, struct bytes id, bool rotation, int index, bool done, const char *reason) MUST_CHECK;
/* Ends the promotion that waits, if there is one. */
jwkd_status operation_end(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason) MUST_CHECK;

#endif
