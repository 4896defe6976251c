#include "relay/upstream.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/wait.h"
#include "dial/dial.h"
#include "dial/explain.h"
#include "dial/probe.h"

enum {
    RECEIVE_QUEUE = 4096, /* nng's 128 loses bursts */
    HELLO_MS = 3000,
    HELLO_EVERY_MS = 5000,
    LOOK_AGAIN_MS = 250, /* while something is wanting */
    PATIENCE_MS = 1000,  /* a restart need not be spoken of */
    SILENCE_MS = 5000,   /* and some heartbeats: then the event stream is none */
    SILENCE_BEATS = 4,
    OFFERED_URLS = 16,
};

#define NOT_ITS_OWNERS "the other end belongs neither to root nor to the owner of its directory"

/* One of the two sockets. */
struct link {
    struct upstream *upstream;
    nng_socket socket;
    struct dial dial;
    bool has_dial;
    char url[URL_SIZE]; /* what is dialled; "": nothing. Of the keeper alone */
    nng_pipe pipe;
    bool connected;
    uint64_t since_ns; /* it has been connected, or without a connection, since then */
};

enum told { TOLD_NOTHING, TOLD_REACHED, TOLD_TROUBLE };

struct upstream {
    struct upstream_options options;
    nng_aio *receive;
    nng_aio *ask;    /* the keeper's hello, */
    nng_ctx context; /* and its context */
    pthread_t keeper;
    bool running;
    pthread_mutex_t lock; /* guards all below; never held across a call into nng */
    pthread_cond_t changed;
    bool stop, ended, denied;
    struct link requests, events;
    uint64_t heard_ns; /* when the last message was published */
    /* of the keeper alone */
    enum told told;
    bool greeted;     /* the last hello was answered */
    unsigned unheard; /* hellos in succession */
    uint32_t heartbeat_ms;
    uint64_t hello_at_ns;
};

/* ---- the connections; in nng's callbacks */

static bool admit(const struct url *url, nng_pipe pipe)
{
    uint64_t uid;
    if (url->transport != TRANSPORT_IPC) return true;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 && url_trusts_uid(url, (uid_t)uid))
        return true;
    nng_pipe_close(pipe);
    return false;
}

static void connected(struct link *link, nng_pipe pipe)
{
    struct upstream *upstream = link->upstream;
    link->pipe = pipe;
    link->connected = true;
    link->since_ns = clock_elapsed_ns();
    if (link == &upstream->events) upstream->heard_ns = link->since_ns;
    upstream->denied = false;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct link *link = argument;
    struct upstream *upstream = link->upstream;
    bool admitted = event != NNG_PIPE_EV_ADD_PRE || admit(&upstream->options.url, pipe);
    bool lost = false;
    pthread_mutex_lock(&upstream->lock);
    if (!admitted) {
        upstream->denied = true;
    } else if (event == NNG_PIPE_EV_ADD_PRE) {
        connected(link, pipe);
    } else if (event == NNG_PIPE_EV_REM_POST && nng_pipe_id(pipe) == nng_pipe_id(link->pipe)) {
        lost = link->connected;
        link->connected = false;
        link->since_ns = clock_elapsed_ns();
    }
    pthread_cond_broadcast(&upstream->changed);
    pthread_mutex_unlock(&upstream->lock);
    if (admitted && event == NNG_PIPE_EV_ADD_PRE) dial_connected(&link->dial);
    if (lost) dial_lost(&link->dial);
    if (lost && link == &upstream->events) replica_disconnect(upstream->options.replica);
}

static void on_received(void *argument)
{
    struct upstream *upstream = argument;
    const struct upstream_options *options = &upstream->options;
    int result = nng_aio_result(upstream->receive);
    if (result == NNG_ECLOSED || result == NNG_ECANCELED) return;
    if (result == 0) {
        nng_msg *message = nng_aio_get_msg(upstream->receive);
        nng_aio_set_msg(upstream->receive, NULL);
        replica_hear(options->replica, bytes_of(nng_msg_body(message), nng_msg_len(message)));
        options->publish(options->publish_context, message);
        pthread_mutex_lock(&upstream->lock);
        upstream->heard_ns = clock_elapsed_ns();
        pthread_mutex_unlock(&upstream->lock);
    }
    nng_recv_aio(upstream->events.socket, upstream->receive);
}

/* ---- dialling; on the keeper */

