#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/describe.h"
#include "cli/session.h"

/* Enough for an RSA-4096 key on a slow machine with an empty reserve. */
enum { WAIT_MS = 120 * 1000, QUIET_MS = 1000 };

struct progress {
    bool terminal, shown;
};

static void show_progress(void *context, uint64_t waited_ms)
{
    struct progress *progress = context;
    if (waited_ms < QUIET_MS || (progress->shown && !progress->terminal)) return;
    progress->shown = true;
    if (progress->terminal)
        fprintf(stderr, "\rmaking a key: %" PRIu64 " s ", waited_ms / 1000);
    else
        fputs("jwkctl: making a key; this takes a moment\n", stderr);
}

static void end_progress(const struct progress *progress)
{
    if (progress->shown && progress->terminal) fputs("\r                        \r", stderr);
}

static jwkd_status print_pending(bool json, const char *environment, jwkd_error *error)
{
    if (json)
        return print_json(
            json_pack("{s:s, s:{s:s}}", "state", "pending", "environment", "name", environment), error);
    printf("a key is being made; 'jwkctl list %s' will show it\n", environment);
    return JWKD_OK;
}

/* Where the environment shows public keys only once, this was the time. */
static void print_public_key_once(jwkd_client *client, const char *environment, const jwkd_key *key)
{
    CLEANUP(free_answer) jwkd_key_answer *again = NULL;
    bool shown_again =
        jwkd_get_key(client, environment, key->kid, &again, NULL) == JWKD_OK && *again->key.public_jwk;
    if (*key->public_jwk && !shown_again) printf("its public key, shown this once: %s\n", key->public_jwk);
}

static jwkd_status generate(struct cli *cli, jwkd_error *error)
{
    const char *environment = cli->words[0];
    bool wait = !option_given(&cli->arguments, OPTION_NO_WAIT);
    struct progress progress = {.terminal = isatty(STDERR_FILENO)};
    jwkd_generate_options options = {
        .algorithm = option_text(&cli->arguments, OPTION_ALGORITHM),
        .hold = option_given(&cli->arguments, OPTION_HOLD),
        .invalidate_kid = option_text(&cli->arguments, OPTION_INVALIDATE),
        .wait_ms = wait ? WAIT_MS : 0,
        .on_progress = progress.terminal || !cli->json ? show_progress : NULL,
        .context = &progress,
    };
    TRY(cli_number(cli, OPTION_BITS, &options.bits, error));
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    jwkd_status status = jwkd_generate(client, environment, &options, &answer, error);
    end_progress(&progress);
    if (status == JWKD_IN_PROGRESS && !wait) return print_pending(cli->json, environment, error);
    TRY(status);
    TRY(print_key_answer(cli->json, environment, "made", answer, error));
    if (!cli->json) print_public_key_once(client, environment, &answer->key);
    return JWKD_OK;
}

const struct verb VERB_GENERATE = {
    .name = "generate",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "make a signing key; it becomes primary",
    .details =
        "Answers in milliseconds from the service's reserve of keys; where that is empty, waits for the key.",
    .options = {{OPTION_ALGORITHM,
                    "RS256..512, PS256..512, ES256..512, EdDSA, Ed25519, Ed448, ML-DSA-44..87"},
        {OPTION_BITS, "RSA: 2048, 3072 or 4096"},
        {OPTION_HOLD, "leave it active: 'jwkctl set-primary' makes it sign"},
        {OPTION_INVALIDATE, "exclusive mode: the live key that it replaces at once"},
        {OPTION_NO_WAIT, "do not wait for a key that is still being made"}},
    .run = generate,
};
