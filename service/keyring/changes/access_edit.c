#include "keyring/changes/access_edit.h"

#include <stdlib.h>

void access_edit_begin(
    struct access_edit *edit, struct transaction *transaction, struct edit_cause cause, bool dry_run)
{
    *edit = (struct access_edit){.transaction = transaction,
        .cause = cause,
        .book = transaction_book(transaction),
        .dry_run = dry_run};
}

void access_edit_well_ended(struct access_edit *edit)
{
    edit->writing = false;
}

void access_edit_clear(struct access_edit *edit)
{
    if (edit->writing) edit->transaction->spoiled = true;
    for (size_t i = 0; i < edit->count; i++)
        access_entry_unref(edit->changes[i].entry);
    free(edit->changes);
    *edit = (struct access_edit){0};
}

static jwkd_status append(struct access_edit *edit, struct access_change change, jwkd_error *error)
{
    if (edit->count == edit->capacity) {
        size_t capacity = edit->capacity ? edit->capacity * 2 : 8;
        struct access_change *grown = realloc(edit->changes, capacity * sizeof *grown);
        if (!grown) return fail(error, JWKD_NO_MEMORY, "out of memory");
        edit->changes = grown;
        edit->capacity = capacity;
    }
    edit->changes[edit->count++] = change;
    return JWKD_OK;
}

jwkd_status access_edit_add(struct access_edit *edit, struct access_entry *entry, jwkd_error *error)
{
    CLEANUP(access_entry_unref_at) struct access_entry *owned = entry;
    if (!entry) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(append(edit, (struct access_change){.kind = entry->kind, .id = entry->id, .entry = entry}, error));
    owned = NULL;
    return JWKD_OK;
}

jwkd_status access_edit_remove(
    struct access_edit *edit, enum access_kind kind, const char *id, jwkd_error *error)
{
    return append(edit, (struct access_change){.kind = kind, .id = id}, error);
}

/* ---- finishing */

static bool has_admin(const struct book *book)
{
    for (size_t i = 0; i < book_count(book, ACCESS_GRANT); i++) {
        const struct access_grant *grant =
            (const struct access_grant *)(const void *)book_at(book, ACCESS_GRANT, i);
        if (grant->role == ROLE_ADMIN && strcmp(grant->environment, "*") == 0) return true;
    }
    return false;
}

static jwkd_status write_all(struct access_edit *edit, struct book *next, const struct keyring_made *made)
{
    struct transaction *transaction = edit->transaction;
    for (size_t i = 0; i < edit->count; i++) {
        const struct access_change *change = &edit->changes[i];
        if (change->entry)
            TRY(access_rows_put(transaction, change->entry));
        else
            TRY(access_rows_erase(transaction, change->kind, change->id));
    }
    TRY(access_rows_put_service(transaction, book_revision(next), transaction->keyring->access_owner));
    struct keyring_made told = *made;
    told.verb = edit->cause.verb;
    told.principal = edit->cause.principal;
    told.revision = book_revision(next);
    TRY(transaction_tell(transaction, &told));
    book_unref(transaction->book);
    transaction->book = book_ref(next);
    return JWKD_OK;
}

jwkd_status access_edit_finish(struct access_edit *edit, const struct keyring_made *made, jwkd_error *error)
{
    CLEANUP(book_unref_at) struct book *next = NULL;
    if (edit->count == 0) return JWKD_OK;
    if (strlen(edit->cause.principal) > LIMIT_PRINCIPAL)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the caller's name is longer than %d bytes", LIMIT_PRINCIPAL);
    if (book_next(edit->book, edit->changes, edit->count, book_revision(edit->book) + 1, &next) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    if (has_admin(edit->book) && !has_admin(next))
        return fail(error, JWKD_FAILED_PRECONDITION,
            "it is the last grant of admin for *: nobody could change access any more; grant another one "
            "first");
    if (edit->dry_run) return JWKD_OK;
    edit->writing = true;
    if (write_all(edit, next, made) == JWKD_OK) return JWKD_OK;
    return fail(error, JWKD_NO_MEMORY, "out of memory");
}

jwkd_status access_edit_environment_gone(
    struct transaction *transaction, struct edit_cause cause, uint64_t environment_id, jwkd_error *error)
{
    CLEANUP(access_edit_clear) struct access_edit edit;
    access_edit_begin(&edit, transaction, cause, false);
    for (size_t i = 0; i < book_count(edit.book, ACCESS_GRANT); i++) {
        const struct access_grant *grant =
            (const struct access_grant *)(const void *)book_at(edit.book, ACCESS_GRANT, i);
        if (grant->environment_id == environment_id)
            TRY(access_edit_remove(&edit, ACCESS_GRANT, grant->entry.id, error));
    }
    TRY(access_edit_finish(&edit, &(struct keyring_made){.subject = "grants of the environment"}, error));
    access_edit_well_ended(&edit);
    return JWKD_OK;
}
