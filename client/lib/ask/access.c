/* Who may do what: accounts, API tokens and grants, whoami and explain. */
#include "lib/ask/block.h"
#include "lib/ask/pages.h"
#include "lib/connection/call.h"

static Jwkd__V1__Request request_of(Jwkd__V1__Request__OperationCase operation)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = operation;
    return request;
}

static jwkd_status malformed(jwkd_error *error)
{
    return fail(error, JWKD_MALFORMED, "the service's answer lacks what it should tell");
}

static jwkd_status build(block_layout *layout, const void *from, void *out, jwkd_error *error)
{
    void *block;
    if (block_build(layout, from, &block) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    memcpy(out, &block, sizeof block);
    return JWKD_OK;
}

/* ---- as the public structures */

static jwkd_account account_of(struct block *block, const Jwkd__V1__Account *from)
{
    return (jwkd_account){.name = block_text(block, from->name),
        .note = block_text(block, from->note),
        .created_by = block_text(block, from->created_by),
        .created_at = from->created_at,
        .tokens = from->tokens,
        .grants = from->grants};
}

static jwkd_api_token token_of(struct block *block, const Jwkd__V1__Token *from, const char *secret)
{
    return (jwkd_api_token){.id = block_text(block, from->id),
        .account = block_text(block, from->account),
        .note = block_text(block, from->note),
        .created_by = block_text(block, from->created_by),
        .created_at = from->created_at,
        .expires_at = from->expires_at,
        .secret = block_text(block, secret)};
}

/* Rules are JSON, and thus text. */
static const char *rule_of(struct block *block, ProtobufCBinaryData rule)
{
    char *place = block_take(block, rule.len + 1);
    if (place && rule.len) memcpy(place, rule.data, rule.len);
    if (place) place[rule.len] = '\0';
    return place;
}

static jwkd_grant grant_of(struct block *block, const Jwkd__V1__Grant *from)
{
    return (jwkd_grant){.id = block_text(block, from->id),
        .principal = block_text(block, from->principal),
        .role = block_text(block, from->role),
        .environment = block_text(block, from->environment),
        .created_by = block_text(block, from->created_by),
        .rule = rule_of(block, from->rule),
        .created_at = from->created_at};
}

/* ---- accounts */

static void *lay_out_account(struct block *block, const void *from)
{
    jwkd_account *out = block_take(block, sizeof *out);
    jwkd_account account = account_of(block, from);
    if (out) *out = account;
    return out;
}

static jwkd_status ask_for_account(
    jwkd_client *client, Jwkd__V1__Request *request, jwkd_account **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_ACCOUNT, NULL, &reply, error));
    const Jwkd__V1__Account *account = reply->message->account->account;
    if (!account) return malformed(error);
    return out ? build(lay_out_account, account, out, error) : JWKD_OK;
}

jwkd_status jwkd_account_create(
    jwkd_client *client, const char *name, const char *note, jwkd_account **out, jwkd_error *error)
{
    Jwkd__V1__CreateAccountRequest create = JWKD__V1__CREATE_ACCOUNT_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_CREATE_ACCOUNT);
    create.name = wire_text(name);
    create.note = wire_text(note);
    request.create_account = &create;
    return ask_for_account(client, &request, out, error);
}

jwkd_status jwkd_account_delete(jwkd_client *client, const char *name, jwkd_error *error)
{
    Jwkd__V1__DeleteAccountRequest delete = JWKD__V1__DELETE_ACCOUNT_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_DELETE_ACCOUNT);
    delete.name = wire_text(name);
    request.delete_account = &delete;
    return ask_for_account(client, &request, NULL, error);
}

jwkd_status jwkd_account_get(jwkd_client *client, const char *name, jwkd_account **out, jwkd_error *error)
{
    Jwkd__V1__GetAccountRequest get = JWKD__V1__GET_ACCOUNT_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_GET_ACCOUNT);
    get.name = wire_text(name);
    request.get_account = &get;
    return ask_for_account(client, &request, out, error);
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
            jwkd_account row = account_of(block, page->accounts[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_account_list){.count = count, .accounts = rows};
    return out;
}

static jwkd_status get_accounts(jwkd_client *client, struct pages *pages, jwkd_error *error)
{
    const char *after = "";
    for (bool more = true; more;) {
        Jwkd__V1__ListAccountsRequest list = JWKD__V1__LIST_ACCOUNTS_REQUEST__INIT;
        Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_LIST_ACCOUNTS);
        struct reply *reply = NULL;
        list.after = wire_text(after);
        request.list_accounts = &list;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_ACCOUNTS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListAccountsReply *page = reply->message->accounts;
        more = page->more && page->n_accounts > 0;
        if (more) after = page->accounts[page->n_accounts - 1]->name;
    }
    return JWKD_OK;
}

jwkd_status jwkd_account_get_all(jwkd_client *client, jwkd_account_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(get_accounts(entered, &pages, error));
    return build(lay_out_accounts, &pages, out, error);
}

