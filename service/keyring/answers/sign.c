/* Signing: the hot path. It reads the snapshot, and neither the store nor a writer's lock. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"
#include "jose/base64url.h"
#include "jose/json.h"
#include "jose/jwt.h"
#include "keyring/age.h"
#include "keyring/changes/ceiling.h"
#include "keyring/answers/may.h"
#include "keyring/changes/wall.h"
#include "keyring/state.h"

/* The key that signs, from one snapshot. */
struct signing {
    const struct ring_environment *environment;
    const char *principal;
    const struct rule *rule; /* what it may put into a token; NULL: anything */
    struct ring_key *key;
    struct signer_key signer_key;
};

static jwkd_status choose_key(
    const struct ring_environment *environment, struct signing *out, jwkd_error *error)
{
    if (environment->primary < 0)
        return fail(error, JWKD_NO_PRIMARY, "\"%s\" has no primary key: generate one or set one primary",
            environment->settings.name);
    struct ring_key *key = environment->keys[environment->primary];
    *out = (struct signing){.environment = environment,
        .key = key,
        .signer_key = {.owner = environment->owner,
            .kid = jwk_kid(key->jwk),
            .alg = jwk_alg(key->jwk),
            .sealed = buffer_bytes(&key->sealed)}};
    return JWKD_OK;
}

/* Whether the key may still sign. If it was deactivated meanwhile, the token is not given out. Nor is it if
 * the key has begun to retire, since a retirement waits only for tokens that it knows of. */
static bool still_live(struct keyring *keyring, const struct signing *signing)
{
    CLEANUP(snapshot_unref_at) struct snapshot *now = keyring_snapshot(keyring);
    const struct ring_environment *environment = snapshot_find(now, signing->environment->settings.name);
    if (!environment || environment->id != signing->environment->id) return false;
    if (environment == signing->environment) return true;
    int index = ring_environment_find(environment, signing->signer_key.kid);
    return index >= 0 && key_state_live(environment->keys[index]->state) &&
           !environment->keys[index]->retiring_since;
}

/* Whether the key may not sign any more. Call it after every use of the key, even if the use failed. A
 * deactivation made the signer forget the key, but this use may have unsealed it again; here the signer
 * forgets it once more. */
static bool withdrawn(struct keyring *keyring, const struct signing *signing)
{
    if (still_live(keyring, signing)) return false;
    signer_forget(keyring->options.signer, signing->signer_key.owner, signing->signer_key.kid);
    return true;
}

/* header '.' payload '.' signature, appended to an empty buffer. */
static jwkd_status make_token(struct keyring *keyring, const struct signing *signing, struct bytes type,
    struct bytes payload, struct buffer *out)
{
    TRY(jws_append_header(signing->signer_key.alg, type, bytes_of_text(signing->signer_key.kid), out));
    TRY(buffer_append(out, ".", 1));
    TRY(base64url_append(payload, out));
    CLEANUP(buffer_clear) struct buffer signature = {0};
    TRY(signer_sign(keyring->options.signer, &signing->signer_key, buffer_bytes(out), &signature));
    TRY(buffer_append(out, ".", 1));
    return base64url_append(buffer_bytes(&signature), out);
}

