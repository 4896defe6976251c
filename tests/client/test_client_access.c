/* Accounts, tokens, grants: what each function asks, and what it makes of the answer. */
#include "client/cases.h"

#include <jwkd.h>
#include <stdlib.h>

#include "client/fake_service.h"

#define OP(name) JWKD__V1__REQUEST__OPERATION_##name
#define RESULT(name) JWKD__V1__REPLY__RESULT_##name

static struct fake *fake;
static jwkd_client *client;
static struct arena arena; /* of the request that was seen last */

static int set_up(void **state)
{
    (void)state;
    fake = fake_start();
    return jwkd_open(fake_url(fake), NULL, &client, NULL) == JWKD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    jwkd_close(client);
    arena_clear(&arena);
    fake_stop(fake);
    return 0;
}

/* The request that the fake service saw last. */
static const Jwkd__V1__Request *seen(Jwkd__V1__Request__OperationCase operation)
{
    arena_clear(&arena);
    const Jwkd__V1__Request *request = fake_last_request(fake, &arena);
    assert_int_equal(request->operation_case, operation);
    return request;
}

/* ---- accounts */

static Jwkd__V1__Account account_named(const char *name)
{
    Jwkd__V1__Account account = JWKD__V1__ACCOUNT__INIT;
    account.name = wire_text(name);
    account.note = wire_text("of the shop");
    account.created_by = wire_text("uid:7");
    account.created_at = 1700000000;
    account.tokens = 2;
    account.grants = 3;
    return account;
}

static void say_account(Jwkd__V1__Request__OperationCase operation, const char *name)
{
    Jwkd__V1__Account account = account_named(name);
    Jwkd__V1__AccountReply answer = JWKD__V1__ACCOUNT_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    if (name) answer.account = &account;
    reply.result_case = RESULT(ACCOUNT);
    reply.account = &answer;
    fake_say(fake, operation, &reply);
}

static void account__is_created(void **state)
{
    (void)state;
    jwkd_account *account = NULL;
    say_account(OP(CREATE_ACCOUNT), "shop");
    assert_int_equal(jwkd_account_create(client, "shop", "of the shop", &account, NULL), JWKD_OK);
    assert_string_equal(seen(OP(CREATE_ACCOUNT))->create_account->name, "shop");
    assert_string_equal(seen(OP(CREATE_ACCOUNT))->create_account->note, "of the shop");
    assert_string_equal(account->name, "shop");
    assert_string_equal(account->note, "of the shop");
    assert_string_equal(account->created_by, "uid:7");
    assert_int_equal(account->created_at, 1700000000);
    assert_int_equal(account->tokens, 2);
    assert_int_equal(account->grants, 3);
    jwkd_free(account);
    assert_int_equal(jwkd_account_create(client, "shop", NULL, NULL, NULL), JWKD_OK);
    assert_string_equal(seen(OP(CREATE_ACCOUNT))->create_account->note, "");
    say_account(OP(CREATE_ACCOUNT), NULL);
    assert_int_equal(jwkd_account_create(client, "shop", NULL, NULL, NULL), JWKD_MALFORMED);
}

static void account__is_looked_up_and_deleted(void **state)
{
    (void)state;
    jwkd_account *account = NULL;
    say_account(OP(GET_ACCOUNT), "shop");
    say_account(OP(DELETE_ACCOUNT), "shop");
    assert_int_equal(jwkd_account_get(client, "shop", &account, NULL), JWKD_OK);
    assert_string_equal(seen(OP(GET_ACCOUNT))->get_account->name, "shop");
    assert_string_equal(account->name, "shop");
    jwkd_free(account);
    assert_int_equal(jwkd_account_delete(client, "shop", NULL), JWKD_OK);
    assert_string_equal(seen(OP(DELETE_ACCOUNT))->delete_account->name, "shop");
}