/* ---- tokens */

static void *lay_out_token(struct block *block, const void *from)
{
    const Jwkd__V1__TokenReply *reply = from;
    jwkd_api_token *out = block_take(block, sizeof *out);
    jwkd_api_token token = token_of(block, reply->token, reply->secret);
    if (out) *out = token;
    return out;
}

static jwkd_status ask_for_token(
    jwkd_client *client, Jwkd__V1__Request *request, jwkd_api_token **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_TOKEN, NULL, &reply, error));
    if (!reply->message->token->token) return malformed(error);
    return out ? build(lay_out_token, reply->message->token, out, error) : JWKD_OK;
}

jwkd_status jwkd_api_token_create(jwkd_client *client, const char *account, const char *note,
    uint32_t lifetime_sec, jwkd_api_token **out, jwkd_error *error)
{
    Jwkd__V1__CreateTokenRequest create = JWKD__V1__CREATE_TOKEN_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_CREATE_TOKEN);
    create.account = wire_text(account);
    create.note = wire_text(note);
    create.lifetime_sec = lifetime_sec;
    request.create_token = &create;
    return ask_for_token(client, &request, out, error);
}

jwkd_status jwkd_api_token_revoke(jwkd_client *client, const char *id, jwkd_error *error)
{
    Jwkd__V1__RevokeTokenRequest revoke = JWKD__V1__REVOKE_TOKEN_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_REVOKE_TOKEN);
    revoke.id = wire_text(id);
    request.revoke_token = &revoke;
    return ask_for_token(client, &request, NULL, error);
}

static void *lay_out_tokens(struct block *block, const void *from)
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
            jwkd_api_token row = token_of(block, page->tokens[j], "");
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_api_token_list){.count = count, .tokens = rows};
    return out;
}

static jwkd_status get_tokens(
    jwkd_client *client, const char *account, struct pages *pages, jwkd_error *error)
{
    const char *after = "";
    for (bool more = true; more;) {
        Jwkd__V1__ListTokensRequest list = JWKD__V1__LIST_TOKENS_REQUEST__INIT;
        Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_LIST_TOKENS);
        struct reply *reply = NULL;
        list.account = wire_text(account);
        list.after = wire_text(after);
        request.list_tokens = &list;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_TOKENS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListTokensReply *page = reply->message->tokens;
        more = page->more && page->n_tokens > 0;
        if (more) after = page->tokens[page->n_tokens - 1]->id;
    }
    return JWKD_OK;
}

jwkd_status jwkd_api_token_get_all(
    jwkd_client *client, const char *account, jwkd_api_token_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(get_tokens(entered, account, &pages, error));
    return build(lay_out_tokens, &pages, out, error);
}

/* ---- grants */

static void *lay_out_grant(struct block *block, const void *from)
{
    jwkd_grant *out = block_take(block, sizeof *out);
    jwkd_grant grant = grant_of(block, from);
    if (out) *out = grant;
    return out;
}

static jwkd_status ask_for_grant(
    jwkd_client *client, Jwkd__V1__Request *request, jwkd_grant **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_GRANT, NULL, &reply, error));
    if (!reply->message->grant->grant) return malformed(error);
    return out ? build(lay_out_grant, reply->message->grant->grant, out, error) : JWKD_OK;
}

jwkd_status jwkd_grant_add(
    jwkd_client *client, const jwkd_grant_wish *wish, jwkd_grant **out, jwkd_error *error)
{
    Jwkd__V1__AddGrantRequest add = JWKD__V1__ADD_GRANT_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_ADD_GRANT);
    add.principal = wire_text(wish->principal);
    add.role = wire_text(wish->role);
    add.environment = wire_text(wish->environment);
    add.rule = wire_bytes(bytes_of_text(wish->rule));
    request.add_grant = &add;
    request.dry_run = wish->dry_run;
    return ask_for_grant(client, &request, out, error);
}

jwkd_status jwkd_grant_remove(jwkd_client *client, const char *id, bool dry_run, jwkd_error *error)
{
    Jwkd__V1__RemoveGrantRequest remove = JWKD__V1__REMOVE_GRANT_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_REMOVE_GRANT);
    remove.id = wire_text(id);
    request.remove_grant = &remove;
    request.dry_run = dry_run;
    return ask_for_grant(client, &request, NULL, error);
}

