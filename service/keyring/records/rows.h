/* The rows of the keyring in the store: their names and their values.
 *
 *   meta/service                         the epoch, the next environment id, the service's revision
 *   env/NAME                             an environment (jwkd.v1.Environment)
 *   key/OWNER/KID                        a key; OWNER is the environment's id in 16 hexadecimal digits
 *   log/OWNER/REVISION                   an event (jwkd.v1.Event); REVISION in 16 hexadecimal digits
 *   ceiling/OWNER/KID                    how far what the key signs may reach
 *   operation/ID                         a promotion under way or ended (jwkd.v1.Operation)
 *   held/THUMBPRINT                      the tombstone of every key that any environment ever had: OWNER
 *   answer/REQUEST-ID/PRINCIPAL          the answer to a change
 *   answered/TIME/REQUEST-ID/PRINCIPAL   the same by age: empty; "d" of a deactivation
 *   work/REQUEST-ID/PRINCIPAL            a generation that waits for its key
 *   reserve/TYPE/KID                     a ready key
 *   clock/AGE                            an operator accepted the wall clock (changes/wall.h); AGE is the
 * store's, in 16 hexadecimal digits */
#ifndef KEYRING_ROWS_H
#define KEYRING_ROWS_H

#include "keyring/records/transaction.h"

/* Operations expire beside answers. No caller has this name. */
#define ROWS_OPERATION_PRINCIPAL "operation"

#define ROW_RESERVE "reserve/"   /* what the names of ready keys' rows begin with */
#define ROW_ANSWERED "answered/" /* likewise, of the rows that sort answers by age */
enum { ROW_KEY_SIZE = LIMIT_STORE_KEY + 1 };

jwkd_status rows_put_environment(
    struct transaction *transaction, const struct ring_environment *environment) MUST_CHECK;
jwkd_status rows_put_key(
    struct transaction *transaction, const struct ring_environment *environment, size_t index) MUST_CHECK;
/* Erases the key's rows, except for its tombstone. */
jwkd_status rows_erase_key(struct transaction *transaction, const struct ring_environment *environment,
    const struct ring_key *key) MUST_CHECK;
/* Appends the row. For a write outside of a transaction. */
jwkd_status rows_make_ceiling(const char *owner, const char *kid, struct reach ceiling,
    char name[ROW_KEY_SIZE], struct buffer *out) MUST_CHECK;
jwkd_status rows_put_ceiling(
    struct transaction *transaction, const char *owner, const char *kid, struct reach ceiling) MUST_CHECK;
/* Keeps the operation while it waits, and after its end for as long as answers are kept. */
jwkd_status rows_put_operation(
    struct transaction *transaction, const Jwkd__V1__Operation *operation) MUST_CHECK;
/* The packed operation is appended; NOT_FOUND. */
jwkd_status rows_get_operation(struct keyring *keyring, struct bytes id, struct buffer *out) MUST_CHECK;
jwkd_status rows_erase_environment(
    struct transaction *transaction, const struct ring_environment *environment) MUST_CHECK;
/* Appends the event to the log, and drops events that are older than the log reaches. */
jwkd_status rows_put_event(struct transaction *transaction, const struct ring_environment *environment,
    const Jwkd__V1__Event *event) MUST_CHECK;
jwkd_status rows_put_tombstone(struct transaction *transaction, const struct ring_environment *environment,
    const struct jwk *jwk) MUST_CHECK;
/* Whether any environment ever had the key, this transaction included. */
jwkd_status rows_check_never_held(
    struct transaction *transaction, const struct jwk *jwk, jwkd_error *error) MUST_CHECK;
jwkd_status rows_put_ready_key(struct transaction *transaction, const struct ready_key *key) MUST_CHECK;
jwkd_status rows_erase_ready_key(struct transaction *transaction, const struct ready_key *key) MUST_CHECK;

/* `name` receives "KIND/REQUEST-ID/PRINCIPAL". */
void rows_request_name(
    const char *kind, struct bytes request_id, const char *principal, char name[ROW_KEY_SIZE]);
jwkd_status rows_put_answer(struct transaction *transaction, struct bytes request_id, const char *principal,
    const uint8_t digest[32], struct bytes reply, bool deactivation) MUST_CHECK;
/* `at` is the time at which the answer was put. */
jwkd_status rows_erase_answer(
    struct transaction *transaction, int64_t at, struct bytes request_id, const char *principal) MUST_CHECK;
/* What an answered/ row says. False: it is an operation's, or none. */
bool rows_read_answered(const struct store_row *row, int64_t *out_at, uint8_t out_id[LIMIT_REQUEST_ID],
    char out_principal[ROW_KEY_SIZE], bool *out_deactivation);
/* Reads an answer's row, which may be absent. NOT_FOUND: it is absent. CONFLICT: the request id was used for
 * something else. OK: the packed reply was appended. */
jwkd_status rows_read_answer(
    const struct store_row *row, const uint8_t digest[32], struct buffer *out) MUST_CHECK;
/* Looks the row up, and reads it in the same way. */
jwkd_status rows_get_answer(struct keyring *keyring, struct bytes request_id, const char *principal,
    const uint8_t digest[32], struct buffer *out) MUST_CHECK;
/* These read rows. CORRUPT. */
jwkd_status rows_read_environment(const struct store_row *row, struct ring_environment **out) MUST_CHECK;
jwkd_status rows_read_key(const struct store_row *row, struct ring_key **out, bool *out_primary) MUST_CHECK;
jwkd_status rows_read_ceiling(const struct store_row *row, struct reach *out) MUST_CHECK;
jwkd_status rows_read_ready_key(const struct store_row *row, struct ready_key **out) MUST_CHECK;

#endif