/* The event stream is silent, although it should not be: the connection is none. */
static void drop_silent(struct upstream *upstream)
{
    struct link *events = &upstream->events;
    uint64_t silence_ns = (SILENCE_MS + (uint64_t)upstream->heartbeat_ms * SILENCE_BEATS) * NS_PER_MS;
    pthread_mutex_lock(&upstream->lock);
    bool silent = events->connected && clock_elapsed_ns() > upstream->heard_ns + silence_ns;
    nng_pipe pipe = events->pipe;
    pthread_mutex_unlock(&upstream->lock);
    if (silent) nng_pipe_close(pipe);
}

/* `sure`: somebody has just been heard to listen there. */
static void keep_dialled(struct link *link, const char *url, bool sure)
{
    if (strcmp(link->url, url) == 0) return;
    snprintf(link->url, sizeof link->url, "%s", url);
    dial_to(&link->dial, url, sure);
}

/* ---- hello; on the keeper */

static jwkd_status pack_hello(nng_msg **out, uint8_t id[16])
{
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    TRY(random_fill(id, 16));
    hello.client = wire_text("jwkd relay");
    request.version = WIRE_VERSION;
    request.request_id = wire_bytes(bytes_of(id, 16));
    request.operation_case = JWKD__V1__REQUEST__OPERATION_HELLO;
    request.hello = &hello;
    if (nng_msg_alloc(out, jwkd__v1__request__get_packed_size(&request)) != 0) return JWKD_NO_MEMORY;
    jwkd__v1__request__pack(&request, nng_msg_body(*out));
    return JWKD_OK;
}

/* Sends it and waits for the answer. TIMED_OUT: the connection is none. */
static jwkd_status exchange(nng_ctx context, nng_aio *aio, nng_msg *question, nng_msg **out)
{
    nng_aio_set_msg(aio, question);
    nng_ctx_send(context, aio);
    nng_aio_wait(aio);
    if (nng_aio_result(aio) != 0) {
        nng_msg_free(nng_aio_get_msg(aio));
        return JWKD_UNREACHABLE;
    }
    nng_ctx_recv(context, aio);
    nng_aio_wait(aio);
    if (nng_aio_result(aio) != 0)
        return nng_aio_result(aio) == NNG_ETIMEDOUT ? JWKD_TIMED_OUT : JWKD_UNREACHABLE;
    *out = nng_aio_get_msg(aio);
    return *out ? JWKD_OK : JWKD_UNREACHABLE; /* none in nng 1.10 if it was aborted before it began */
}

static jwkd_status read_hello(
    nng_msg *answer, const uint8_t id[16], struct shared_reply **out, jwkd_error *error)
{
    CLEANUP(shared_reply_unref_at) struct shared_reply *answered = NULL;
    if (shared_reply_unpack(bytes_of(nng_msg_body(answer), nng_msg_len(answer)), &answered) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "what answers is no jwkd");
    const Jwkd__V1__Reply *reply = answered->reply;
    if (reply->status != JWKD__V1__STATUS__OK)
        return fail(error, JWKD_UNAVAILABLE, "it says: %.200s", reply->message);
    if (reply->result_case != JWKD__V1__REPLY__RESULT_HELLO || reply->hello->boot_id.len != 16 ||
        !bytes_equal(wire_view(reply->request_id), bytes_of(id, 16)) ||
        reply->hello->n_events_urls > OFFERED_URLS)
        return fail(error, JWKD_MALFORMED, "what answers does not answer a hello");
    if (reply->hello->min_version > WIRE_VERSION || reply->hello->max_version < WIRE_VERSION)
        return fail(error, JWKD_UNSUPPORTED, "it speaks other versions of the protocol");
    *out = TAKE(answered);
    return JWKD_OK;
}

