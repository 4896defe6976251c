#include "client/fake_service.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <openssl/ec.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "jose/base64url.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "lib/connection/shut.h"

enum { WORKERS = 4 };

struct fake_key {
    EVP_PKEY *pkey;
    struct jwk *jwk;
    bool active;
};

struct fake_environment {
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    char issuer[64];
    bool exists, show_once;
    uint64_t id, revision, service_revision;
    struct fake_key keys[FAKE_KEYS];
    unsigned key_count;
    struct buffer log[FAKE_LOG]; /* packed events, by revision */
    uint64_t log_from;
};

/* A subscriber. */
struct fake_instance {
    uint8_t id[16];
    bool known;
    uint64_t sequence;
    struct {
        bool follows;
        uint64_t environment_id, confirmed;
    } held[FAKE_ENVIRONMENTS];
};

struct fake {
    char directory[64], url[96], events_url[96];
    nng_socket rep, pub;
    bool up;
    struct fake_worker {
        struct fake *fake;
        pthread_t thread;
        nng_ctx context;
        nng_aio *aio;
    } workers[WORKERS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t boot_id[16], epoch[16];
    uint64_t service_revision, next_id;
    struct fake_environment environments[FAKE_ENVIRONMENTS];
    enum fake_mood mood;
    unsigned mood_left, ignored_hellos, connections;
    char *offer;
    uint32_t version;
    bool mute, hold_snapshots, subscribed;
    pthread_t beater;
    bool beat, stop, old, old_statuses;
    uint32_t max_lease_ms, renew_ms, registered_ms;
    struct fake_instance instances[FAKE_INSTANCES];
    struct fake_wish wish;
    unsigned counts[64];
    struct buffer said[64]; /* packed results, by operation */
    uint8_t last_id[16];
    unsigned last_times;
};

static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "the fake service: %s\n", what);
    abort();
}
#define MUST(condition) must(condition, #condition)

static void random_bytes(uint8_t *out, size_t size)
{
    MUST(getrandom(out, size, 0) == (ssize_t)size);
}

static struct fake_environment *find(struct fake *fake, const char *name)
{
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) {
        struct fake_environment *e = &fake->environments[i];
        if (e->exists && strcmp(e->name, name) == 0) return e;
    }
    return NULL;
}

/* ---- tokens */

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
    struct fake_environment *e = find(fake, name);
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

static void fill_state(struct fake *fake, const struct fake_environment *e, Jwkd__V1__State *state)
{
    *state = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
    state->epoch = wire_bytes(bytes_of(fake->epoch, sizeof fake->epoch));
    state->environment_id = e->id;
    state->revision = e->revision;
}

static const char *primary(const struct fake_environment *e)
{
    for (unsigned i = e->key_count; i-- > 0;)
        if (e->keys[i].active) return jwk_kid(e->keys[i].jwk);
    return "";
}

static void fill_environment(
    const struct fake_environment *e, Jwkd__V1__State *state, Jwkd__V1__Environment *out)
{
    *out = (Jwkd__V1__Environment)JWKD__V1__ENVIRONMENT__INIT;
    out->name = wire_text(e->name);
    out->issuer = wire_text(e->issuer);
    out->show_once = e->show_once;
    out->primary_kid = wire_text(primary(e));
    out->state = state;
}

static void fill_key(const struct fake_environment *e, const struct fake_key *key, Jwkd__V1__Key *out)
{
    *out = (Jwkd__V1__Key)JWKD__V1__KEY__INIT;
    out->kid = wire_text(jwk_kid(key->jwk));
    out->state = key->active ? JWKD__V1__KEY_STATE__ACTIVE : JWKD__V1__KEY_STATE__DEACTIVATED;
    out->algorithm = wire_text("ES256");
    out->revision = e->revision;
    if (!e->show_once && key->active) out->public_jwk = wire_bytes(jwk_json(key->jwk));
}

/* ---- changes */

static void send_to_all(struct fake *fake, struct bytes topic, struct bytes body)
{
    nng_msg *message;
    MUST(nng_msg_alloc(&message, 0) == 0);
    MUST(nng_msg_append(message, topic.data, topic.size) == 0);
    MUST(nng_msg_append(message, body.data, body.size) == 0);
    if (nng_sendmsg(fake->pub, message, 0) != 0) nng_msg_free(message);
}

