/* The verifying cache: an immutable state that events and snapshots replace, and that every token is judged
 * by. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "lib/ask/answer.h"
#include "lib/connection/fork.h"
#include "lib/follow/follow.h"
#include "lib/judge/keys.h"
#include "lib/judge/token.h"

enum {
    MOST_PINS = 64,
    DEFAULT_WAIT_MS = 250,
    SHORTEST_LEASE_MS = 1000, /* four heartbeats: one that is late must not end it */
    MOST_ROUNDS = 4,          /* of judging a token by keys that change meanwhile */
};

struct jwkd_verifier {
    struct follower follower; /* first: kinds are handed a pointer to it; unused over a plain JWKS */
    unsigned generation;
    jwkd_client *client; /* NULL: over a plain JWKS */
    enum jwkd_on_stale on_stale;
    uint32_t wait_ms;
    pthread_mutex_t changing; /* held while a new state is made from the current one; guards pins */
    struct pins pins;
    pthread_mutex_t lock; /* innermost, held for a few instructions: `current` and taking a reference to it */
    _Atomic(struct keys *) current;
    uint64_t
        held_since_ns; /* guarded by lock: no verdict since has been by earlier keys; 0: there were none */
    uint32_t algs;     /* over a plain JWKS: ALG_BITs that are accepted; 0: what the keys are for */
    struct skipped_keys skipped; /* over a plain JWKS: the entries that are no use */
};

/* ---- the state */

static struct keys *current_keys(jwkd_verifier *verifier)
{
    pthread_mutex_lock(&verifier->lock);
    struct keys *keys = keys_ref(atomic_load_explicit(&verifier->current, memory_order_relaxed));
    pthread_mutex_unlock(&verifier->lock);
    return keys;
}

/* Takes the reference over. From here on every verdict is by these keys. */
static void swap_keys(jwkd_verifier *verifier, struct keys *keys)
{
    pthread_mutex_lock(&verifier->lock);
    struct keys *old = atomic_exchange_explicit(&verifier->current, keys, memory_order_seq_cst);
    verifier->held_since_ns = clock_elapsed_ns();
    pthread_mutex_unlock(&verifier->lock);
    keys_unref(old);
}

/* Whether a key that has just verified a signature still may. Read last: a deactivation that came meanwhile
 * counts (proto/DELIVERY.md H7). */
static bool still_live(jwkd_verifier *verifier, const struct keys *judged_by, const struct jwk *key)
{
    if (atomic_load_explicit(&verifier->current, memory_order_seq_cst) == judged_by) return true;
    CLEANUP(keys_unref_at) struct keys *keys = current_keys(verifier);
    const struct jwk *found;
    return keyset_find(keys->set, bytes_of_text(jwk_kid(key)), &found) == KEY_LIVE;
}

/* ---- following */

static void verifier_on_event(struct follower *follower, const Jwkd__V1__Event *event)
{
    jwkd_verifier *verifier = (jwkd_verifier *)follower;
    struct lease *lease = &follower->follow->lease;
    pthread_mutex_lock(&verifier->changing);
    struct keys *held = atomic_load_explicit(&verifier->current, memory_order_relaxed), *next = NULL;
    struct identity identity;
    if (!identity_read(event->state, &identity)) {
        pthread_mutex_unlock(&verifier->changing);
        return;
    }
    bool comparable = held->known && identity_comparable(&held->identity, &identity);
    bool outdated = comparable && identity.revision <= held->identity.revision;
    bool follows = comparable && event->previous_revision == held->identity.revision;
    if (follows && keys_after(held, event, &verifier->pins, &next) == JWKD_OK) {
        swap_keys(verifier, next);
        notice_event(follower, event);
        lease_follow(lease, &follower->part, &identity, !answer_event_deletes(event), event->service_revision,
            clock_elapsed_ns());
    } else if (!outdated) {
        lease_miss(lease, &follower->part, &identity, clock_elapsed_ns());
    }
    pthread_mutex_unlock(&verifier->changing);
}

/* Whether a snapshot says more than what is held: never back to an older revision of the same environment
 * (proto/DELIVERY.md S3). */
static bool is_news(const struct keys *held, const struct keys *taken)
{
    return !held->known || !identity_comparable(&held->identity, &taken->identity) ||
           taken->identity.revision > held->identity.revision;
}