static jwkd_status say_hello(
    nng_ctx context, nng_aio *aio, struct shared_reply **out, uint64_t *out_sent_ns, jwkd_error *error)
{
    uint8_t id[16];
    nng_msg *question, *answer;
    if (pack_hello(&question, id) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    *out_sent_ns = clock_elapsed_ns();
    jwkd_status status = exchange(context, aio, question, &answer);
    if (status != JWKD_OK) return fail(error, status, "it does not answer");
    status = read_hello(answer, id, out, error);
    nng_msg_free(answer);
    return status;
}

/* The one with the transport and the place of the request URL. */
static bool choose_events(const struct url *dialled, const Jwkd__V1__HelloReply *hello, struct url *out)
{
    for (size_t i = 0; i < hello->n_events_urls; i++)
        if (url_follow(dialled, hello->events_urls[i], out) == JWKD_OK) return true;
    return false;
}

static bool is_stopping(struct upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    bool stop = upstream->stop;
    pthread_mutex_unlock(&upstream->lock);
    return stop;
}

static jwkd_status greet(struct upstream *upstream, jwkd_error *error)
{
    CLEANUP(shared_reply_unref_at) struct shared_reply *answered = NULL;
    struct url events;
    uint64_t sent_ns;
    TRY(say_hello(upstream->context, upstream->ask, &answered, &sent_ns, error));
    const Jwkd__V1__HelloReply *hello = answered->reply->hello;
    if (is_stopping(upstream)) return JWKD_UNREACHABLE; /* nothing is dialled any more */
    if (!choose_events(&upstream->options.url, hello, &events))
        return fail(error, JWKD_DENIED, "it offers no event socket of the same transport in the same place");
    upstream->heartbeat_ms = hello->heartbeat_ms;
    replica_welcome(upstream->options.replica, hello, sent_ns);
    keep_dialled(&upstream->events, events.text, true);
    return JWKD_OK;
}

/* ---- the keeper */

static void tell(struct upstream *upstream, enum told what, jwkd_status status, const char *why)
{
    char message[400];
    if (upstream->told == what) return;
    upstream->told = what;
    if (!upstream->options.on_state) return;
    const char *url = upstream->options.url.text;
    if (what == TOLD_REACHED)
        snprintf(message, sizeof message, "the service at %s is reached", url);
    else
        snprintf(message, sizeof message, "the service at %s is not reached, trying again: %s", url, why);
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    upstream->options.on_state(upstream->options.state_context, status, message);
}

static void complain(struct upstream *upstream, uint64_t now_ns)
{
    pthread_mutex_lock(&upstream->lock);
    bool denied = upstream->denied;
    bool patient = now_ns < upstream->requests.since_ns + PATIENCE_MS * NS_PER_MS;
    pthread_mutex_unlock(&upstream->lock);
    if (denied)
        tell(upstream, TOLD_TROUBLE, JWKD_DENIED, NOT_ITS_OWNERS);
    else if (!patient)
        tell(upstream, TOLD_TROUBLE, JWKD_UNREACHABLE, "there is no connection");
}

static void say_hello_again(struct upstream *upstream)
{
    jwkd_error error = {0};
    pthread_mutex_lock(&upstream->lock);
    nng_pipe pipe = upstream->requests.pipe;
    pthread_mutex_unlock(&upstream->lock);
    jwkd_status status = greet(upstream, &error);
    upstream->greeted = status == JWKD_OK;
    uint32_t pause_ms = upstream->greeted ? HELLO_EVERY_MS : LOOK_AGAIN_MS;
    upstream->hello_at_ns = clock_elapsed_ns() + pause_ms * NS_PER_MS;
    if (upstream->greeted)
        tell(upstream, TOLD_REACHED, JWKD_OK, "");
    else if (status != JWKD_UNREACHABLE)
        tell(upstream, TOLD_TROUBLE, status, error.message);
    /* Once may be a service that has much to do; to close a connection on which an answer is about to come
     * can have nng 1.5.2 never be done with it. */
    upstream->unheard = status == JWKD_TIMED_OUT ? upstream->unheard + 1 : 0;
    if (upstream->unheard > 1) nng_pipe_close(pipe);
}

/* Another connection may lead to another run of the service. */
static void look(struct upstream *upstream, bool connected_now, bool anew)
{
    uint64_t now_ns = clock_elapsed_ns();
    keep_dialled(&upstream->requests, upstream->options.url.text, false);
    drop_silent(upstream);
    if (anew) upstream->hello_at_ns = 0;
    if (!connected_now)
        complain(upstream, now_ns);
    else if (now_ns >= upstream->hello_at_ns)
        say_hello_again(upstream);
}

static void wait_a_while(struct upstream *upstream)
{
    const struct timespec at = wait_end(LOOK_AGAIN_MS * NS_PER_MS);
    pthread_cond_timedwait(&upstream->changed, &upstream->lock, &at);
}

static void *keep(void *argument)
{
    struct upstream *upstream = argument;
    int known = 0; /* the connection that was greeted */
    pthread_mutex_lock(&upstream->lock);
    while (!upstream->stop) {
        bool connected_now = upstream->requests.connected;
        int id = connected_now ? nng_pipe_id(upstream->requests.pipe) : 0;
        pthread_mutex_unlock(&upstream->lock);
        look(upstream, connected_now, id != known);
        pthread_mutex_lock(&upstream->lock);
        known = id;
        bool moved = upstream->requests.connected != connected_now;
        if (!upstream->stop && !moved) wait_a_while(upstream);
    }
    upstream->ended = true;
    pthread_cond_broadcast(&upstream->changed);
    pthread_mutex_unlock(&upstream->lock);
    return NULL;
}

/* ---- opening and closing */

static int limit(nng_socket socket, size_t most)
{
    return nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, most);
}

