#include <stdio.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/session.h"

static jwkd_status check_options(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    bool claims = option_given(arguments, OPTION_CLAIMS), sub = option_given(arguments, OPTION_SUB);
    if (claims && sub)
        return usage_error(cli, error, "with --claims, sub stands in the claims: leave --sub out");
    if (!option_given(arguments, OPTION_PAYLOAD)) return JWKD_OK;
    if (claims || sub || option_given(arguments, OPTION_AUD) || option_given(arguments, OPTION_TTL))
        return usage_error(
            cli, error, "a --payload has no claims: leave --claims, --sub, --aud and --ttl out");
    if (!option_given(arguments, OPTION_TYPE))
        return usage_error(cli, error, "a --payload needs a --type of its own, neither JWT nor at+jwt");
    return JWKD_OK;
}

/* Nothing at all is what a program leaves behind that died before it wrote the claims. */
static jwkd_status read_claims_file(const char *path, struct buffer *out, jwkd_error *error)
{
    TRY(read_file(path, "the claims", LIMIT_CLAIMS, out, error));
    if (out->size > 0) return JWKD_OK;
    return fail(error, JWKD_MALFORMED,
        "the claims in %s are empty: without --claims a token has none of its own",
        is_stdin(path) ? "standard input" : path);
}

/* The claims set as JSON: given in place, from a file, or made of --sub. */
static jwkd_status read_claims(const struct arguments *arguments, struct buffer *out, jwkd_error *error)
{
    const char *claims = option_text(arguments, OPTION_CLAIMS), *sub = option_text(arguments, OPTION_SUB);
    if (claims && claims[0] != '{') return read_claims_file(claims, out, error);
    jwkd_status status;
    if (sub) {
        CLEANUP(json_decref_at) json_t *object = json_pack("{s:s}", "sub", sub);
        if (!object) return fail(error, JWKD_INVALID_ARGUMENT, "--sub must be UTF-8");
        CLEANUP(free_at) char *text = json_dumps(object, JSON_COMPACT);
        status = text ? buffer_append_text(out, text) : JWKD_NO_MEMORY;
    } else {
        status = buffer_append_text(out, claims ? claims : "{}");
    }
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "memory is short");
}

static jwkd_status sign_claims(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    CLEANUP(buffer_clear) struct buffer claims = {0};
    jwkd_sign_item item = {
        .type = option_text(arguments, OPTION_TYPE),
        .audiences = arguments->options[OPTION_AUD].values,
        .audience_count = arguments->options[OPTION_AUD].count,
    };
    TRY(cli_duration(cli, OPTION_TTL, &item.lifetime_sec, error));
    /* To the service 0 stands for the default: asking for it would silently give something else. */
    if (option_given(arguments, OPTION_TTL) && item.lifetime_sec == 0)
        return usage_error(cli, error, "a token must live for some time: --ttl cannot be 0");
    TRY(read_claims(arguments, &claims, error));
    item.claims = (jwkd_bytes){claims.data, claims.size};

    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) jwkd_signed_list *list = NULL;
    TRY(session_open(cli, &client, error));
    TRY(jwkd_sign_many(client, cli->words[0], &item, 1, &list, error));
    const jwkd_signed_token *signed_token = &list->tokens[0];
    if (signed_token->status != JWKD_OK)
        return fail(error, signed_token->status, "%s", signed_token->message);
    if (cli->json)
        return print_json(json_pack("{s:s, s:s, s:I}", "token", signed_token->token, "kid", list->kid,
                              "expires_at", (json_int_t)signed_token->expires_at),
            error);
    puts(signed_token->token);
    return JWKD_OK;
}

static jwkd_status sign_payload(struct cli *cli, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer payload = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(free_answer) char *token = NULL;
    TRY(read_file(
        option_text(&cli->arguments, OPTION_PAYLOAD), "the payload", LIMIT_CLAIMS, &payload, error));
    TRY(session_open(cli, &client, error));
    TRY(jwkd_sign_raw(client, cli->words[0], option_text(&cli->arguments, OPTION_TYPE),
        (jwkd_bytes){payload.data, payload.size}, &token, error));
    if (cli->json) return print_json(json_pack("{s:s}", "token", token), error);
    puts(token);
    return JWKD_OK;
}

static jwkd_status sign(struct cli *cli, jwkd_error *error)
{
    TRY(check_options(cli, error));
    return option_given(&cli->arguments, OPTION_PAYLOAD) ? sign_payload(cli, error) : sign_claims(cli, error);
}

const struct verb VERB_SIGN = {
    .name = "sign",
    .words = "ENV",
    .least_words = 1,
    .most_words = 1,
    .summary = "sign a token; it is printed alone on standard output",
    .details = "iss, iat, exp, jti and aud are added where the claims lack them.",
    .options = {{OPTION_CLAIMS, "a JSON object: a file, - for standard input, or in place ('{...}')"},
        {OPTION_SUB, "claims that are only a subject"},
        {OPTION_AUD, "who the token is for; may be given again"}, {OPTION_TTL, "how long it lives, e.g. 15m"},
        {OPTION_TYPE, "the typ header (at+jwt)"},
        {OPTION_PAYLOAD, "sign these bytes instead of claims: a file, or -; needs --type"}},
    .run = sign,
};