static void accounts__are_listed_page_by_page(void **state)
{
    (void)state;
    Jwkd__V1__Account rows[] = {account_named("a"), account_named("b"), account_named("c")};
    Jwkd__V1__Account *first[] = {&rows[0], &rows[1]}, *second[] = {&rows[2]};
    Jwkd__V1__ListAccountsReply list = JWKD__V1__LIST_ACCOUNTS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    list.accounts = first;
    list.n_accounts = 2;
    list.more = true;
    reply.result_case = RESULT(ACCOUNTS);
    reply.accounts = &list;
    fake_say(fake, OP(LIST_ACCOUNTS), &reply);
    list.accounts = second;
    list.n_accounts = 1;
    list.more = false;
    fake_say_then(fake, OP(LIST_ACCOUNTS), &reply);
    jwkd_account_list *accounts = NULL;
    assert_int_equal(jwkd_account_get_all(client, &accounts, NULL), JWKD_OK);
    assert_int_equal(accounts->count, 3);
    assert_string_equal(accounts->accounts[0].name, "a");
    assert_string_equal(accounts->accounts[2].name, "c");
    jwkd_free(accounts);
    assert_int_equal(fake_count(fake, OP(LIST_ACCOUNTS)), 2);
    assert_string_equal(seen(OP(LIST_ACCOUNTS))->list_accounts->after, "b");
}

/* ---- API tokens */

static Jwkd__V1__Token token_named(const char *id)
{
    Jwkd__V1__Token token = JWKD__V1__TOKEN__INIT;
    token.id = wire_text(id);
    token.account = wire_text("shop");
    token.note = wire_text("the till");
    token.created_by = wire_text("uid:7");
    token.created_at = 1700000000;
    token.expires_at = 1700003600;
    return token;
}

static void say_token(Jwkd__V1__Request__OperationCase operation, const char *secret)
{
    Jwkd__V1__Token token = token_named("abcdefghij");
    Jwkd__V1__TokenReply answer = JWKD__V1__TOKEN_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    answer.token = &token;
    answer.secret = wire_text(secret);
    reply.result_case = RESULT(TOKEN);
    reply.token = &answer;
    fake_say(fake, operation, &reply);
}

static void api_token__is_created_and_revoked(void **state)
{
    (void)state;
    jwkd_api_token *token = NULL;
    say_token(OP(CREATE_TOKEN), "jwkd_abcdefghij_secret");
    say_token(OP(REVOKE_TOKEN), "");
    assert_int_equal(jwkd_api_token_create(client, "shop", "the till", 3600, &token, NULL), JWKD_OK);
    const Jwkd__V1__CreateTokenRequest *create = seen(OP(CREATE_TOKEN))->create_token;
    assert_string_equal(create->account, "shop");
    assert_string_equal(create->note, "the till");
    assert_int_equal(create->lifetime_sec, 3600);
    assert_string_equal(token->id, "abcdefghij");
    assert_string_equal(token->account, "shop");
    assert_string_equal(token->note, "the till");
    assert_string_equal(token->created_by, "uid:7");
    assert_int_equal(token->created_at, 1700000000);
    assert_int_equal(token->expires_at, 1700003600);
    assert_string_equal(token->secret, "jwkd_abcdefghij_secret");
    jwkd_free(token);
    assert_int_equal(jwkd_api_token_revoke(client, "abcdefghij", NULL), JWKD_OK);
    assert_string_equal(seen(OP(REVOKE_TOKEN))->revoke_token->id, "abcdefghij");
}

