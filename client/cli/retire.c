#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"

/* When it will come to pass. */
static void print_retirement(const char *environment, const jwkd_key_answer *answer)
{
    const jwkd_key *key = &answer->key;
    char type[MOMENT_SIZE], at[MOMENT_SIZE], age[MOMENT_SIZE];
    key_type_format(key->algorithm, key->bits, type);
    moment_format(key->last_expiry, at);
    moment_format_age(key->last_expiry, clock_wall_sec(), age);
    printf("%s (%s) retires; %s is at revision %" PRIu64 "\n", key->kid, type, environment, answer->revision);
    if (key->last_expiry)
        printf(
            "it is deactivated by itself once its last token has expired, %s (%s), and the leeway is over\n",
            at, age);
    else
        puts("it signed nothing, so it is deactivated by itself now");
}

static jwkd_status retire(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &cli->words[1], error));
    TRY(jwkd_retire(client, cli->words[0], cli->words[1], &answer, error));
    if (cli->json) return print_json(key_answer_json(cli->words[0], answer), error);
    print_retirement(cli->words[0], answer);
    return JWKD_OK;
}

const struct verb VERB_RETIRE = {
    .name = "retire",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "have a key deactivated once the last token it signed has expired",
    .details = "Of an active key; the primary one is retired by 'jwkctl rotate'. 'jwkctl set-primary' takes "
               "it back.",
    .run = retire,
};
