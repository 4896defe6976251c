/* grant add, list, remove, test. */
#include <stdio.h>

#include "cli/access_describe.h"
#include "cli/input.h"
#include "cli/session.h"

static jwkd_status print_grant(struct cli *cli, const jwkd_grant *grant, jwkd_error *error)
{
    if (cli->json) return print_json(grant_json(grant), error);
    if (option_given(&cli->arguments, OPTION_DRY_RUN))
        printf("%s would be %s of %s%s\n", grant->principal, grant->role, grant->environment,
            *grant->rule ? ", by the rule" : "");
    else
        printf("%s is %s of %s%s: grant %s\n", grant->principal, grant->role, grant->environment,
            *grant->rule ? ", by the rule" : "", grant->id);
    return JWKD_OK;
}

/* ---- add */

/* In place, or of a file. */
static jwkd_status read_rule(const char *rule, struct buffer *out, jwkd_error *error)
{
    jwkd_status status = JWKD_OK;
    if (!rule) return JWKD_OK;
    if (rule[0] == '{')
        status = buffer_append_text(out, rule);
    else
        TRY(read_file(rule, "the rule", LIMIT_RULE, out, error));
    if (status == JWKD_OK) status = buffer_append(out, "", 1); /* a NUL: rules are text */
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "memory is short");
}

static jwkd_status add(struct cli *cli, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer rule = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_grant *grant = NULL;
    TRY(read_rule(option_text(&cli->arguments, OPTION_RULE), &rule, error));
    const jwkd_grant_wish wish = {.principal = cli->words[0],
        .role = cli->words[1],
        .environment = cli->words[2],
        .rule = (const char *)rule.data,
        .dry_run = option_given(&cli->arguments, OPTION_DRY_RUN)};
    TRY(session_open(cli, &client, error));
    TRY(jwkd_grant_add(client, &wish, &grant, error));
    return print_grant(cli, grant, error);
}

const struct verb VERB_GRANT_ADD = {
    .name = "grant add",
    .words = "PRINCIPAL ROLE ENV",
    .least_words = 3,
    .most_words = 3,
    .summary = "let somebody do something in an environment",
    .details =
        "PRINCIPAL is uid:NUMBER, account:NAME, or a prefix such as 'uid:*'. ROLE is viewer, verifier, "
        "signer,\n"
        "raw-signer, operator, importer, auditor, relay or admin. ENV is a name, '*', or a prefix such as\n"
        "'tenant-*'. Rules are in jwkctl(1), RULES.",
    .options = {{OPTION_RULE, "what a signer may put into a token: a file, -, or in place ('{...}')"},
        {OPTION_DRY_RUN, "say what would come of it, and change nothing"}},
    .run = add,
};

/* ---- list */

static jwkd_status print_list_json(const jwkd_grant_list *list, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *grants = json_array();
    for (size_t i = 0; grants && i < list->count; i++)
        if (json_array_append_new(grants, grant_json(&list->grants[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    return print_json(json_pack("{s:O}", "grants", grants), error);
}

static jwkd_status list_all(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_grant_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_grant_get_all(client, cli->words[0], &list, error));
    if (cli->json) return print_list_json(list, error);
    return print_grants(
        list->grants, list->count, "no such grant; 'jwkctl grant add PRINCIPAL ROLE ENV' makes one", error);
}

const struct verb VERB_GRANT_LIST = {
    .name = "grant list",
    .words = "[PRINCIPAL]",
    .most_words = 1,
    .summary = "list grants: all, or those that match somebody",
    .details =
        "One without any grant has the role that the daemon gives: 'jwkctl whoami' shows it. --json shows\n"
        "rules in full.",
    .run = list_all,
};

/* ---- remove */

static jwkd_status remove_grant(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    bool dry_run = option_given(&cli->arguments, OPTION_DRY_RUN);
    TRY(session_open(cli, &client, error));
    TRY(jwkd_grant_remove(client, cli->words[0], dry_run, error));
    if (cli->json)
        return print_json(json_pack("{s:s, s:b}", "grant", cli->words[0], "removed", (int)!dry_run), error);
    printf("grant %s %s removed\n", cli->words[0], dry_run ? "would be" : "is");
    return JWKD_OK;
}

const struct verb VERB_GRANT_REMOVE = {
    .name = "grant remove",
    .words = "ID",
    .least_words = 1,
    .most_words = 1,
    .summary = "take a grant back",
    .details = "With the next request it is gone. Verifiers that may hear no longer are cut off at once.",
    .options = {{OPTION_DRY_RUN, "say what would come of it, and change nothing"}},
    .run = remove_grant,
};

/* ---- test */

static jwkd_status print_test(struct cli *cli, const jwkd_grant_test *test, jwkd_error *error)
{
    if (cli->json) {
        json_t *grant = test->grant ? grant_json(test->grant) : json_null();
        TRY(print_json(json_pack("{s:b, s:s, s:o}", "allowed", (int)test->allowed, "reason", test->reason,
                           "grant", grant),
            error));
    } else {
        printf("%s: %s\n", test->allowed ? "yes" : "no", test->reason);
        if (test->grant)
            printf("grant %s: %s is %s of %s%s\n", test->grant->id, test->grant->principal, test->grant->role,
                test->grant->environment, *test->grant->rule ? ", by its rule" : "");
    }
    if (test->allowed) return JWKD_OK;
    *error = (jwkd_error){.status = JWKD_REFUSED}; /* all is said */
    return JWKD_REFUSED;
}

static jwkd_status test_grant(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    CLEANUP(buffer_clear) struct buffer claims = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_grant_test *test = NULL;
    const char *given = option_text(arguments, OPTION_CLAIMS);
    jwkd_sign_item item = {.type = option_text(arguments, OPTION_TYPE),
        .audiences = arguments->options[OPTION_AUD].values,
        .audience_count = arguments->options[OPTION_AUD].count};
    TRY(cli_duration(cli, OPTION_TTL, &item.lifetime_sec, error));
    if (given && given[0] != '{')
        TRY(read_file(given, "the claims", LIMIT_CLAIMS, &claims, error));
    else if (buffer_append_text(&claims, given ? given : "{}") != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "memory is short");
    item.claims = (jwkd_bytes){claims.data, claims.size};
    bool judges = given || item.type || item.audience_count || item.lifetime_sec;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_grant_try(
        client, cli->words[0], cli->words[1], cli->words[2], judges ? &item : NULL, &test, error));
    return print_test(cli, test, error);
}

const struct verb VERB_GRANT_TEST = {
    .name = "grant test",
    .words = "PRINCIPAL OPERATION ENV",
    .least_words = 3,
    .most_words = 3,
    .summary = "say whether somebody may do something, and by which grant",
    .details =
        "OPERATION is as the contract calls it: sign, verify, generate, rotate, deactivate, list_keys, ... "
        "With\n"
        "--claims and the others a token is judged by the rule, too; nothing is signed. Exit status 1: no.",
    .options = {{OPTION_CLAIMS, "of sign: a JSON object, a file, - or in place ('{...}')"},
        {OPTION_AUD, "of sign: who the token is for; may be given again"},
        {OPTION_TTL, "of sign: how long it lives"}, {OPTION_TYPE, "of sign: the typ header (at+jwt)"}},
    .run = test_grant,
};
