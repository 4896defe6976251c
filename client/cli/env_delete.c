#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/confirm.h"
#include "cli/output.h"
#include "cli/session.h"

static const jwkd_environment *find_environment(const jwkd_environment_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->environments[i].name, name) == 0) return &list->environments[i];
    return NULL;
}

static jwkd_status ask(struct cli *cli, jwkd_client *client, jwkd_error *error)
{
    if (!confirm_wanted(cli)) return JWKD_OK;
    CLEANUP(free_answer) jwkd_environment_list *list = NULL;
    TRY(jwkd_environment_get_all(client, &list, error));
    const jwkd_environment *environment = find_environment(list, cli->words[0]);
    uint32_t active = environment ? environment->active_keys : 0;
    if (!environment || (active && !option_given(&cli->arguments, OPTION_FORCE)))
        return JWKD_OK; /* it will be refused */
    if (active)
        fprintf(stderr, "%s has %" PRIu32 " active key%s, whose tokens are refused from then on.\n",
            environment->name, active, active == 1 ? "" : "s");
    else
        fprintf(stderr, "%s has no active key.\n", environment->name);
    return confirm("Delete it and all of its keys, for good?", error);
}

static jwkd_status env_delete(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(session_open(cli, &client, error));
    TRY(ask(cli, client, error));
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
    .details = "Its keys can never come back, not even by import. On a terminal it asks.",
    .options = {{OPTION_FORCE, "even while it has active keys: their tokens are refused from then on"},
        {OPTION_YES, "do not ask, on a terminal"}},
    .run = env_delete,
};
