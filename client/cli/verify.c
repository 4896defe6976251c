#include <stdio.h>
#include <string.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/session.h"

/* Who judges: the verifier where there is one, else the service. */
struct judge {
    bool json;
    jwkd_client *client;
    jwkd_verifier *verifier;
    const char *environment;
    jwkd_expectation expectation;
    jwkd_token *token;
    bool refused; /* at least one was */
};

static struct bytes to_bytes(jwkd_bytes bytes)
{
    return bytes_of(bytes.data, bytes.size);
}

static jwkd_status print_valid_json(
    struct bytes kid, struct bytes payload, struct bytes token, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *claims = json_read(payload);
    json_t *object =
        json_pack("{s:s, s:o}", "verdict", jwkd_verdict_name(JWKD_VERDICT_VALID), "kid", json_text(kid));
    if (!object) return fail(error, JWKD_NO_MEMORY, "memory is short");
    int added;
    if (json_is_object(claims)) {
        added = json_object_set(object, "claims", claims);
    } else {
        /* Bytes of any kind: given as the token has them, which JSON can carry. */
        added = json_object_set_new(object, "payload", json_text(encoded_payload(token)));
    }
    if (added != 0) {
        json_decref(object);
        return fail(error, JWKD_NO_MEMORY, "memory is short");
    }
    return print_json(object, error);
}

static void print_claim(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    if (!value) return;
    printf(" %s=", name);
    if (json_is_string(value)) {
        print_value(bytes_of(json_string_value(value), json_string_length(value)));
    } else {
        CLEANUP(free_at) char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
        fputs(text ? text : "?", stdout);
    }
}

static void print_valid(struct bytes kid, struct bytes payload)
{
    CLEANUP(json_decref_at) json_t *claims = json_read(payload);
    printf("%s kid=", jwkd_verdict_name(JWKD_VERDICT_VALID));
    print_value(kid);
    print_claim(claims, "iss");
    print_claim(claims, "sub");
    print_claim(claims, "aud");
    const json_t *exp = json_object_get(claims, "exp");
    if (json_is_integer(exp)) {
        char moment[MOMENT_SIZE];
        moment_format(json_integer_value(exp), moment);
        printf(" exp=%s", moment);
    }
    putchar('\n');
}

static jwkd_status print_refused(
    struct judge *judge, jwkd_verdict verdict, const char *message, jwkd_error *error)
{
    judge->refused = true;
    if (!*message) message = jwkd_verdict_text(verdict);
    if (judge->json)
        return print_json(json_pack("{s:s, s:o}", "verdict", jwkd_verdict_name(verdict), "message",
                              json_text(bytes_of_text(message))),
            error);
    printf("%s ", jwkd_verdict_name(verdict));
    print_text(stdout, bytes_of_text(message));
    putchar('\n');
    return JWKD_OK;
}

static jwkd_status print_verdict(struct judge *judge, jwkd_verdict verdict, const char *message,
    struct bytes kid, struct bytes payload, struct bytes token, jwkd_error *error)
{
    if (verdict != JWKD_VERDICT_VALID) return print_refused(judge, verdict, message, error);
    if (judge->json) return print_valid_json(kid, payload, token, error);
    print_valid(kid, payload);
    return JWKD_OK;
}

static jwkd_status judge_here(struct judge *judge, struct bytes token, jwkd_error *error)
{
    jwkd_error why = {0};
    jwkd_verdict verdict = jwkd_verify(
        judge->verifier, (const char *)token.data, token.size, &judge->expectation, judge->token, &why);
    return print_verdict(judge, verdict, why.message, to_bytes(jwkd_token_kid(judge->token)),
        to_bytes(jwkd_token_claims(judge->token)), token, error);
}

static jwkd_status judge_remotely(struct judge *judge, struct bytes token, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_verified *verified = NULL;
    TRY(jwkd_verify_remotely(judge->client, judge->environment, (const char *)token.data, token.size,
        &judge->expectation, &verified, error));
    return print_verdict(judge, verified->verdict, verified->message, bytes_of_text(verified->kid),
        to_bytes(verified->claims), token, error);
}

static jwkd_status judge_token(void *context, struct bytes token, jwkd_error *error)
{
    struct judge *judge = context;
    jwkd_status status;
    if (token.size > LIMIT_TOKEN)
        status = print_refused(judge, JWKD_VERDICT_MALFORMED, "the token is too long", error);
    else
        status = judge->verifier ? judge_here(judge, token, error) : judge_remotely(judge, token, error);
    /* Line by line, so that a program can ask and read in turn. */
    if (status == JWKD_OK && fflush(stdout) != 0)
        return fail(error, JWKD_INTERNAL, "cannot write to standard output");
    return status;
}

