#include <stdio.h>

#include "base/clock.h"
#include "cli/confirm.h"
#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"

static jwkd_status ask(struct cli *cli, jwkd_client *client, jwkd_error *error)
{
    if (!confirm_wanted(cli)) return JWKD_OK;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(jwkd_get_key(client, cli->words[0], cli->words[1], &answer, error));
    const jwkd_key *key = &answer->key;
    if (key->state != JWKD_KEY_DEACTIVATED) return JWKD_OK; /* nothing will change */
    char type[MOMENT_SIZE], age[MOMENT_SIZE];
    key_type_format(key->algorithm, key->bits, type);
    moment_format_age(key->deactivated_at, clock_wall_sec(), age);
    fprintf(stderr, "%s (%s) of %s was deactivated %s.\n", key->kid, type, cli->words[0], age);
    return confirm("Erase its private key, for good?", error);
}

static jwkd_status destroy(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &cli->words[1], error));
    TRY(ask(cli, client, error));
    TRY(jwkd_destroy(client, cli->words[0], cli->words[1], &answer, error));
    return print_key_answer(cli->json, cli->words[0], "erased", answer, error);
}

const struct verb VERB_DESTROY = {
    .name = "destroy",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "erase the private key of a deactivated key",
    .details = "What is known of it otherwise stays in the list. On a terminal it asks.",
    .options = {{OPTION_YES, "do not ask, on a terminal"}},
    .run = destroy,
};