static jwkd_status take_snapshot(jwkd_verifier *verifier, const struct keys *shown, struct identity *out_held)
{
    struct follower *follower = &verifier->follower;
    const struct keys *held = atomic_load_explicit(&verifier->current, memory_order_relaxed);
    if (!is_news(held, shown)) {
        *out_held = held->identity;
        return JWKD_OK;
    }
    struct keys *taken = NULL;
    TRY(keys_again(shown, false, &verifier->pins, &taken));
    *out_held = taken->identity;
    notice_plain(follower, JWKD_EVENT_SYNCHRONISED, follower->environment, taken->identity.revision,
        taken->primary_kid);
    swap_keys(verifier, taken);
    return JWKD_OK;
}

/* The environment is gone, or, for a client in the background, not there yet. */
static jwkd_status take_absence(jwkd_verifier *verifier)
{
    struct follower *follower = &verifier->follower;
    const struct keys *held = atomic_load_explicit(&verifier->current, memory_order_relaxed);
    struct keys *gone = NULL;
    if (held->known && keyset_count(held->published) == 0 && held->withheld.count == 0) return JWKD_OK;
    TRY(keys_again(held, true, &verifier->pins, &gone));
    if (held->known) notice_plain(follower, JWKD_EVENT_ENVIRONMENT_DELETED, follower->environment, 0, "");
    swap_keys(verifier, gone);
    return JWKD_OK;
}

static jwkd_status verifier_take_over(
    struct follower *follower, const struct keys *shown, struct identity *out_held)
{
    jwkd_verifier *verifier = (jwkd_verifier *)follower;
    pthread_mutex_lock(&verifier->changing);
    jwkd_status status = shown ? take_snapshot(verifier, shown, out_held) : take_absence(verifier);
    pthread_mutex_unlock(&verifier->changing);
    return status;
}

static const struct follower_kind VERIFIER = {
    .on_event = verifier_on_event,
    .take_over = verifier_take_over,
};

/* ---- opening and closing */

/* Takes the reference over. */
static jwkd_status verifier_new(struct keys *keys, jwkd_verifier **out, jwkd_error *error)
{
    jwkd_verifier *verifier = calloc(1, sizeof *verifier);
    if (!verifier) {
        keys_unref(keys);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    verifier->generation = fork_generation();
    pthread_mutex_init(&verifier->changing, NULL);
    pthread_mutex_init(&verifier->lock, NULL);
    atomic_init(&verifier->current, keys);
    *out = verifier;
    return JWKD_OK;
}

static void verifier_free(jwkd_verifier *verifier)
{
    for (size_t i = 0; i < verifier->pins.count; i++)
        jwk_unref(verifier->pins.keys[i]);
    free(verifier->pins.keys);
    keys_unref(atomic_load_explicit(&verifier->current, memory_order_relaxed));
    pthread_mutex_destroy(&verifier->changing);
    pthread_mutex_destroy(&verifier->lock);
    skipped_keys_clear(&verifier->skipped);
    free(verifier);
}

jwkd_status jwkd_verifier_open(jwkd_client *client, const char *environment,
    const jwkd_verifier_options *options, jwkd_verifier **out, jwkd_error *error)
{
    static const jwkd_verifier_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    if ((unsigned)options->on_stale > JWKD_SERVE_STALE)
        return fail(error, JWKD_INVALID_ARGUMENT, "on_stale is neither refuse nor serve");
    if (options->lease_ms && options->lease_ms < SHORTEST_LEASE_MS)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "lease_ms is at least %d, four heartbeats; 0: the service's", (int)SHORTEST_LEASE_MS);
    if (options->lease_ms > LIMIT_LEASE_MS)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "lease_ms is at most %d, ten minutes, which no service grants more than; 0: the service's",
            (int)LIMIT_LEASE_MS);
    struct keys *keys = NULL;
    if (keys_none(&keys) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    jwkd_verifier *verifier = NULL;
    TRY(verifier_new(keys, &verifier, error));
    verifier->client = client;
    verifier->on_stale = options->on_stale;
    verifier->wait_ms =
        options->unknown_kid_wait_ms ? options->unknown_kid_wait_ms : (uint32_t)DEFAULT_WAIT_MS;
    const struct follower_options wishes = {.on_event = options->on_event,
        .context = options->context,
        .lease_ms = options->lease_ms,
        .serves_stale = options->on_stale == JWKD_SERVE_STALE};
    jwkd_status status = follower_open(&verifier->follower, &VERIFIER, client, environment, &wishes, error);
    if (status != JWKD_OK) {
        verifier_free(verifier);
        return status;
    }
    *out = verifier;
    return JWKD_OK;
}

