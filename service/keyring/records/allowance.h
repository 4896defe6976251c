/* The allowance of each caller: how many changes it may make, and how many answers are kept, by which a
 * repetition is known (proto/DELIVERY.md C4).
 *
 * A caller may make most_changes within LIMIT_REPEAT_SEC, and has so many answers kept for as long; of older
 * ones the last most_answers are, for LIMIT_ANSWER_AGE_SEC. Deactivations have an allowance of their own and
 * are never refused: the oldest answers make room, for a deactivation that is repeated deactivates nothing
 * else. What the service does by itself has no answers, and is not counted.
 *
 * The writer's alone. Times are of the store's age (age.h), which nobody can set. What is added by a
 * transaction that is not committed counts nevertheless: as an answer that there is not. */
#ifndef KEYRING_ALLOWANCE_H
#define KEYRING_ALLOWANCE_H

#include "keyring/records/transaction.h"

/* RESOURCE_EXHAUSTED says when the caller may make its next change. */
jwkd_status allowance_check(
    const struct keyring *keyring, const char *principal, jwkd_error *error) MUST_CHECK;
/* An answer is kept by this transaction; older ones may make room in it. */
jwkd_status allowance_add(struct transaction *transaction, const char *principal, struct bytes request_id,
    bool deactivation) MUST_CHECK;

/* The start: the answers that are kept already. */
jwkd_status allowance_load(struct keyring *keyring) MUST_CHECK;
/* An answer has come of age. */
void allowance_forget(struct keyring *keyring, const char *principal, struct bytes request_id);
void allowance_clear(struct keyring *keyring);

#endif
