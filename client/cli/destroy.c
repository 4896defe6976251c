#include "cli/describe.h"
#include "cli/session.h"

static jwkd_status destroy(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_destroy(client, cli->words[0], cli->words[1], &answer, error));
    return print_key_answer(cli->json, cli->words[0], "erased", answer, error);
}

const struct verb VERB_DESTROY = {
    .name = "destroy",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "erase the private key of a deactivated key",
    .details = "What is known of it otherwise stays in the list.",
    .run = destroy,
};