static jwkd_status read_algorithms(const jwkd_jwks_options *options, uint32_t *out, jwkd_error *error)
{
    *out = 0;
    for (size_t i = 0; i < options->algorithm_count; i++) {
        enum alg alg = alg_from_name(bytes_of_text(options->algorithms[i]));
        if (alg == ALG_NONE)
            return fail(error, JWKD_INVALID_ARGUMENT, "'%.64s' is no algorithm that is verified here",
                options->algorithms[i] ? options->algorithms[i] : "");
        *out |= ALG_BIT(alg);
    }
    return JWKD_OK;
}

static void report_skipped(const jwkd_jwks_options *options, const struct skipped_keys *skipped)
{
    for (size_t i = 0; options->on_skipped && i < skipped->count; i++) {
        const struct skipped_key *key = &skipped->items[i];
        const jwkd_skipped_key shown = {
            .index = key->index, .kid = {key->kid.data, key->kid.size}, .reason = key->reason};
        options->on_skipped(options->context, &shown);
    }
}

/* What an RSA key without alg may be used with. */
static uint32_t default_algs(uint32_t algs)
{
    return alg_first_rsa(algs) == ALG_NONE ? ALG_BIT(ALG_RS256) : algs;
}

jwkd_status jwkd_verifier_open_jwks(
    jwkd_bytes jwks, const jwkd_jwks_options *options, jwkd_verifier **out, jwkd_error *error)
{
    static const jwkd_jwks_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    uint32_t algs;
    TRY(read_algorithms(options, &algs, error));
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
    struct keys *keys = NULL;
    TRY(keys_from_jwks(bytes_of(jwks.data, jwks.size), default_algs(algs), &keys, &skipped, error));
    jwkd_verifier *verifier = NULL;
    TRY(verifier_new(keys, &verifier, error));
    report_skipped(options, &skipped);
    verifier->algs = algs;
    verifier->skipped = skipped;
    skipped = (struct skipped_keys){0};
    verifier->pins.always = true;
    /* Nobody vouches for it, and nobody has to. */
    atomic_store(&verifier->follower.judge_until_ns, UINT64_MAX);
    atomic_store(&verifier->follower.fresh_until_ns, UINT64_MAX);
    *out = verifier;
    return JWKD_OK;
}

jwkd_status jwkd_verifier_from_jwks(jwkd_bytes jwks, jwkd_verifier **out, jwkd_error *error)
{
    return jwkd_verifier_open_jwks(jwks, NULL, out, error);
}

void jwkd_verifier_close(jwkd_verifier *verifier)
{
    if (!verifier || verifier->generation != fork_generation()) return;
    if (verifier->client) follower_close(&verifier->follower);
    verifier_free(verifier);
}

/* ---- pinning */

static jwkd_status check_verifier(const jwkd_verifier *verifier, jwkd_error *error)
{
    if (!verifier) return fail(error, JWKD_INVALID_ARGUMENT, "the verifier handle is NULL");
    if (verifier->generation != fork_generation())
        return fail(error, JWKD_CLOSED, "the handle was opened before fork(), and is the parent's");
    return JWKD_OK;
}

/* Under `changing`. Takes the reference over. */
static jwkd_status add_pin(jwkd_verifier *verifier, struct jwk *jwk)
{
    struct pins *pins = &verifier->pins;
    for (size_t i = 0; i < pins->count; i++)
        if (strcmp(jwk_kid(pins->keys[i]), jwk_kid(jwk)) == 0) {
            jwk_unref(pins->keys[i]);
            pins->keys[i] = jwk;
            return JWKD_OK;
        }
    struct jwk **grown =
        pins->count < MOST_PINS ? realloc(pins->keys, (pins->count + 1) * sizeof(struct jwk *)) : NULL;
    if (!grown) {
        jwk_unref(jwk);
        return pins->count < MOST_PINS ? JWKD_NO_MEMORY : JWKD_RESOURCE_EXHAUSTED;
    }
    pins->keys = grown;
    pins->keys[pins->count++] = jwk;
    return JWKD_OK;
}