static int prepare(struct link *link, uint8_t peer)
{
    link->has_dial = true;
    int result = dial_init(&link->dial, link->socket, peer);
    if (result == 0) result = nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, link);
    return result == 0 ? nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, on_pipe, link) : result;
}

static int open_requests(nng_socket *out)
{
    int result = nng_req0_open(out);
    /* Never sent again by nng: an answer must be to a question that was asked after it was read here. */
    if (result == 0) result = nng_socket_set_ms(*out, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    return result == 0 ? limit(*out, LIMIT_REPLY) : result;
}

static void set_patience(nng_aio *aio, uint32_t patience_ms)
{
    nng_aio_set_timeout(aio, patience_ms ? (nng_duration)patience_ms : HELLO_MS);
}

static int open_sockets(struct upstream *upstream)
{
    nng_socket *events = &upstream->events.socket;
    int result = open_requests(&upstream->requests.socket);
    if (result == 0) result = prepare(&upstream->requests, PROBE_REPLIES);
    if (result == 0) result = nng_ctx_open(&upstream->context, upstream->requests.socket);
    if (result == 0) result = nng_aio_alloc(&upstream->ask, NULL, NULL);
    if (result == 0) set_patience(upstream->ask, upstream->options.patience_ms);
    if (result == 0) result = nng_sub0_open(events);
    if (result == 0) result = nng_socket_set_int(*events, NNG_OPT_RECVBUF, RECEIVE_QUEUE);
    if (result == 0) result = limit(*events, LIMIT_EVENT);
    if (result == 0) result = prepare(&upstream->events, PROBE_EVENTS);
    if (result == 0) result = nng_socket_set(*events, NNG_OPT_SUB_SUBSCRIBE, "", 0); /* everything */
    if (result == 0) result = nng_aio_alloc(&upstream->receive, on_received, upstream);
    if (result == 0) nng_aio_set_timeout(upstream->receive, NNG_DURATION_INFINITE);
    return result;
}

jwkd_status upstream_open(const struct upstream_options *options, struct upstream **out, jwkd_error *error)
{
    struct upstream *upstream = calloc(1, sizeof *upstream);
    if (!upstream) return fail(error, JWKD_NO_MEMORY, "out of memory");
    upstream->options = *options;
    upstream->requests.upstream = upstream->events.upstream = upstream;
    upstream->requests.since_ns = clock_elapsed_ns();
    pthread_mutex_init(&upstream->lock, NULL);
    wait_init(&upstream->changed);
    int result = open_sockets(upstream);
    if (result != 0) {
        upstream_stop(upstream);
        upstream_free(upstream);
        return fail(error, JWKD_NO_MEMORY, "no sockets: %s", nng_strerror(result));
    }
    *out = upstream;
    return JWKD_OK;
}

jwkd_status upstream_start(struct upstream *upstream, jwkd_error *error)
{
    nng_recv_aio(upstream->events.socket, upstream->receive);
    upstream->running = pthread_create(&upstream->keeper, NULL, keep, upstream) == 0;
    return upstream->running ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "no thread to keep the connection");
}

/* A hello that is being answered is heard out, for a moment: nng 1.5.2 may never be done with a connection
 * that is closed while a message comes in. */
static void stop_keeper(struct upstream *upstream)
{
    uint64_t until_ns = clock_elapsed_ns() + LOOK_AGAIN_MS * NS_PER_MS;
    if (!upstream->running) return;
    pthread_mutex_lock(&upstream->lock);
    upstream->stop = true;
    pthread_cond_broadcast(&upstream->changed);
    while (!upstream->ended) {
        wait_a_while(upstream);
        if (upstream->ended || clock_elapsed_ns() < until_ns) continue;
        pthread_mutex_unlock(&upstream->lock);
        nng_aio_abort(
            upstream->ask, NNG_ECANCELED); /* again and again: between two steps there is nothing to abort */
        pthread_mutex_lock(&upstream->lock);
    }
    pthread_mutex_unlock(&upstream->lock);
    pthread_join(upstream->keeper, NULL);
    upstream->running = false;
}

