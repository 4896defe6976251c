#include <inttypes.h>
#include <stdio.h>

#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"
#include "cli/table.h"

static jwkd_status print_list_json(const jwkd_environment_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *environments = json_array();
    for (size_t i = 0; environments && i < list->count; i++)
        if (json_array_append_new(environments, environment_json(&list->environments[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_json(json_pack("{s:O}", "environments", environments), error);
}

static jwkd_status print_list(const jwkd_environment_list *list, jwkd_error *error)
{
    if (list->count == 0) {
        fputs("jwkctl: no environment that you may see yet; 'jwkctl env create NAME' makes one\n", stderr);
        return JWKD_OK;
    }
    static const char *const HEADINGS[] = {"NAME", "NEW KEYS", "MODE", "ACTIVE", "PRIMARY", "ISSUER"};
    enum { COLUMNS = sizeof HEADINGS / sizeof *HEADINGS };
    CLEANUP(table_clear) struct table table = {.columns = COLUMNS, .may_cut = 1U << (COLUMNS - 1) | 1U << 0};
    for (size_t i = 0; i < COLUMNS; i++)
        table_add(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < list->count; i++) {
        const jwkd_environment *environment = &list->environments[i];
        char type[MOMENT_SIZE];
        key_type_format(environment->default_algorithm, environment->default_bits, type);
        table_add(&table, "%s", environment->name);
        table_add(&table, "%s", type);
        table_add(&table, "%s", mode_name(environment->mode));
        table_add(&table, "%" PRIu32, environment->active_keys);
        table_add(&table, "%.*s", KID_SHOWN, *environment->primary_kid ? environment->primary_kid : "-");
        table_add(&table, "%s", *environment->issuer ? environment->issuer : "-");
    }
    return table_print(&table, error);
}

static jwkd_status env_list(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_environment_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_environment_get_all(client, &list, error));
    return cli->json ? print_list_json(list, error) : print_list(list, error);
}

const struct verb VERB_ENV_LIST = {
    .name = "env list",
    .words = "",
    .summary = "list the environments",
    .details =
        "Kids, and what is too long for the table, are cut: 'jwkctl env show' and --json tell the whole.",
    .run = env_list,
};