static jwkd_status check_type(const char *type, jwkd_error *error)
{
    size_t length = strlen(type);
    if (length > LIMIT_TYP)
        return fail(error, JWKD_INVALID_ARGUMENT, "typ is longer than %d characters", LIMIT_TYP);
    for (const char *c = type; *c; c++)
        if (*c <= 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
            return fail(error, JWKD_INVALID_ARGUMENT,
                "typ must be a media type without spaces, quotes or backslashes");
    return JWKD_OK;
}

/* What the rule adds is spliced in front of the others. */
static jwkd_status splice(struct buffer *claims, struct bytes added)
{
    if (added.size == 0) return JWKD_OK;
    TRY(buffer_reserve(claims, added.size));
    memmove(claims->data + 1 + added.size, claims->data + 1, claims->size - 1);
    memcpy(claims->data + 1, added.data, added.size);
    claims->size += added.size;
    return JWKD_OK;
}

static jwkd_status judge(
    const struct signing *signing, const char *type, struct buffer *claims, jwkd_error *error)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buffer_clear) struct buffer added = {0};
    const struct rule_subject subject = {.principal = signing->principal,
        .type = bytes_of_text(type),
        .has_issuer = signing->environment->settings.issuer[0] != '\0'};
    TRY(json_parse(&json, buffer_bytes(claims), error));
    TRY(rule_judge(signing->rule, &subject, &json, &added, error));
    if (claims->size + added.size > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "claims over %d bytes with what was added", LIMIT_CLAIMS);
    jwkd_status status = splice(claims, buffer_bytes(&added));
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "out of memory");
}

/* The claims as they will be signed: prepared, and judged by the caller's rule. */
static jwkd_status prepare_claims(const struct signing *signing, const Jwkd__V1__SignItem *item,
    const char *type, int64_t now, struct buffer *out, int64_t *out_expires_at, jwkd_error *error)
{
    const struct environment *settings = &signing->environment->settings;
    TRY(check_type(type, error));
    struct bytes audiences[LIMIT_AUDIENCES];
    if (item->n_audience > LIMIT_AUDIENCES)
        return fail(error, JWKD_INVALID_ARGUMENT, "a token has at most %d audiences", LIMIT_AUDIENCES);
    for (size_t i = 0; i < item->n_audience; i++)
        audiences[i] = bytes_of_text(item->audience[i]);
    struct jwt_policy policy = {.issuer = bytes_of_text(settings->issuer),
        .default_audience = bytes_of_text(settings->default_audience),
        .default_lifetime_sec = settings->default_token_lifetime_sec,
        .max_lifetime_sec = settings->max_token_lifetime_sec,
        .now = now};
    int64_t most_sec = signing->rule ? rule_max_ttl_sec(signing->rule) : 0;
    if (most_sec && most_sec < policy.max_lifetime_sec) policy.max_lifetime_sec = most_sec;
    struct jwt_wish wish = {.claims = wire_view(item->claims),
        .audiences = audiences,
        .audience_count = item->n_audience,
        .lifetime_sec = item->lifetime_sec};
    uint8_t random[16];
    if (random_fill(random, sizeof random) != JWKD_OK) return fail(error, JWKD_INTERNAL, "no random bytes");
    TRY(jwt_prepare(&policy, &wish, random, out, out_expires_at, error));
    return signing->rule ? judge(signing, type, out, error) : JWKD_OK;
}

static jwkd_status sign_item(struct keyring *keyring, const struct signing *signing,
    const Jwkd__V1__SignItem *item, struct ceiling_patience *patience, struct buffer *out,
    int64_t *out_expires_at, jwkd_error *error)
{
    const char *type = *item->type ? item->type : "at+jwt";
    const int64_t now = clock_wall_sec();
    CLEANUP(buffer_clear) struct buffer claims = {0};
    TRY(prepare_claims(signing, item, type, now, &claims, out_expires_at, error));
    const struct reach reach = {.expiry = *out_expires_at, .age = age_sec(keyring) + (*out_expires_at - now)};
    TRY(ceiling_cover(keyring, signing->environment, signing->key, reach, patience, error));
    key_usage_signed(signing->key->usage, reach, now);
    jwkd_status status = make_token(keyring, signing, bytes_of_text(type), buffer_bytes(&claims), out);
    return status == JWKD_OK ? JWKD_OK : fail(error, status, "signing failed: %s", jwkd_status_text(status));
}

/* The right and the rule stand in the same snapshot as the key: a grant that was withdrawn since the door
 * looked must not become one without a rule. Without a grant the caller has the role by a setting of the
 * daemon, which knows no rules. */
