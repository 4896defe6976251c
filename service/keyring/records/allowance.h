/* The allowance of each caller: how many changes it may make, and how many answers are kept, by which a
 * repetition is known (proto/DELIVERY.md C4).
 *
 * Within LIMIT_REPEAT_SEC a caller may make most_changes, and all their answers are kept for that time. Of
 * older answers the last most_answers are kept, for LIMIT_ANSWER_AGE_SEC. Deactivations have an allowance of
 * their own and are never refused: the oldest answers make room for new ones. That does no harm, since a
 * deactivation that is repeated deactivates nothing else. What the service does by itself has no answers, and
 * does not count.
 *
 * The writer's alone. Times are of the store's age (age.h), which nobody can set. What a transaction adds
 * counts even if the transaction is not committed; there is just no answer then. */
#ifndef KEYRING_ALLOWANCE_H
#define KEYRING_ALLOWANCE_H

#include "keyring/records/transaction.h"

/* Whether the caller may make a change. RESOURCE_EXHAUSTED: the message says when it may make its next
 * one. */
jwkd_status allowance_check(
    const struct keyring *keyring, const char *principal, jwkd_error *error) MUST_CHECK;
/* Counts an answer that this transaction keeps. Older answers may make room for it. */
jwkd_status allowance_add(struct transaction *transaction, const char *principal, struct bytes request_id,
    bool deactivation) MUST_CHECK;

/* At the start: counts the answers that are kept. */
jwkd_status allowance_load(struct keyring *keyring) MUST_CHECK;
/* An answer has been kept for its time, and goes. */
void allowance_forget(struct keyring *keyring, const char *principal, struct bytes request_id);
void allowance_clear(struct keyring *keyring);

#endif
