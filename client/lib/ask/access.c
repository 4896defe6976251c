/* Accounts and their API tokens. */
#include "lib/ask/access_answer.h"
#include "lib/connection/call.h"

/* ---- accounts */

static void *lay_out_account(struct block *block, const void *from)
{
    jwkd_account *out = block_take(block, sizeof *out), account = answer_account(block, from);
    if (out) *out = account;
    return out;
}

/* `out` may be NULL. */
static jwkd_status ask_for_account(
    jwkd_client *client, Jwkd__V1__Request *request, jwkd_account **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_ACCOUNT, NULL, &reply, error));
    const Jwkd__V1__Account *account = reply->message->account->account;
    if (!account) return fail(error, JWKD_MALFORMED, "the service's answer lacks the account");
    if (!out) return JWKD_OK;
    void *block;
    TRY(access_build(lay_out_account, account, &block, error));
    *out = block;
    return JWKD_OK;
}

jwkd_status jwkd_account_create(
    jwkd_client *client, const char *name, const char *note, jwkd_account **out, jwkd_error *error)
{
    Jwkd__V1__CreateAccountRequest create = JWKD__V1__CREATE_ACCOUNT_REQUEST__INIT;
    create.name = wire_text(name);
    create.note = wire_text(note);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_CREATE_ACCOUNT;
    request.create_account = &create;
    return ask_for_account(client, &request, out, error);
}

jwkd_status jwkd_account_delete(jwkd_client *client, const char *name, jwkd_error *error)
{
    Jwkd__V1__DeleteAccountRequest delete = JWKD__V1__DELETE_ACCOUNT_REQUEST__INIT;
    delete.name = wire_text(name);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_DELETE_ACCOUNT;
    request.delete_account = &delete;
    return ask_for_account(client, &request, NULL, error);
}

jwkd_status jwkd_account_get(jwkd_client *client, const char *name, jwkd_account **out, jwkd_error *error)
{
    Jwkd__V1__GetAccountRequest get = JWKD__V1__GET_ACCOUNT_REQUEST__INIT;
    get.name = wire_text(name);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_ACCOUNT;
    request.get_account = &get;
    return ask_for_account(client, &request, out, error);
}

static const char *last_account(const Jwkd__V1__Reply *page)
{
    const Jwkd__V1__ListAccountsReply *list = page->accounts;
    return list->more && list->n_accounts > 0 ? list->accounts[list->n_accounts - 1]->name : NULL;
}

static void *lay_out_accounts(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->accounts->n_accounts;
    jwkd_account_list *out = block_take(block, sizeof *out);
    jwkd_account *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListAccountsReply *page = pages->replies[i]->message->accounts;
        for (size_t j = 0; j < page->n_accounts; j++) {
            jwkd_account row = answer_account(block, page->accounts[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_account_list){.count = count, .accounts = rows};
    return out;
}

jwkd_status jwkd_account_get_all(jwkd_client *client, jwkd_account_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    Jwkd__V1__ListAccountsRequest list = JWKD__V1__LIST_ACCOUNTS_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_ACCOUNTS;
    request.list_accounts = &list;
    const struct access_list accounts = {.request = &request,
        .after = &list.after,
        .result = JWKD__V1__REPLY__RESULT_ACCOUNTS,
        .last = last_account};
    TRY(access_get_pages(entered, &accounts, &pages, error));
    void *block;
    TRY(access_build(lay_out_accounts, &pages, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- API tokens */

static void *lay_out_api_token(struct block *block, const void *from)
{
    const Jwkd__V1__TokenReply *reply = from;
    jwkd_api_token *out = block_take(block, sizeof *out);
    jwkd_api_token token = answer_api_token(block, reply->token, reply->secret);
    if (out) *out = token;
    return out;
}

jwkd_status jwkd_api_token_create(jwkd_client *client, const char *account, const char *note,
    uint32_t lifetime_sec, jwkd_api_token **out, jwkd_error *error)
{
    Jwkd__V1__CreateTokenRequest create = JWKD__V1__CREATE_TOKEN_REQUEST__INIT;
    create.account = wire_text(account);
    create.note = wire_text(note);
    create.lifetime_sec = lifetime_sec;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_CREATE_TOKEN;
    request.create_token = &create;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_TOKEN, NULL, &reply, error));
    if (!reply->message->token->token)
        return fail(error, JWKD_MALFORMED, "the service's answer lacks the token");
    void *block;
    TRY(access_build(lay_out_api_token, reply->message->token, &block, error));
    *out = block;
    return JWKD_OK;
}

jwkd_status jwkd_api_token_revoke(jwkd_client *client, const char *id, jwkd_error *error)
{
    Jwkd__V1__RevokeTokenRequest revoke = JWKD__V1__REVOKE_TOKEN_REQUEST__INIT;
    revoke.id = wire_text(id);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_REVOKE_TOKEN;
    request.revoke_token = &revoke;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    return client_call(client, &request, JWKD__V1__REPLY__RESULT_TOKEN, NULL, &reply, error);
}

static const char *last_api_token(const Jwkd__V1__Reply *page)
{
    const Jwkd__V1__ListTokensReply *list = page->tokens;
    return list->more && list->n_tokens > 0 ? list->tokens[list->n_tokens - 1]->id : NULL;
}

static void *lay_out_api_tokens(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->tokens->n_tokens;
    jwkd_api_token_list *out = block_take(block, sizeof *out);
    jwkd_api_token *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListTokensReply *page = pages->replies[i]->message->tokens;
        for (size_t j = 0; j < page->n_tokens; j++) {
            jwkd_api_token row = answer_api_token(block, page->tokens[j], "");
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_api_token_list){.count = count, .tokens = rows};
    return out;
}

jwkd_status jwkd_api_token_get_all(
    jwkd_client *client, const char *account, jwkd_api_token_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    Jwkd__V1__ListTokensRequest list = JWKD__V1__LIST_TOKENS_REQUEST__INIT;
    list.account = wire_text(account);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_TOKENS;
    request.list_tokens = &list;
    const struct access_list tokens = {.request = &request,
        .after = &list.after,
        .result = JWKD__V1__REPLY__RESULT_TOKENS,
        .last = last_api_token};
    TRY(access_get_pages(entered, &tokens, &pages, error));
    void *block;
    TRY(access_build(lay_out_api_tokens, &pages, &block, error));
    *out = block;
    return JWKD_OK;
}
