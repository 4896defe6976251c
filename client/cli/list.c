#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/describe.h"
#include "cli/session.h"
#include "cli/table.h"

static jwkd_status print_list_json(const char *environment, const jwkd_key_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *keys = json_array();
    for (size_t i = 0; keys && i < list->count; i++)
        if (json_array_append_new(keys, key_json(&list->keys[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    json_t *state = json_pack("{s:s, s:I, s:o}", "name", environment, "revision", (json_int_t)list->revision,
        "primary_kid", json_text_or_null(list->primary_kid));
    return print_json(json_pack("{s:O, s:o}", "keys", keys, "environment", state), error);
}

static jwkd_status print_list(const char *environment, const jwkd_key_list *list, jwkd_error *error)
{
    if (list->count == 0) {
        fprintf(stderr, "jwkctl: no key yet; 'jwkctl generate %s' makes one\n", environment);
        return JWKD_OK;
    }
    CLEANUP(table_clear) struct table table = {.columns = 5};
    table_add(&table, "KID");
    table_add(&table, "STATE");
    table_add(&table, "ALGORITHM");
    table_add(&table, "CREATED");
    table_add(&table, "REVISION");
    int64_t now = clock_wall_sec();
    for (size_t i = 0; i < list->count; i++) {
        const jwkd_key *key = &list->keys[i];
        char type[MOMENT_SIZE], age[MOMENT_SIZE];
        key_type_format(key->algorithm, key->bits, type);
        moment_format_age(key->created_at, now, age);
        table_add(&table, "%s", key->kid);
        table_add(&table, key->held ? "%s, held" : "%s", jwkd_key_state_name(key));
        table_add(&table, "%s", type);
        table_add(&table, "%s", age);
        table_add(&table, "%" PRIu64, key->revision);
    }
    return table_print(&table, error);
}

static jwkd_status list(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_key_list *keys = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_get_keys(client, cli->words[0], &keys, error));
    return cli->json ? print_list_json(cli->words[0], keys, error) : print_list(cli->words[0], keys, error);
}

const struct verb VERB_LIST = {
    .name = "list",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "list an environment's keys, newest first",
    .details = "",
    .run = list,
};