void fake_publish(struct fake *fake, struct bytes topic, struct bytes body)
{
    send_to_all(fake, topic, body);
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
    fill_state(fake, e, &state);
    change.kind = kind;
    if (kind >= JWKD__V1__CHANGE__KIND__KEY_PUBLISHED) {
        fill_key(e, &e->keys[key], &wire_key);
        change.key = &wire_key;
    } else if (kind != JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED) {
        fill_environment(e, &state, &environment);
        change.environment = &environment;
    }
    event.state = &state;
    event.previous_revision = e->revision - 1;
    event.service_revision = fake->service_revision;
    event.environment = e->name;
    event.at = (int64_t)time(NULL);
    event.primary_kid = wire_text(primary(e));
    event.changes = changes;
    event.n_changes = 1;
    struct buffer *logged = &e->log[e->revision]; /* of no run: without a boot id */
    buffer_clear(logged);
    MUST(wire_pack(&event.base, logged) == JWKD_OK);
    if (fake->mute || !fake->up) return;
    CLEANUP(buffer_clear) struct buffer packed = {0};
    event.boot_id = wire_bytes(bytes_of(fake->boot_id, sizeof fake->boot_id));
    MUST(wire_pack(&event.base, &packed) == JWKD_OK);
    send_to_all(fake, bytes_of(e->name, strlen(e->name) + 1), buffer_bytes(&packed));
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
    struct fake_environment *e = find(fake, name);
    MUST(e);
    commit(fake, e, JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED, 0);
    e->exists = false;
    pthread_mutex_unlock(&fake->lock);
}

void fake_set_issuer(struct fake *fake, const char *name, const char *issuer)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = find(fake, name);
    snprintf(e->issuer, sizeof e->issuer, "%s", issuer);
    commit(fake, e, JWKD__V1__CHANGE__KIND__ENVIRONMENT_UPDATED, 0);
    pthread_mutex_unlock(&fake->lock);
}

unsigned fake_generate(struct fake *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = find(fake, name);
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
    struct fake_environment *e = find(fake, name);
    e->keys[key].active = false;
    commit(fake, e, JWKD__V1__CHANGE__KIND__KEY_DEACTIVATED, key);
    pthread_mutex_unlock(&fake->lock);
}

void fake_change_key(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    commit(fake, find(fake, name), JWKD__V1__CHANGE__KIND__KEY_CHANGED, key);
    pthread_mutex_unlock(&fake->lock);
}

const char *fake_kid(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    const char *kid = jwk_kid(find(fake, name)->keys[key].jwk);
    pthread_mutex_unlock(&fake->lock);
    return kid;
}

const char *fake_jwk(struct fake *fake, const char *name, unsigned key)
{
    pthread_mutex_lock(&fake->lock);
    const char *json = (const char *)jwk_json(find(fake, name)->keys[key].jwk).data;
    pthread_mutex_unlock(&fake->lock);
    return json;
}

uint64_t fake_revision(struct fake *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    uint64_t revision = find(fake, name)->revision;
    pthread_mutex_unlock(&fake->lock);
    return revision;
}

void fake_repeat_event(struct fake *fake, const char *name, uint64_t revision)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_environment *e = find(fake, name);
    send_to_all(fake, bytes_of(e->name, strlen(e->name) + 1), buffer_bytes(&e->log[revision]));
    pthread_mutex_unlock(&fake->lock);
}

/* Another machine's clock. */
static uint64_t fake_clock_ns(void)
{
    return clock_elapsed_ns() + 12345 * NS_PER_SEC;
}

/* Under the lock. */
static void send_heartbeat(struct fake *fake)
{
    uint64_t stamp_ns = fake_clock_ns();
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    Jwkd__V1__Heartbeat__Item items[FAKE_ENVIRONMENTS], *pointers[FAKE_ENVIRONMENTS];
    Jwkd__V1__State states[FAKE_ENVIRONMENTS];
    for (size_t i = 0; i < FAKE_ENVIRONMENTS && fake->environments[i].id; i++) {
        fill_state(fake, &fake->environments[i], &states[i]);
        items[i] = (Jwkd__V1__Heartbeat__Item)JWKD__V1__HEARTBEAT__ITEM__INIT;
        items[i].environment = fake->environments[i].name;
        items[i].state = &states[i];
        pointers[heartbeat.n_changed++] = &items[i];
    }
    heartbeat.changed = pointers;
    heartbeat.boot_id = wire_bytes(bytes_of(fake->boot_id, sizeof fake->boot_id));
    heartbeat.epoch = wire_bytes(bytes_of(fake->epoch, sizeof fake->epoch));
    heartbeat.stamp_ns = stamp_ns;
    heartbeat.service_revision = fake->service_revision;
    struct buffer packed = {0};
    MUST(wire_pack(&heartbeat.base, &packed) == JWKD_OK);
    send_to_all(fake, WIRE_HEARTBEAT_TOPIC, buffer_bytes(&packed));
    buffer_clear(&packed);
}

void fake_heartbeat(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    send_heartbeat(fake);
    pthread_mutex_unlock(&fake->lock);
}

