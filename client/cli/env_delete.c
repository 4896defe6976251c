#include <stdio.h>

#include "cli/output.h"
#include "cli/session.h"

static jwkd_status env_delete(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_environment_delete(client, cli->words[0], option_given(&cli->arguments, OPTION_FORCE), error));
    if (cli->json) return print_json(json_pack("{s:s, s:b}", "name", cli->words[0], "deleted", 1), error);
    printf("deleted %s\n", cli->words[0]);
    return JWKD_OK;
}

const struct verb VERB_ENV_DELETE = {
    .name = "env delete",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "delete an environment, for good",
    .details = "Its keys can never come back, not even by import.",
    .options = {{OPTION_FORCE, "even while it has active keys: their tokens are refused from then on"}},
    .run = env_delete,
};
