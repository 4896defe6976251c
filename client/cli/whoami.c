/* whoami, and explain. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/access_describe.h"
#include "cli/session.h"

static jwkd_status print_identity_json(const jwkd_identity *identity, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *grants = json_array();
    for (size_t i = 0; grants && i < identity->grant_count; i++)
        if (json_array_append_new(grants, grant_json(&identity->grants[i])) != 0)
            return fail(error, JWKD_NO_MEMORY, "memory is short");
    json_t *token = identity->token ? api_token_json(identity->token) : json_null();
    return print_json(
        json_pack("{s:s, s:s, s:o, s:O, s:b, s:I}", "principal", identity->principal, "transport_principal",
            identity->transport_principal, "token", token, "grants", grants, "more", (int)identity->more,
            "access_revision", (json_int_t)identity->access_revision),
        error);
}

static jwkd_status print_identity(const jwkd_identity *identity, jwkd_error *error)
{
    print_field("principal", "%s", identity->principal);
    if (identity->token) {
        print_field("token", "%s", identity->token->id);
        print_moment("ends", identity->token->expires_at);
        print_field("connection", "%s, which does not count", identity->transport_principal);
    }
    if (identity->grant_count == 0) {
        puts("\nIt may nothing: an admin can let it, with 'jwkctl grant add'.");
        return JWKD_OK;
    }
    putchar('\n');
    TRY(print_grants(identity->grants, identity->grant_count, "", error));
    if (identity->more) puts("... and more: 'jwkctl grant list PRINCIPAL' shows all.");
    return JWKD_OK;
}

static jwkd_status whoami(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_identity *identity = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_whoami(client, &identity, error));
    return cli->json ? print_identity_json(identity, error) : print_identity(identity, error);
}

const struct verb VERB_WHOAMI = {
    .name = "whoami",
    .words = "",
    .summary = "show who one is to the service, and what one may",
    .details = "Grants that come from no id are a setting of the daemon: ipc_role or tcp_role.",
    .run = whoami,
};

/* ---- explain */

static jwkd_status print_denial_json(const jwkd_denial *denial, jwkd_error *error)
{
    return print_json(
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:o, s:s}", "id", denial->id, "at", (json_int_t)denial->at,
            "principal", denial->principal, "transport_principal", denial->transport_principal, "origin",
            denial->origin, "operation", denial->operation, "environment",
            json_text_or_null(denial->environment), "reason", denial->reason),
        error);
}

static jwkd_status explain(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_denial *denial = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_explain(client, cli->words[0], &denial, error));
    if (cli->json) return print_denial_json(denial, error);
    print_moment("denied", denial->at);
    print_field("principal", "%s", denial->principal);
    print_field("connection", "%s, from %s", denial->transport_principal, denial->origin);
    print_field("operation", "%s", denial->operation);
    if (*denial->environment) print_field("environment", "%s", denial->environment);
    print_text_field("reason", denial->reason);
    return JWKD_OK;
}

const struct verb VERB_EXPLAIN = {
    .name = "explain",
    .words = "ID",
    .least_words = 1,
    .most_words = 1,
    .summary = "say why something was denied",
    .details = "ID stands at the end of what the caller was told. The service knows the last 1024 denials.",
    .run = explain,
};
