/* Promotions as durable operations (proto/DELIVERY.md P6, P9): begun with the publication of a key, ended
 * with its promotion or by another decision. */
#ifndef KEYRING_PROMOTION_H
#define KEYRING_PROMOTION_H

#include "keyring/changes/edit.h"

/* Whether a key that is published now may become primary in the same revision: nobody verifies by the
 * environment (proto/DELIVERY.md P5). Until the transaction is committed or given up nobody can begin to. */
bool operation_nobody_waits(struct edit *edit);

/* The key `index`, published by this edit, waits for promotion; or, with `done`, is primary already.
 * The id is a new one. */
jwkd_status operation_begin(
    struct edit *edit, struct bytes id, bool rotation, int index, bool done, const char *reason) MUST_CHECK;
/* The promotion that waits, if one does, has come to an end. */
jwkd_status operation_end(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason) MUST_CHECK;

#endif
