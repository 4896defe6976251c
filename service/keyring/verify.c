/* Verifying for those who cannot by themselves. It reads the snapshot, and neither the store nor a writer's
 * lock. */
#include "base/clock.h"
#include "jose/jwt.h"
#include "keyring/state.h"

/* The key's standing is read last, after the signature was checked: that read is the instant the answer
 * speaks of. */
static jwkd_verdict read_last(struct keyring *keyring, const struct ring_environment *judged_by,
    const struct jwt *jwt, jwkd_verdict verdict)
{
    if (verdict != JWKD_VERDICT_VALID) return verdict;
    CLEANUP(snapshot_unref_at) struct snapshot *now = keyring_snapshot(keyring);
    const struct ring_environment *environment = snapshot_find(now, judged_by->settings.name);
    if (environment == judged_by) return verdict;
    if (!environment || environment->id != judged_by->id) return JWKD_VERDICT_UNKNOWN_KEY;
    const struct jwk *found;
    return keyset_find(environment->keyset, bytes_of_text(jwk_kid(jwt->key)), &found) == KEY_LIVE
               ? verdict
               : JWKD_VERDICT_KEY_DEACTIVATED;
}

static jwkd_status verify_item(struct keyring *keyring, const struct ring_environment *environment,
    const Jwkd__V1__VerifyItem *item, struct reply *reply, Jwkd__V1__VerifiedToken *out)
{
    const struct environment *settings = &environment->settings;
    struct bytes audiences[LIMIT_AUDIENCES] = {bytes_of_text(settings->default_audience)};
    size_t audience_count = item->n_audience;
    for (size_t i = 0; i < audience_count; i++)
        audiences[i] = bytes_of_text(item->audience[i]);
    if (audience_count == 0 && *settings->default_audience) audience_count = 1;
    struct jwt_expectation expected = {
        .issuer = bytes_of_text(*item->issuer ? item->issuer : settings->issuer),
        .audiences = audiences,
        .audience_count = audience_count,
        .type = bytes_of_text(item->type),
        .leeway_sec = settings->leeway_sec,
        .now = clock_wall_sec()};
    CLEANUP(jwt_clear) struct jwt jwt = {0};
    jwkd_error error = {0};
    jwkd_verdict verdict =
        jwt_verify(environment->keyset, bytes_of_text(item->token), &expected, &jwt, &error);
    if (verdict == JWKD_VERDICT_NONE) return JWKD_NO_MEMORY;
    jwkd_verdict last = read_last(keyring, environment, &jwt, verdict);
    if (last != verdict) error.message[0] = '\0';
    *out = (Jwkd__V1__VerifiedToken)JWKD__V1__VERIFIED_TOKEN__INIT;
    out->verdict = (Jwkd__V1__Verdict)last;
    out->kid = arena_text(&reply->arena, jwt.header.kid);
    out->message = arena_text(&reply->arena,
        bytes_of_text(
            last == JWKD_VERDICT_VALID || error.message[0] ? error.message : jwkd_verdict_text(last)));
    char *claims = last == JWKD_VERDICT_VALID ? arena_text(&reply->arena, jwt.payload) : NULL;
    if (!out->kid || !out->message || (last == JWKD_VERDICT_VALID && !claims)) return JWKD_NO_MEMORY;
    if (claims) out->claims = wire_bytes(bytes_of(claims, jwt.payload.size));
    return JWKD_OK;
}

jwkd_status keyring_verify(
    struct keyring *keyring, const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__VerifyRequest *verify = request->verify;
    if (verify->n_items == 0 || verify->n_items > LIMIT_BATCH)
        return fail(error, JWKD_INVALID_ARGUMENT, "a request verifies 1 to %d tokens, not %zu", LIMIT_BATCH,
            verify->n_items);
    reply->snapshot = keyring_snapshot(keyring);
    struct ring_environment *environment;
    TRY(keyring_require(reply->snapshot, verify->environment, &environment, error));
    Jwkd__V1__VerifyReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__State *state = reply_alloc(reply, sizeof *state);
    Jwkd__V1__VerifiedToken *items;
    void *pointers = reply_array(reply, verify->n_items, sizeof *items, &items);
    if (!answer || !state || !pointers) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < verify->n_items; i++) {
        if (verify->items[i]->n_audience > LIMIT_AUDIENCES)
            return fail(
                error, JWKD_INVALID_ARGUMENT, "at most %d audiences can be expected", LIMIT_AUDIENCES);
        TRY(verify_item(keyring, environment, verify->items[i], reply, &items[i]));
    }
    *answer = (Jwkd__V1__VerifyReply)JWKD__V1__VERIFY_REPLY__INIT;
    *state = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    state->epoch = wire_bytes(bytes_of(keyring->epoch, 16));
    state->environment_id = environment->id;
    state->revision = environment->revision;
    answer->n_tokens = verify->n_items;
    answer->tokens = pointers;
    answer->state = state;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_VERIFIED;
    reply->message.verified = answer;
    atomic_fetch_add_explicit(&keyring->tokens_verified, verify->n_items, memory_order_relaxed);
    return JWKD_OK;
}
