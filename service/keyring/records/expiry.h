/* Answers that are old enough to be forgotten. */
#ifndef KEYRING_RECORDS_EXPIRY_H
#define KEYRING_RECORDS_EXPIRY_H

#include "keyring/records/transaction.h"

/* Erases answers older than LIMIT_ANSWER_AGE_SEC, a bounded number at each call. *out_more: there are
 * others. */
jwkd_status expiry_of_answers(struct transaction *transaction, bool *out_more) MUST_CHECK;

#endif
