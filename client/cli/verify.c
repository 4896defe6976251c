#include <stdio.h>
#include <string.h>

#include "cli/claims.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/verbatim.h"

/* Who judges: the verifier where there is one, else the service. */
struct judge {
    bool json;
    jwkd_client *client;
    jwkd_verifier *verifier;
    const char *environment;
    jwkd_expectation expectation;
    jwkd_token *token; /* as the verifier judged it */
    jwkd_token *shown; /* what a valid one says */
    bool refused;      /* at least one was */
};

static struct bytes to_bytes(jwkd_bytes bytes)
{
    return bytes_of(bytes.data, bytes.size);
}

static jwkd_status print_valid_json(
    const jwkd_token *shown, struct bytes kid, struct bytes token, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer line = {0};
    jwkd_status status = buffer_append_text(&line, "{\"verdict\":\"VALID\",\"kid\":");
    if (status == JWKD_OK) status = append_json(&line, json_text(kid));
    if (status == JWKD_OK) status = claims_append_member(&line, shown, token);
    if (status == JWKD_OK) status = buffer_append_text(&line, "}");
    if (status != JWKD_OK) return fail(error, status, "memory is short");
    return print_line(buffer_bytes(&line), error);
}

static jwkd_status print_claim(const jwkd_token *shown, const char *name, jwkd_error *error)
{
    struct bytes text = claims_string(shown, name);
    CLEANUP(buffer_clear) struct buffer own = {0};
    if (text.data) {
        printf(" %s=", name);
        print_value(text);
        return JWKD_OK;
    }
    text = claims_text(shown, name);
    if (!text.data) return JWKD_OK;
    if (verbatim_append(&own, text, false) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "memory is short");
    printf(" %s=%.*s", name, (int)own.size, (const char *)own.data);
    return JWKD_OK;
}

/* As a moment, where it is one that calendars have. */
static jwkd_status print_expiry(const jwkd_token *shown, jwkd_error *error)
{
    char moment[MOMENT_SIZE];
    if (!claims_moment(shown, "exp", moment)) return print_claim(shown, "exp", error);
    printf(" exp=%s", moment);
    return JWKD_OK;
}

