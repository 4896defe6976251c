/* Accounts, API tokens and grants: how each change of them is decided. */
#include <stdio.h>

#include "access/principal.h"
#include "base/random.h"
#include "base/utf8.h"
#include "keyring/changes/decide.h"
#include "keyring/model/access_message.h"

static const char ACCOUNT[] = "account:";

static jwkd_status check_note(const char *note, jwkd_error *error)
{
    if (strlen(note) <= LIMIT_NOTE && (!*note || environment_text_valid(note))) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT,
        "a note has at most %d bytes of UTF-8 without control characters", LIMIT_NOTE);
}

static jwkd_status check_room(
    const struct book *book, enum access_kind kind, size_t most, const char *what, jwkd_error *error)
{
    if (book_count(book, kind) < most) return JWKD_OK;
    return fail(error, JWKD_RESOURCE_EXHAUSTED, "there are %zu %s, which is the limit", most, what);
}

static struct access_entry what_is_new(const struct access_edit *edit, const char *id)
{
    return (struct access_entry){
        .id = id, .created_at = edit->transaction->now, .created_by = edit->cause.principal};
}

/* ---- accounts */

static jwkd_status answer_account(
    const struct access_account *account, struct reply *reply, jwkd_error *error)
{
    Jwkd__V1__AccountReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Account *message = reply_alloc(reply, sizeof *message);
    if (!answer || !message) return fail(error, JWKD_NO_MEMORY, "out of memory");
    message_account(account, message);
    *answer = (Jwkd__V1__AccountReply)JWKD__V1__ACCOUNT_REPLY__INIT;
    answer->account = message;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_ACCOUNT;
    reply->message.account = answer;
    reply_keep(reply, (struct access_entry *)(uintptr_t)&account->entry);
    return JWKD_OK;
}

jwkd_status decide_create_account(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__CreateAccountRequest *create = asked->request->create_account;
    if (!environment_name_valid(create->name))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "an account's name has 1 to %d of a-z, 0-9, '-', '_', '.', and begins with a letter or digit",
            LIMIT_ENVIRONMENT_NAME);
    TRY(check_note(create->note, error));
    if (book_find(edit->book, ACCESS_ACCOUNT, create->name))
        return fail(error, JWKD_ALREADY_EXISTS, "there is an account \"%s\" already", create->name);
    TRY(check_room(edit->book, ACCESS_ACCOUNT, LIMIT_ACCOUNTS, "accounts", error));
    struct access_account *account = access_account_new(
        &(struct access_account){.entry = what_is_new(edit, create->name), .note = create->note});
    TRY(access_edit_add(edit, account ? &account->entry : NULL, error));
    TRY(access_edit_finish(edit, &(struct keyring_made){.subject = create->name}, error));
    return answer_account(account, reply, error);
}

static jwkd_status find_account(
    const struct book *book, const char *name, const struct access_account **out, jwkd_error *error)
{
    const struct access_entry *entry = book_find(book, ACCESS_ACCOUNT, name);
    if (!entry) return fail(error, JWKD_NOT_FOUND, "there is no account \"%.63s\"", name);
    *out = (const struct access_account *)(const void *)entry;
    return JWKD_OK;
}

/* With whatever is of it alone. */
jwkd_status decide_delete_account(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const char *name = asked->request->delete_account->name;
    const struct access_account *account = NULL;
    TRY(find_account(edit->book, name, &account, error));
    for (size_t i = 0; i < book_count(edit->book, ACCESS_TOKEN); i++) {
        const struct access_entry *entry = book_at(edit->book, ACCESS_TOKEN, i);
        if (strcmp(((const struct access_token *)(const void *)entry)->account, name) == 0)
            TRY(access_edit_remove(edit, ACCESS_TOKEN, entry->id, error));
    }
    for (size_t i = 0; i < book_count(edit->book, ACCESS_GRANT); i++) {
        const struct access_entry *entry = book_at(edit->book, ACCESS_GRANT, i);
        const char *principal = ((const struct access_grant *)(const void *)entry)->principal;
        if (strncmp(principal, ACCOUNT, strlen(ACCOUNT)) == 0 &&
            strcmp(principal + strlen(ACCOUNT), name) == 0)
            TRY(access_edit_remove(edit, ACCESS_GRANT, entry->id, error));
    }
    TRY(access_edit_remove(edit, ACCESS_ACCOUNT, account->entry.id, error));
    TRY(answer_account(account, reply, error));
    return access_edit_finish(edit, &(struct keyring_made){.subject = name}, error);
}

/* ---- tokens */

