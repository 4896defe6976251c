#include "keyring/changes/promotion.h"

#include "base/clock.h"
#include "keyring/changes/standing.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

bool operation_nobody_waits(struct edit *edit)
{
    struct registry *registry = edit->transaction->keyring->options.registry;
    const struct ring_environment *environment = edit->after;
    if (environment->count == 0) return true; /* no token was ever signed here: no verifier lacks a key */
    if (ring_environment_jwks_wait(environment, edit->transaction->age)) return false;
    if (!registry) return true;
    uint64_t now_ns = clock_elapsed_ns();
    return registry_knows_followers(registry, environment->id, now_ns) &&
           registry_close_if_nobody(registry, environment->id, now_ns);
}

static jwkd_status put(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason)
{
    Jwkd__V1__Operation operation;
    message_promotion(edit->after, &operation);
    operation.phase = phase;
    operation.reason = wire_text(reason);
    if (phase != JWKD__V1__OPERATION__PHASE__WAITING) operation.ended_at = edit->transaction->now;
    return rows_put_operation(edit->transaction, &operation);
}

jwkd_status operation_begin(
    struct edit *edit, struct bytes id, bool rotation, int index, bool done, const char *reason)
{
    struct ring_environment *after = edit->after;
    struct ring_promotion *promotion = &after->promotion;
    const char *kid = jwk_kid(after->keys[index]->jwk);
    *promotion = (struct ring_promotion){.waiting = true,
        .rotation = rotation,
        .revision = after->revision + 1,
        .begun_at = edit->transaction->now,
        .published_ns = clock_elapsed_ns(),
        .jwks_wait_sec = ring_environment_jwks_wait(after, edit->transaction->age)};
    memcpy(promotion->operation, id.data, sizeof promotion->operation);
    memcpy(promotion->kid, kid, strlen(kid) + 1);
    if (done) return operation_end(edit, JWKD__V1__OPERATION__PHASE__DONE, reason);
    return put(edit, JWKD__V1__OPERATION__PHASE__WAITING, reason);
}

jwkd_status operation_end(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason)
{
    struct ring_promotion *promotion = &edit->after->promotion;
    if (!promotion->waiting) return JWKD_OK;
    TRY(put(edit, phase, reason));
    *promotion = (struct ring_promotion){0};
    return JWKD_OK;
}
