#include "keyring/promotion.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "keyring/message.h"
#include "keyring/rows.h"

/* Whether every lease has run out that could lack the key: by the wall clock, for the run that published it
 * may be over. */
static bool every_lease_has_ended(
    const struct registry *registry, const struct ring_key *key, uint64_t now_ns)
{
    uint64_t horizon_ms = (uint64_t)registry_longest_lease_ms(registry, now_ns) * 1001 / 1000;
    return clock_wall_sec() > key->created_at + RING_COMMIT_SEC + (int64_t)(horizon_ms / 1000 + 1);
}

bool operation_key_confirmed(
    struct keyring *keyring, const struct ring_environment *environment, const struct ring_key *key)
{
    struct registry *registry = keyring->options.registry;
    if (!registry) return true;
    uint64_t now_ns = clock_elapsed_ns();
    if (!registry_knows_followers(registry, environment->id, now_ns))
        return every_lease_has_ended(registry, key, now_ns);
    struct registry_count count = registry_count(registry, environment->id, key->born, now_ns);
    return count.confirmed >= count.subscribers;
}

bool operation_nobody_waits(struct edit *edit)
{
    struct registry *registry = edit->batch->keyring->options.registry;
    const struct ring_environment *environment = edit->after;
    if (environment->count == 0) return true; /* nothing was ever signed here: nobody misses anything */
    if (ring_environment_jwks_wait(environment, edit->batch->age)) return false;
    if (!registry) return true;
    uint64_t now_ns = clock_elapsed_ns();
    return registry_knows_followers(registry, environment->id, now_ns) &&
           registry_close_if_nobody(registry, environment->id, now_ns);
}

struct promotion operation_standing(struct keyring *keyring, const struct ring_environment *environment,
    uint64_t published_ns, uint64_t now_ns)
{
    struct registry *registry = keyring->options.registry;
    struct promotion promotion = {.published_ns = published_ns,
        .all_known = true,
        .jwks_max_age_ns = environment->promotion.jwks_wait_sec * NS_PER_SEC};
    if (!registry) return promotion;
    struct registry_count count =
        registry_count(registry, environment->id, environment->promotion.revision, now_ns);
    promotion.known_from_ns = registry_knows_followers_from_ns(registry, environment->id);
    promotion.horizon_ns =
        registry_effective_ns(registry, environment->id, count.longest_lease_ms, published_ns) - published_ns;
    promotion.all_known = registry_knows_followers(registry, environment->id, now_ns);
    promotion.subscribers = count.subscribers;
    promotion.confirmed = count.confirmed;
    return promotion;
}

static jwkd_status put(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason)
{
    Jwkd__V1__Operation operation;
    message_promotion(edit->after, &operation);
    operation.phase = phase;
    operation.reason = wire_text(reason);
    if (phase != JWKD__V1__OPERATION__PHASE__WAITING) operation.ended_at = edit->batch->now;
    return rows_put_operation(edit->batch, &operation);
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
        .begun_at = edit->batch->now,
        .published_ns = clock_elapsed_ns(),
        .jwks_wait_sec = ring_environment_jwks_wait(after, edit->batch->age)};
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

jwkd_status operation_describe(struct keyring *keyring, const struct ring_environment *environment,
    struct reply *reply, Jwkd__V1__Operation *in_out)
{
    uint64_t now_ns = clock_elapsed_ns();
    struct promotion standing =
        operation_standing(keyring, environment, environment->promotion.published_ns, now_ns);
    uint64_t due_ns = promotion_due_ns(&standing);
    char text[200];
    in_out->subscribers = standing.subscribers;
    in_out->confirmed = standing.confirmed;
    in_out->at_most_ms = due_ns > now_ns ? (uint32_t)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
    if (!standing.all_known)
        snprintf(text, sizeof text, "the service has just started and does not know all subscribers yet");
    else if (!promotion_is_confirmed(&standing))
        snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32 " subscribers have confirmed the key",
            standing.confirmed, standing.subscribers);
    else
        snprintf(text, sizeof text, "readers of the JWKS may keep the one before for %" PRIu32 " s",
            environment->promotion.jwks_wait_sec);
    in_out->reason = arena_text(&reply->arena, bytes_of_text(text));
    return in_out->reason ? JWKD_OK : JWKD_NO_MEMORY;
}

jwkd_status operation_answer(struct keyring *keyring, struct bytes id, struct reply *reply,
    Jwkd__V1__Operation **out, jwkd_error *error)
{
    CLEANUP(buffer_clear) struct buffer row = {0};
    jwkd_status status = id.size == OPERATION_ID ? rows_get_operation(keyring, id, &row) : JWKD_NOT_FOUND;
    if (status == JWKD_NOT_FOUND)
        return fail(error, status, "there is no operation of this id; they are kept for %d hours",
            LIMIT_ANSWER_AGE_SEC / 3600);
    if (status != JWKD_OK)
        return fail(error, status, "the store cannot be read: %s", jwkd_status_text(status));
    /* Unpacked into the reply's own memory. */
    Jwkd__V1__Operation *operation = jwkd__v1__operation__unpack(&reply->arena.allocator, row.size, row.data);
    if (!operation) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    *out = operation;
    if (operation->phase != JWKD__V1__OPERATION__PHASE__WAITING) return JWKD_OK;
    const struct ring_environment *environment = snapshot_find(reply->snapshot, operation->environment);
    bool waits = environment && environment->promotion.waiting &&
                 bytes_equal(bytes_of(environment->promotion.operation, OPERATION_ID), id);
    if (waits) return operation_describe(keyring, environment, reply, operation);
    if (environment) return JWKD_OK; /* it is just being decided */
    operation->phase = JWKD__V1__OPERATION__PHASE__CANCELLED;
    operation->reason = wire_text("the environment was deleted");
    return JWKD_OK;
}
