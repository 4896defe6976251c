/* One change of accounts, tokens and grants within a transaction: begun, filled with what is added and
 * removed, and either finished as one revision of the book or dropped without a trace. */
#ifndef KEYRING_ACCESS_EDIT_H
#define KEYRING_ACCESS_EDIT_H

#include "keyring/changes/changes.h"
#include "keyring/records/access_rows.h"

struct access_edit {
    struct transaction *transaction;
    struct edit_cause cause;
    const struct book *book; /* as it stood; borrowed from the transaction */
    bool dry_run;            /* decided, and not written */
    bool writing;            /* the transaction is spoiled, unless it ends well */
    struct access_change
        *changes; /* owned; their entries are references, their ids the entries' or the book's */
    size_t count, capacity;
};

void access_edit_begin(
    struct access_edit *edit, struct transaction *transaction, struct edit_cause cause, bool dry_run);
/* Takes the reference over, in every case; NULL is memory that was short. */
jwkd_status access_edit_add(
    struct access_edit *edit, struct access_entry *entry, jwkd_error *error) MUST_CHECK;
/* The id is the book's, or lives as long. */
jwkd_status access_edit_remove(
    struct access_edit *edit, enum access_kind kind, const char *id, jwkd_error *error) MUST_CHECK;
/* Makes it part of the transaction, unless it is a dry run. `made` says the rest of what is told of it.
 * FAILED_PRECONDITION: nobody would be left who may change access. Nothing added, nothing removed: nothing
 * changes. */
jwkd_status access_edit_finish(
    struct access_edit *edit, const struct keyring_made *made, jwkd_error *error) MUST_CHECK;
/* What was written may stay. */
void access_edit_well_ended(struct access_edit *edit);
/* Spoils the transaction, if what was written is not all. */
void access_edit_clear(struct access_edit *edit);

/* An environment is deleted by the transaction: the grants of it alone end. */
jwkd_status access_edit_environment_gone(struct transaction *transaction, struct edit_cause cause,
    uint64_t environment_id, jwkd_error *error) MUST_CHECK;

#endif
