/* What the fake service holds: environments, their keys and their log; tokens signed with the keys. */
#include "client/fake_inside.h"

#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "jose/base64url.h"
#include "jose/jws.h"

void fake_must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "the fake service: %s\n", what);
    abort();
}

void fake_random(uint8_t *out, size_t size)
{
    MUST(getrandom(out, size, 0) == (ssize_t)size);
}

/* Another machine's clock. */
uint64_t fake_clock_ns(void)
{
    return clock_elapsed_ns() + 12345 * NS_PER_SEC;
}

struct fake_environment *fake_find(struct fake *fake, const char *name)
{
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) {
        struct fake_environment *e = &fake->environments[i];
        if (e->exists && strcmp(e->name, name) == 0) return e;
    }
    return NULL;
}

static char *sign(const struct fake_key *key, const char *claims)
{
    struct buffer token = {0};
    const char *kid = jwk_kid(key->jwk);
    MUST(jws_append_header(ALG_ES256, bytes_of_text("at+jwt"), bytes_of_text(kid), &token) == JWKD_OK);
    MUST(buffer_append(&token, ".", 1) == JWKD_OK);
    MUST(base64url_append(bytes_of_text(claims), &token) == JWKD_OK);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[128], raw[64];
    size_t size = sizeof der;
    MUST(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1);
    MUST(EVP_DigestSign(context, der, &size, token.data, token.size) == 1);
    EVP_MD_CTX_free(context);
    MUST(ecdsa_from_der(bytes_of(der, size), 32, raw) == JWKD_OK);
    MUST(buffer_append(&token, ".", 1) == JWKD_OK);
    MUST(base64url_append(bytes_of(raw, sizeof raw), &token) == JWKD_OK);
    char *text = bytes_to_text(buffer_bytes(&token));
    buffer_clear(&token);
    return text;
}

char *fake_token(struct fake *fake, const char *name, unsigned key, const char *claims)
{
    char room[512];
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    MUST(e && key < e->key_count);
    if (!claims) {
        long long now = (long long)time(NULL);
        snprintf(room, sizeof room, "{\"iss\":\"%s\",\"sub\":\"somebody\",\"iat\":%lld,\"exp\":%lld}",
            e->issuer, now, now + 3600);
        claims = room;
    }
    char *token = sign(&e->keys[key], claims);
    pthread_mutex_unlock(&fake->lock);
    return token;
}

/* ---- messages */

void fake_fill_state(struct fake *fake, const struct fake_environment *e, Jwkd__V1__State *state)
{
    *state = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    state->epoch = wire_bytes(bytes_of(fake->epoch, sizeof fake->epoch));
    state->environment_id = e->id;
    state->revision = e->revision;
}

const char *fake_primary(const struct fake_environment *e)
{
    for (unsigned i = e->key_count; i-- > 0;)
        if (e->keys[i].active) return jwk_kid(e->keys[i].jwk);
    return "";
}

void fake_fill_environment(
    const struct fake_environment *e, Jwkd__V1__State *state, Jwkd__V1__Environment *out)
{
    *out = (Jwkd__V1__Environment)JWKD__V1__ENVIRONMENT__INIT;
    out->name = wire_text(e->name);
    out->issuer = wire_text(e->issuer);
    out->show_once = e->show_once;
    out->primary_kid = wire_text(fake_primary(e));
    out->state = state;
}

void fake_fill_key(const struct fake_environment *e, const struct fake_key *key, Jwkd__V1__Key *out)
{
    *out = (Jwkd__V1__Key)JWKD__V1__KEY__INIT;
    out->kid = wire_text(jwk_kid(key->jwk));
    out->state = key->active ? JWKD__V1__KEY_STATE__ACTIVE : JWKD__V1__KEY_STATE__DEACTIVATED;
    out->algorithm = wire_text("ES256");
    out->revision = e->revision;
    if (!e->show_once && key->active) out->public_jwk = wire_bytes(jwk_json(key->jwk));
}

/* ---- changes */

void fake_publish(struct fake *fake, struct bytes topic, struct bytes body)
{
    nng_msg *message;
    MUST(nng_msg_alloc(&message, 0) == 0);
    MUST(nng_msg_append(message, topic.data, topic.size) == 0);
    MUST(nng_msg_append(message, body.data, body.size) == 0);
    if (nng_sendmsg(fake->pub, message, 0) != 0) nng_msg_free(message);
}

