#include <stdio.h>

#include "cli/operation.h"
#include "cli/session.h"

static jwkd_status operation_show(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_operation *operation = NULL;
    TRY(session_open(cli, &client, error));
    jwkd_status status = jwkd_get_operation(client, cli->words[0], &operation, error);
    if (status == JWKD_NOT_FOUND)
        snprintf(cli->hint, sizeof cli->hint, "'jwkctl env show ENV' tells the one that waits, if one does");
    cli->usage_error = status == JWKD_INVALID_ARGUMENT; /* the library asks for no id that cannot be one */
    TRY(status);
    return print_operation(cli->json, operation, error);
}

const struct verb VERB_OPERATION_SHOW = {
    .name = "operation show",
    .words = "ID",
    .least_words = 1,
    .most_words = 1,
    .summary = "show how a promotion stands, or ended within the last day",
    .details = "generate, rotate and import tell its ID, and 'jwkctl env show' that of the one that waits.",
    .run = operation_show,
};