static jwkd_status choose_rule(const struct snapshot *snapshot, const struct caller *caller,
    enum access_role role, struct signing *signing, jwkd_error *error)
{
    const struct access_who who = caller_who(caller);
    if (!caller_may(
            snapshot, caller, role == ROLE_SIGNER ? RIGHT_SIGN : RIGHT_SIGN_RAW, signing->environment))
        return fail(error, JWKD_DENIED, "%.100s may not sign in \"%.63s\" (any longer)", caller->principal,
            signing->environment->settings.name);
    const struct access_grant *grant =
        book_deciding(snapshot->book, &who, where_of(signing->environment), role);
    signing->principal = caller->principal;
    signing->rule = grant ? grant->rule : NULL;
    return JWKD_OK;
}

static jwkd_status begin_signing(struct keyring *keyring, const struct caller *caller, enum access_role role,
    const char *name, struct reply *reply, struct signing *out, jwkd_error *error)
{
    snapshot_unref(reply->snapshot);
    reply->snapshot = keyring_snapshot(keyring);
    struct ring_environment *environment;
    TRY(keyring_require(reply->snapshot, name, &environment, error));
    TRY(wall_check(keyring, environment, error));
    TRY(choose_key(environment, out, error));
    return choose_rule(reply->snapshot, caller, role, out, error);
}

jwkd_status keyring_try_sign(struct keyring *keyring, const struct caller *caller, const char *environment,
    const Jwkd__V1__SignItem *item, jwkd_error *error)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    CLEANUP(buffer_clear) struct buffer claims = {0};
    struct ring_environment *found;
    int64_t expires_at;
    TRY(keyring_require(snapshot, environment, &found, error));
    struct signing signing = {.environment = found};
    TRY(choose_rule(snapshot, caller, ROLE_SIGNER, &signing, error));
    return prepare_claims(
        &signing, item, *item->type ? item->type : "at+jwt", clock_wall_sec(), &claims, &expires_at, error);
}

/* ---- a batch */

enum { SIGN_ATTEMPTS = 3 };
#define NOTHING SIZE_MAX

struct keyring_signing {
    struct keyring *keyring;
    const struct caller *caller;
    const Jwkd__V1__SignRequest *request;
    struct reply *reply;
    Jwkd__V1__SignedToken *tokens, **pointers;
    struct signing with;
    struct ceiling_patience patience;
    size_t first;         /* signed before the others; NOTHING: no token is */
    pthread_mutex_t lock; /* guards the reply's memory while several threads sign */
    atomic_size_t begun;
    atomic_bool out_of_memory;
};

static char *keep_text(struct keyring_signing *signing, struct bytes text)
{
    pthread_mutex_lock(&signing->lock);
    char *copy = reply_alloc(signing->reply, text.size + 1);
    pthread_mutex_unlock(&signing->lock);
    if (copy && text.size) memcpy(copy, text.data, text.size);
    return copy;
}

static void sign_nth(struct keyring_signing *signing, size_t n)
{
    const Jwkd__V1__SignItem *item = signing->request->items[n];
    Jwkd__V1__SignedToken *token = &signing->tokens[n];
    jwkd_error error = {0};
    CLEANUP(buffer_clear) struct buffer made = {0};
    *token = (Jwkd__V1__SignedToken)JWKD__V1__SIGNED_TOKEN__INIT;
    jwkd_status status = buffer_reserve(&made, 2 * item->claims.len + 1024); /* mostly enough */
    if (status == JWKD_OK)
        status = sign_item(
            signing->keyring, &signing->with, item, &signing->patience, &made, &token->expires_at, &error);
    char *text = keep_text(signing, status == JWKD_OK ? buffer_bytes(&made) : bytes_of_text(error.message));
    if (!text) {
        atomic_store(&signing->out_of_memory, true);
        return;
    }
    token->status = (Jwkd__V1__Status)status;
    if (status != JWKD_OK) {
        token->message = text;
        return;
    }
    token->token = text;
    atomic_fetch_add_explicit(&signing->keyring->counts.tokens_signed, 1, memory_order_relaxed);
}

