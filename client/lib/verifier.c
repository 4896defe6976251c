/* The verifying cache: an immutable state that events and snapshots replace, and that every token is judged
 * by. */
#include <stdlib.h>

#include "base/clock.h"
#include "lib/follow.h"
#include "lib/fork.h"
#include "lib/keys.h"
#include "lib/remote.h"
#include "lib/token.h"

enum { MOST_PINS = 64 };

struct jwkd_verifier {
    struct follower follower; /* first: kinds are handed a pointer to it; unused over a plain JWKS */
    unsigned generation;
    jwkd_client *client;      /* NULL: over a plain JWKS */
    pthread_mutex_t changing; /* held while a new state is made from the current one; guards pins */
    struct pins pins;
    pthread_mutex_t lock; /* innermost, held for a few instructions: `current` and taking a reference to it */
    _Atomic(struct keys *) current;
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
    pthread_mutex_unlock(&verifier->lock);
    keys_unref(old);
}

/* Whether a key that has just verified a signature still may. Read last: a deactivation that came meanwhile
 * counts (delivery.md). */
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
    pthread_mutex_lock(&verifier->changing);
    struct keys *held = atomic_load_explicit(&verifier->current, memory_order_relaxed), *next = NULL;
    struct identity identity;
    bool comparable = held->known && identity_read(event->state, &identity) &&
                      identity_comparable(&held->identity, &identity);
    bool outdated = comparable && identity.revision <= held->identity.revision;
    if (!outdated) {
        bool follows = comparable && event->previous_revision == held->identity.revision;
        if (follows && keys_after(held, event, &verifier->pins, &next) == JWKD_OK) {
            swap_keys(verifier, next);
            notice_event(follower, event);
        } else {
            follower_resync(follower);
        }
    }
    pthread_mutex_unlock(&verifier->changing);
}

static bool verifier_is_behind(struct follower *follower, const Jwkd__V1__Heartbeat *heartbeat)
{
    jwkd_verifier *verifier = (jwkd_verifier *)follower;
    CLEANUP(keys_unref_at) struct keys *held = current_keys(verifier);
    for (size_t i = 0; i < heartbeat->n_changed; i++) {
        const Jwkd__V1__Heartbeat__Item *item = heartbeat->changed[i];
        struct identity identity;
        if (strcmp(item->environment, follower->environment) != 0) continue;
        if (!identity_read(item->state, &identity) || !identity_comparable(&held->identity, &identity))
            return true;
        return identity.revision > held->identity.revision;
    }
    return false; /* not listed: unchanged */
}

/* Whether a snapshot says more than what is held: never back to an older revision of the same environment. */
static bool is_news(const struct keys *held, const struct keys *taken)
{
    return !held->known || !identity_comparable(&held->identity, &taken->identity) ||
           taken->identity.revision > held->identity.revision;
}

/* The caller holds follow.lock and `changing`. */
static void take_over(jwkd_verifier *verifier, struct keys *keys)
{
    struct follower *follower = &verifier->follower;
    uint64_t revision = keys->identity.revision;
    notice_plain(follower, JWKD_EVENT_SYNCHRONISED, follower->environment, revision, keys->primary_kid);
    swap_keys(verifier, keys);
}

static jwkd_status take_snapshot(jwkd_verifier *verifier, const struct reply *reply, jwkd_error *error)
{
    struct follow *follow = verifier->follower.follow;
    const Jwkd__V1__JwksReply *snapshot = reply->message->jwks;
    CLEANUP(keys_unref_at) struct keys *shown = NULL;
    struct keys *taken = NULL;
    TRY(keys_from_snapshot(snapshot, &shown, error)); /* the long part: under no lock */
    pthread_mutex_lock(&follow->lock);
    pthread_mutex_lock(&verifier->changing);
    jwkd_status status = JWKD_OK;
    if (is_news(atomic_load_explicit(&verifier->current, memory_order_relaxed), shown)) {
        status = keys_again(shown, false, &verifier->pins, &taken);
        if (status == JWKD_OK) take_over(verifier, taken);
    }
    if (status == JWKD_OK) verifier->follower.synced_at = snapshot->service_revision;
    pthread_mutex_unlock(&verifier->changing);
    pthread_mutex_unlock(&follow->lock);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "%s", jwkd_status_text(status));
}

/* The environment is gone, or, for a client in the background, not there yet. `as_of` is the service revision
 * of which that is known. */
static jwkd_status take_absence(jwkd_verifier *verifier, uint64_t as_of, jwkd_error *error)
{
    struct follow *follow = verifier->follower.follow;
    struct keys *gone = NULL;
    pthread_mutex_lock(&follow->lock);
    pthread_mutex_lock(&verifier->changing);
    struct keys *held = atomic_load_explicit(&verifier->current, memory_order_relaxed);
    bool had_keys = !held->known || held->published_count || held->withheld.count;
    bool told = held->known;
    jwkd_status status = had_keys ? keys_again(held, true, &verifier->pins, &gone) : JWKD_OK;
    if (gone) {
        if (told)
            notice_plain(
                &verifier->follower, JWKD_EVENT_ENVIRONMENT_DELETED, verifier->follower.environment, 0, "");
        swap_keys(verifier, gone);
    }
    if (status == JWKD_OK) verifier->follower.synced_at = as_of;
    pthread_mutex_unlock(&verifier->changing);
    pthread_mutex_unlock(&follow->lock);
    return status == JWKD_OK ? status : fail(error, status, "%s", jwkd_status_text(status));
}

