/* The rows of accounts, API tokens and grants:
 *
 *   account/NAME     jwkd.v1.Account
 *   token/ID         an API token: what it is, and the digest of its secret
 *   grant/ID         jwkd.v1.Grant
 *   access/ service  (in one word) the revision of all of them */
#ifndef KEYRING_ACCESS_ROWS_H
#define KEYRING_ACCESS_ROWS_H

#include "keyring/records/transaction.h"

#define ACCESS_ROW \
    "access/"      \
    "service"

jwkd_status access_rows_put(struct transaction *transaction, const struct access_entry *entry) MUST_CHECK;
jwkd_status access_rows_erase(
    struct transaction *transaction, enum access_kind kind, const char *id) MUST_CHECK;
jwkd_status access_rows_put_service(
    struct transaction *transaction, uint64_t revision, const char *owner) MUST_CHECK;

/* What ACCESS_ROW says. */
struct access_state {
    uint64_t revision;
    char owner[LIMIT_PRINCIPAL + 1]; /* the principal that the first grants were made for; "": none were */
};

/* Everything, from the store: *out is a reference. CORRUPT says which row. */
jwkd_status access_rows_load(
    struct keyring *keyring, struct access_state *out_state, struct book **out, jwkd_error *error) MUST_CHECK;

#endif