bool keyring_sign_next(struct keyring_signing *signing)
{
    if (atomic_load_explicit(&signing->out_of_memory, memory_order_relaxed)) return false;
    size_t n = atomic_fetch_add_explicit(&signing->begun, 1, memory_order_relaxed);
    if (n >= signing->request->n_items) return false;
    if (n != signing->first) sign_nth(signing, n);
    return true;
}

static void sign_rest(struct keyring_signing *signing)
{
    while (keyring_sign_next(signing))
        continue;
}

/* The token that is to live longest, if the disk may have to be asked for it; else NOTHING. An exp in the
 * claims is not looked at: if it reaches further, several threads may wait. */
static size_t what_may_wait_for_disk(const struct keyring_signing *signing)
{
    const Jwkd__V1__SignRequest *request = signing->request;
    int64_t longest = 0;
    size_t which = 0;
    for (size_t i = 0; i < request->n_items; i++) {
        int64_t lifetime = request->items[i]->lifetime_sec;
        if (lifetime == 0) lifetime = signing->with.environment->settings.default_token_lifetime_sec;
        if (lifetime > longest) which = i, longest = lifetime;
    }
    struct reach reach = {.expiry = clock_wall_sec() + longest, .age = age_sec(signing->keyring) + longest};
    return reach_within(reach, reach_read(&signing->with.key->usage->ceiling)) ? NOTHING : which;
}

jwkd_status keyring_sign_begin(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, struct keyring_signing **out, jwkd_error *error)
{
    const Jwkd__V1__SignRequest *sign = request->sign;
    if (sign->n_items == 0 || sign->n_items > LIMIT_BATCH)
        return fail(error, JWKD_INVALID_ARGUMENT, "a request signs 1 to %d tokens, not %zu", LIMIT_BATCH,
            sign->n_items);
    struct keyring_signing *signing = reply_alloc(reply, sizeof *signing);
    if (!signing) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *signing =
        (struct keyring_signing){.keyring = keyring, .caller = caller, .request = sign, .reply = reply};
    signing->pointers = reply_array(reply, sign->n_items, sizeof *signing->tokens, &signing->tokens);
    if (!signing->pointers) return fail(error, JWKD_NO_MEMORY, "out of memory");
    TRY(begin_signing(keyring, caller, ROLE_SIGNER, sign->environment, reply, &signing->with, error));
    pthread_mutex_init(&signing->lock, NULL);
    signing->first = what_may_wait_for_disk(signing);
    if (signing->first != NOTHING) sign_nth(signing, signing->first);
    *out = signing;
    return JWKD_OK;
}

/* Signs the whole batch with the key that signs now. */
static jwkd_status sign_again(struct keyring_signing *signing, jwkd_error *error)
{
    signing->first = NOTHING;
    atomic_store(&signing->begun, 0);
    atomic_store(&signing->out_of_memory, false);
    TRY(begin_signing(signing->keyring, signing->caller, ROLE_SIGNER, signing->request->environment,
        signing->reply, &signing->with, error));
    sign_rest(signing);
    return JWKD_OK;
}

static jwkd_status conclude(struct keyring_signing *signing, jwkd_error *error)
{
    for (int attempts = 1; withdrawn(signing->keyring, &signing->with); attempts++) {
        if (attempts == SIGN_ATTEMPTS)
            return fail(error, JWKD_UNAVAILABLE, "the signing key changed again and again; try again");
        TRY(sign_again(signing, error));
    }
    Jwkd__V1__SignReply *answer = reply_alloc(signing->reply, sizeof *answer);
    if (!answer || signing->out_of_memory) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *answer = (Jwkd__V1__SignReply)JWKD__V1__SIGN_REPLY__INIT;
    answer->n_tokens = signing->request->n_items;
    answer->tokens = signing->pointers;
    answer->kid = wire_text(signing->with.signer_key.kid);
    signing->reply->message.result_case = JWKD__V1__REPLY__RESULT_SIGNED;
    signing->reply->message.signed_ = answer;
    return JWKD_OK;
}

