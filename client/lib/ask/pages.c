#include "lib/ask/pages.h"

#include <stdlib.h>

#include "lib/ask/answer.h"

enum { MOST_PAGES = 2 * (LIMIT_ENVIRONMENTS / LIMIT_PAGE + 1), MOST_RESTARTS = 16 };

void pages_clear(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++)
        reply_free(pages->replies[i]);
    free(pages->replies);
    *pages = (struct pages){0};
}

jwkd_status pages_add(struct pages *pages, struct reply *reply, jwkd_error *error)
{
    struct reply **grown = NULL;
    jwkd_status status = JWKD_OK;
    if (pages->count >= MOST_PAGES)
        status = fail(error, JWKD_RESOURCE_EXHAUSTED, "the service's list does not end");
    else if (!(grown = realloc(pages->replies, (pages->count + 1) * sizeof *grown)))
        status = fail(error, JWKD_NO_MEMORY, "out of memory");
    if (status != JWKD_OK) {
        reply_free(reply);
        return status;
    }
    pages->replies = grown;
    pages->replies[pages->count++] = reply;
    return JWKD_OK;
}

/* ---- environments */

jwkd_status pages_get_environments(jwkd_client *client, struct pages *pages, jwkd_error *error)
{
    const char *after = "";
    for (bool more = true; more;) {
        Jwkd__V1__ListEnvironmentsRequest list = JWKD__V1__LIST_ENVIRONMENTS_REQUEST__INIT;
        list.after = wire_text(after);
        Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
        request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS;
        request.list_environments = &list;
        struct reply *reply = NULL;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_ENVIRONMENTS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListEnvironmentsReply *page = reply->message->environments;
        more = page->more && page->n_environments > 0;
        if (more) after = page->environments[page->n_environments - 1]->name;
    }
    return JWKD_OK;
}

static void *lay_out_environments(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->environments->n_environments;
    jwkd_environment_list *out = block_take(block, sizeof *out);
    jwkd_environment *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListEnvironmentsReply *page = pages->replies[i]->message->environments;
        for (size_t j = 0; j < page->n_environments; j++) {
            jwkd_environment row = answer_environment(block, page->environments[j]);
            if (rows) rows[filled++] = row;
        }
    }
    if (out) *out = (jwkd_environment_list){.count = count, .environments = rows};
    return out;
}

jwkd_status jwkd_environment_get_all(jwkd_client *client, jwkd_environment_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(pages_get_environments(entered, &pages, error));
    void *block;
    if (block_build(lay_out_environments, &pages, &block) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out = block;
    return JWKD_OK;
}

/* ---- keys */

static jwkd_status get_keys(
    jwkd_client *client, const char *environment, struct pages *pages, jwkd_error *error)
{
    uint32_t skip = 0;
    unsigned restarts = 0;
    for (bool more = true; more;) {
        Jwkd__V1__ListKeysRequest list = JWKD__V1__LIST_KEYS_REQUEST__INIT;
        list.environment = wire_text(environment);
        list.skip = skip;
        Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
        request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_KEYS;
        request.list_keys = &list;
        struct reply *reply = NULL;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_KEYS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListKeysReply *page = reply->message->keys;
        if (!page->state) return fail(error, JWKD_MALFORMED, "the service's list of keys lacks its state");
        if (page->state->revision != pages->replies[0]->message->keys->state->revision) {
            /* Changed between two pages: a mixture would show a key twice or not at all. */
            if (++restarts > MOST_RESTARTS)
                return fail(error, JWKD_BUSY, "the keys keep changing while they are listed");
            pages_clear(pages);
            skip = 0;
            continue;
        }
        skip += (uint32_t)page->n_keys;
        more = page->more && page->n_keys > 0;
    }
    return JWKD_OK;
}

static void *lay_out_keys(struct block *block, const void *from)
{
    const struct pages *pages = from;
    size_t count = 0, filled = 0;
    const char *primary_kid = "";
    for (size_t i = 0; i < pages->count; i++)
        count += pages->replies[i]->message->keys->n_keys;
    jwkd_key_list *out = block_take(block, sizeof *out);
    jwkd_key *rows = block_take(block, count * sizeof *rows);
    for (size_t i = 0; i < pages->count; i++) {
        const Jwkd__V1__ListKeysReply *page = pages->replies[i]->message->keys;
        for (size_t j = 0; j < page->n_keys; j++) {
            jwkd_key row = answer_key(block, page->keys[j]);
            if (page->keys[j]->primary) primary_kid = page->keys[j]->kid;
            if (rows) rows[filled++] = row;
        }
    }
    jwkd_key_list list = {.count = count,
        .keys = rows,
        .revision = pages->replies[0]->message->keys->state->revision,
        .primary_kid = block_text(block, primary_kid)};
    if (out) *out = list;
    return out;
}

jwkd_status jwkd_get_keys(
    jwkd_client *client, const char *environment, jwkd_key_list **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    CLEANUP(pages_clear) struct pages pages = {0};
    TRY(get_keys(entered, environment, &pages, error));
    void *block;
    if (block_build(lay_out_keys, &pages, &block) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out = block;
    return JWKD_OK;
}

/* ---- subscribers */

jwkd_status pages_get_subscribers(
    jwkd_client *client, const char *environment, struct pages *pages, jwkd_error *error)
{
    uint32_t skip = 0;
    for (bool more = true; more;) {
        Jwkd__V1__ListSubscribersRequest list = JWKD__V1__LIST_SUBSCRIBERS_REQUEST__INIT;
        list.environment = wire_text(environment);
        list.skip = skip;
        Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
        request.operation_case = JWKD__V1__REQUEST__OPERATION_LIST_SUBSCRIBERS;
        request.list_subscribers = &list;
        struct reply *reply = NULL;
        TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_SUBSCRIBERS, NULL, &reply, error));
        TRY(pages_add(pages, reply, error));
        const Jwkd__V1__ListSubscribersReply *page = reply->message->subscribers;
        skip += (uint32_t)page->n_subscribers;
        more = page->more && page->n_subscribers > 0;
    }
    return JWKD_OK;
}