static void api_tokens__are_listed_page_by_page(void **state)
{
    (void)state;
    Jwkd__V1__Token rows[] = {token_named("a"), token_named("b")};
    Jwkd__V1__Token *first[] = {&rows[0]}, *second[] = {&rows[1]};
    Jwkd__V1__ListTokensReply list = JWKD__V1__LIST_TOKENS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    list.tokens = first;
    list.n_tokens = 1;
    list.more = true;
    reply.result_case = RESULT(TOKENS);
    reply.tokens = &list;
    fake_say(fake, OP(LIST_TOKENS), &reply);
    list.tokens = second;
    list.more = false;
    fake_say_then(fake, OP(LIST_TOKENS), &reply);
    jwkd_api_token_list *tokens = NULL;
    assert_int_equal(jwkd_api_token_get_all(client, "shop", &tokens, NULL), JWKD_OK);
    assert_int_equal(tokens->count, 2);
    assert_string_equal(tokens->tokens[1].id, "b");
    assert_string_equal(tokens->tokens[1].secret, "");
    jwkd_free(tokens);
    assert_string_equal(seen(OP(LIST_TOKENS))->list_tokens->after, "a");
    assert_string_equal(seen(OP(LIST_TOKENS))->list_tokens->account, "shop");
    assert_int_equal(jwkd_api_token_get_all(client, NULL, &tokens, NULL), JWKD_OK);
    assert_string_equal(seen(OP(LIST_TOKENS))->list_tokens->account, "");
    jwkd_free(tokens);
}

/* ---- grants */

#define RULE "{\"max_ttl\":\"10m\"}"

static Jwkd__V1__Grant grant_named(const char *id)
{
    Jwkd__V1__Grant grant = JWKD__V1__GRANT__INIT;
    grant.id = wire_text(id);
    grant.principal = wire_text("account:shop");
    grant.role = wire_text("signer");
    grant.environment = wire_text("prod-*");
    grant.rule = wire_bytes(bytes_of_text(RULE));
    grant.created_by = wire_text("uid:7");
    grant.created_at = 1700000000;
    return grant;
}

static void assert_grant(const jwkd_grant *grant, const char *id)
{
    assert_string_equal(grant->id, id);
    assert_string_equal(grant->principal, "account:shop");
    assert_string_equal(grant->role, "signer");
    assert_string_equal(grant->environment, "prod-*");
    assert_string_equal(grant->rule, RULE);
    assert_string_equal(grant->created_by, "uid:7");
    assert_int_equal(grant->created_at, 1700000000);
}

static void say_grant(Jwkd__V1__Request__OperationCase operation)
{
    Jwkd__V1__Grant grant = grant_named("g1");
    Jwkd__V1__GrantReply answer = JWKD__V1__GRANT_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    answer.grant = &grant;
    reply.result_case = RESULT(GRANT);
    reply.grant = &answer;
    fake_say(fake, operation, &reply);
}

static void grant__is_added_and_removed(void **state)
{
    (void)state;
    jwkd_grant *grant = NULL;
    jwkd_grant_wish wish = {
        .principal = "account:shop", .role = "signer", .environment = "prod-*", .rule = RULE};
    say_grant(OP(ADD_GRANT));
    say_grant(OP(REMOVE_GRANT));
    assert_int_equal(jwkd_grant_add(client, &wish, &grant, NULL), JWKD_OK);
    const Jwkd__V1__Request *request = seen(OP(ADD_GRANT));
    assert_false(request->dry_run);
    assert_string_equal(request->add_grant->principal, "account:shop");
    assert_string_equal(request->add_grant->role, "signer");
    assert_string_equal(request->add_grant->environment, "prod-*");
    assert_true(bytes_equal_text(wire_view(request->add_grant->rule), RULE));
    assert_grant(grant, "g1");
    jwkd_free(grant);
    wish.dry_run = true;
    wish.rule = NULL;
    assert_int_equal(jwkd_grant_add(client, &wish, NULL, NULL), JWKD_OK);
    assert_true(seen(OP(ADD_GRANT))->dry_run);
    assert_int_equal(seen(OP(ADD_GRANT))->add_grant->rule.len, 0);
    assert_int_equal(jwkd_grant_remove(client, "g1", false, NULL), JWKD_OK);
    assert_string_equal(seen(OP(REMOVE_GRANT))->remove_grant->id, "g1");
    assert_false(seen(OP(REMOVE_GRANT))->dry_run);
    assert_int_equal(jwkd_grant_remove(client, "g1", true, NULL), JWKD_OK);
    assert_true(seen(OP(REMOVE_GRANT))->dry_run);
}