jwkd_status keyring_sign_end(struct keyring_signing *signing, jwkd_error *error)
{
    jwkd_status status = conclude(signing, error);
    pthread_mutex_destroy(&signing->lock);
    return status;
}

jwkd_status keyring_sign(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    struct keyring_signing *signing;
    TRY(keyring_sign_begin(keyring, caller, request, reply, &signing, error));
    sign_rest(signing);
    return keyring_sign_end(signing, error);
}

/* ---- a raw payload */

static jwkd_status check_raw(const Jwkd__V1__SignRawRequest *raw, jwkd_error *error)
{
    TRY(check_type(raw->type, error));
    const char *type = raw->type;
    if (strncasecmp(type, "application/", 12) == 0) type += 12;
    if (!*type || strcasecmp(type, "JWT") == 0 || strcasecmp(type, "at+jwt") == 0)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a raw payload needs a typ of its own, neither JWT nor at+jwt");
    if (raw->payload.len > LIMIT_CLAIMS)
        return fail(error, JWKD_INVALID_ARGUMENT, "a payload has at most %d bytes", LIMIT_CLAIMS);
    /* A JSON object that is signed raw would be a JWT that no rule was applied to. A payload that only begins
     * like one is refused, too, since other readers are more lenient than ours. */
    const uint8_t *c = raw->payload.data, *end = c + raw->payload.len;
    if (raw->payload.len >= 3 && memcmp(c, "\xef\xbb\xbf", 3) == 0) c += 3;
    while (c < end &&
           (*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r' || *c == '\v' || *c == '\f' || *c == 0))
        c++;
    if (c < end && *c == '{')
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a payload that is a JSON object is a claims set: sign it as one");
    return JWKD_OK;
}

jwkd_status keyring_sign_raw(struct keyring *keyring, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__SignRawRequest *raw = request->sign_raw;
    TRY(check_raw(raw, error));
    Jwkd__V1__SignReply *answer = reply_alloc(reply, sizeof *answer);
    Jwkd__V1__SignedToken *item;
    void *pointers = reply_array(reply, 1, sizeof *item, &item);
    if (!answer || !pointers) return fail(error, JWKD_NO_MEMORY, "out of memory");
    struct signing signing;
    TRY(begin_signing(keyring, caller, ROLE_RAW_SIGNER, raw->environment, reply, &signing, error));
    if (signing.rule) TRY(rule_judge_type(signing.rule, bytes_of_text(raw->type), error));
    CLEANUP(buffer_clear) struct buffer token = {0};
    key_usage_signed(signing.key->usage, (struct reach){0}, clock_wall_sec()); /* it has no expiry */
    jwkd_status status =
        make_token(keyring, &signing, bytes_of_text(raw->type), wire_view(raw->payload), &token);
    if (withdrawn(keyring, &signing))
        return fail(error, JWKD_UNAVAILABLE, "the signing key changed meanwhile; try again");
    TRY(status);
    *item = (Jwkd__V1__SignedToken)JWKD__V1__SIGNED_TOKEN__INIT;
    item->token = arena_text(&reply->arena, buffer_bytes(&token));
    if (!item->token) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *answer = (Jwkd__V1__SignReply)JWKD__V1__SIGN_REPLY__INIT;
    answer->n_tokens = 1;
    answer->tokens = pointers;
    answer->kid = wire_text(signing.signer_key.kid);
    reply->message.result_case = JWKD__V1__REPLY__RESULT_SIGNED;
    reply->message.signed_ = answer;
    atomic_fetch_add_explicit(&keyring->counts.tokens_signed, 1, memory_order_relaxed);
    return JWKD_OK;
}
