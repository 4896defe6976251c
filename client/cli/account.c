/* account create, list, show, delete. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/access_describe.h"
#include "cli/confirm.h"
#include "cli/session.h"

/* ---- create */

static jwkd_status create(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_account *account = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_account_create(
        client, cli->words[0], option_text(&cli->arguments, OPTION_NOTE), &account, error));
    if (cli->json) return print_json(account_json(account), error);
    printf("%s is made: 'jwkctl grant add account:%s ROLE ENV' says what it may, 'jwkctl token create %s' "
           "makes a "
           "token\n",
        account->name, account->name, account->name);
    return JWKD_OK;
}

const struct verb VERB_ACCOUNT_CREATE = {
    .name = "account create",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "make an account, for a program that asks by a token",
    .details = "Its principal is account:NAME. It may nothing until something is granted to it.",
    .options = {{OPTION_NOTE, "what it is for"}},
    .run = create,
};

/* ---- list */

static jwkd_status print_list_json(const jwkd_account_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *accounts = json_array();
    for (size_t i = 0; accounts && i < list->count; i++)
        if (json_array_append_new(accounts, account_json(&list->accounts[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_json(json_pack("{s:O}", "accounts", accounts), error);
}

static jwkd_status print_list(const jwkd_account_list *list, jwkd_error *error)
{
    static const char *const HEADINGS[] = {"NAME", "TOKENS", "GRANTS", "MADE BY", "NOTE"};
    enum { COLUMNS = sizeof HEADINGS / sizeof *HEADINGS };
    if (list->count == 0) {
        fputs("jwkctl: no account yet; 'jwkctl account create NAME' makes one\n", stderr);
        return JWKD_OK;
    }
    CLEANUP(table_clear) struct table table = {.columns = COLUMNS, .may_cut = 1U << 0 | 1U << 3 | 1U << 4};
    for (size_t i = 0; i < COLUMNS; i++)
        table_add(&table, "%s", HEADINGS[i]);
    for (size_t i = 0; i < list->count; i++) {
        const jwkd_account *account = &list->accounts[i];
        table_add(&table, "%s", account->name);
        table_add(&table, "%" PRIu32, account->tokens);
        table_add(&table, "%" PRIu32, account->grants);
        table_add(&table, "%s", account->created_by);
        table_add(&table, "%s", *account->note ? account->note : "-");
    }
    return table_print(&table, error);
}

static jwkd_status list_all(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_account_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_account_get_all(client, &list, error));
    return cli->json ? print_list_json(list, error) : print_list(list, error);
}

const struct verb VERB_ACCOUNT_LIST = {
    .name = "account list",
    .words = "",
    .summary = "list the accounts",
    .details = "",
    .run = list_all,
};

/* ---- show */

static jwkd_status print_account(const jwkd_account *account, jwkd_error *error)
{
    (void)error;
    print_field("name", "%s", account->name);
    print_field("principal", "account:%s", account->name);
    if (*account->note) print_text_field("note", account->note);
    print_field("made by", "%s", account->created_by);
    print_moment("made", account->created_at);
    print_field("tokens", "%" PRIu32, account->tokens);
    print_field("grants", "%" PRIu32, account->grants);
    return JWKD_OK;
}

static jwkd_status show(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_account *account = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_account_get(client, cli->words[0], &account, error));
    return cli->json ? print_json(account_json(account), error) : print_account(account, error);
}

const struct verb VERB_ACCOUNT_SHOW = {
    .name = "account show",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "show an account",
    .details = "'jwkctl token list NAME' and 'jwkctl grant list account:NAME' show what is its own.",
    .run = show,
};

/* ---- delete */

static jwkd_status ask(struct cli *cli, jwkd_client *client, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_account *account = NULL;
    if (!confirm_wanted(cli)) return JWKD_OK;
    TRY(jwkd_account_get(client, cli->words[0], &account, error));
    fprintf(stderr, "%s has %" PRIu32 " tokens and %" PRIu32 " grants, which go with it.\n", account->name,
        account->tokens, account->grants);
    return confirm("Delete it?", error);
}

static jwkd_status delete (struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(session_open(cli, &client, error));
    TRY(ask(cli, client, error));
    TRY(jwkd_account_delete(client, cli->words[0], error));
    if (cli->json) return print_json(json_pack("{s:s}", "deleted", cli->words[0]), error);
    printf("%s is deleted, with its tokens and grants\n", cli->words[0]);
    return JWKD_OK;
}

const struct verb VERB_ACCOUNT_DELETE = {
    .name = "account delete",
    .words = "NAME",
    .least_words = 1,
    .most_words = 1,
    .summary = "delete an account, with its tokens and grants",
    .details = "Its tokens are refused from the next request on. On a terminal it asks.",
    .options = {{OPTION_YES, "do not ask, on a terminal"}},
    .run = delete,
};