static void grants__are_listed_page_by_page(void **state)
{
    (void)state;
    Jwkd__V1__Grant rows[] = {grant_named("g1"), grant_named("g2")};
    Jwkd__V1__Grant *first[] = {&rows[0]}, *second[] = {&rows[1]};
    Jwkd__V1__ListGrantsReply list = JWKD__V1__LIST_GRANTS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    list.grants = first;
    list.n_grants = 1;
    list.more = true;
    reply.result_case = RESULT(GRANTS);
    reply.grants = &list;
    fake_say(fake, OP(LIST_GRANTS), &reply);
    list.grants = second;
    list.more = false;
    fake_say_then(fake, OP(LIST_GRANTS), &reply);
    jwkd_grant_list *grants = NULL;
    assert_int_equal(jwkd_grant_get_all(client, "account:shop", &grants, NULL), JWKD_OK);
    assert_int_equal(grants->count, 2);
    assert_grant(&grants->grants[0], "g1");
    assert_grant(&grants->grants[1], "g2");
    jwkd_free(grants);
    assert_string_equal(seen(OP(LIST_GRANTS))->list_grants->after, "g1");
    assert_string_equal(seen(OP(LIST_GRANTS))->list_grants->principal, "account:shop");
}

static void list__that_does_not_end_is_given_up(void **state)
{
    (void)state;
    Jwkd__V1__Grant row = grant_named(""), *rows[] = {&row};
    Jwkd__V1__ListGrantsReply list = JWKD__V1__LIST_GRANTS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    list.grants = rows;
    list.n_grants = 1;
    list.more = true;
    reply.result_case = RESULT(GRANTS);
    reply.grants = &list;
    fake_say(fake, OP(LIST_GRANTS), &reply);
    jwkd_grant_list *grants = NULL;
    assert_int_equal(jwkd_grant_get_all(client, NULL, &grants, NULL), JWKD_RESOURCE_EXHAUSTED);
    assert_null(grants);
}

static void grant__is_tried(void **state)
{
    (void)state;
    static const char *const AUDIENCES[] = {"orders"};
    Jwkd__V1__Grant grant = grant_named("g1");
    Jwkd__V1__TestGrantReply answer = JWKD__V1__TEST_GRANT_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    answer.allowed = true;
    answer.reason = wire_text("by g1");
    answer.grant = &grant;
    reply.result_case = RESULT(TESTED);
    reply.tested = &answer;
    fake_say(fake, OP(TEST_GRANT), &reply);
    jwkd_grant_test *test = NULL;
    jwkd_sign_item item = {.claims = {"{}", 2}, .audiences = AUDIENCES, .audience_count = 1};
    assert_int_equal(jwkd_grant_try(client, "account:shop", "sign", "prod-1", &item, &test, NULL), JWKD_OK);
    const Jwkd__V1__TestGrantRequest *asked = seen(OP(TEST_GRANT))->test_grant;
    assert_string_equal(asked->principal, "account:shop");
    assert_string_equal(asked->operation, "sign");
    assert_string_equal(asked->environment, "prod-1");
    assert_true(bytes_equal_text(wire_view(asked->item->claims), "{}"));
    assert_string_equal(asked->item->audience[0], "orders");
    assert_true(test->allowed);
    assert_string_equal(test->reason, "by g1");
    assert_grant(test->grant, "g1");
    jwkd_free(test);
    answer.allowed = false;
    answer.grant = NULL;
    fake_say(fake, OP(TEST_GRANT), &reply);
    assert_int_equal(jwkd_grant_try(client, "uid:7", "rotate", NULL, NULL, &test, NULL), JWKD_OK);
    assert_null(seen(OP(TEST_GRANT))->test_grant->item);
    assert_false(test->allowed);
    assert_null(test->grant);
    jwkd_free(test);
    const char *many[LIMIT_AUDIENCES + 1];
    for (size_t i = 0; i < LIMIT_AUDIENCES + 1; i++)
        many[i] = "orders";
    item.audiences = many;
    item.audience_count = LIMIT_AUDIENCES + 1;
    assert_int_equal(
        jwkd_grant_try(client, "uid:7", "sign", "prod-1", &item, &test, NULL), JWKD_INVALID_ARGUMENT);
}

