/* The row of the service itself: its epoch, its revision, and what else a start must know of the run
 * before. */
#ifndef KEYRING_SERVICE_ROW_H
#define KEYRING_SERVICE_ROW_H

#include "keyring/state.h"

#define SERVICE_ROW "meta/service"

/* Reads the row into the keyring; makes it in a store that has none. *out is NULL if it was made; otherwise
 * it is in the arena. */
jwkd_status service_row_load(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    jwkd_error *error) MUST_CHECK;

/* Reads the row again after somebody else wrote it; *out is in the arena. INTERNAL: they began another epoch,
 * and this run cannot go on (keyring->records.estranged). */
jwkd_status service_row_read(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    uint64_t *out_revision, jwkd_error *error) MUST_CHECK;
/* Lets the keyring go on from what the row says. */
void service_row_take(struct keyring *keyring, const Jwkd__Row__Service *row, uint64_t revision);

/* Fills the row that every commit writes, as the keyring stands. It borrows from the keyring. */
void service_row_fill(const struct keyring *keyring, Jwkd__Row__Service *out);

/* For the start: commits the row as it is to be, with other writes. The row takes the first place in
 * `writes`. */
jwkd_status service_row_rewrite(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct store_write *writes, size_t count, jwkd_error *error) MUST_CHECK;

/* Finds out whether a commit that failed was carried out all the same, by a disk that wrote and could not say
 * so. Every commit writes the service's row, and `written` is what this commit put there. OK: it was carried
 * out, and *out_revision is the row's. CONFLICT: somebody else has written since, and all must be read anew.
 * INTERNAL: it cannot be known, and nothing is changed any more (keyring->records.estranged). Otherwise the
 * failure itself: it was not carried out. */
jwkd_status service_row_find_out(struct keyring *keyring, jwkd_status failure, struct bytes written,
    bool urgent, uint64_t *out_revision, jwkd_error *error) MUST_CHECK;

/* Writes what this start changes, once everything is read: longer leases than before; and another epoch, if
 * the store was put back from a backup, or the options ask for it. After a failure the service serves all the
 * same, with keyring->records.not_renewed or keyring->records.estranged. */
void service_row_renew(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count);
/* For the writer, before it commits anything else. The epoch is already the new one, and must not become
 * durable without how far keys may have signed. Fails as a commit does. */
jwkd_status service_row_renew_again(struct keyring *keyring, jwkd_error *error) MUST_CHECK;

#endif
