#include <stdio.h>

#include "cli/claims.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/verbatim.h"

struct inspection {
    bool json;
    jwkd_token *token;
    bool malformed; /* at least one was */
};

static struct bytes header_of(const jwkd_token *token)
{
    jwkd_bytes header = jwkd_token_header(token);
    return bytes_of(header.data, header.size);
}

static struct bytes claims_of(const jwkd_token *token)
{
    jwkd_bytes claims = jwkd_token_claims(token);
    return bytes_of(claims.data, claims.size);
}

/* As a JSON string, which shows what is not ASCII as escapes; NULL where it is no text for people. */
static json_t *readable_text(struct bytes payload)
{
    for (size_t i = 0; i < payload.size; i++) {
        uint8_t c = payload.data[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) return NULL;
    }
    return payload.size ? json_stringn((const char *)payload.data, payload.size) : json_string("");
}

/* JSON that the library has read. */
static jwkd_status print_part(const char *title, struct bytes json, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer text = {0};
    if (verbatim_append(&text, json, true) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "memory is short");
    printf("%s %.*s\n", title, (int)text.size, (const char *)text.data);
    return JWKD_OK;
}

static jwkd_status print_payload(struct bytes payload, jwkd_error *error)
{
    CLEANUP(json_decref_at) json_t *text = readable_text(payload);
    CLEANUP(buffer_clear) struct buffer shown = {0};
    printf("payload (%zu bytes, no claims%s)", payload.size, text ? "" : ", no text");
    if (text && append_json(&shown, json_incref(text)) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "memory is short");
    printf("%s%.*s\n", text ? " " : "", (int)shown.size, shown.data ? (const char *)shown.data : "");
    return JWKD_OK;
}

static void print_times(const jwkd_token *token)
{
    static const char *const TIMES[][2] = {{"iat", "issued"}, {"nbf", "valid from"}, {"exp", "expires"}};
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        int64_t at = 0;
        if (claims_date(token, TIMES[i][0], &at)) print_moment(TIMES[i][1], at);
    }
}

static jwkd_status print_malformed(bool json, const jwkd_error *why, jwkd_error *error)
{
    if (json)
        return print_json(
            json_pack("{s:b, s:{s:s, s:o}}", "verified", 0, "error", "status", jwkd_status_name(why->status),
                "message", json_text(bytes_of_text(why->message))),
            error);
    printf("%s ", jwkd_status_name(why->status));
    print_text(stdout, bytes_of_text(why->message));
    putchar('\n');
    return JWKD_OK;
}

static jwkd_status print_token_json(const jwkd_token *token, struct bytes text, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer line = {0};
    jwkd_status status = buffer_append_text(&line, "{\"header\":");
    if (status == JWKD_OK) status = verbatim_append(&line, header_of(token), false);
    if (status == JWKD_OK) status = claims_append_member(&line, token, text);
    if (status == JWKD_OK) status = buffer_append_text(&line, ",\"verified\":false}");
    if (status != JWKD_OK) return fail(error, status, "memory is short");
    return print_line(buffer_bytes(&line), error);
}

static jwkd_status print_token(const jwkd_token *token, jwkd_error *error)
{
    puts("NOT VERIFIED: anybody can have written this");
    TRY(print_part("header", header_of(token), error));
    if (!jwkd_token_has_claims(token)) return print_payload(claims_of(token), error);
    TRY(print_part("claims", claims_of(token), error));
    print_times(token);
    return JWKD_OK;
}

static jwkd_status inspect_token(void *context, struct bytes text, jwkd_error *error)
{
    struct inspection *inspection = context;
    jwkd_error why = {0};
    if (jwkd_inspect((const char *)text.data, text.size, inspection->token, &why) != JWKD_OK) {
        inspection->malformed = true;
        return print_malformed(inspection->json, &why, error);
    }
    if (inspection->json) return print_token_json(inspection->token, text, error);
    return print_token(inspection->token, error);
}

static jwkd_status inspect(struct cli *cli, jwkd_error *error)
{
    CLEANUP(jwkd_token_free_at) jwkd_token *token = jwkd_token_new();
    if (!token) return fail(error, JWKD_NO_MEMORY, "memory is short");
    struct inspection inspection = {.json = cli->json, .token = token};
    TRY(each_token(cli->words[0], inspect_token, &inspection, error));
    if (!inspection.malformed) return JWKD_OK;
    return fail(error, JWKD_REFUSED, "%s", "");
}

const struct verb VERB_INSPECT = {
    .name = "inspect",
    .words = "[TOKEN|-]",
    .most_words = 1,
    .summary = "show what a token says, without judging it",
    .details = "Asks no service. Reads tokens from standard input, one a line, unless one is given.",
    .run = inspect,
};