jwkd_status jwkd_verifier_pin(jwkd_verifier *verifier, jwkd_bytes jwk, jwkd_error *error)
{
    TRY(check_verifier(verifier, error));
    const struct jwk_rules rules = {.default_alg = alg_first_rsa(default_algs(verifier->algs))};
    if (jwk.size > LIMIT_JWK)
        return fail(error, JWKD_INVALID_ARGUMENT, "a JWK has at most %d bytes", (int)LIMIT_JWK);
    struct jwk *key = NULL;
    TRY(jwk_from_json(bytes_of(jwk.data, jwk.size), &rules, &key, error));
    struct keys *next = NULL;
    pthread_mutex_lock(&verifier->changing);
    jwkd_status status = add_pin(verifier, key);
    if (status == JWKD_OK)
        status = keys_again(
            atomic_load_explicit(&verifier->current, memory_order_relaxed), false, &verifier->pins, &next);
    if (status == JWKD_OK) swap_keys(verifier, next);
    pthread_mutex_unlock(&verifier->changing);
    return status == JWKD_OK ? JWKD_OK
                             : fail(error, status, "the key cannot be pinned: %s", jwkd_status_text(status));
}

/* ---- judging */

/* Borrows everything. `audiences` holds LIMIT_AUDIENCES views. INVALID_ARGUMENT. */
static jwkd_status read_expectation(const jwkd_expectation *from, const jwkd_verifier *verifier,
    const struct keys *keys, struct bytes *audiences, struct jwt_expectation *out, jwkd_error *error)
{
    static const jwkd_expectation NOTHING = {0};
    if (!from) from = &NOTHING;
    if (from->audience_count > LIMIT_AUDIENCES)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "at most %d audiences can be expected", (int)LIMIT_AUDIENCES);
    size_t count = from->audience_count;
    for (size_t i = 0; i < count; i++)
        audiences[i] = bytes_of_text(from->audiences[i]);
    if (count == 0 && *keys->audience) audiences[count++] = bytes_of_text(keys->audience);
    int64_t now_ns = from->now ? 0 : clock_wall_ns();
    *out = (struct jwt_expectation){
        .issuer = bytes_of_text(from->issuer ? from->issuer : keys->issuer),
        .audiences = audiences,
        .audience_count = count,
        .type = bytes_of_text(from->type),
        .leeway_sec = from->leeway_sec ? from->leeway_sec : keys->leeway_sec,
        .now = from->now ? from->now : now_ns / (int64_t)NS_PER_SEC,
        .now_ns = (uint32_t)(now_ns % (int64_t)NS_PER_SEC),
        .algs = verifier->algs,
        .signature_only = from->signature_only,
    };
    return JWKD_OK;
}

static jwkd_verdict refuse(jwkd_verdict verdict, const char *why, jwkd_error *error)
{
    (void)!fail(error, JWKD_REFUSED, "%s", why ? why : jwkd_verdict_text(verdict));
    return verdict;
}

static bool is_about_the_key(jwkd_verdict verdict)
{
    return verdict == JWKD_VERDICT_UNKNOWN_KEY || verdict == JWKD_VERDICT_ALGORITHM_NOT_ALLOWED ||
           verdict == JWKD_VERDICT_BAD_SIGNATURE;
}

/* That the document has a key of the token's kid which is no use is what its owner has to hear. */
static jwkd_verdict explain(const jwkd_verifier *verifier, const struct keys *keys, struct bytes kid,
    jwkd_verdict verdict, jwkd_error *error)
{
    if (!error || verifier->skipped.count == 0 || !is_about_the_key(verdict)) return verdict;
    const struct skipped_key *key = skipped_keys_find(&verifier->skipped, kid);
    if (kid.size == 0 && keyset_count(keys->set) == 0) key = &verifier->skipped.items[0];
    if (!key) return verdict;
    bool unknown = verdict == JWKD_VERDICT_UNKNOWN_KEY;
    (void)!fail(error, JWKD_REFUSED, "%s%skey %zu of the set%s cannot be used: %.150s",
        unknown ? "" : jwkd_verdict_text(verdict), unknown ? "" : ": ", key->index + 1,
        kid.size ? ", which has this kid," : "", key->reason);
    return verdict;
}

