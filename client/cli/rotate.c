#include <stdio.h>

#include "cli/describe.h"
#include "cli/progress.h"
#include "cli/publication.h"
#include "cli/session.h"

/* As long as generate waits for its key. */
enum { WAIT_MS = 120 * 1000 };

static void show_progress(void *context, uint64_t waited_ms)
{
    (void)waited_ms;
    progress_say(context, 0, "making a key; this takes a moment");
}

static jwkd_status check_abort(struct cli *cli, jwkd_error *error)
{
    for (const struct verb_option *own = VERB_ROTATE.options; own->help; own++)
        if (own->option != OPTION_ABORT && option_given(&cli->arguments, own->option))
            return usage_error(
                cli, error, "--abort takes the last rotation back, and no --%s", option_name(own->option));
    return JWKD_OK;
}

static jwkd_status abort_rotation(struct cli *cli, jwkd_error *error)
{
    const char *environment = cli->words[0];
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(check_abort(cli, error));
    TRY(session_open(cli, &client, error));
    TRY(jwkd_abort_rotation(client, environment, &answer, error));
    TRY(print_key_answer(cli->json, environment, "took back", answer, error));
    if (!cli->json) print_signer(environment, answer->primary_kid);
    return JWKD_OK;
}

static jwkd_status rotate(struct cli *cli, jwkd_error *error)
{
    if (option_given(&cli->arguments, OPTION_ABORT)) return abort_rotation(cli, error);
    const char *environment = cli->words[0];
    struct publication_wait promotion;
    struct progress progress = progress_begin(cli->json);
    jwkd_generate_options options = {
        .algorithm = option_text(&cli->arguments, OPTION_ALGORITHM),
        .now = option_given(&cli->arguments, OPTION_NOW),
        .wait_ms = WAIT_MS,
        .on_progress = show_progress,
        .context = &progress,
    };
    TRY(cli_number(cli, OPTION_BITS, &options.bits, error));
    TRY(publication_options(cli, &promotion, error));
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    jwkd_status status = jwkd_rotate(client, environment, &options, &answer, error);
    progress_clear(&progress);
    TRY(status);
    return publication_report(cli, client, "made", answer, &promotion, error);
}

const struct verb VERB_ROTATE = {
    .name = "rotate",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "make a key, let it replace the primary one, and let that retire",
    .details = "As generate; and when the new key becomes primary, the key that it replaces retires: it is\n"
               "deactivated by itself once the last token that it signed has expired.",
    .options = {{OPTION_ALGORITHM,
                    "RS256..512, PS256..512, ES256..512, EdDSA, Ed25519, Ed448, ML-DSA-44..87"},
        {OPTION_BITS, "RSA: 2048, 3072 or 4096"},
        {OPTION_NOW, "make it primary at once: subscribers refuse its tokens until they have the key"},
        {OPTION_WAIT, "wait until it is primary"},
        {OPTION_TIMEOUT, "but no longer than this (as long as it can take)"},
        {OPTION_ABORT, "take the last rotation back, while the old key is not deactivated"}},
    .run = rotate,
};
