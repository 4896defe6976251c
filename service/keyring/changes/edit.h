/* One change of one environment within a transaction: begun, filled with what happens, and either finished as
 * one revision (rows, event, snapshot entry) or dropped without a trace. */
#ifndef KEYRING_EDIT_H
#define KEYRING_EDIT_H

#include "keyring/records/transaction.h"

enum { EDIT_MAX_CHANGES = PLAN_MAX_STEPS + 2 };

struct edit_change {
    Jwkd__V1__Change__Kind kind;
    int key; /* index, or -1 for a change of the environment */
};

/* Who changes something, and by which verb; see keyring_made. */
struct edit_cause {
    const char *verb, *principal;
};

struct edit {
    struct transaction *transaction; /* spoiled by an edit that began to write and did not end well */
    struct edit_cause cause;
    struct ring_environment *after; /* owned; being changed */
    bool deleted, signed_before;    /* there was a primary key */
    bool writing;
    struct edit_change changes[EDIT_MAX_CHANGES];
    size_t count;
    struct plan_key *keys; /* owned; see edit_view() */
};

/* Begins to change an existing environment: NOT_FOUND. The cause is borrowed. */
jwkd_status edit_begin(struct edit *edit, struct transaction *transaction, struct edit_cause cause,
    const char *name, jwkd_error *error) MUST_CHECK;
/* Begins a new one; its id is taken when the edit is finished. */
jwkd_status edit_begin_new(struct edit *edit, struct transaction *transaction, struct edit_cause cause,
    jwkd_error *error) MUST_CHECK;
/* From here on the transaction is being written to. */
void edit_write(struct edit *edit);
/* What was written may stay. */
void edit_well_ended(struct edit *edit);
/* Spoils the transaction, if what was written is not all. */
void edit_clear(struct edit *edit);

/* Counted from now. */
void edit_schedule_rotation(struct edit *edit);
void edit_add(struct edit *edit, Jwkd__V1__Change__Kind kind, int key);
/* The environment's keys as the domain wants to see them, until the edit is cleared or this is asked again. */
jwkd_status edit_view(struct edit *edit, struct plan_view *out, jwkd_error *error) MUST_CHECK;
/* Carries out a plan. `new_key` (index in after->keys) stands for PLAN_NEW_KEY. */
jwkd_status edit_carry_out(
    struct edit *edit, const struct plan *plan, int new_key, jwkd_error *error) MUST_CHECK;
/* Makes it part of the transaction, which is being written to. */
jwkd_status edit_finish(struct edit *edit, jwkd_error *error) MUST_CHECK;

#endif
