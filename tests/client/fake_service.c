#include "client/fake_service.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client/fake_inside.h"
#include "lib/connection/shut.h"

/* ---- heartbeats */

/* Under the lock. */
static void send_heartbeat(struct fake *fake)
{
    uint64_t stamp_ns = fake_clock_ns();
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    Jwkd__V1__Heartbeat__Item items[FAKE_ENVIRONMENTS], *pointers[FAKE_ENVIRONMENTS];
    Jwkd__V1__State states[FAKE_ENVIRONMENTS];
    for (size_t i = 0; i < FAKE_ENVIRONMENTS && fake->environments[i].id; i++) {
        fake_fill_state(fake, &fake->environments[i], &states[i]);
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
    fake_publish(fake, WIRE_HEARTBEAT_TOPIC, buffer_bytes(&packed));
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
    buffer_clear(&fake->last_request);
    MUST(wire_pack(&request->base, &fake->last_request) == JWKD_OK);
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
    if (mood == FAKE_BUSY) reply.retry_after_ms = fake->retry_after_ms;
    if (mood == FAKE_BUSY)
        fake_answer_status(&reply, JWKD__V1__STATUS__BUSY, out);
    else if (mood == FAKE_IN_PROGRESS)
        fake_answer_status(&reply, JWKD__V1__STATUS__IN_PROGRESS, out);
    else if (mood == FAKE_OTHER_RESULT)
        fake_answer_hello(fake, NULL, &reply, out);
    else
        fake_answer(fake, request, mood == FAKE_TOO_FEW, &reply, out);
    if (mood == FAKE_GARBAGE) memset(out->data, 0xff, out->size);
    pthread_cond_broadcast(&fake->changed); /* a test may wait for what the request changed */
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
    fake_random(fake->boot_id, sizeof fake->boot_id);
    fake_forget_all(fake);
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
    /* The workers get a moment to take what has arrived; they do not answer it. Closing a socket with an
     * untaken request can last as long as shut() lets it. */
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
    fake_random(fake->epoch, sizeof fake->epoch);
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
    for (size_t i = 0; i < sizeof fake->said / sizeof *fake->said; i++) {
        buffer_clear(&fake->said[i]);
        buffer_clear(&fake->said_then[i]);
    }
    buffer_clear(&fake->last_request);
    remove_directory();
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->lock);
    free(fake->offer);
    free(fake->nothing_for);
    free(fake->credential);
    free(fake);
}

/* ---- what it is told */

static void keep_result(struct fake *fake, struct buffer *place, const Jwkd__V1__Reply *result)
{
    struct buffer packed = {0};
    MUST(wire_pack(&result->base, &packed) == JWKD_OK);
    pthread_mutex_lock(&fake->lock);
    buffer_clear(place);
    *place = packed;
    pthread_mutex_unlock(&fake->lock);
}

void fake_say(struct fake *fake, Jwkd__V1__Request__OperationCase operation, const Jwkd__V1__Reply *result)
{
    keep_result(fake, &fake->said[operation & 63], result);
}

void fake_say_then(
    struct fake *fake, Jwkd__V1__Request__OperationCase operation, const Jwkd__V1__Reply *result)
{
    keep_result(fake, &fake->said_then[operation & 63], result);
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
SETTER(void fake_change_boot(struct fake *fake), fake_random(fake->boot_id, sizeof fake->boot_id);
       fake_forget_all(fake))
SETTER(void fake_forget_subscribers(struct fake *fake), fake_forget_all(fake))
SETTER(void fake_beat(struct fake *fake, bool beat_on), fake->beat = beat_on)
SETTER(void fake_grow_old(struct fake *fake, bool old), fake->old = old)
SETTER(void fake_use_old_statuses(struct fake *fake), fake->old_statuses = true)
SETTER(void fake_grant(struct fake *fake, uint32_t max_lease_ms, uint32_t renew_ms, uint32_t registered_ms),
       fake->max_lease_ms = max_lease_ms;
       fake->renew_ms = renew_ms; fake->registered_ms = registered_ms)
SETTER(void fake_change_epoch(struct fake *fake), fake_random(fake->epoch, sizeof fake->epoch))
SETTER(void fake_misbehave(struct fake *fake, enum fake_mood mood, unsigned times), fake->mood = mood;
       fake->mood_left = times)
SETTER(void fake_offer(struct fake *fake, const char *events_url), free(fake->offer);
       fake->offer = events_url ? strdup(events_url) : NULL)
SETTER(void fake_offer_nothing(struct fake *fake, const char *principal), free(fake->nothing_for);
       fake->nothing_for = strdup(principal))
SETTER(void fake_offer_something(struct fake *fake), free(fake->nothing_for); fake->nothing_for = NULL)
SETTER(void fake_want_credential(struct fake *fake, const char *credential), free(fake->credential);
       fake->credential = strdup(credential))
SETTER(void fake_retry_after(struct fake *fake, uint32_t ms), fake->retry_after_ms = ms)
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

const Jwkd__V1__Request *fake_last_request(struct fake *fake, struct arena *arena)
{
    ProtobufCMessage *request;
    pthread_mutex_lock(&fake->lock);
    MUST(wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&fake->last_request), arena, &request) ==
         JWKD_OK);
    pthread_mutex_unlock(&fake->lock);
    return (const Jwkd__V1__Request *)request;
}
