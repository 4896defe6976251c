#include "cli/environment.h"
#include "cli/session.h"

/* For a new environment a lifetime of 0 stands for the default: asking for it would silently give something
 * else. */
static jwkd_status refuse_zeros(
    struct cli *cli, const jwkd_environment *wanted, unsigned fields, jwkd_error *error)
{
    if (((fields & JWKD_SET_MAX_TOKEN_LIFETIME) && wanted->max_token_lifetime_sec == 0) ||
        ((fields & JWKD_SET_DEFAULT_TOKEN_LIFETIME) && wanted->default_token_lifetime_sec == 0))
        return usage_error(cli, error, "tokens must live for some time: --ttl and --max-ttl cannot be 0");
    return JWKD_OK;
}

static jwkd_status env_create(struct cli *cli, jwkd_error *error)
{
    jwkd_environment wanted;
    unsigned fields = 0;
    TRY(environment_options(cli, &wanted, &fields, error));
    TRY(refuse_zeros(cli, &wanted, fields, error));
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_environment *made = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_environment_create(client, &wanted, &made, error));
    return print_environment(cli->json, made, error);
}

const struct verb VERB_ENV_CREATE = {
    .name = "env create",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "make an environment: a namespace with keys and rules of its own",
    .details =
        "A name has a-z, 0-9, '-', '_' and '.', at most 63 of them, and begins with a letter or digit.\n"
        "Not api, console, metrics, healthz, readyz, openapi.json, static, follow.\n"
        "It has no key yet: 'jwkctl generate NAME' makes one.",
    .options =
        {
#define ROW(kind, id, field, most, words, option, name, value, json, label, prefix, new, change) \
    {OPTION_##option, new},
            SETTING_TABLE(ROW)
#undef ROW
        },
    .run = env_create,
};
