#include <string.h>

#include "cli/environment.h"
#include "cli/session.h"

static jwkd_status env_show(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_environment_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_environment_get_all(client, &list, error));
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->environments[i].name, cli->words[0]) == 0)
            return print_environment(cli->json, &list->environments[i], error);
    return fail(error, JWKD_NOT_FOUND, "there is no environment \"%s\"", cli->words[0]);
}

const struct verb VERB_ENV_SHOW = {
    .name = "env show",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "show an environment's rules and state",
    .details = "",
    .run = env_show,
};
