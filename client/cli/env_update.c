#include "cli/environment.h"
#include "cli/session.h"

static jwkd_status env_update(struct cli *cli, jwkd_error *error)
{
    jwkd_environment wanted;
    unsigned fields = 0;
    TRY(environment_options(cli, &wanted, &fields, error));
    if (fields == 0) return usage_error(cli, error, "nothing to change: name at least one option");
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_environment *changed = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_environment_update(client, &wanted, fields, &changed, error));
    return print_environment(cli->json, changed, error);
}

const struct verb VERB_ENV_UPDATE = {
    .name = "env update",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "change an environment's rules; what is not named stays",
    .details = "An empty value (--issuer=) takes a text away.",
    .options = {{OPTION_ISSUER, "the iss of its tokens"}, {OPTION_ALGORITHM, "what its new keys sign with"},
        {OPTION_BITS, "size of its new RSA keys: 2048, 3072 or 4096"},
        {OPTION_AUD, "aud of tokens that are signed without one"},
        {OPTION_MAX_TTL, "the longest that a token may live"},
        {OPTION_TTL, "how long a token lives unless its signer says"},
        {OPTION_LEEWAY, "what verifiers allow for clocks that differ, 0 to 10m"},
        {OPTION_MODE, "overlap, or exclusive: at most one live key"},
        {OPTION_SHOW_ONCE, "hand out public keys only when they are made"},
        {OPTION_NO_SHOW_ONCE, "publish public keys"},
        {OPTION_ROTATE_EVERY, "rotate by itself this long after the last new key; 0: never"},
        {OPTION_JWKS_MAX_AGE, "how long readers of the JWKS over HTTP may keep it; 0: there are none"}},
    .run = env_update,
};
