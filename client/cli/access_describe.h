/* Accounts, API tokens and grants, as JSON and as rows of tables. */
#ifndef CLI_ACCESS_DESCRIBE_H
#define CLI_ACCESS_DESCRIBE_H

#include "cli/output.h"
#include "cli/table.h"

/* A new reference; NULL when memory is short. */
json_t *account_json(const jwkd_account *account);
json_t *api_token_json(const jwkd_api_token *token);
json_t *grant_json(const jwkd_grant *grant);

/* The whole list, as a table; `none` is said on stderr where it is empty. */
jwkd_status print_api_tokens(const jwkd_api_token_list *list, const char *none, jwkd_error *error) MUST_CHECK;
jwkd_status print_grants(
    const jwkd_grant *grants, size_t count, const char *none, jwkd_error *error) MUST_CHECK;

#endif