static uint64_t age_ms(uint64_t vouched_ns, uint64_t now_ns)
{
    if (vouched_ns == 0) return UINT64_MAX;
    return now_ns > vouched_ns ? (now_ns - vouched_ns) / NS_PER_MS : 0;
}

/* The last look, behind the signature. The order matters: until when the keys may be judged by, then the
 * clock, then the keys. At the instant at which the clock is read, the lease has not ended, and what is live
 * afterwards was live then: of that instant the verdict speaks. */
static jwkd_verdict look_again(
    jwkd_verifier *verifier, const struct keys *judged_by, jwkd_token *token, jwkd_error *error)
{
    const struct follower *follower = &verifier->follower;
    uint64_t until_ns = atomic_load(&follower->judge_until_ns);
    uint64_t vouched_ns = atomic_load(&follower->vouched_ns);
    uint64_t now_ns = clock_elapsed_ns();
    if (!still_live(verifier, judged_by, token->jwt.key))
        return refuse(JWKD_VERDICT_KEY_DEACTIVATED, NULL, error);
    if (now_ns < until_ns) return JWKD_VERDICT_VALID;
    if (verifier->on_stale == JWKD_REFUSE_STALE)
        return refuse(
            JWKD_VERDICT_KEYS_TOO_OLD, "nobody has vouched for the keys since the lease ended", error);
    uint64_t stale_ms = age_ms(vouched_ns, now_ns);
    token->stale_ms = stale_ms ? stale_ms : 1;
    return JWKD_VERDICT_VALID;
}

/* False: it may be a new key that is not held yet. Fresh, it is not: whoever is fresh holds every key that
 * signs, so nobody is asked. Behind, a snapshot is on its way, and is waited for. */
static bool is_unknown_for_sure(jwkd_verifier *verifier, uint64_t *wait_until_ns)
{
    struct follower *follower = &verifier->follower;
    uint64_t fresh_until_ns = atomic_load(&follower->fresh_until_ns);
    uint64_t now_ns = clock_elapsed_ns();
    if (now_ns < fresh_until_ns) return true;
    if (*wait_until_ns == 0) *wait_until_ns = now_ns + verifier->wait_ms * NS_PER_MS;
    return follower_await_snapshot(follower, *wait_until_ns) == LEASE_FRESH;
}

/* Whether the service lists the key as live and does not show it. */
static bool is_withheld(const struct keys *keys, struct bytes kid)
{
    for (size_t i = 0; i < keys->withheld.count; i++)
        if (bytes_equal_text(kid, keys->withheld.items[i])) return true;
    return false;
}

/* Of a client that was opened in the background: nobody else has told the program why. */
static jwkd_verdict refuse_without_keys(const jwkd_verifier *verifier, jwkd_error *error)
{
    static const char NONE_YET[] = "no keys have been received from the service yet";
    if (!error || !verifier->client) return refuse(JWKD_VERDICT_KEYS_TOO_OLD, NONE_YET, error);
    const struct follower *follower = &verifier->follower;
    pthread_mutex_lock(&follower->follow->lock);
    const char *why = follower->trouble.message;
    (void)!fail(error, JWKD_REFUSED, "%s%s%s", NONE_YET, *why ? ": " : "", why);
    pthread_mutex_unlock(&follower->follow->lock);
    return JWKD_VERDICT_KEYS_TOO_OLD;
}

/* By one state of the keys; *out_again: they have changed, and what was not known may be now. */
static jwkd_verdict judge_once(jwkd_verifier *verifier, struct bytes token, const jwkd_expectation *expected,
    jwkd_token *contents, uint64_t *wait_until_ns, bool *out_again, jwkd_error *error)
{
    CLEANUP(keys_unref_at) struct keys *keys = current_keys(verifier);
    struct bytes audiences[LIMIT_AUDIENCES];
    struct jwt_expectation expectation;
    if (!keys->known) return refuse_without_keys(verifier, error);
    if (read_expectation(expected, verifier, keys, audiences, &expectation, error) != JWKD_OK)
        return JWKD_VERDICT_NONE;
    jwkd_verdict verdict = jwt_verify(keys->set, token, &expectation, &contents->jwt, error);
    if (verdict == JWKD_VERDICT_VALID) return look_again(verifier, keys, contents, error);
    if (!verifier->client) return explain(verifier, keys, contents->jwt.header.kid, verdict, error);
    if (verdict != JWKD_VERDICT_UNKNOWN_KEY) return verdict;
    bool for_sure = is_unknown_for_sure(verifier, wait_until_ns);
    *out_again = atomic_load_explicit(&verifier->current, memory_order_seq_cst) != keys;
    if (for_sure && error && is_withheld(keys, contents->jwt.header.kid))
        return refuse(verdict, "the environment showed this key once only, and nobody added it here", error);
    if (for_sure) return verdict;
    return refuse(
        JWKD_VERDICT_KEYS_TOO_OLD, "the key is not known, and may be newer than the keys held", error);
}