static void *beat(void *argument)
{
    static const struct timespec PAUSE = {.tv_nsec = 10 * 1000 * 1000};
    struct fake *fake = argument;
    bool stop;
    do {
        pthread_mutex_lock(&fake->lock);
        if (fake->up && fake->beat && !fake->mute) send_heartbeat(fake);
        stop = fake->stop;
        pthread_mutex_unlock(&fake->lock);
        nanosleep(&PAUSE, NULL);
    } while (!stop);
    return NULL;
}

/* ---- subscribers */

static struct fake_instance *find_instance(struct fake *fake, struct bytes id)
{
    for (size_t i = 0; i < FAKE_INSTANCES; i++)
        if (fake->instances[i].known && bytes_equal(id, bytes_of(fake->instances[i].id, 16)))
            return &fake->instances[i];
    return NULL;
}

static struct fake_instance *register_instance(struct fake *fake, const Jwkd__V1__HelloRequest *hello)
{
    struct fake_instance *instance = find_instance(fake, wire_view(hello->instance_id));
    fake->wish = (struct fake_wish){
        .lease_ms = hello->lease_ms, .serves_stale = hello->serves_stale, .went_on = instance != NULL};
    snprintf(fake->wish.name, sizeof fake->wish.name, "%s", hello->client);
    if (instance) return instance;
    instance = fake->instances;
    while (instance->known)
        MUST(++instance < fake->instances + FAKE_INSTANCES);
    *instance = (struct fake_instance){.known = true};
    random_bytes(instance->id, sizeof instance->id);
    return instance;
}

static void forget_instances(struct fake *fake)
{
    memset(fake->instances, 0, sizeof fake->instances);
}

unsigned fake_subscribers(struct fake *fake)
{
    unsigned count = 0;
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < FAKE_INSTANCES; i++)
        count += fake->instances[i].known;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

struct fake_wish fake_last_wish(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_wish wish = fake->wish;
    pthread_mutex_unlock(&fake->lock);
    return wish;
}

/* How many follow the environment; and of these, have confirmed the revision. */
static unsigned count_followers(
    struct fake *fake, const char *name, uint64_t revision, unsigned *out_confirmed)
{
    const struct fake_environment *e = find(fake, name);
    MUST(e);
    size_t place = (size_t)(e - fake->environments);
    unsigned follow = 0;
    *out_confirmed = 0;
    for (size_t i = 0; i < FAKE_INSTANCES; i++) {
        const struct fake_instance *instance = &fake->instances[i];
        if (!instance->known || !instance->held[place].follows) continue;
        follow++;
        *out_confirmed +=
            instance->held[place].environment_id == e->id && instance->held[place].confirmed >= revision;
    }
    return follow;
}

