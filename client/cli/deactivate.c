#include <stdio.h>

#include "cli/describe.h"
#include "cli/session.h"

static jwkd_status deactivate(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    bool allow_none = option_given(&cli->arguments, OPTION_ALLOW_NONE);
    TRY(jwkd_deactivate(client, cli->words[0], cli->words[1], allow_none, &answer, error));
    TRY(print_key_answer(cli->json, cli->words[0], "stopped", answer, error));
    if (cli->json) return JWKD_OK;
    print_signer(cli->words[0], answer->primary_kid);
    return JWKD_OK;
}

const struct verb VERB_DEACTIVATE = {
    .name = "deactivate",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "stop a key at once, and for good",
    .details =
        "Every token that it signed is refused from then on. If it was primary, the newest active key signs\n"
        "instead.",
    .options = {{OPTION_ALLOW_NONE, "even the last active key: nothing can be signed then"}},
    .run = deactivate,
};
