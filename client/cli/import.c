#include <stdio.h>

#include "cli/input.h"
#include "cli/kid.h"
#include "cli/publication.h"
#include "cli/session.h"

static jwkd_status import(struct cli *cli, jwkd_error *error)
{
    const char *environment = cli->words[0], *file = cli->words[1];
    jwkd_import_options options = {
        .algorithm = option_text(&cli->arguments, OPTION_ALGORITHM),
        .hold = option_given(&cli->arguments, OPTION_HOLD),
        .now = option_given(&cli->arguments, OPTION_NOW),
        .invalidate_kid = option_text(&cli->arguments, OPTION_INVALIDATE),
    };
    struct publication_wait promotion;
    TRY(publication_options(cli, &promotion, error));
    CLEANUP(buffer_clear) struct buffer key = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    warn_if_exposed(cli->json, file);
    TRY(read_file(file, "the private key", LIMIT_JWK, &key, error));
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &options.invalidate_kid, error));
    TRY(jwkd_import(client, environment, (jwkd_bytes){key.data, key.size}, &options, &answer, error));
    if (options.invalidate_kid && !cli->json) printf("stopped %s\n", options.invalidate_kid);
    return publication_report(cli, client, "imported", answer, &promotion, error);
}

const struct verb VERB_IMPORT = {
    .name = "import",
    .words = "ENV FILE|-",
    .least_words = 2,
    .most_words = 2,
    .summary = "bring a private key: a JWK or an unencrypted PEM file",
    .details =
        "The key becomes primary once its subscribers have it. No environment may ever have held it, and it\n"
        "can never be exported.",
    .options = {{OPTION_ALGORITHM, "what it signs with, if that is not the environment's"},
        {OPTION_HOLD, "leave it active: 'jwkctl set-primary' makes it sign"},
        {OPTION_NOW, "make it primary at once: subscribers refuse its tokens until they have the key"},
        {OPTION_WAIT, "wait until it is primary"},
        {OPTION_TIMEOUT, "but no longer than this (as long as it can take)"},
        {OPTION_INVALIDATE, "exclusive mode: the live key that it replaces at once"}},
    .run = import,
};