static jwkd_status answer_token(
    const struct access_token *token, const char *secret, struct reply *reply, jwkd_error *error)
{
    Jwkd__V1__TokenReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Token *message = reply_alloc(reply, sizeof *message);
    if (!answer || !message) return fail(error, JWKD_NO_MEMORY, "out of memory");
    message_token(token, message);
    *answer = (Jwkd__V1__TokenReply)JWKD__V1__TOKEN_REPLY__INIT;
    answer->token = message;
    if (secret) answer->secret = arena_text(&reply->arena, bytes_of_text(secret));
    if (!answer->secret) return fail(error, JWKD_NO_MEMORY, "out of memory");
    reply->shown_once = secret != NULL;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_TOKEN;
    reply->message.token = answer;
    reply_keep(reply, (struct access_entry *)(uintptr_t)&token->entry);
    return JWKD_OK;
}

static size_t tokens_of(const struct book *book, const char *account)
{
    size_t count = 0;
    for (size_t i = 0; i < book_count(book, ACCESS_TOKEN); i++) {
        const struct access_entry *entry = book_at(book, ACCESS_TOKEN, i);
        count += strcmp(((const struct access_token *)(const void *)entry)->account, account) == 0;
    }
    return count;
}

struct minted {
    char text[API_TOKEN_SIZE + 1];
    char id[API_TOKEN_ID + 1];
    uint8_t digest[SHA256_SIZE];
};

static void minted_wipe(struct minted *minted)
{
    bytes_wipe(minted, sizeof *minted);
}

jwkd_status decide_create_token(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__CreateTokenRequest *create = asked->request->create_token;
    const struct access_account *account = NULL;
    CLEANUP(minted_wipe) struct minted minted;
    uint32_t lifetime_sec = create->lifetime_sec ? create->lifetime_sec : DEFAULT_API_TOKEN_SEC;
    TRY(find_account(edit->book, create->account, &account, error));
    TRY(check_note(create->note, error));
    if (lifetime_sec > LIMIT_API_TOKEN_SEC)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a token lives at most %d days", LIMIT_API_TOKEN_SEC / (24 * 3600));
    TRY(check_room(edit->book, ACCESS_TOKEN, LIMIT_API_TOKENS, "tokens", error));
    if (tokens_of(edit->book, create->account) >= LIMIT_TOKENS_OF_ACCOUNT)
        return fail(error, JWKD_RESOURCE_EXHAUSTED,
            "the account has %d tokens, which is the limit: revoke one that is not used",
            LIMIT_TOKENS_OF_ACCOUNT);
    do
        if (api_token_mint(minted.text, minted.id, minted.digest) != JWKD_OK)
            return fail(error, JWKD_INTERNAL, "no random bytes");
    while (book_find(edit->book, ACCESS_TOKEN, minted.id));
    struct access_token from = {.entry = what_is_new(edit, edit->dry_run ? "" : minted.id),
        .account = create->account,
        .note = create->note,
        .expires_at = edit->transaction->now + lifetime_sec};
    memcpy(from.digest, minted.digest, sizeof from.digest);
    struct access_token *token = access_token_new(&from);
    TRY(access_edit_add(edit, token ? &token->entry : NULL, error));
    TRY(access_edit_finish(edit, &(struct keyring_made){.subject = minted.id}, error));
    return answer_token(token, edit->dry_run ? NULL : minted.text, reply, error);
}

jwkd_status decide_revoke_token(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const char *id = asked->request->revoke_token->id;
    const struct access_entry *entry = book_find(edit->book, ACCESS_TOKEN, id);
    if (!entry) return fail(error, JWKD_NOT_FOUND, "there is no token with the id \"%.16s\" (any more)", id);
    TRY(access_edit_remove(edit, ACCESS_TOKEN, entry->id, error));
    TRY(answer_token((const struct access_token *)(const void *)entry, NULL, reply, error));
    return access_edit_finish(edit, &(struct keyring_made){.subject = id}, error);
}

/* ---- grants */

static jwkd_status answer_grant(const struct access_grant *grant, struct reply *reply, jwkd_error *error)
{
    Jwkd__V1__GrantReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Grant *message = reply_alloc(reply, sizeof *message);
    if (!answer || !message) return fail(error, JWKD_NO_MEMORY, "out of memory");
    message_grant(grant, message);
    *answer = (Jwkd__V1__GrantReply)JWKD__V1__GRANT_REPLY__INIT;
    answer->grant = message;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_GRANT;
    reply->message.grant = answer;
    reply_keep(reply, (struct access_entry *)(uintptr_t)&grant->entry);
    return JWKD_OK;
}

static jwkd_status find_role(
    const char *name, const char *environment, enum access_role *out, jwkd_error *error)
{
    if (!access_role_by_name(name, out))
        return fail(error, JWKD_INVALID_ARGUMENT,
            "there is no role \"%.32s\"; there are viewer, verifier, signer, raw-signer, operator, importer, "
            "auditor, relay and admin",
            name);
    if (*out == ROLE_RELAY && strcmp(environment, "*") != 0)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "a relay follows every environment: the role relay is granted for * only");
    return JWKD_OK;
}

