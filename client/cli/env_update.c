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
    .options =
        {
#define CHANGE_TEXT(option, words, change) {OPTION_##option, change},
#define CHANGE_ALGORITHM(option, words, change) {OPTION_##option, change},
#define CHANGE_NUMBER(option, words, change) {OPTION_##option, change},
#define CHANGE_TIME(option, words, change) {OPTION_##option, change},
#define CHANGE_MODE(option, words, change) {OPTION_##option, change},
#define CHANGE_FLAG(option, words, change) {OPTION_##option, change}, {OPTION_NO_##option, words},
#define ROW(kind, id, field, most, words, option, name, value, json, label, prefix, new, change) \
    CHANGE_##kind(option, words, change)
            SETTING_TABLE(ROW)
#undef ROW
        },
    .run = env_update,
};