static jwkd_status print_valid(const jwkd_token *shown, struct bytes kid, jwkd_error *error)
{
    printf("%s kid=", jwkd_verdict_name(JWKD_VERDICT_VALID));
    print_value(kid);
    TRY(print_claim(shown, "iss", error));
    TRY(print_claim(shown, "sub", error));
    TRY(print_claim(shown, "aud", error));
    TRY(print_expiry(shown, error));
    putchar('\n');
    return JWKD_OK;
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

/* What a token says is told from the token itself, whoever judged it. */
static jwkd_status print_verdict(struct judge *judge, jwkd_verdict verdict, const char *message,
    struct bytes kid, struct bytes token, jwkd_error *error)
{
    if (verdict != JWKD_VERDICT_VALID) return print_refused(judge, verdict, message, error);
    /* One that the service can read and we cannot is shown with its payload as it is. */
    jwkd_status status = jwkd_inspect((const char *)token.data, token.size, judge->shown, error);
    if (status == JWKD_NO_MEMORY) return status;
    if (judge->json) return print_valid_json(judge->shown, kid, token, error);
    return print_valid(judge->shown, kid, error);
}

static jwkd_status judge_here(struct judge *judge, struct bytes token, jwkd_error *error)
{
    jwkd_error why = {0};
    jwkd_verdict verdict = jwkd_verify(
        judge->verifier, (const char *)token.data, token.size, &judge->expectation, judge->token, &why);
    return print_verdict(judge, verdict, why.message, to_bytes(jwkd_token_kid(judge->token)), token, error);
}

static jwkd_status judge_remotely(struct judge *judge, struct bytes token, jwkd_error *error)
{
    CLEANUP(free_answer) jwkd_verified *verified = NULL;
    TRY(jwkd_verify_remotely(judge->client, judge->environment, (const char *)token.data, token.size,
        &judge->expectation, &verified, error));
    return print_verdict(
        judge, verified->verdict, verified->message, bytes_of_text(verified->kid), token, error);
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
    if (option_given(arguments, OPTION_ALG) && !jwks)
        return usage_error(cli, error, "--alg needs --jwks: an environment's keys say their alg themselves");
    if (option_given(arguments, OPTION_LEEWAY) && !jwks && !local)
        return usage_error(
            cli, error, "--leeway needs --jwks or --local: the service judges by its environment's");
    if (option_given(arguments, OPTION_SIGNATURE_ONLY) && !jwks && !local)
        return usage_error(
            cli, error, "--signature-only needs --jwks or --local: the service judges claims, too");
    if (jwks && is_stdin(jwks) && is_stdin(cli->words[0]))
        return usage_error(cli, error, "standard input cannot hold both the JWKS and the tokens");
    return JWKD_OK;
}

static void warn_skipped(void *context, const jwkd_skipped_key *key)
{
    const struct cli *cli = context;
    const int most = 200; /* characters of a kid, which may be a megabyte */
    int size = key->kid.size < (size_t)most ? (int)key->kid.size : most;
    report_warning(cli->json, "key %zu of the JWKS%s%.*s%s is skipped: %s", key->index + 1,
        size ? " (kid " : "", size, size ? (const char *)key->kid.data : "", size ? ")" : "", key->reason);
}

static jwkd_status open_jwks(struct cli *cli, const char *path, jwkd_verifier **out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer document = {0};
    TRY(read_file(path, "the JWKS", LIMIT_JWKS, &document, error));
    jwkd_error why = {0};
    const jwkd_jwks_options options = {
        .algorithms = cli->arguments.options[OPTION_ALG].values,
        .algorithm_count = cli->arguments.options[OPTION_ALG].count,
        .on_skipped = warn_skipped,
        .context = cli,
    };
    jwkd_status status =
        jwkd_verifier_open_jwks((jwkd_bytes){document.data, document.size}, &options, out, &why);
    if (status == JWKD_OK) return JWKD_OK;
    return fail(error, status, "%s is no JSON Web Key Set that can be used: %s",
        is_stdin(path) ? "standard input" : path, why.message);
}

static jwkd_status open_judge(struct cli *cli, struct judge *judge, jwkd_error *error)
{
    const char *jwks = option_text(&cli->arguments, OPTION_JWKS);
    if (jwks) return open_jwks(cli, jwks, &judge->verifier, error);
    judge->environment = cli->words[0];
    TRY(session_open(cli, &judge->client, error));
    if (!option_given(&cli->arguments, OPTION_LOCAL)) return JWKD_OK;
    return jwkd_verifier_open(judge->client, judge->environment, NULL, &judge->verifier, error);
}

static void judge_clear(struct judge *judge)
{
    jwkd_token_free(judge->token);
    jwkd_token_free(judge->shown);
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
    TRY(cli_duration(cli, OPTION_LEEWAY, &judge.expectation.leeway_sec, error));
    if (judge.expectation.leeway_sec > LIMIT_LEEWAY_SEC)
        return usage_error(cli, error, "--leeway is 10m at most");
    judge.token = jwkd_token_new();
    judge.shown = jwkd_token_new();
    if (!judge.token || !judge.shown) return fail(error, JWKD_NO_MEMORY, "memory is short");
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
    .options = {{OPTION_ALG, "accept tokens with this alg only; may be given again; with --jwks"},
        {OPTION_AUD, "accept tokens for this audience; may be given again"},
        {OPTION_ISS, "the issuer that is expected (the environment's)"},
        {OPTION_LEEWAY, "what is allowed for clocks that differ, to 10m; with --jwks or --local"},
        {OPTION_TYPE, "the typ that is expected (at+jwt, JWT or none)"},
        {OPTION_LOCAL, "judge here, by the environment's keys, instead of asking the service"},
        {OPTION_JWKS, "judge here, by a JWKS document, without any service"},
        {OPTION_SIGNATURE_ONLY, "judge no claim; with --jwks or --local"}},
    .run = verify,
};