/* The environment of an exact grant, which ends with it. */
static jwkd_status find_environment(
    const struct access_edit *edit, const char *pattern, uint64_t *out_id, jwkd_error *error)
{
    TRY(environment_pattern_check(pattern, error));
    *out_id = 0;
    if (pattern[strlen(pattern) - 1] == '*') return JWKD_OK;
    const struct ring_environment *environment = transaction_find(edit->transaction, pattern);
    if (!environment)
        return fail(error, JWKD_NOT_FOUND,
            "there is no environment \"%.63s\": make it first, or grant for a prefix such as \"tenant-*\"",
            pattern);
    *out_id = environment->id;
    return JWKD_OK;
}

static jwkd_status check_principal(const struct access_edit *edit, const char *principal, jwkd_error *error)
{
    TRY(principal_check(principal, error));
    bool exact = principal[strlen(principal) - 1] != '*';
    if (exact && strncmp(principal, ACCOUNT, strlen(ACCOUNT)) == 0 &&
        !book_find(edit->book, ACCESS_ACCOUNT, principal + strlen(ACCOUNT)))
        return fail(error, JWKD_NOT_FOUND, "there is no account \"%.63s\": create it first",
            principal + strlen(ACCOUNT));
    size_t count = 0;
    for (size_t i = 0; i < book_count(edit->book, ACCESS_GRANT); i++) {
        const struct access_entry *entry = book_at(edit->book, ACCESS_GRANT, i);
        count += strcmp(((const struct access_grant *)(const void *)entry)->principal, principal) == 0;
    }
    if (count < LIMIT_GRANTS_OF_PRINCIPAL) return JWKD_OK;
    return fail(error, JWKD_RESOURCE_EXHAUSTED, "the principal has %d grants, which is the limit",
        LIMIT_GRANTS_OF_PRINCIPAL);
}

static jwkd_status read_rule(struct bytes text, enum access_role role, struct rule **out, jwkd_error *error)
{
    if (text.size == 0) return JWKD_OK;
    if (!access_role_has_rule(role))
        return fail(error, JWKD_INVALID_ARGUMENT, "only signer and raw-signer have a rule, not %s",
            access_role_name(role));
    TRY(rule_parse(text, out, error));
    if (role == ROLE_SIGNER || rule_is_for_raw(*out)) return JWKD_OK;
    rule_unref(*out);
    *out = NULL;
    return fail(error, JWKD_INVALID_ARGUMENT,
        "the rule of a raw-signer has \"types\" only: the service does not look into what it signs");
}

static jwkd_status mint_grant_id(
    const struct access_edit *edit, char out[ACCESS_GRANT_ID + 1], jwkd_error *error)
{
    uint8_t random[ACCESS_GRANT_ID / 2];
    do {
        if (random_fill(random, sizeof random) != JWKD_OK)
            return fail(error, JWKD_INTERNAL, "no random bytes");
        bytes_to_hex(bytes_of(random, sizeof random), out);
    } while (book_find(edit->book, ACCESS_GRANT, out));
    return JWKD_OK;
}

jwkd_status decide_add_grant(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__AddGrantRequest *add = asked->request->add_grant;
    CLEANUP(rule_unref_at) struct rule *rule = NULL;
    char id[ACCESS_GRANT_ID + 1];
    struct access_grant from = {.principal = add->principal, .environment = add->environment};
    TRY(check_principal(edit, add->principal, error));
    TRY(find_environment(edit, add->environment, &from.environment_id, error));
    TRY(find_role(add->role, add->environment, &from.role, error));
    TRY(read_rule(wire_view(add->rule), from.role, &rule, error));
    const struct access_grant *same =
        book_same_grant(edit->book, add->principal, add->environment, from.role);
    if (same)
        return fail(error, JWKD_ALREADY_EXISTS,
            "%.100s is %s of %.63s already, by grant %s: remove that first to change its rule",
            add->principal, add->role, add->environment, same->entry.id);
    TRY(check_room(edit->book, ACCESS_GRANT, LIMIT_GRANTS, "grants", error));
    TRY(mint_grant_id(edit, id, error));
    from.rule = rule;
    from.entry = what_is_new(edit, edit->dry_run ? "" : id);
    struct access_grant *grant = access_grant_new(&from);
    TRY(access_edit_add(edit, grant ? &grant->entry : NULL, error));
    TRY(access_edit_finish(
        edit, &(struct keyring_made){.subject = id, .environment = add->environment}, error));
    return answer_grant(grant, reply, error);
}

jwkd_status decide_remove_grant(
    struct access_edit *edit, const struct change_request *asked, struct reply *reply, jwkd_error *error)
{
    const char *id = asked->request->remove_grant->id;
    const struct access_entry *entry = book_find(edit->book, ACCESS_GRANT, id);
    if (!entry) return fail(error, JWKD_NOT_FOUND, "there is no grant with the id \"%.32s\" (any more)", id);
    const struct access_grant *grant = (const struct access_grant *)(const void *)entry;
    TRY(access_edit_remove(edit, ACCESS_GRANT, entry->id, error));
    TRY(answer_grant(grant, reply, error));
    return access_edit_finish(
        edit, &(struct keyring_made){.subject = id, .environment = grant->environment}, error);
}
