#include "keyring/changes/access_bootstrap.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "keyring/changes/access_edit.h"
#include "keyring/changes/commit.h"

#define ROOT "uid:0"
#define BOOTSTRAP "service:bootstrap"

static const enum access_role EVERYTHING[] = {
    ROLE_ADMIN, ROLE_SIGNER, ROLE_RAW_SIGNER, ROLE_IMPORTER, ROLE_AUDITOR, ROLE_RELAY};

static jwkd_status grant(struct access_edit *edit, const char *principal, enum access_role role)
{
    uint8_t random[ACCESS_GRANT_ID / 2];
    char id[ACCESS_GRANT_ID + 1];
    if (book_same_grant(edit->book, principal, "*", role)) return JWKD_OK;
    TRY(random_fill(random, sizeof random));
    bytes_to_hex(bytes_of(random, sizeof random), id);
    struct access_grant *made = access_grant_new(&(struct access_grant){
        .entry = {.id = id, .created_at = edit->transaction->now, .created_by = edit->cause.principal},
        .principal = principal,
        .environment = "*",
        .role = role});
    return access_edit_add(edit, made ? &made->entry : NULL, NULL);
}

static jwkd_status grant_everything(struct access_edit *edit, const char *principal)
{
    for (size_t i = 0; i < sizeof EVERYTHING / sizeof *EVERYTHING; i++)
        TRY(grant(edit, principal, EVERYTHING[i]));
    return JWKD_OK;
}

static jwkd_status take_from(struct access_edit *edit, const char *principal)
{
    for (size_t i = 0; i < book_count(edit->book, ACCESS_GRANT); i++) {
        const struct access_entry *entry = book_at(edit->book, ACCESS_GRANT, i);
        const struct access_grant *its = (const struct access_grant *)(const void *)entry;
        if (strcmp(its->principal, principal) == 0 && strcmp(entry->created_by, BOOTSTRAP) == 0)
            TRY(access_edit_remove(edit, ACCESS_GRANT, entry->id, NULL));
    }
    return JWKD_OK;
}

static bool would_admit(const struct access_edit *edit)
{
    const char *admin = edit->transaction->keyring->options.admin;
    for (size_t i = 0; admin && i < edit->count; i++) {
        const struct access_grant *made = (const struct access_grant *)(const void *)edit->changes[i].entry;
        if (made && made->role == ROLE_ADMIN && strcmp(made->principal, admin) == 0) return true;
    }
    return false;
}

static jwkd_status decide(struct access_edit *edit, const char *before)
{
    const struct keyring_options *options = &edit->transaction->keyring->options;
    const char *now = options->own_principal;
    if (now && strcmp(before, now) != 0) {
        if (!*before) TRY(grant_everything(edit, ROOT));
        if (*before && strcmp(before, ROOT) != 0) TRY(take_from(edit, before));
        if (strcmp(now, ROOT) != 0) TRY(grant_everything(edit, now));
    }
    if (options->admin && !would_admit(edit)) TRY(grant(edit, options->admin, ROLE_ADMIN));
    return JWKD_OK;
}

/* Of this run alone: as if it had been written. */
static void believe(struct keyring *keyring, struct transaction *transaction)
{
    struct snapshot *next;
    if (!transaction->book || snapshot_next(keyring->present.snapshot, NULL, 0, transaction->book,
                                  keyring->present.snapshot->service_revision, &next) != JWKD_OK)
        return;
    keyring_swap(keyring, next);
}

static jwkd_status commit(struct access_edit *edit, const char *owner, bool *out_admits, jwkd_error *error)
{
    struct keyring *keyring = edit->transaction->keyring;
    TRY(decide(edit, owner));
    *out_admits = would_admit(edit);
    if (edit->count == 0) return JWKD_OK;
    if (keyring->options.own_principal)
        snprintf(keyring->access_owner, sizeof keyring->access_owner, "%s", keyring->options.own_principal);
    TRY(access_edit_finish(edit, &(struct keyring_made){.subject = "the first grants"}, error));
    access_edit_well_ended(edit);
    return commit_transaction(edit->transaction, error);
}

void access_bootstrap(struct keyring *keyring, const struct access_state *state)
{
    CLEANUP(transaction_clear) struct transaction transaction;
    CLEANUP(access_edit_clear) struct access_edit edit = {0};
    jwkd_error error = {0};
    bool admits = false;
    memcpy(keyring->access_owner, state->owner, sizeof keyring->access_owner);
    jwkd_status status = transaction_init(&transaction, keyring, clock_wall_sec());
    access_edit_begin(
        &edit, &transaction, (struct edit_cause){.verb = "bootstrap", .principal = BOOTSTRAP}, false);
    if (status == JWKD_OK) status = commit(&edit, state->owner, &admits, &error);
    if (status != JWKD_OK) {
        memcpy(keyring->access_owner, state->owner, sizeof keyring->access_owner);
        keyring_trouble(keyring, status, "the first grants could not be written: they hold for this run");
        believe(keyring, &transaction);
    }
    if (admits) {
        char text[LIMIT_PRINCIPAL + 64];
        snprintf(text, sizeof text, "%s was made an admin of everything (--admin)", keyring->options.admin);
        keyring_trouble(keyring, JWKD_OK, text);
    }
}
