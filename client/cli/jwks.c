#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/session.h"

static jwkd_status jwks(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) char *document = NULL;
    CLEANUP(free_answer) char *pem = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_get_jwks(client, cli->words[0], &document, error));
    if (!option_given(&cli->arguments, OPTION_PEM)) {
        puts(document);
        return JWKD_OK;
    }
    TRY(jwkd_jwks_to_pem((jwkd_bytes){document, strlen(document)}, &pem, error));
    if (cli->json) return print_json(json_pack("{s:s}", "pem", pem), error);
    fputs(pem, stdout);
    return JWKD_OK;
}

const struct verb VERB_JWKS = {
    .name = "jwks",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "print an environment's public keys as a JWKS document",
    .details = "",
    .options = {{OPTION_PEM, "in PEM, each after a line with its kid"}},
    .run = jwks,
};