static void *lay_out_grants(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->grants->n_grants;
    jwkd_grant_list *out = block_take(block, sizeof *out);
    jwkd_grant *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListGrantsReply *page = pages->replies[i]->message->grants;
        for (size_t j = 0; j < page->n_grants; j++) {
            jwkd_grant row = grant_of(block, page->grants[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_grant_list){.count = count, .grants = rows};
    return out;
}

static jwkd_status get_grants(
    jwkd_client *client, const char *principal, struct pages *pages, jwkd_error *error)
{
    const char *after = "";
    for (bool more = true; more;) {
        Jwkd__V1__ListGrantsRequest list = JWKD__V1__LIST_GRANTS_REQUEST__INIT;
        Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_LIST_GRANTS);
        struct reply *reply = NULL;
        list.principal = wire_text(principal);
        list.after = wire_text(after);
        request.list_grants = &list;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_GRANTS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListGrantsReply *page = reply->message->grants;
        more = page->more && page->n_grants > 0;
        if (more) after = page->grants[page->n_grants - 1]->id;
    }
    return JWKD_OK;
}

jwkd_status jwkd_grant_get_all(
    jwkd_client *client, const char *principal, jwkd_grant_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(get_grants(entered, principal, &pages, error));
    return build(lay_out_grants, &pages, out, error);
}

static void *lay_out_test(struct block *block, const void *from)
{
    const Jwkd__V1__TestGrantReply *reply = from;
    jwkd_grant_test *out = block_take(block, sizeof *out);
    jwkd_grant *grant = reply->grant ? lay_out_grant(block, reply->grant) : NULL;
    const char *reason = block_text(block, reply->reason);
    if (out) *out = (jwkd_grant_test){.allowed = reply->allowed, .reason = reason, .grant = grant};
    return out;
}

jwkd_status jwkd_grant_try(jwkd_client *client, const char *principal, const char *operation,
    const char *environment, const jwkd_sign_item *item, jwkd_grant_test **out, jwkd_error *error)
{
    Jwkd__V1__TestGrantRequest test = JWKD__V1__TEST_GRANT_REQUEST__INIT;
    Jwkd__V1__SignItem sign = JWKD__V1__SIGN_ITEM__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_TEST_GRANT);
    char *audiences[LIMIT_AUDIENCES];
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    if (item && item->audience_count > LIMIT_AUDIENCES)
        return fail(error, JWKD_INVALID_ARGUMENT, "a token has at most %d audiences", (int)LIMIT_AUDIENCES);
    if (item) {
        sign.claims = wire_bytes(bytes_of(item->claims.data, item->claims.size));
        sign.type = wire_text(item->type);
        sign.lifetime_sec = item->lifetime_sec;
        for (size_t i = 0; i < item->audience_count; i++)
            audiences[sign.n_audience++] = wire_text(item->audiences[i]);
        sign.audience = audiences;
        test.item = &sign;
    }
    test.principal = wire_text(principal);
    test.operation = wire_text(operation);
    test.environment = wire_text(environment);
    request.test_grant = &test;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_TESTED, NULL, &reply, error));
    return build(lay_out_test, reply->message->tested, out, error);
}

/* ---- whoami, and why not */

static void *lay_out_identity(struct block *block, const void *from)
{
    const Jwkd__V1__WhoamiReply *reply = from;
    jwkd_identity *out = block_take(block, sizeof *out);
    jwkd_api_token *token = reply->token ? block_take(block, sizeof *token) : NULL;
    jwkd_grant *grants = block_take(block, reply->n_grants * sizeof *grants);
    jwkd_identity identity = {.principal = block_text(block, reply->principal),
        .transport_principal = block_text(block, reply->transport_principal),
        .token = token,
        .grant_count = reply->n_grants,
        .grants = grants,
        .more = reply->more,
        .access_revision = reply->access_revision};
    if (reply->token) {
        jwkd_api_token its = token_of(block, reply->token, "");
        if (token) *token = its;
    }
    for (size_t i = 0; i < reply->n_grants; i++) {
        jwkd_grant grant = grant_of(block, reply->grants[i]);
        if (grants) grants[i] = grant;
    }
    if (out) *out = identity;
    return out;
}

jwkd_status jwkd_whoami(jwkd_client *client, jwkd_identity **out, jwkd_error *error)
{
    Jwkd__V1__WhoamiRequest whoami = JWKD__V1__WHOAMI_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_WHOAMI);
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    request.whoami = &whoami;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_WHOAMI, NULL, &reply, error));
    return build(lay_out_identity, reply->message->whoami, out, error);
}

static void *lay_out_denial(struct block *block, const void *from)
{
    const Jwkd__V1__ExplainReply *reply = from;
    jwkd_denial *out = block_take(block, sizeof *out);
    jwkd_denial denial = {.id = block_text(block, reply->id),
        .principal = block_text(block, reply->principal),
        .transport_principal = block_text(block, reply->transport_principal),
        .origin = block_text(block, reply->origin),
        .operation = block_text(block, reply->operation),
        .environment = block_text(block, reply->environment),
        .reason = block_text(block, reply->reason),
        .at = reply->at};
    if (out) *out = denial;
    return out;
}

jwkd_status jwkd_explain(jwkd_client *client, const char *id, jwkd_denial **out, jwkd_error *error)
{
    Jwkd__V1__ExplainRequest explain = JWKD__V1__EXPLAIN_REQUEST__INIT;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_EXPLAIN);
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    explain.id = wire_text(id);
    request.explain = &explain;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_EXPLAINED, NULL, &reply, error));
    return build(lay_out_denial, reply->message->explained, out, error);
}