void fake_await_confirmed(struct fake *fake, const char *name, uint64_t revision)
{
    unsigned confirmed, follow;
    pthread_mutex_lock(&fake->lock);
    while ((follow = count_followers(fake, name, revision, &confirmed)) == 0 || confirmed < follow)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

void fake_await_unfollowed(struct fake *fake, const char *name)
{
    unsigned confirmed;
    pthread_mutex_lock(&fake->lock);
    while (count_followers(fake, name, 0, &confirmed) > 0)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

/* ---- answers; each packs its reply itself, since the parts live on its stack */

static void pack(Jwkd__V1__Reply *reply, struct buffer *out)
{
    MUST(wire_pack(&reply->base, out) == JWKD_OK);
}

static void answer_status(Jwkd__V1__Reply *reply, Jwkd__V1__Status status, struct buffer *out)
{
    reply->status = status;
    reply->message = wire_text("as\nordered");
    pack(reply, out);
}

/* Whoever asks through the library says in every request that it knows newer statuses. */
static void answer_not_registered(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    answer_status(
        reply, fake->old_statuses ? JWKD__V1__STATUS__NOT_FOUND : JWKD__V1__STATUS__NOT_REGISTERED, out);
}

static void answer_hello(
    struct fake *fake, const Jwkd__V1__HelloRequest *request, Jwkd__V1__Reply *reply, struct buffer *out)
{
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    char *urls[] = {wire_text("tcp://:4317"), fake->offer ? fake->offer : fake->events_url};
    hello.min_version = hello.max_version = fake->version;
    hello.boot_id = wire_bytes(bytes_of(fake->boot_id, sizeof fake->boot_id));
    hello.epoch = wire_bytes(bytes_of(fake->epoch, sizeof fake->epoch));
    hello.clock_ns = fake_clock_ns();
    hello.events_urls = urls;
    hello.n_events_urls = 2;
    hello.service_revision = fake->service_revision;
    if (request && request->subscribe && !fake->old) {
        struct fake_instance *instance = register_instance(fake, request);
        bool shorter = request->lease_ms && request->lease_ms < fake->max_lease_ms;
        hello.instance_id = wire_bytes(bytes_of(instance->id, sizeof instance->id));
        hello.lease_ms = shorter ? request->lease_ms : fake->max_lease_ms;
        hello.renew_ms = fake->renew_ms;
        hello.registered_ms = fake->registered_ms;
    }
    reply->result_case = JWKD__V1__REPLY__RESULT_HELLO;
    reply->hello = &hello;
    pack(reply, out);
}

/* False: it is not registered. */
static bool begin_following(
    struct fake *fake, const Jwkd__V1__GetJwksRequest *get, const struct fake_environment *e)
{
    if (get->instance_id.len == 0) return true;
    struct fake_instance *instance = find_instance(fake, wire_view(get->instance_id));
    if (!instance) return false;
    MUST(get->sequence > instance->sequence);
    instance->sequence = get->sequence;
    size_t place = (size_t)(e - fake->environments);
    if (instance->held[place].follows && instance->held[place].environment_id == e->id) return true;
    instance->held[place].follows = true;
    instance->held[place].environment_id = e->id;
    instance->held[place].confirmed = 0;
    return true;
}

static void answer_renewal(
    struct fake *fake, const Jwkd__V1__RenewRequest *renew, Jwkd__V1__Reply *reply, struct buffer *out)
{
    struct fake_instance *instance = find_instance(fake, wire_view(renew->instance_id));
    if (!instance) {
        answer_not_registered(fake, reply, out);
        return;
    }
    MUST(renew->sequence > instance->sequence);
    instance->sequence = renew->sequence;
    memset(instance->held, 0, sizeof instance->held);
    for (size_t i = 0; i < renew->n_held; i++) {
        const struct fake_environment *e = find(fake, renew->held[i]->environment);
        if (!e || !bytes_equal(wire_view(renew->held[i]->state->epoch), bytes_of(fake->epoch, 16))) continue;
        size_t place = (size_t)(e - fake->environments);
        const Jwkd__V1__State *state = renew->held[i]->state;
        bool present = state->environment_id == e->id; /* not one that had the name before */
        MUST(!instance->held[place].follows && (!present || state->revision <= e->revision));
        instance->held[place].follows = true;
        instance->held[place].environment_id = state->environment_id;
        instance->held[place].confirmed = present ? state->revision : 0;
    }
    Jwkd__V1__RenewReply renewed = JWKD__V1__RENEW_REPLY__INIT;
    renewed.clock_ns = fake_clock_ns();
    reply->result_case = JWKD__V1__REPLY__RESULT_RENEWED;
    reply->renewed = &renewed;
    pack(reply, out);
}

static void answer_jwks(
    struct fake *fake, const Jwkd__V1__GetJwksRequest *get, Jwkd__V1__Reply *reply, struct buffer *out)
{
    const struct fake_environment *e = find(fake, get->environment);
    if (!e) {
        answer_status(reply, JWKD__V1__STATUS__NOT_FOUND, out);
        return;
    }
    if (!begin_following(fake, get, e)) {
        answer_not_registered(fake, reply, out);
        return;
    }
    struct buffer text = {0};
    char *deactivated[FAKE_KEYS], *withheld[FAKE_KEYS];
    Jwkd__V1__State state;
    Jwkd__V1__Environment environment;
    Jwkd__V1__JwksReply jwks = JWKD__V1__JWKS_REPLY__INIT;
    MUST(buffer_append_text(&text, "{\"keys\":[") == JWKD_OK);
    for (unsigned i = 0; i < e->key_count; i++) {
        char *kid = wire_text(jwk_kid(e->keys[i].jwk));
        if (!e->keys[i].active) {
            deactivated[jwks.n_deactivated++] = kid;
        } else if (e->show_once) {
            withheld[jwks.n_withheld++] = kid;
        } else {
            if (text.data[text.size - 1] == '}') MUST(buffer_append_text(&text, ",") == JWKD_OK);
            MUST(buffer_append_bytes(&text, jwk_json(e->keys[i].jwk)) == JWKD_OK);
        }
    }
    MUST(buffer_append_text(&text, "]}") == JWKD_OK);
    fill_state(fake, e, &state);
    fill_environment(e, &state, &environment);
    jwks.state = &state;
    jwks.environment = &environment;
    jwks.jwks = wire_bytes(buffer_bytes(&text));
    jwks.primary_kid = wire_text(primary(e));
    jwks.deactivated = deactivated;
    jwks.withheld = withheld;
    jwks.service_revision = fake->service_revision;
    reply->result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply->jwks = &jwks;
    pack(reply, out);
    buffer_clear(&text);
}

static void answer_changes(
    struct fake *fake, const Jwkd__V1__GetChangesRequest *get, Jwkd__V1__Reply *reply, struct buffer *out)
{
    enum { PAGE = 2 };
    const struct fake_environment *e = find(fake, get->environment);
    if (!e) {
        answer_status(reply, JWKD__V1__STATUS__NOT_FOUND, out);
        return;
    }
    if (!bytes_equal(wire_view(get->since->epoch), bytes_of(fake->epoch, 16)) ||
        get->since->environment_id != e->id || get->since->revision < e->log_from) {
        answer_status(reply, JWKD__V1__STATUS__COMPACTED, out);
        return;
    }
    Jwkd__V1__State state;
    Jwkd__V1__Event *events[PAGE];
    struct arena arenas[PAGE] = {0};
    Jwkd__V1__ChangesReply changes = JWKD__V1__CHANGES_REPLY__INIT;
    fill_state(fake, e, &state);
    changes.state = &state;
    changes.events = events;
    for (uint64_t r = get->since->revision + 1; r <= e->revision; r++) {
        if (changes.n_events == PAGE) {
            changes.more = true;
            break;
        }
        ProtobufCMessage *event;
        MUST(wire_unpack(&jwkd__v1__event__descriptor, buffer_bytes(&e->log[r]), &arenas[changes.n_events],
                 &event) == JWKD_OK);
        events[changes.n_events++] = (Jwkd__V1__Event *)event;
    }
    reply->result_case = JWKD__V1__REPLY__RESULT_CHANGES;
    reply->changes = &changes;
    pack(reply, out);
    for (size_t i = 0; i < PAGE; i++)
        arena_clear(&arenas[i]);
}

static void answer_environments(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    Jwkd__V1__State states[FAKE_ENVIRONMENTS];
    Jwkd__V1__Environment rows[FAKE_ENVIRONMENTS], *pointers[FAKE_ENVIRONMENTS];
    Jwkd__V1__ListEnvironmentsReply list = JWKD__V1__LIST_ENVIRONMENTS_REPLY__INIT;
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) {
        const struct fake_environment *e = &fake->environments[i];
        if (!e->exists) continue;
        fill_state(fake, e, &states[i]);
        fill_environment(e, &states[i], &rows[i]);
        pointers[list.n_environments++] = &rows[i];
    }
    list.environments = pointers;
    reply->result_case = JWKD__V1__REPLY__RESULT_ENVIRONMENTS;
    reply->environments = &list;
    pack(reply, out);
}

/* The "token" of a claims set is the claims set itself, so that a caller can tell its own; claims "bad" are
 * refused. */
static void answer_sign(
    const Jwkd__V1__SignRequest *sign_request, Jwkd__V1__Reply *reply, bool too_few, struct buffer *out)
{
    Jwkd__V1__SignedToken tokens[LIMIT_BATCH], *pointers[LIMIT_BATCH];
    char texts[LIMIT_BATCH][64];
    Jwkd__V1__SignReply signed_reply = JWKD__V1__SIGN_REPLY__INIT;
    MUST(sign_request->n_items <= LIMIT_BATCH);
    for (size_t i = 0; i < sign_request->n_items; i++) {
        struct bytes claims = wire_view(sign_request->items[i]->claims);
        tokens[i] = (Jwkd__V1__SignedToken)JWKD__V1__SIGNED_TOKEN__INIT;
        pointers[i] = &tokens[i];
        snprintf(texts[i], sizeof texts[i], "%.*s", (int)(claims.size < 60 ? claims.size : 60),
            (const char *)claims.data);
        if (bytes_equal_text(claims, "bad")) {
            tokens[i].status = JWKD__V1__STATUS__MALFORMED;
            tokens[i].message = wire_text("not an object");
        } else {
            tokens[i].token = texts[i];
        }
    }
    signed_reply.tokens = pointers;
    signed_reply.n_tokens = sign_request->n_items - (too_few ? 1 : 0);
    reply->result_case = JWKD__V1__REPLY__RESULT_SIGNED;
    reply->signed_ = &signed_reply;
    pack(reply, out);
}

static void answer_generate(struct fake *fake, Jwkd__V1__Reply *reply, struct buffer *out)
{
    const struct fake_environment *e = &fake->environments[0];
    Jwkd__V1__State state;
    Jwkd__V1__Key key;
    Jwkd__V1__KeyReply key_reply = JWKD__V1__KEY_REPLY__INIT;
    fill_state(fake, e, &state);
    fill_key(e, &e->keys[0], &key);
    key_reply.key = &key;
    key_reply.state = &state;
    reply->result_case = JWKD__V1__REPLY__RESULT_KEY;
    reply->key = &key_reply;
    pack(reply, out);
}

void fake_say(struct fake *fake, Jwkd__V1__Request__OperationCase operation, const Jwkd__V1__Reply *result)
{
    struct buffer packed = {0};
    MUST(wire_pack(&result->base, &packed) == JWKD_OK);
    pthread_mutex_lock(&fake->lock);
    buffer_clear(&fake->said[operation & 63]);
    fake->said[operation & 63] = packed;
    pthread_mutex_unlock(&fake->lock);
}

/* Two messages one behind the other are one with the members of both. */
static void answer_as_told(const struct buffer *said, Jwkd__V1__Reply *reply, struct buffer *out)
{
    pack(reply, out);
    MUST(buffer_append_bytes(out, buffer_bytes(said)) == JWKD_OK);
}

static void answer(struct fake *fake, const Jwkd__V1__Request *request, bool too_few, Jwkd__V1__Reply *reply,
    struct buffer *out)
{
    MUST(request->n_understands == 1 && request->understands[0] == WIRE_NEW_STATUSES);
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO)
        answer_hello(fake, request->hello, reply, out);
    else if (request->deadline_ns && !bytes_equal(wire_view(request->boot_id), bytes_of(fake->boot_id, 16)))
        answer_status(reply, JWKD__V1__STATUS__WRONG_BOOT, out);
    else if (fake->said[request->operation_case & 63].size)
        answer_as_told(&fake->said[request->operation_case & 63], reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_JWKS)
        answer_jwks(fake, request->get_jwks, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_RENEW)
        answer_renewal(fake, request->renew, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_CHANGES)
        answer_changes(fake, request->get_changes, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS)
        answer_environments(fake, reply, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_SIGN)
        answer_sign(request->sign, reply, too_few, out);
    else if (request->operation_case == JWKD__V1__REQUEST__OPERATION_GENERATE)
        answer_generate(fake, reply, out);
    else
        answer_status(reply, JWKD__V1__STATUS__UNSUPPORTED, out);
}