/* ---- who, and why */

static void whoami__tells_who_one_is(void **state)
{
    (void)state;
    Jwkd__V1__Grant rows[] = {grant_named("g1"), grant_named("g2")}, *grants[] = {&rows[0], &rows[1]};
    Jwkd__V1__Token token = token_named("abcdefghij");
    Jwkd__V1__WhoamiReply answer = JWKD__V1__WHOAMI_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    answer.principal = wire_text("account:shop");
    answer.transport_principal = wire_text("uid:7");
    answer.token = &token;
    answer.grants = grants;
    answer.n_grants = 2;
    answer.more = true;
    answer.access_revision = 9;
    reply.result_case = RESULT(WHOAMI);
    reply.whoami = &answer;
    fake_say(fake, OP(WHOAMI), &reply);
    jwkd_identity *identity = NULL;
    assert_int_equal(jwkd_whoami(client, &identity, NULL), JWKD_OK);
    seen(OP(WHOAMI));
    assert_string_equal(identity->principal, "account:shop");
    assert_string_equal(identity->transport_principal, "uid:7");
    assert_string_equal(identity->token->id, "abcdefghij");
    assert_string_equal(identity->token->secret, "");
    assert_int_equal(identity->grant_count, 2);
    assert_grant(&identity->grants[1], "g2");
    assert_true(identity->more);
    assert_int_equal(identity->access_revision, 9);
    jwkd_free(identity);
    answer.token = NULL;
    fake_say(fake, OP(WHOAMI), &reply);
    assert_int_equal(jwkd_whoami(client, &identity, NULL), JWKD_OK);
    assert_null(identity->token);
    jwkd_free(identity);
}

static void explain__tells_why_something_was_denied(void **state)
{
    (void)state;
    Jwkd__V1__ExplainReply answer = JWKD__V1__EXPLAIN_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    answer.id = wire_text("d-42");
    answer.at = 1700000000;
    answer.principal = wire_text("account:shop");
    answer.transport_principal = wire_text("uid:7");
    answer.operation = wire_text("rotate");
    answer.environment = wire_text("prod");
    answer.reason = wire_text("takes the role operator");
    answer.origin = wire_text("uid:7");
    reply.result_case = RESULT(EXPLAINED);
    reply.explained = &answer;
    fake_say(fake, OP(EXPLAIN), &reply);
    jwkd_denial *denial = NULL;
    assert_int_equal(jwkd_explain(client, "d-42", &denial, NULL), JWKD_OK);
    assert_string_equal(seen(OP(EXPLAIN))->explain->id, "d-42");
    assert_string_equal(denial->id, "d-42");
    assert_int_equal(denial->at, 1700000000);
    assert_string_equal(denial->principal, "account:shop");
    assert_string_equal(denial->transport_principal, "uid:7");
    assert_string_equal(denial->operation, "rotate");
    assert_string_equal(denial->environment, "prod");
    assert_string_equal(denial->reason, "takes the role operator");
    assert_string_equal(denial->origin, "uid:7");
    jwkd_free(denial);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(account__is_created),
        CASE(account__is_looked_up_and_deleted),
        CASE(accounts__are_listed_page_by_page),
        CASE(api_token__is_created_and_revoked),
        CASE(api_tokens__are_listed_page_by_page),
        CASE(grant__is_added_and_removed),
        CASE(grants__are_listed_page_by_page),
        CASE(list__that_does_not_end_is_given_up),
        CASE(grant__is_tried),
        CASE(whoami__tells_who_one_is),
        CASE(explain__tells_why_something_was_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