static jwkd_status check_options(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    const char *jwks = option_text(arguments, OPTION_JWKS);
    bool local = option_given(arguments, OPTION_LOCAL);
    if (jwks && local) return usage_error(cli, error, "--jwks asks no service: leave --local out");
    if (jwks && cli->word_count > 1)
        return usage_error(cli, error, "with --jwks there is no ENV, only a TOKEN");
    if (!jwks && cli->word_count == 0) return usage_error(cli, error, "verify needs an ENV, or --jwks FILE");
    if (option_given(arguments, OPTION_SIGNATURE_ONLY) && !jwks && !local)
        return usage_error(
            cli, error, "--signature-only needs --jwks or --local: the service judges claims, too");
    if (jwks && is_stdin(jwks) && is_stdin(cli->words[0]))
        return usage_error(cli, error, "standard input cannot hold both the JWKS and the tokens");
    return JWKD_OK;
}

static jwkd_status open_jwks(const char *path, jwkd_verifier **out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer document = {0};
    TRY(read_file(path, "the JWKS", LIMIT_JWKS, &document, error));
    jwkd_error why = {0};
    jwkd_status status = jwkd_verifier_from_jwks((jwkd_bytes){document.data, document.size}, out, &why);
    if (status == JWKD_OK) return JWKD_OK;
    return fail(error, status, "%s is no JSON Web Key Set that can be used: %s",
        is_stdin(path) ? "standard input" : path, why.message);
}

static jwkd_status open_judge(struct cli *cli, struct judge *judge, jwkd_error *error)
{
    const char *jwks = option_text(&cli->arguments, OPTION_JWKS);
    if (jwks) return open_jwks(jwks, &judge->verifier, error);
    judge->environment = cli->words[0];
    TRY(session_open(cli, &judge->client, error));
    if (!option_given(&cli->arguments, OPTION_LOCAL)) return JWKD_OK;
    return jwkd_verifier_open(judge->client, judge->environment, NULL, &judge->verifier, error);
}

static void judge_clear(struct judge *judge)
{
    jwkd_token_free(judge->token);
    jwkd_verifier_close(judge->verifier);
    jwkd_close(judge->client);
}

static jwkd_status verify(struct cli *cli, jwkd_error *error)
{
    const struct arguments *arguments = &cli->arguments;
    TRY(check_options(cli, error));
    CLEANUP(judge_clear)
    struct judge judge = {
        .json = cli->json,
        .expectation =
            {
                .issuer = option_text(arguments, OPTION_ISS),
                .audiences = arguments->options[OPTION_AUD].values,
                .audience_count = arguments->options[OPTION_AUD].count,
                .type = option_text(arguments, OPTION_TYPE),
                .signature_only = option_given(arguments, OPTION_SIGNATURE_ONLY),
            },
    };
    judge.token = jwkd_token_new();
    if (!judge.token) return fail(error, JWKD_NO_MEMORY, "memory is short");
    TRY(open_judge(cli, &judge, error));
    const char *token = option_given(arguments, OPTION_JWKS) ? cli->words[0] : cli->words[1];
    TRY(each_token(token, judge_token, &judge, error));
    if (!judge.refused) return JWKD_OK;
    return fail(error, JWKD_REFUSED, "%s", "");
}

const struct verb VERB_VERIFY = {
    .name = "verify",
    .words = "ENV [TOKEN|-] | --jwks FILE [TOKEN|-]",
    .most_words = 2,
    .summary = "judge tokens: a line each, which begins with the verdict",
    .details =
        "Reads tokens from standard input, one a line, unless one is given. Exits with 1 if any was refused.",
    .options = {{OPTION_AUD, "accept tokens for this audience; may be given again"},
        {OPTION_ISS, "the issuer that is expected (the environment's)"},
        {OPTION_TYPE, "the typ that is expected (at+jwt, JWT or none)"},
        {OPTION_LOCAL, "judge here, by the environment's keys, instead of asking the service"},
        {OPTION_JWKS, "judge here, by a JWKS document, without any service"},
        {OPTION_SIGNATURE_ONLY, "judge no claim; with --jwks or --local"}},
    .run = verify,
};