/* ---- misbehaving */

static enum fake_mood next_mood(struct fake *fake, const Jwkd__V1__Request *request)
{
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO) {
        if (fake->ignored_hellos == 0) return FAKE_WELL;
        fake->ignored_hellos--;
        return FAKE_SILENT;
    }
    if (fake->mood_left == 0) return FAKE_WELL;
    fake->mood_left--;
    return fake->mood;
}

static void count(struct fake *fake, const Jwkd__V1__Request *request)
{
    fake->counts[request->operation_case & 63]++;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_HELLO) return;
    bool again = bytes_equal(wire_view(request->request_id), bytes_of(fake->last_id, 16));
    fake->last_times = again ? fake->last_times + 1 : 1;
    MUST(request->request_id.len == 16 && request->version == WIRE_VERSION);
    memcpy(fake->last_id, request->request_id.data, 16);
}

/* False: no answer. */
static bool respond(
    struct fake *fake, const Jwkd__V1__Request *request, enum fake_mood *out_mood, struct buffer *out)
{
    pthread_mutex_lock(&fake->lock);
    count(fake, request);
    pthread_cond_broadcast(&fake->changed);
    while (
        fake->hold_snapshots && fake->up && request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_JWKS)
        pthread_cond_wait(&fake->changed, &fake->lock);
    enum fake_mood mood = *out_mood = next_mood(fake, request);
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    uint8_t id[16];
    memcpy(id, request->request_id.data, 16);
    if (mood == FAKE_WRONG_ID) id[0] ^= 1;
    reply.version = mood == FAKE_WRONG_VERSION ? WIRE_VERSION + 1 : WIRE_VERSION;
    reply.request_id = wire_bytes(bytes_of(id, sizeof id));
    if (mood == FAKE_BUSY)
        answer_status(&reply, JWKD__V1__STATUS__BUSY, out);
    else if (mood == FAKE_IN_PROGRESS)
        answer_status(&reply, JWKD__V1__STATUS__IN_PROGRESS, out);
    else if (mood == FAKE_OTHER_RESULT)
        answer_hello(fake, NULL, &reply, out);
    else
        answer(fake, request, mood == FAKE_TOO_FEW, &reply, out);
    if (mood == FAKE_GARBAGE) memset(out->data, 0xff, out->size);
    pthread_cond_broadcast(&fake->changed); /* somebody may wait for what the answer tells */
    bool up = fake->up;
    pthread_mutex_unlock(&fake->lock);
    return up && mood != FAKE_SILENT && mood != FAKE_HANGS_UP;
}