static jwkd_verdict judge(jwkd_verifier *verifier, struct bytes token, const jwkd_expectation *expected,
    jwkd_token *contents, jwkd_error *error)
{
    jwkd_verdict verdict = JWKD_VERDICT_NONE;
    bool again = true;
    uint64_t wait_until_ns = 0;
    for (int round = 0; again && round < MOST_ROUNDS; round++) {
        again = false;
        token_clear(contents);
        verdict = judge_once(verifier, token, expected, contents, &wait_until_ns, &again, error);
    }
    return verdict;
}

jwkd_verdict jwkd_verify(jwkd_verifier *verifier, const char *token, size_t size,
    const jwkd_expectation *expected, jwkd_token *out, jwkd_error *error)
{
    jwkd_token own;
    if (out)
        token_clear(out);
    else
        token_init(&own);
    if (check_verifier(verifier, error) != JWKD_OK) return JWKD_VERDICT_NONE;
    jwkd_token *contents = out ? out : &own;
    jwkd_verdict verdict = judge(verifier, bytes_of(token, size), expected, contents, error);
    if (verdict == JWKD_VERDICT_VALID && out)
        out->readable = true;
    else
        token_clear(contents);
    return verdict;
}

/* ---- how fresh */

const char *jwkd_freshness_name(jwkd_freshness_state state)
{
    switch (state) {
    case JWKD_STALE:
        return "STALE";
    case JWKD_BEHIND:
        return "BEHIND";
    case JWKD_FRESH:
        return "FRESH";
    }
    return "UNKNOWN";
}

static uint64_t held_revision(const jwkd_verifier *verifier, uint64_t *out_held_us)
{
    jwkd_verifier *locking = (jwkd_verifier *)(uintptr_t)verifier; /* changes no verdict */
    pthread_mutex_lock(&locking->lock);
    uint64_t revision = atomic_load_explicit(&verifier->current, memory_order_relaxed)->identity.revision;
    uint64_t since_ns = verifier->held_since_ns;
    pthread_mutex_unlock(&locking->lock);
    *out_held_us = since_ns ? (clock_elapsed_ns() - since_ns) / NS_PER_US : 0;
    return revision;
}

jwkd_status jwkd_verifier_freshness(const jwkd_verifier *verifier, jwkd_freshness *out, jwkd_error *error)
{
    static const jwkd_freshness_state STATES[] = {
        [LEASE_STALE] = JWKD_STALE, [LEASE_BEHIND] = JWKD_BEHIND, [LEASE_FRESH] = JWKD_FRESH};
    TRY(check_verifier(verifier, error));
    if (!verifier->client) {
        *out = (jwkd_freshness){.state = JWKD_FRESH};
        return JWKD_OK;
    }
    struct follow *follow = verifier->follower.follow;
    const struct lease_part *part = &verifier->follower.part;
    uint64_t now_ns = clock_elapsed_ns();
    pthread_mutex_lock(&follow->lock);
    *out = (jwkd_freshness){
        .state = STATES[lease_freshness(&follow->lease, part, now_ns)],
        .age_ms = age_ms(part->vouched_ns, now_ns),
        .lease_ms = (uint32_t)lease_length_ms(&follow->lease, part),
    };
    pthread_mutex_unlock(&follow->lock);
    out->revision = held_revision(verifier, &out->held_us);
    return JWKD_OK;
}

uint64_t jwkd_verifier_revision(const jwkd_verifier *verifier)
{
    uint64_t ignored;
    return check_verifier(verifier, NULL) == JWKD_OK ? held_revision(verifier, &ignored) : 0;
}
