#include <inttypes.h>
#include <stdio.h>

#include "cli/session.h"
#include "cli/subscriber.h"
#include "cli/table.h"

const char *subscriber_on_stale(const jwkd_subscriber *subscriber)
{
    return subscriber->serves_stale ? "serve" : "refuse";
}

json_t *subscriber_json(const jwkd_subscriber *subscriber)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:s, s:I, s:I}", "instance", subscriber->instance,
        "name", json_text(bytes_of_text(subscriber->name)), "principal",
        json_text(bytes_of_text(subscriber->principal)), "environment", subscriber->environment, "revision",
        (json_int_t)subscriber->revision, "behind", (json_int_t)subscriber->behind, "lease_ms",
        (json_int_t)subscriber->lease_ms, "on_stale", subscriber_on_stale(subscriber), "last_seen_ms",
        (json_int_t)subscriber->last_seen_ms, "registered_ms", (json_int_t)subscriber->registered_ms);
}

static jwkd_status print_list_json(const jwkd_subscriber_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *subscribers = json_array();
    for (size_t i = 0; subscribers && i < list->count; i++)
        if (json_array_append_new(subscribers, subscriber_json(&list->subscribers[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_json(json_pack("{s:O}", "subscribers", subscribers), error);
}

static void add_row(struct table *table, const jwkd_subscriber *subscriber)
{
    char lease[MOMENT_SIZE], seen[MOMENT_SIZE];
    elapsed_format((uint64_t)subscriber->lease_ms * 1000, lease);
    elapsed_format(subscriber->last_seen_ms * 1000, seen);
    table_add(table, "%.*s", SHORT_INSTANCE, subscriber->instance);
    table_add(table, "%s", *subscriber->name ? subscriber->name : "-");
    table_add(table, "%s", subscriber->environment);
    if (subscriber->revision)
        table_add(table, "%" PRIu64, subscriber->revision);
    else
        table_add(table, "none yet");
    table_add(table, "%" PRIu64, subscriber->behind);
    table_add(table, "%s", lease);
    table_add(table, "%s", subscriber_on_stale(subscriber));
    table_add(table, "%s ago", seen);
}

static jwkd_status print_list(const char *environment, const jwkd_subscriber_list *list, jwkd_error *error)
{
    static const char *const HEADINGS[] = {
        "INSTANCE", "NAME", "ENV", "REVISION", "LAG", "LEASE", "ON STALE", "LAST SEEN"};
    enum { COLUMNS = sizeof HEADINGS / sizeof *HEADINGS };
    if (list->count == 0) {
        fprintf(stderr, "jwkctl: nobody follows %s\n", environment ? environment : "any environment");
        return JWKD_OK;
    }
    CLEANUP(table_clear) struct table table = {.columns = COLUMNS, .may_cut = 1U << 1 | 1U << 2};
    for (size_t i = 0; i < COLUMNS; i++)
        table_add(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < list->count; i++)
        add_row(&table, &list->subscribers[i]);
    return table_print(&table, error);
}

static jwkd_status subscribers(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_subscriber_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_get_subscribers(client, cli->words[0], &list, error));
    return cli->json ? print_list_json(list, error) : print_list(cli->words[0], list, error);
}

const struct verb VERB_SUBSCRIBERS = {
    .name = "subscribers",
    .words = "[ENV]",
    .most_words = 1,
    .summary = "list who follows the keys, and which revision each has confirmed",
    .details = "Of one environment, or of all. LAG is how many revisions it is behind. A subscriber that is "
               "cut off\n"
               "refuses every token (or serves stale keys, if it is set so) when its lease has run out.",
    .run = subscribers,
};