static void serve(struct fake *fake, nng_ctx context, nng_aio *aio, nng_msg *message)
{
    struct arena arena;
    ProtobufCMessage *request;
    struct buffer out = {0};
    enum fake_mood mood;
    MUST(wire_unpack(&jwkd__v1__request__descriptor, bytes_of(nng_msg_body(message), nng_msg_len(message)),
             &arena, &request) == JWKD_OK);
    if (respond(fake, (const Jwkd__V1__Request *)request, &mood, &out)) {
        nng_msg_clear(message);
        MUST(nng_msg_append(message, out.data, out.size) == 0);
        nng_aio_set_msg(aio, message);
        nng_ctx_send(context, aio);
        nng_aio_wait(aio);
        if (nng_aio_result(aio) != 0) nng_msg_free(nng_aio_get_msg(aio));
    } else {
        if (mood == FAKE_HANGS_UP) nng_pipe_close(nng_msg_get_pipe(message));
        nng_msg_free(message);
    }
    buffer_clear(&out);
    arena_clear(&arena);
}

static void *work(void *argument)
{
    struct fake_worker *worker = argument;
    for (;;) {
        nng_ctx_recv(worker->context, worker->aio);
        nng_aio_wait(worker->aio);
        if (nng_aio_result(worker->aio) != 0) return NULL;
        serve(worker->fake, worker->context, worker->aio, nng_aio_get_msg(worker->aio));
    }
}

