/* The row of the service itself: its epoch, its revision, and what else a start has to know of the run
 * before. */
#ifndef KEYRING_SERVICE_ROW_H
#define KEYRING_SERVICE_ROW_H

#include "keyring/state.h"

#define SERVICE_ROW "meta/service"

/* Reads it into the keyring, and makes it in a store that has none. *out is NULL then; otherwise it lies in
 * the arena. */
jwkd_status service_row_load(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    jwkd_error *error) MUST_CHECK;

/* Reads it again, after somebody else wrote it; *out lies in the arena. INTERNAL: they began another epoch,
 * and this run cannot go on (keyring->records.estranged). */
jwkd_status service_row_read(struct keyring *keyring, struct arena *arena, const Jwkd__Row__Service **out,
    uint64_t *out_revision, jwkd_error *error) MUST_CHECK;
/* The keyring goes on from what it says. */
void service_row_take(struct keyring *keyring, const Jwkd__Row__Service *row, uint64_t revision);

/* What every commit writes, as the keyring stands; it borrows from the keyring. */
void service_row_fill(const struct keyring *keyring, Jwkd__Row__Service *out);

/* At the start: the row as it is to be, which is the first of `writes` and put there, and others. */
jwkd_status service_row_rewrite(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct store_write *writes, size_t count, jwkd_error *error) MUST_CHECK;

/* A commit that failed may have been carried out all the same, by a disk that wrote and could not say so. The
 * service's row, which every commit writes, tells: `written` is what this one put there. OK: it was, and
 * *out_revision is the row's. CONFLICT: somebody else has written since, so that all is to be read anew to
 * know. Otherwise the failure; or INTERNAL, where it cannot be known: nothing is changed any more then
 * (keyring->records.estranged). */
jwkd_status service_row_find_out(struct keyring *keyring, jwkd_status failure, struct bytes written,
    bool urgent, uint64_t *out_revision, jwkd_error *error) MUST_CHECK;

/* What this start changes, once everything is read: longer leases than before; and another epoch, where the
 * store was put back from a backup, or the options ask for it. One commit, or none. Failing is no reason not
 * to serve: keyring->records.not_renewed, or keyring->records.estranged. */
void service_row_renew(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count);
/* The writer, before it commits anything else: the epoch is already the new one, and must not become durable
 * without how far keys may have signed. Fails as a commit does. */
jwkd_status service_row_renew_again(struct keyring *keyring, jwkd_error *error) MUST_CHECK;

#endif
