/* One change of one environment within a transaction. It is begun and filled with what happens. Then it is
 * either finished as one revision (rows, event, snapshot entry) or dropped without a trace. */
#ifndef KEYRING_EDIT_H
#define KEYRING_EDIT_H

#include "keyring/records/transaction.h"

enum { EDIT_MAX_CHANGES = PLAN_MAX_STEPS + 2 };

struct edit_change {
    Jwkd__V1__Change__Kind kind;
    int key; /* index, or -1 for a change of the environment */
};

/* The caller that makes the change, and the verb for it; see keyring_made. */
struct edit_cause {
    const char *verb, *principal;
};

struct edit {
    struct transaction *transaction; /* an edit spoils it if it began to write and did not end well */
    struct edit_cause cause;
    struct ring_environment *after; /* owned; being changed */
    bool deleted, signed_before;    /* there was a primary key before */
    bool writing;
    struct edit_change changes[EDIT_MAX_CHANGES];
    size_t count;
    struct plan_key *keys; /* owned; see edit_view() */
};

/* Begins to change an existing environment: NOT_FOUND. The cause is borrowed. */
jwkd_status edit_begin(struct edit *edit, struct transaction *transaction, struct edit_cause cause,
    const char *name, jwkd_error *error) MUST_CHECK;
/* Begins a new environment. Its id is taken when the edit is finished. */
jwkd_status edit_begin_new(struct edit *edit, struct transaction *transaction, struct edit_cause cause,
    jwkd_error *error) MUST_CHECK;
/* From here on the edit writes to the transaction. */
void edit_write(struct edit *edit);
/* What was written may stay. */
void edit_well_ended(struct edit *edit);
/* Spoils the transaction if the edit began to write and did not end well. */
void edit_clear(struct edit *edit);

/* Sets the next rotation by schedule, counted from now. */
void edit_schedule_rotation(struct edit *edit);
void edit_add(struct edit *edit, Jwkd__V1__Change__Kind kind, int key);
/* Shows the environment's keys in the domain's form. They are valid until the edit is cleared or this is
 * called again. */
jwkd_status edit_view(struct edit *edit, struct plan_view *out, jwkd_error *error) MUST_CHECK;
/* Carries out a plan. `new_key` (index in after->keys) stands for PLAN_NEW_KEY. */
jwkd_status edit_carry_out(
    struct edit *edit, const struct plan *plan, int new_key, jwkd_error *error) MUST_CHECK;
/* Makes the edit part of the transaction. edit_write() comes first. */
jwkd_status edit_finish(struct edit *edit, jwkd_error *error) MUST_CHECK;

#endif