/* ---- running */

static void on_subscriber(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    (void)pipe;
    (void)event;
    struct fake *fake = argument;
    pthread_mutex_lock(&fake->lock);
    fake->subscribed = true;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}

static void on_connection(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    (void)pipe;
    (void)event;
    struct fake *fake = argument;
    pthread_mutex_lock(&fake->lock);
    fake->connections++;
    pthread_mutex_unlock(&fake->lock);
}

unsigned fake_connections(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    unsigned connections = fake->connections;
    pthread_mutex_unlock(&fake->lock);
    return connections;
}

void fake_await_subscriber(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    while (!fake->subscribed)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

void fake_up(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->subscribed = false;
    random_bytes(fake->boot_id, sizeof fake->boot_id);
    forget_instances(fake);
    MUST(nng_rep0_open(&fake->rep) == 0 && nng_pub0_open(&fake->pub) == 0);
    MUST(nng_socket_set_int(fake->pub, NNG_OPT_SENDBUF, 1024) == 0);
    MUST(nng_pipe_notify(fake->pub, NNG_PIPE_EV_ADD_POST, on_subscriber, fake) == 0);
    MUST(nng_pipe_notify(fake->rep, NNG_PIPE_EV_ADD_POST, on_connection, fake) == 0);
    MUST(nng_listen(fake->pub, fake->events_url, NULL, 0) == 0 &&
         nng_listen(fake->rep, fake->url, NULL, 0) == 0);
    fake->up = true;
    for (size_t i = 0; i < WORKERS; i++) {
        struct fake_worker *worker = &fake->workers[i];
        worker->fake = fake;
        MUST(nng_ctx_open(&worker->context, fake->rep) == 0 && nng_aio_alloc(&worker->aio, NULL, NULL) == 0);
        MUST(pthread_create(&worker->thread, NULL, work, worker) == 0);
    }
    pthread_mutex_unlock(&fake->lock);
}

void fake_down(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    bool was_up = fake->up;
    fake->up = false;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
    if (!was_up) return;
    /* What has arrived is taken first, and not answered: closing a socket with a request that nobody has
     * taken can last as long as shut() lets it. */
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    /* Workers first: nng 1.5.2 panics when a context is used while its socket is being closed. */
    for (size_t i = 0; i < WORKERS; i++)
        nng_aio_stop(fake->workers[i].aio);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(fake->workers[i].thread, NULL);
        nng_aio_free(fake->workers[i].aio);
    }
    shut(fake->rep); /* and the contexts with it */
    shut(fake->pub);
}

/* ---- its directory, which goes with the process even if no teardown is reached */

enum { SCHEME = sizeof "ipc://" - 1 };

static struct fake *last;
static pid_t owner; /* of the directory: a child that a test forks must leave it alone */

static void remove_directory(void)
{
    if (!last || owner != getpid()) return;
    unlink(last->url + SCHEME);
    unlink(last->events_url + SCHEME);
    rmdir(last->directory);
    last = NULL;
}

static void on_end(int number)
{
    remove_directory();
    signal(number, SIG_DFL);
    raise(number);
}

static void make_directory(struct fake *fake)
{
    remove_directory(); /* of one that a failed setup left running */
    strcpy(fake->directory, "/tmp/jwkd-fake-XXXXXX");
    MUST(mkdtemp(fake->directory));
    snprintf(fake->url, sizeof fake->url, "ipc://%s/rpc.sock", fake->directory);
    snprintf(fake->events_url, sizeof fake->events_url, "ipc://%s/events.sock", fake->directory);
    last = fake;
    if (owner != getpid()) MUST(atexit(remove_directory) == 0);
    owner = getpid();
    signal(SIGABRT, on_end);
    signal(SIGTERM, on_end);
    signal(SIGINT, on_end);
}

