/* Grants; who one is; and why something was denied. */
#include "lib/ask/access_answer.h"
#include "lib/ask/sign_item.h"
#include "lib/connection/call.h"

/* ---- grants */

static void *lay_out_grant(struct block *block, const void *from)
{
    return (void *)(uintptr_t)answer_one_grant(block, from); /* the block is the caller's to keep */
}

jwkd_status jwkd_grant_add(
    jwkd_client *client, const jwkd_grant_wish *wish, jwkd_grant **out, jwkd_error *error)
{
    Jwkd__V1__AddGrantRequest add = JWKD__V1__ADD_GRANT_REQUEST__INIT;
    add.principal = wire_text(wish->principal);
    add.role = wire_text(wish->role);
    add.environment = wire_text(wish->environment);
    add.rule = wire_bytes(bytes_of_text(wish->rule));
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.dry_run = wish->dry_run;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_ADD_GRANT;
    request.add_grant = &add;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_GRANT, NULL, &reply, error));
    const Jwkd__V1__Grant *grant = reply->message->grant->grant;
    if (!grant) return fail(error, JWKD_MALFORMED, "the service's answer lacks the grant");
    if (!out) return JWKD_OK;
    void *block;
    TRY(access_build(lay_out_grant, grant, &block, error));
    *out = block;
    return JWKD_OK;
}

jwkd_status jwkd_grant_remove(jwkd_client *client, const char *id, bool dry_run, jwkd_error *error)
{
    Jwkd__V1__RemoveGrantRequest remove = JWKD__V1__REMOVE_GRANT_REQUEST__INIT;
    remove.id = wire_text(id);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.dry_run = dry_run;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_REMOVE_GRANT;
    request.remove_grant = &remove;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    return client_call(client, &request, JWKD__V1__REPLY__RESULT_GRANT, NULL, &reply, error);
}

static const char *last_grant(const Jwkd__V1__Reply *page)
{
    const Jwkd__V1__ListGrantsReply *list = page->grants;
    return list->more && list->n_grants > 0 ? list->grants[list->n_grants - 1]->id : NULL;
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
            jwkd_grant row = answer_grant(block, page->grants[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_grant_list){.count = count, .grants = rows};
    return out;
}

jwkd_status jwkd_grant_get_all(
    jwkd_client *client, const char *principal, jwkd_grant_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    Jwkd__V1__ListGrantsRequest list = JWKD__V1__LIST_GRANTS_REQUEST__INIT;
    list.principal = wire_text(principal);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_GRANTS;
    request.list_grants = &list;
    const struct access_list grants = {.request = &request,
        .after = &list.after,
        .result = JWKD__V1__REPLY__RESULT_GRANTS,
        .last = last_grant};
    TRY(access_get_pages(entered, &grants, &pages, error));
    void *block;
    TRY(access_build(lay_out_grants, &pages, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- trying */

static void *lay_out_test(struct block *block, const void *from)
{
    const Jwkd__V1__TestGrantReply *reply = from;
    jwkd_grant_test *out = block_take(block, sizeof *out);
    jwkd_grant_test test = {
        .allowed = reply->allowed,
        .reason = block_text(block, reply->reason),
        .grant = answer_one_grant(block, reply->grant),
    };
    if (out) *out = test;
    return out;
}

jwkd_status jwkd_grant_try(jwkd_client *client, const char *principal, const char *operation,
    const char *environment, const jwkd_sign_item *item, jwkd_grant_test **out, jwkd_error *error)
{
    char *audiences[LIMIT_AUDIENCES];
    Jwkd__V1__SignItem wire;
    Jwkd__V1__TestGrantRequest test = JWKD__V1__TEST_GRANT_REQUEST__INIT;
    test.principal = wire_text(principal);
    test.operation = wire_text(operation);
    test.environment = wire_text(environment);
    if (item) {
        TRY(sign_item_check(item, error));
        wire = sign_item_wire(item, audiences);
        test.item = &wire;
    }
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_TEST_GRANT;
    request.test_grant = &test;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_TESTED, NULL, &reply, error));
    void *block;
    TRY(access_build(lay_out_test, reply->message->tested, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- who one is */

static void *lay_out_identity(struct block *block, const void *from)
{
    const Jwkd__V1__WhoamiReply *reply = from;
    jwkd_identity *out = block_take(block, sizeof *out);
    jwkd_identity identity = {
        .principal = block_text(block, reply->principal),
        .transport_principal = block_text(block, reply->transport_principal),
        .grant_count = reply->n_grants,
        .grants = answer_grants(block, reply->grants, reply->n_grants),
        .more = reply->more,
        .access_revision = reply->access_revision,
    };
    if (reply->token) {
        jwkd_api_token *room = block_take(block, sizeof *room);
        jwkd_api_token token = answer_api_token(block, reply->token, "");
        if (room) *room = token;
        identity.token = room;
    }
    if (out) *out = identity;
    return out;
}

jwkd_status jwkd_whoami(jwkd_client *client, jwkd_identity **out, jwkd_error *error)
{
    Jwkd__V1__WhoamiRequest whoami = JWKD__V1__WHOAMI_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_WHOAMI;
    request.whoami = &whoami;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_WHOAMI, NULL, &reply, error));
    void *block;
    TRY(access_build(lay_out_identity, reply->message->whoami, &block, error));
    *out = block;
    return JWKD_OK;
}

/* ---- why something was denied */

static void *lay_out_denial(struct block *block, const void *from)
{
    const Jwkd__V1__ExplainReply *reply = from;
    jwkd_denial *out = block_take(block, sizeof *out);
    jwkd_denial denial = {
        .id = block_text(block, reply->id),
        .principal = block_text(block, reply->principal),
        .transport_principal = block_text(block, reply->transport_principal),
        .origin = block_text(block, reply->origin),
        .operation = block_text(block, reply->operation),
        .environment = block_text(block, reply->environment),
        .reason = block_text(block, reply->reason),
        .at = reply->at,
    };
    if (out) *out = denial;
    return out;
}

jwkd_status jwkd_explain(jwkd_client *client, const char *id, jwkd_denial **out, jwkd_error *error)
{
    Jwkd__V1__ExplainRequest explain = JWKD__V1__EXPLAIN_REQUEST__INIT;
    explain.id = wire_text(id);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_EXPLAIN;
    request.explain = &explain;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_EXPLAINED, NULL, &reply, error));
    void *block;
    TRY(access_build(lay_out_denial, reply->message->explained, &block, error));
    *out = block;
    return JWKD_OK;
}
