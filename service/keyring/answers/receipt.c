#include "keyring/state.h"

#include <inttypes.h>

#include "base/clock.h"
#include "keyring/answers/subscribers.h"

static jwkd_status fill_lines(const struct registry_receipt *kept, uint64_t present, uint64_t now_ns,
    struct reply *reply, Jwkd__V1__Receipt *out)
{
    Jwkd__V1__Receipt__Line *lines;
    Jwkd__V1__Subscriber *subscribers = reply_alloc(reply, (kept->count + 1) * sizeof *subscribers);
    out->lines = reply_array(reply, kept->count, sizeof *lines, &lines);
    if (!out->lines || !subscribers) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < kept->count; i++) {
        const struct registry_line *line = &kept->lines[i];
        lines[i] = (Jwkd__V1__Receipt__Line)JWKD__V1__RECEIPT__LINE__INIT;
        lines[i].subscriber = &subscribers[i];
        lines[i].confirmed = line->confirmed;
        if (line->confirmed && line->confirmed_ns > kept->swapped_ns)
            lines[i].after_us = (line->confirmed_ns - kept->swapped_ns) / 1000;
        lines[i].gone = line->gone;
        lines[i].cut_off = line->cut_off;
        TRY(subscribers_describe(&line->subscriber, present, now_ns, reply, &subscribers[i]));
    }
    out->n_lines = kept->count;
    return JWKD_OK;
}

/* Sets both forms of the instant, rounded up. */
static void set_effective(int64_t remaining_ns, Jwkd__V1__Receipt *out)
{
    const int64_t ms = (int64_t)NS_PER_MS, sec = (int64_t)NS_PER_SEC;
    out->effective_in_ms = remaining_ns > 0 ? (uint32_t)((remaining_ns + ms - 1) / ms) : 0;
    out->effective_everywhere_by = (clock_wall_ns() + remaining_ns + sec - 1) / sec;
}

static jwkd_status tell_kept(const struct registry_receipt *kept, uint64_t present, uint64_t now_ns,
    struct reply *reply, Jwkd__V1__Receipt *out)
{
    out->revision = kept->revision;
    out->complete = kept->complete;
    out->unbounded = kept->unbounded;
    out->bounded = now_ns >= kept->effective_ns && !kept->unbounded;
    set_effective((int64_t)(kept->effective_ns - now_ns), out);
    return fill_lines(kept, present, now_ns, reply, out);
}

/* For a deactivation before the start, or long ago. The key tells when it was decided, in whole seconds. A
 * verifier that did not hear of it in the run before has registered in this one, or is stale. */
static void tell_forgotten(
    const struct registry *registry, const struct ring_key *key, uint64_t now_ns, Jwkd__V1__Receipt *out)
{
    int64_t by_ns = (key->deactivated_at + 1) * (int64_t)NS_PER_SEC + (int64_t)registry_horizon_ns(registry);
    int64_t remaining_ns = by_ns - clock_wall_ns();
    int64_t until_known_ns = (int64_t)(registry_knows_all_from_ns(registry) - now_ns);
    if (until_known_ns > 0 && until_known_ns > remaining_ns) remaining_ns = until_known_ns;
    if (key->state == KEY_DEACTIVATED) out->revision = key->revision;
    out->bounded = remaining_ns <= 0;
    out->forgotten = true; /* nobody knows any more whether a verifier served stale keys */
    set_effective(remaining_ns, out);
}

static jwkd_status tell(struct keyring *keyring, const struct ring_environment *environment,
    const struct ring_key *key, struct reply *reply, Jwkd__V1__Receipt *out)
{
    const struct registry_receipt none = {0};
    CLEANUP(registry_receipt_clear) struct registry_receipt kept = none;
    const uint64_t now_ns = clock_elapsed_ns();
    jwkd_status status =
        registry_read_receipt(keyring->options.registry, environment->id, out->kid, now_ns, &kept);
    if (status == JWKD_OK) return tell_kept(&kept, environment->revision, now_ns, reply, out);
    if (status != JWKD_NOT_FOUND) return status;
    tell_forgotten(keyring->options.registry, key, now_ns, out);
    return JWKD_OK;
}

static jwkd_status find_deactivated(const struct ring_environment *environment, const char *kid,
    const struct ring_key **out, jwkd_error *error)
{
    int index = ring_environment_find(environment, kid);
    if (index < 0)
        return fail(error, JWKD_NOT_FOUND, "the environment has no key with the kid \"%.128s\"", kid);
    *out = environment->keys[index];
    if ((*out)->deactivated_at) return JWKD_OK;
    return fail(error, JWKD_FAILED_PRECONDITION, "the key is active: a receipt is of a deactivation");
}

jwkd_status keyring_get_receipt(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    (void)caller;
    struct ring_environment *environment;
    const struct ring_key *key = NULL;
    reply->snapshot = keyring_snapshot(keyring);
    TRY(keyring_require(reply->snapshot, request->get_receipt->environment, &environment, error));
    TRY(find_deactivated(environment, request->get_receipt->kid, &key, error));
    Jwkd__V1__ReceiptReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__Receipt *receipt = reply_alloc(reply, sizeof *receipt);
    if (!answer || !receipt) return fail(error, JWKD_NO_MEMORY, "out of memory for the answer");
    *receipt = (Jwkd__V1__Receipt)JWKD__V1__RECEIPT__INIT;
    receipt->environment = environment->settings.name;
    receipt->kid = wire_text(jwk_kid(key->jwk));
    receipt->at = key->deactivated_at;
    receipt->last_expiry = atomic_load(&key->usage->last.expiry);
    receipt->jwks_max_age_sec = environment->settings.jwks_max_age_sec; /* older rows know only this */
    if (receipt->jwks_max_age_sec < key->jwks_wait_sec) receipt->jwks_max_age_sec = key->jwks_wait_sec;
    jwkd_status status = tell(keyring, environment, key, reply, receipt);
    if (status != JWKD_OK) return fail(error, status, "out of memory for the answer");
    *answer = (Jwkd__V1__ReceiptReply)JWKD__V1__RECEIPT_REPLY__INIT;
    answer->receipt = receipt;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_RECEIPT;
    reply->message.receipt = answer;
    return JWKD_OK;
}
