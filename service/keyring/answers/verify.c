/* Verifying for callers that cannot do it themselves. It reads the snapshot, and neither the store nor a
 * writer's lock. */
#include "base/clock.h"
#include "jose/jwt.h"
#include "keyring/state.h"

/* Reads how the key stands last, after the signature was checked. The answer speaks of the instant of that
 * read. */
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
    int64_t now_ns = clock_wall_ns();
    struct jwt_expectation expected = {
        .issuer = bytes_of_text(*item->issuer ? item->issuer : settings->issuer),
        .audiences = audiences,
        .audience_count = audience_count,
        .type = bytes_of_text(item->type),
        .leeway_sec = settings->leeway_sec,
        .now = now_ns / (int64_t)NS_PER_SEC,
        .now_ns = (uint32_t)(now_ns % (int64_t)NS_PER_SEC)};
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

/* ---- a batch, by one thread at a time */

struct keyring_verifying {
    struct keyring *keyring;
    const Jwkd__V1__VerifyRequest *request;
    struct reply *reply;
    struct ring_environment *environment;
    Jwkd__V1__VerifyReply *answer;
    Jwkd__V1__State *state;
    Jwkd__V1__VerifiedToken *items, **pointers;
    size_t judged;
    bool out_of_memory;
};

static jwkd_status check_items(const Jwkd__V1__VerifyRequest *verify, jwkd_error *error)
{
    if (verify->n_items == 0 || verify->n_items > LIMIT_BATCH)
        return fail(error, JWKD_INVALID_ARGUMENT, "a request verifies 1 to %d tokens, not %zu", LIMIT_BATCH,
            verify->n_items);
    for (size_t i = 0; i < verify->n_items; i++)
        if (verify->items[i]->n_audience > LIMIT_AUDIENCES)
            return fail(
                error, JWKD_INVALID_ARGUMENT, "at most %d audiences can be expected", LIMIT_AUDIENCES);
    return JWKD_OK;
}

jwkd_status keyring_verify_begin(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, struct keyring_verifying **out, jwkd_error *error)
{
    (void)caller;
    const Jwkd__V1__VerifyRequest *verify = request->verify;
    TRY(check_items(verify, error));
    struct keyring_verifying *verifying = reply_alloc(reply, sizeof *verifying);
    if (!verifying) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *verifying = (struct keyring_verifying){.keyring = keyring, .request = verify, .reply = reply};
    reply->snapshot = keyring_snapshot(keyring);
    TRY(keyring_require(reply->snapshot, verify->environment, &verifying->environment, error));
    verifying->answer = reply_alloc(reply, sizeof *verifying->answer);
    verifying->state = reply_alloc(reply, sizeof *verifying->state);
    verifying->pointers = reply_array(reply, verify->n_items, sizeof *verifying->items, &verifying->items);
    if (!verifying->answer || !verifying->state || !verifying->pointers)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out = verifying;
    return JWKD_OK;
}

bool keyring_verify_next(struct keyring_verifying *verifying)
{
    size_t n = verifying->judged;
    if (n == verifying->request->n_items || verifying->out_of_memory) return false;
    if (verify_item(verifying->keyring, verifying->environment, verifying->request->items[n],
            verifying->reply, &verifying->items[n]) != JWKD_OK)
        verifying->out_of_memory = true;
    verifying->judged++;
    return true;
}

jwkd_status keyring_verify_end(struct keyring_verifying *verifying, jwkd_error *error)
{
    const struct keyring *keyring = verifying->keyring;
    const struct ring_environment *environment = verifying->environment;
    Jwkd__V1__VerifyReply *answer = verifying->answer;
    if (verifying->out_of_memory) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *answer = (Jwkd__V1__VerifyReply)JWKD__V1__VERIFY_REPLY__INIT;
    *verifying->state = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    verifying->state->epoch = wire_bytes(bytes_of(keyring->epoch, 16));
    verifying->state->environment_id = environment->id;
    verifying->state->revision = environment->revision;
    answer->n_tokens = verifying->request->n_items;
    answer->tokens = verifying->pointers;
    answer->state = verifying->state;
    verifying->reply->message.result_case = JWKD__V1__REPLY__RESULT_VERIFIED;
    verifying->reply->message.verified = answer;
    atomic_fetch_add_explicit(
        &verifying->keyring->counts.tokens_verified, verifying->request->n_items, memory_order_relaxed);
    return JWKD_OK;
}

jwkd_status keyring_verify(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    struct keyring_verifying *verifying;
    TRY(keyring_verify_begin(keyring, caller, request, reply, &verifying, error));
    while (keyring_verify_next(verifying))
        continue;
    return keyring_verify_end(verifying, error);
}
