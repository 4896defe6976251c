#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"

static jwkd_status set_primary(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &cli->words[1], error));
    TRY(jwkd_set_primary(client, cli->words[0], cli->words[1], &answer, error));
    return print_key_answer(cli->json, cli->words[0], "promoted", answer, error);
}

const struct verb VERB_SET_PRIMARY = {
    .name = "set-primary",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "let an active key sign from now on",
    .details = "The key that signed until now stays active: its tokens go on being accepted.",
    .run = set_primary,
};
