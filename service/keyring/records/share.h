/* The share of each caller in what is kept of changes: the answers, by which a repetition is known
 * (proto/DELIVERY.md C4).
 *
 * A caller may make most_changes within LIMIT_REPEAT_SEC, and has so many answers kept for as long; of older
 * ones the last most_answers are, for LIMIT_ANSWER_AGE_SEC. Deactivations have a share of their own and are
 * never refused: the oldest answers make room, for a deactivation that is repeated deactivates nothing else.
 * What the service does by itself has no answers, and is not counted.
 *
 * The writer's alone. Times are of the store's age (age.h), which nobody can set. What is noted of a
 * transaction that is not committed counts nevertheless: as an answer that there is not. */
#ifndef KEYRING_SHARE_H
#define KEYRING_SHARE_H

#include "keyring/records/transaction.h"

/* RESOURCE_EXHAUSTED says when the caller may make its next change. */
jwkd_status share_check(const struct keyring *keyring, const char *principal, jwkd_error *error) MUST_CHECK;
/* An answer is kept by this transaction; older ones may make room in it. */
jwkd_status share_note(struct transaction *transaction, const char *principal, struct bytes request_id,
    bool deactivation) MUST_CHECK;

/* The start: the answers that are kept already. */
jwkd_status share_load(struct keyring *keyring) MUST_CHECK;
/* An answer has come of age. */
void share_forget(struct keyring *keyring, const char *principal, struct bytes request_id);
void share_clear(struct keyring *keyring);

#endif
