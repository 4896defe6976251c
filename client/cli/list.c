#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/describe.h"
#include "cli/kid.h"
#include "cli/session.h"
#include "cli/table.h"

static jwkd_status print_list_json(const char *environment, const jwkd_key_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *keys = json_array();
    for (size_t i = 0; keys && i < list->count; i++)
        if (json_array_append_new(keys, key_with_use_json(&list->keys[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    json_t *state = json_pack("{s:s, s:I, s:o}", "name", environment, "revision", (json_int_t)list->revision,
        "primary_kid", json_text_or_null(list->primary_kid));
    return print_json(json_pack("{s:O, s:o}", "keys", keys, "environment", state), error);
}

static void add_age(struct table *table, int64_t at, int64_t now)
{
    char age[MOMENT_SIZE] = "-";
    if (at) moment_format_age(at, now, age);
    table_add(table, "%s", age);
}

static jwkd_status print_list(const char *environment, const jwkd_key_list *list, jwkd_error *error)
{
    if (list->count == 0) {
        fprintf(stderr, "jwkctl: no key yet; 'jwkctl generate %s' makes one\n", environment);
        return JWKD_OK;
    }
    static const char *const HEADINGS[] = {
        "KID", "STATE", "ALGORITHM", "CREATED", "IN USE", "SIGNED", "LAST USED"};
    enum { COLUMNS = sizeof HEADINGS / sizeof *HEADINGS };
    CLEANUP(table_clear) struct table table = {.columns = COLUMNS};
    for (size_t i = 0; i < COLUMNS; i++)
        table_add(&table, "%s", HEADINGS[i]);
    int64_t now = clock_wall_sec();
    int shown = (int)kid_shown_length(list);
    for (size_t i = 0; i < list->count; i++) {
        const jwkd_key *key = &list->keys[i];
        char type[MOMENT_SIZE];
        key_type_format(key->algorithm, key->bits, type);
        table_add(&table, "%.*s", shown, key->kid);
        table_add(&table, key->held ? "%s, held" : "%s", jwkd_key_state_name(key));
        table_add(&table, "%s", type);
        add_age(&table, key->created_at, now);
        /* Of a key that is refused no token is in use, whatever its exp. */
        add_age(&table, key->state == JWKD_KEY_ACTIVE ? key->last_expiry : 0, now);
        table_add(&table, "%" PRIu64, key->tokens_signed);
        add_age(&table, key->last_used_at, now);
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
    .details =
        "Kids are shortened, and verbs take them so: 'jwkctl show' and --json tell the whole. A key is in "
        "use\n"
        "until the last token that it signed expires. What it signed, and when it was last used, is counted\n"
        "from the start of the service.",
    .run = list,
};
