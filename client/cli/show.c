#include <inttypes.h>

#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"

static void print_key(const jwkd_key *key)
{
    char type[MOMENT_SIZE];
    key_type_format(key->algorithm, key->bits, type);
    print_field("kid", "%s", key->kid);
    print_field("state", "%s%s", jwkd_key_state_name(key), key->held ? ", held" : "");
    print_field("algorithm", "%s", type);
    print_field("origin", "%s", key->imported ? "imported" : "generated here");
    print_moment("created", key->created_at);
    print_moment("retiring since", key->retiring_since);
    print_moment("deactivated", key->deactivated_at);
    print_moment("destroyed", key->destroyed_at);
    print_moment(key->state == JWKD_KEY_ACTIVE ? "in use until" : "tokens until", key->last_expiry);
    print_field("signed", "%" PRIu64 " token%s since the service was started", key->tokens_signed,
        key->tokens_signed == 1 ? "" : "s");
    print_moment("last used", key->last_used_at);
    print_field("revision", "%" PRIu64, key->revision);
    print_field("public key", "%s", *key->public_jwk ? key->public_jwk : "(not shown)");
}

static jwkd_status show(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_answer *answer = NULL;
    TRY(session_open(cli, &client, error));
    TRY(kid_complete(cli, client, &cli->words[1], error));
    TRY(jwkd_get_key(client, cli->words[0], cli->words[1], &answer, error));
    if (cli->json) return print_json(key_answer_json(cli->words[0], answer), error);
    print_key(&answer->key);
    return JWKD_OK;
}

const struct verb VERB_SHOW = {
    .name = "show",
    .words = "ENV KID",
    .least_words = 2,
    .most_words = 2,
    .summary = "show one key",
    .details = "",
    .run = show,
};
