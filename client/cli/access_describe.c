#include "cli/access_describe.h"

#include <stdio.h>

#include "base/clock.h"

json_t *account_json(const jwkd_account *account)
{
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:I}", "name", account->name, "note",
        json_text_or_null(account->note), "created_by", account->created_by, "created_at",
        (json_int_t)account->created_at, "tokens", (json_int_t)account->tokens, "grants",
        (json_int_t)account->grants);
}

json_t *api_token_json(const jwkd_api_token *token)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:I, s:I}", "id", token->id, "account", token->account, "note",
        json_text_or_null(token->note), "created_by", token->created_by, "created_at",
        (json_int_t)token->created_at, "expires_at", (json_int_t)token->expires_at);
}

json_t *grant_json(const jwkd_grant *grant)
{
    json_t *rule = *grant->rule ? json_read(bytes_of_text(grant->rule)) : json_null();
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:s, s:I}", "id", json_text_or_null(grant->id), "principal",
        grant->principal, "role", grant->role, "environment", grant->environment, "rule", rule, "created_by",
        grant->created_by, "created_at", (json_int_t)grant->created_at);
}

static void add_headings(struct table *table, const char *const *headings)
{
    for (size_t i = 0; i < table->columns; i++)
        table_add(table, "%s", headings[i]);
}

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

static bool is_empty(size_t count, const char *none)
{
    if (count == 0) fprintf(stderr, "jwkctl: %s\n", none);
    return count == 0;
}

jwkd_status print_api_tokens(const jwkd_api_token_list *list, const char *none, jwkd_error *error)
{
    static const char *const HEADINGS[] = {"ID", "ACCOUNT", "ENDS", "MADE BY", "NOTE"};
    CLEANUP(table_clear) struct table table = {.columns = 5, .may_cut = 1U << 1 | 1U << 3 | 1U << 4};
    if (is_empty(list->count, none)) return JWKD_OK;
    add_headings(&table, HEADINGS);
    for (size_t i = 0; i < list->count; i++) {
        const jwkd_api_token *token = &list->tokens[i];
        char ends[MOMENT_SIZE];
        moment_format_age(token->expires_at, clock_wall_sec(), ends);
        table_add(&table, "%s", token->id);
        table_add(&table, "%s", token->account);
        table_add(&table, "%s", ends);
        table_add(&table, "%s", token->created_by);
        table_add(&table, "%s", or_dash(token->note));
    }
    return table_print(&table, error);
}

jwkd_status print_grants(const jwkd_grant *grants, size_t count, const char *none, jwkd_error *error)
{
    static const char *const HEADINGS[] = {"ID", "PRINCIPAL", "ROLE", "ENV", "RULE", "MADE BY"};
    CLEANUP(table_clear)
    struct table table = {.columns = 6, .may_cut = 1U << 1 | 1U << 3 | 1U << 4 | 1U << 5};
    if (is_empty(count, none)) return JWKD_OK;
    add_headings(&table, HEADINGS);
    for (size_t i = 0; i < count; i++) {
        table_add(&table, "%s", or_dash(grants[i].id));
        table_add(&table, "%s", grants[i].principal);
        table_add(&table, "%s", grants[i].role);
        table_add(&table, "%s", grants[i].environment);
        table_add(&table, "%s", *grants[i].rule ? "yes" : "-");
        table_add(&table, "%s", grants[i].created_by);
    }
    return table_print(&table, error);
}