/* Under the lock: counts the revision, logs its event and sends it. */
static void commit(struct fake *fake, struct fake_environment *e, Jwkd__V1__Change__Kind kind, unsigned key)
{
    e->revision++;
    e->service_revision = ++fake->service_revision;
    MUST(e->revision < FAKE_LOG);
    Jwkd__V1__State state;
    Jwkd__V1__Environment environment;
    Jwkd__V1__Key wire_key;
    Jwkd__V1__Change change = JWKD__V1__CHANGE__INIT, *changes[] = {&change};
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    fake_fill_state(fake, e, &state);
    change.kind = kind;
    if (kind >= JWKD__V1__CHANGE__KIND__KEY_PUBLISHED) {
        fake_fill_key(e, &e->keys[key], &wire_key);
        change.key = &wire_key;
    } else if (kind != JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED) {
        fake_fill_environment(e, &state, &environment);
        change.environment = &environment;
    }
    event.state = &state;
    event.previous_revision = e->revision - 1;
    event.service_revision = fake->service_revision;
    event.environment = e->name;
    event.at = (int64_t)time(NULL);
    event.primary_kid = wire_text(fake_primary(e));
    event.changes = changes;
    event.n_changes = 1;
    struct buffer *logged = &e->log[e->revision]; /* of no run: without a boot id */
    buffer_clear(logged);
    MUST(wire_pack(&event.base, logged) == JWKD_OK);
    if (fake->mute || !fake->up) return;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    event.boot_id = wire_bytes(bytes_of(fake->boot_id, sizeof fake->boot_id));
    MUST(wire_pack(&event.base, &packed) == JWKD_OK);
    fake_publish(fake, bytes_of(e->name, strlen(e->name) + 1), buffer_bytes(&packed));
}

void fake_create_environment(struct fake *fake, const char *name, bool show_once)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake->environments;
    while (e->id)
        MUST(++e < fake->environments + FAKE_ENVIRONMENTS);
    e->exists = true;
    e->id = ++fake->next_id;
    e->show_once = show_once;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->issuer, sizeof e->issuer, "https://%.40s.example", name);
    commit(fake, e, JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED, 0);
    pthread_mutex_unlock(&fake->lock);
}

void fake_delete_environment(struct fake *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    MUST(e);
    commit(fake, e, JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED, 0);
    e->exists = false;
    pthread_mutex_unlock(&fake->lock);
}

void fake_set_issuer(struct fake *fake, const char *name, const char *issuer)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    snprintf(e->issuer, sizeof e->issuer, "%s", issuer);
    commit(fake, e, JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED, 0);
    pthread_mutex_unlock(&fake->lock);
}

unsigned fake_generate(struct fake *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    MUST(e && e->key_count < FAKE_KEYS);
    unsigned number = e->key_count++;
    struct fake_key *key = &e->keys[number];
    key->pkey = EVP_EC_gen("P-256");
    key->active = true;
    MUST(key->pkey && jwk_from_pkey(key->pkey, ALG_ES256, NULL, &key->jwk, NULL) == JWKD_OK);
    commit(fake, e, JWKD__V1__CHANGE__KIND__KEY_PUBLISHED, number);
    pthread_mutex_unlock(&fake->lock);
    return number;
}

void fake_deactivate(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    e->keys[key].active = false;
    commit(fake, e, JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED, key);
    pthread_mutex_unlock(&fake->lock);
}

void fake_change_key(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    commit(fake, fake_find(fake, name), JWKD__V1__CHANGE__KIND__KEY_CHANGED, key);
    pthread_mutex_unlock(&fake->lock);
}

const char *fake_kid(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    const char *kid = jwk_kid(fake_find(fake, name)->keys[key].jwk);
    pthread_mutex_unlock(&fake->lock);
    return kid;
}

const char *fake_jwk(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    const char *json = (const char *)jwk_json(fake_find(fake, name)->keys[key].jwk).data;
    pthread_mutex_unlock(&fake->lock);
    return json;
}

uint64_t fake_revision(struct fake *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    uint64_t revision = fake_find(fake, name)->revision;
    pthread_mutex_unlock(&fake->lock);
    return revision;
}

void fake_repeat_event(struct fake *fake, const char *name, uint64_t revision)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = fake_find(fake, name);
    fake_publish(fake, bytes_of(e->name, strlen(e->name) + 1), buffer_bytes(&e->log[revision]));
    pthread_mutex_unlock(&fake->lock);
}
