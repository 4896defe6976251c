#include <stdio.h>

#include "cli/kid.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/publication.h"
#include "cli/session.h"

/* Enough for an RSA-4096 key on a slow machine with an empty reserve. */
enum { WAIT_MS = 120 * 1000 };

static void show_progress(void *context, uint64_t waited_ms)
{
    (void)waited_ms;
    progress_say(context, 0, "making a key; this takes a moment");
}

static jwkd_status print_pending(bool json, const char *environment, jwkd_error *error)
{
    if (json)
        return print_json(
            json_pack("{s:s, s:{s:s}}", "state", "pending", "environment", "name", environment), error);
    printf("a key is being made; 'jwkctl list %s' will show it\n", environment);
    return JWKD_OK;
}

static jwkd_status generate(struct cli *cli, jwkd_error *error)
{
    const char *environment = cli->words[0];
    bool wait = !option_given(&cli->arguments, OPTION_NO_WAIT);
    struct publication_wait promotion;
    struct progress progress = progress_begin(cli->json);
    jwkd_generate_options options = {
        .algorithm = option_text(&cli->arguments, OPTION_ALGORITHM),
        .hold = option_given(&cli->arguments, OPTION_HOLD),
        .now = option_given(&cli->arguments, OPTION_NOW),
        .invalidate_kid = option_text(&cli->arguments, OPTION_INVALIDATE),
        .wait_ms = wait ? WAIT_MS : 0,
        .on_progress = show_progress,
        .context = &progress,
    };
    TRY(cli_number(cli, OPTION_BITS, &options.bits, error));
    TRY(publication_options(cli, &promotion, error));
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &options.invalidate_kid, error));
    jwkd_status status = jwkd_generate(client, environment, &options, &answer, error);
    progress_clear(&progress);
    if (status == JWKD_IN_PROGRESS && !wait) return print_pending(cli->json, environment, error);
    TRY(status);
    if (options.invalidate_kid && !cli->json) printf("stopped %s\n", options.invalidate_kid);
    return publication_report(cli, client, "made", answer, &promotion, error);
}

const struct verb VERB_GENERATE = {
    .name = "generate",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "make a signing key; it becomes primary once its subscribers have it",
    .details =
        "Answers in milliseconds from the service's reserve of keys; where that is empty, waits for the "
        "key.\n"
        "It is published then. It becomes primary when every subscriber has confirmed that it holds it, or\n"
        "when every lease that could lack it has run out: no good token is refused by this.",
    .options = {{OPTION_ALGORITHM,
                    "RS256..512, PS256..512, ES256..512, EdDSA, Ed25519, Ed448, ML-DSA-44..87"},
        {OPTION_BITS, "RSA: 2048, 3072 or 4096"},
        {OPTION_HOLD, "leave it active: 'jwkctl set-primary' makes it sign"},
        {OPTION_NOW, "make it primary at once: subscribers refuse its tokens until they have the key"},
        {OPTION_WAIT, "wait until it is primary"},
        {OPTION_TIMEOUT, "but no longer than this (as long as it can take)"},
        {OPTION_INVALIDATE, "exclusive mode: the live key that it replaces at once"},
        {OPTION_NO_WAIT, "do not wait for a key that is still being made"}},
    .run = generate,
};