static void close_link(struct link *link)
{
    if (link->has_dial) dial_stop(&link->dial);
    if (nng_socket_id(link->socket) <= 0) return;
    nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_PRE, NULL, NULL);
    nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, NULL, NULL);
    nng_close(link->socket);
    link->socket = (nng_socket)NNG_SOCKET_INITIALIZER;
    if (link->has_dial) dial_clear(&link->dial);
    link->has_dial = false;
}

void upstream_stop(struct upstream *upstream)
{
    if (!upstream) return;
    stop_keeper(upstream);
    if (upstream->receive) nng_aio_stop(upstream->receive);
    close_link(&upstream->events);
    close_link(&upstream->requests);
}

void upstream_free(struct upstream *upstream)
{
    if (!upstream) return;
    if (upstream->receive) nng_aio_free(upstream->receive);
    if (upstream->ask) nng_aio_free(upstream->ask);
    pthread_cond_destroy(&upstream->changed);
    pthread_mutex_destroy(&upstream->lock);
    free(upstream);
}

/* ---- for others */

bool upstream_is_private(const struct upstream *upstream)
{
    static const char IPV4[] = "tcp://127.", IPV6[] = "tcp://[::1]:";
    const char *text = upstream_url(upstream)->text;
    if (upstream_url(upstream)->transport == TRANSPORT_IPC) return true;
    if (strncmp(text, IPV6, strlen(IPV6)) == 0) return true;
    if (strncmp(text, IPV4, strlen(IPV4)) != 0) return false;
    return text[strlen(IPV4) + strspn(text + strlen(IPV4), "0123456789.")] == ':'; /* and no name */
}

const struct url *upstream_url(const struct upstream *upstream)
{
    return &upstream->options.url;
}

bool upstream_is_connected(struct upstream *upstream)
{
    pthread_mutex_lock(&upstream->lock);
    bool is_connected = upstream->requests.connected;
    pthread_mutex_unlock(&upstream->lock);
    return is_connected;
}

int upstream_context(struct upstream *upstream, nng_ctx *out)
{
    return nng_ctx_open(out, upstream->requests.socket);
}

/* ---- --check */

struct probe {
    nng_socket socket;
    nng_ctx context;
    nng_aio *aio;
    const struct url *url;
    atomic_bool denied;
};

static void on_probe_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct probe *probe = argument;
    (void)event;
    if (!admit(probe->url, pipe)) probe->denied = true;
}

static void probe_clear(struct probe *probe)
{
    if (nng_socket_id(probe->socket) > 0) nng_close(probe->socket);
    if (probe->aio) nng_aio_free(probe->aio);
}

/* Somebody listens, as was found out before. */
static int probe_dial(struct probe *probe)
{
    int result = open_requests(&probe->socket);
    if (result == 0) result = nng_pipe_notify(probe->socket, NNG_PIPE_EV_ADD_PRE, on_probe_pipe, probe);
    if (result == 0) result = nng_ctx_open(&probe->context, probe->socket);
    if (result == 0) result = nng_aio_alloc(&probe->aio, NULL, NULL);
    return result == 0 ? nng_dial(probe->socket, probe->url->text, NULL, NNG_FLAG_NONBLOCK) : result;
}

jwkd_status upstream_probe(const struct url *url, uint32_t patience_ms, char *out_version, jwkd_error *error)
{
    CLEANUP(probe_clear) struct probe probe = {.url = url};
    CLEANUP(shared_reply_unref_at) struct shared_reply *answered = NULL;
    jwkd_error why = {0};
    struct url events;
    uint64_t sent_ns;
    int result;
    TRY(probe_service(url, patience_ms ? patience_ms : HELLO_MS, error));
    result = probe_dial(&probe);
    if (probe.denied) return fail(error, JWKD_DENIED, NOT_ITS_OWNERS);
    if (result != 0)
        return fail(error, JWKD_UNREACHABLE, "nobody answers at %s: %s", url->text, nng_strerror(result));
    set_patience(probe.aio, patience_ms);
    jwkd_status status = say_hello(probe.context, probe.aio, &answered, &sent_ns, &why);
    if (probe.denied) return fail(error, JWKD_DENIED, NOT_ITS_OWNERS);
    if (status == JWKD_UNREACHABLE) return fail(error, status, "nobody answers at %s", url->text);
    if (status != JWKD_OK) return fail(error, status, "the service at %.150s: %.90s", url->text, why.message);
    if (!choose_events(url, answered->reply->hello, &events))
        return fail(
            error, JWKD_DENIED, "the service at %.150s offers no event socket in the same place", url->text);
    snprintf(out_version, 64, "%s", answered->reply->hello->service_version);
    return JWKD_OK;
}