struct fake *fake_start(void)
{
    struct fake *fake = calloc(1, sizeof *fake);
    MUST(fake);
    make_directory(fake);
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->changed, NULL);
    random_bytes(fake->epoch, sizeof fake->epoch);
    fake->version = WIRE_VERSION;
    fake->beat = true;
    fake->max_lease_ms = 30000;
    fake->renew_ms = 60000;
    fake->registered_ms = 120000;
    fake_up(fake);
    MUST(pthread_create(&fake->beater, NULL, beat, fake) == 0);
    return fake;
}

void fake_stop(struct fake *fake)
{
    fake_down(fake);
    pthread_mutex_lock(&fake->lock);
    fake->stop = true;
    pthread_mutex_unlock(&fake->lock);
    pthread_join(fake->beater, NULL);
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) {
        struct fake_environment *e = &fake->environments[i];
        for (unsigned k = 0; k < e->key_count; k++) {
            EVP_PKEY_free(e->keys[k].pkey);
            jwk_unref(e->keys[k].jwk);
        }
        for (size_t r = 0; r < FAKE_LOG; r++)
            buffer_clear(&e->log[r]);
    }
    for (size_t i = 0; i < sizeof fake->said / sizeof *fake->said; i++)
        buffer_clear(&fake->said[i]);
    remove_directory();
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->lock);
    free(fake->offer);
    free(fake);
}

const char *fake_url(const struct fake *fake)
{
    return fake->url;
}
const char *fake_directory(const struct fake *fake)
{
    return fake->directory;
}

#define SETTER(declaration, statement)          \
    declaration                                 \
    {                                           \
        pthread_mutex_lock(&fake->lock);        \
        statement;                              \
        pthread_cond_broadcast(&fake->changed); \
        pthread_mutex_unlock(&fake->lock);      \
    }
SETTER(void fake_change_boot(struct fake *fake), random_bytes(fake->boot_id, sizeof fake->boot_id);
       forget_instances(fake))
SETTER(void fake_forget_subscribers(struct fake *fake), forget_instances(fake))
SETTER(void fake_beat(struct fake *fake, bool beat_on), fake->beat = beat_on)
SETTER(void fake_grow_old(struct fake *fake, bool old), fake->old = old)
SETTER(void fake_use_old_statuses(struct fake *fake), fake->old_statuses = true)
SETTER(void fake_grant(struct fake *fake, uint32_t max_lease_ms, uint32_t renew_ms, uint32_t registered_ms),
       fake->max_lease_ms = max_lease_ms;
       fake->renew_ms = renew_ms; fake->registered_ms = registered_ms)
SETTER(void fake_change_epoch(struct fake *fake), random_bytes(fake->epoch, sizeof fake->epoch))
SETTER(void fake_misbehave(struct fake *fake, enum fake_mood mood, unsigned times), fake->mood = mood;
       fake->mood_left = times)
SETTER(void fake_offer(struct fake *fake, const char *events_url), free(fake->offer);
       fake->offer = events_url ? strdup(events_url) : NULL)
SETTER(void fake_ignore_hellos(struct fake *fake, unsigned times), fake->ignored_hellos = times)
SETTER(void fake_speak_version(struct fake *fake, uint32_t version), fake->version = version)
SETTER(void fake_mute(struct fake *fake, bool mute), fake->mute = mute)
SETTER(void fake_hold_snapshots(struct fake *fake, bool hold), fake->hold_snapshots = hold)
SETTER(void fake_compact(struct fake *fake),
    for (size_t i = 0; i < FAKE_ENVIRONMENTS; i++) fake->environments[i].log_from =
        fake->environments[i].revision)

void fake_hush(struct fake *fake)
{
    fake_mute(fake, true);
    nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
}

unsigned fake_count(struct fake *fake, Jwkd__V1__Request__OperationCase operation)
{
    pthread_mutex_lock(&fake->lock);
    unsigned seen = fake->counts[operation & 63];
    pthread_mutex_unlock(&fake->lock);
    return seen;
}

void fake_await(struct fake *fake, Jwkd__V1__Request__OperationCase operation, unsigned count)
{
    pthread_mutex_lock(&fake->lock);
    while (fake->counts[operation & 63] < count)
        pthread_cond_wait(&fake->changed, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

void fake_last_id(struct fake *fake, uint8_t out[16], unsigned *out_times)
{
    pthread_mutex_lock(&fake->lock);
    memcpy(out, fake->last_id, 16);
    *out_times = fake->last_times;
    pthread_mutex_unlock(&fake->lock);
}