static jwkd_status verifier_synchronise(struct follower *follower, jwkd_error *error)
{
    jwkd_verifier *verifier = (jwkd_verifier *)follower;
    pthread_mutex_lock(&follower->follow->lock);
    uint64_t as_of = follower->follow->service_revision;
    bool opening = !follower->tried && !verifier->client->background;
    pthread_mutex_unlock(&follower->follow->lock);
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    jwkd_status status = remote_get_jwks(verifier->client, follower->environment, 0, &reply, error);
    if (status == JWKD_NOT_FOUND && !opening) return take_absence(verifier, as_of, error);
    TRY(status);
    return take_snapshot(verifier, reply, error);
}

static const struct follower_kind VERIFIER = {
    .on_event = verifier_on_event,
    .is_behind = verifier_is_behind,
    .synchronise = verifier_synchronise,
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
    free(verifier);
}

jwkd_status jwkd_verifier_open(jwkd_client *client, const char *environment,
    const jwkd_verifier_options *options, jwkd_verifier **out, jwkd_error *error)
{
    static const jwkd_verifier_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    TRY(client_check(client, error));
    TRY(check_environment_name(environment, error));
    struct keys *keys = NULL;
    if (keys_none(&keys) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    jwkd_verifier *verifier = NULL;
    TRY(verifier_new(keys, &verifier, error));
    verifier->client = client;
    jwkd_status status = follower_open(
        &verifier->follower, &VERIFIER, client, environment, options->on_event, options->context, error);
    if (status != JWKD_OK) {
        verifier_free(verifier);
        return status;
    }
    *out = verifier;
    return JWKD_OK;
}

jwkd_status jwkd_verifier_from_jwks(jwkd_bytes jwks, jwkd_verifier **out, jwkd_error *error)
{
    struct keys *keys = NULL;
    TRY(keys_from_jwks(bytes_of(jwks.data, jwks.size), &keys, error));
    jwkd_verifier *verifier = NULL;
    TRY(verifier_new(keys, &verifier, error));
    verifier->pins.always = true;
    *out = verifier;
    return JWKD_OK;
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
        return fail(error, JWKD_CLOSED, "the handle was opened before fork(); open another in the child");
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
    static const struct jwk_rules RULES = {.default_alg = ALG_RS256};
    TRY(check_verifier(verifier, error));
    if (jwk.size > LIMIT_JWK)
        return fail(error, JWKD_INVALID_ARGUMENT, "a JWK has at most %d bytes", (int)LIMIT_JWK);
    struct jwk *key = NULL;
    TRY(jwk_from_json(bytes_of(jwk.data, jwk.size), &RULES, &key, error));
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
static jwkd_status read_expectation(const jwkd_expectation *from, const struct keys *keys,
    struct bytes *audiences, struct jwt_expectation *out, jwkd_error *error)
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
    *out = (struct jwt_expectation){
        .issuer = bytes_of_text(from->issuer ? from->issuer : keys->issuer),
        .audiences = audiences,
        .audience_count = count,
        .type = bytes_of_text(from->type),
        .leeway_sec = from->leeway_sec ? from->leeway_sec : keys->leeway_sec,
        .now = from->now ? from->now : clock_wall_sec(),
        .signature_only = from->signature_only,
    };
    return JWKD_OK;
}

static jwkd_verdict judge(jwkd_verifier *verifier, struct bytes token, const jwkd_expectation *expected,
    struct jwt *jwt, jwkd_error *error)
{
    CLEANUP(keys_unref_at) struct keys *keys = current_keys(verifier);
    struct bytes audiences[LIMIT_AUDIENCES];
    struct jwt_expectation expectation;
    if (!keys->known) {
        (void)!fail(error, JWKD_REFUSED, "no keys have been received from the service yet");
        return JWKD_VERDICT_KEYS_TOO_OLD;
    }
    if (read_expectation(expected, keys, audiences, &expectation, error) != JWKD_OK) return JWKD_VERDICT_NONE;
    jwkd_verdict verdict = jwt_verify(keys->set, token, &expectation, jwt, error);
    if (verdict == JWKD_VERDICT_VALID && !still_live(verifier, keys, jwt->key)) {
        (void)!fail(error, JWKD_REFUSED, "%s", jwkd_verdict_text(JWKD_VERDICT_KEY_DEACTIVATED));
        return JWKD_VERDICT_KEY_DEACTIVATED;
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
    jwkd_verdict verdict = judge(verifier, bytes_of(token, size), expected, &contents->jwt, error);
    if (verdict == JWKD_VERDICT_VALID && out)
        out->readable = true;
    else
        token_clear(contents);
    if (verdict == JWKD_VERDICT_UNKNOWN_KEY && verifier->client) follower_unknown_kid(&verifier->follower);
    return verdict;
}

uint64_t jwkd_verifier_revision(const jwkd_verifier *verifier)
{
    if (check_verifier(verifier, NULL) != JWKD_OK) return 0;
    jwkd_verifier *changing =
        (jwkd_verifier *)(uintptr_t)verifier; /* taking a reference changes no verdict */
    CLEANUP(keys_unref_at) struct keys *keys = current_keys(changing);
    return keys->identity.revision;
}
