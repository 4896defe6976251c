#include "lib/ask/remote.h"

#include "jose/keyset.h"
#include "lib/ask/block.h"

jwkd_status remote_get_jwks(jwkd_client *client, const char *environment,
    const struct remote_subscriber *subscriber, uint32_t timeout_ms, struct reply **out, jwkd_error *error)
{
    Jwkd__V1__GetJwksRequest get = JWKD__V1__GET_JWKS_REQUEST__INIT;
    get.environment = wire_text(environment);
    if (subscriber) {
        get.instance_id = wire_bytes(bytes_of(subscriber->instance_id, sizeof subscriber->instance_id));
        get.sequence = subscriber->sequence;
    }
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_JWKS;
    request.get_jwks = &get;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_JWKS,
        &(struct call_wait){.timeout_ms = timeout_ms}, &reply, error));
    const Jwkd__V1__JwksReply *jwks = reply->message->jwks;
    if (!jwks->state || jwks->state->epoch.len != 16 || !jwks->environment || jwks->unchanged)
        return fail(error, JWKD_MALFORMED, "the service's snapshot lacks its state");
    *out = TAKE(reply);
    return JWKD_OK;
}

jwkd_status jwkd_get_jwks(jwkd_client *client, const char *environment, char **out_jwks, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(remote_get_jwks(client, environment, NULL, 0, &reply, error));
    if (block_from_text(wire_view(reply->message->jwks->jwks), out_jwks) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    return JWKD_OK;
}

jwkd_status jwkd_jwks_to_pem(jwkd_bytes jwks, char **out_pem, jwkd_error *error)
{
    static const struct keyset_rules RULES = {.foreign = true, .default_algs = ALG_BIT(ALG_RS256)};
    CLEANUP(keyset_unref_at) struct keyset *keyset = NULL;
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
    TRY(keyset_from_json(bytes_of(jwks.data, jwks.size), &RULES, &keyset, &skipped, error));
    CLEANUP(buffer_clear) struct buffer text = {0};
    jwkd_status status = JWKD_OK;
    for (size_t i = 0; i < keyset_count(keyset) && status == JWKD_OK; i++) {
        status = buffer_append_format(&text, "# %s\n", jwk_kid(keyset_at(keyset, i)));
        if (status == JWKD_OK) status = jwk_pem(keyset_at(keyset, i), &text);
    }
    /* Without their kids, which may hold anything, a line that begins another key included. */
    for (size_t i = 0; i < skipped.count && status == JWKD_OK; i++)
        status = buffer_append_format(
            &text, "# key %zu is skipped: %s\n", skipped.items[i].index + 1, skipped.items[i].reason);
    if (status == JWKD_OK) status = block_from_text(buffer_bytes(&text), out_pem);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "%s", jwkd_status_text(status));
}

/* ---- letting the service judge */

static void *lay_out_verified(struct block *block, const void *from)
{
    const Jwkd__V1__VerifiedToken *token = from;
    jwkd_verified *out = block_take(block, sizeof *out);
    unsigned code = (unsigned)token->verdict;
    jwkd_verified verified = {
        .verdict = code < JWKD_VERDICT_COUNT ? (jwkd_verdict)code : JWKD_VERDICT_NONE,
        .message = block_text(block, token->message),
        .kid = block_text(block, token->kid),
    };
    if (verified.verdict == JWKD_VERDICT_VALID)
        verified.claims = block_bytes(block, wire_view(token->claims));
    if (out) *out = verified;
    return out;
}

static jwkd_status build_verified(
    const Jwkd__V1__VerifiedToken *token, jwkd_verified **out, jwkd_error *error)
{
    void *block;
    if (block_build(lay_out_verified, token, &block) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out = block;
    return JWKD_OK;
}

/* What no request can carry is no token: the service need not be asked. */
static jwkd_status refuse_as_malformed(jwkd_verified **out, jwkd_error *error)
{
    Jwkd__V1__VerifiedToken token = JWKD__V1__VERIFIED_TOKEN__INIT;
    token.verdict = JWKD__V1__VERDICT__TOKEN_MALFORMED;
    token.message = wire_text("too long, or not text");
    return build_verified(&token, out, error);
}

/* Borrows everything. `audiences` holds LIMIT_AUDIENCES pointers. */
static jwkd_status wire_expectation(
    const jwkd_expectation *expected, Jwkd__V1__VerifyItem *item, char **audiences, jwkd_error *error)
{
    if (!expected) return JWKD_OK;
    if (expected->now || expected->leeway_sec || expected->signature_only)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the service judges by its own time, leeway and claims checks");
    if (expected->audience_count > LIMIT_AUDIENCES)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "at most %d audiences can be expected", (int)LIMIT_AUDIENCES);
    for (size_t i = 0; i < expected->audience_count; i++)
        audiences[i] = wire_text(expected->audiences[i]);
    item->audience = audiences;
    item->n_audience = expected->audience_count;
    item->issuer = wire_text(expected->issuer);
    item->type = wire_text(expected->type);
    return JWKD_OK;
}

jwkd_status jwkd_verify_remotely(jwkd_client *client, const char *environment, const char *token, size_t size,
    const jwkd_expectation *expected, jwkd_verified **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    if (size > LIMIT_TOKEN || memchr(token, '\0', size)) return refuse_as_malformed(out, error);
    CLEANUP(free_at) char *text = bytes_to_text(bytes_of(token, size));
    if (!text) return fail(error, JWKD_NO_MEMORY, "out of memory");
    Jwkd__V1__VerifyItem item = JWKD__V1__VERIFY_ITEM__INIT, *items[] = {&item};
    char *audiences[LIMIT_AUDIENCES];
    TRY(wire_expectation(expected, &item, audiences, error));
    item.token = text;
    Jwkd__V1__VerifyRequest verify = JWKD__V1__VERIFY_REQUEST__INIT;
    verify.environment = wire_text(environment);
    verify.items = items;
    verify.n_items = 1;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_VERIFY;
    request.verify = &verify;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, &request, JWKD__V1__REPLY__RESULT_VERIFIED, NULL, &reply, error));
    if (reply->message->verified->n_tokens != 1)
        return fail(error, JWKD_MALFORMED, "the service did not answer with one verdict");
    return build_verified(reply->message->verified->tokens[0], out, error);
}
