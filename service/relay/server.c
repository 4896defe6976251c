#include "relay/server.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/server.h"
#include "operations/table.h"
#include "relay/answer.h"

enum {
    PASSAGES = 16,       /* requests that the service works on at a time; others wait here, and take turns */
    PATIENCE_MS = 3000,  /* the service has so long to answer, less if the request's deadline is nearer */
    ASK_LEAST_MS = 100,  /* deadlines are of another clock, of which we know a bound */
    DRAIN_MS = 500,      /* when the relay ends, the service has so long to answer what it was asked */
    DRAIN_MORE_MS = 500, /* and callers to take that */
};

/* Where one request is passed on: a context of the request socket upstream. */
struct passage {
    struct passage *next;
    struct call *call; /* whose it is; NULL: nobody's */
    nng_ctx context;
    nng_aio *aio;
    bool sent;
};

/* What waits of one caller. */
struct turn {
    TAILQ_ENTRY(turn) entry;
    const void *caller;
    STAILQ_HEAD(, call) calls;
};

/* One request, from its arrival to its answer. */
struct call {
    struct net_request from; /* first: the server makes it */
    struct server *server;
    STAILQ_ENTRY(call) waiting; /* for a passage */
    struct turn turn;           /* while it is the first of its caller's that wait */
    struct arena arena;
    Jwkd__V1__Request *request; /* in the arena; NULL when it could not be read */
    enum operation_relayed relayed;
    /* while it is passed on, or waits for that */
    bool asking;
    struct passage *passage;
    uint64_t expires_ns;
    uint8_t sent_id[LIMIT_REQUEST_ID];
    struct shared_reply *snapshot; /* which the service was told of */
    uint64_t generation;
};

struct server {
    struct server_options options;
    struct net_server *net;
    atomic_bool stopping;
    uint64_t id_prefix;
    atomic_uint_fast64_t id_counter;
    struct passage *passages;
    size_t passage_count;
    pthread_mutex_t lock; /* guards what follows */
    struct passage *unused;
    TAILQ_HEAD(, turn) turns; /* of those who wait for one; the first is next */
};

static void pass_those_that_wait(struct server *server);

static struct bytes id_of(const struct call *call)
{
    return call->request ? wire_view(call->request->request_id) : (struct bytes){0};
}

/* ---- passages, and who waits for one; callers have their turns */

static struct turn *find_turn(struct server *server, const void *caller)
{
    struct turn *turn;
    TAILQ_FOREACH(turn, &server->turns, entry)
    if (turn->caller == caller) return turn;
    return NULL;
}

/* The call waits behind its caller's others. It is the turn itself where it is the first of them. */
static void append_waiting(struct server *server, struct call *call)
{
    const void *caller = net_caller(&call->from);
    struct turn *turn = find_turn(server, caller);
    if (!turn) {
        turn = &call->turn;
        turn->caller = caller;
        STAILQ_INIT(&turn->calls);
        TAILQ_INSERT_TAIL(&server->turns, turn, entry);
    }
    STAILQ_INSERT_TAIL(&turn->calls, call, waiting);
}

/* The first of the next caller, who is last then. */
static struct call *take_waiting(struct server *server)
{
    struct turn *turn = TAILQ_FIRST(&server->turns);
    if (!turn) return NULL;
    struct call *call = STAILQ_FIRST(&turn->calls), *next = STAILQ_NEXT(call, waiting);
    TAILQ_REMOVE(&server->turns, turn, entry);
    if (!next) return call;
    STAILQ_REMOVE_HEAD(&turn->calls, waiting);
    next->turn.caller = turn->caller;
    STAILQ_INIT(&next->turn.calls);
    STAILQ_CONCAT(&next->turn.calls, &turn->calls);
    TAILQ_INSERT_TAIL(&server->turns, &next->turn, entry);
    return call;
}

/* The next that waits, with a passage of its own; NULL: nobody waits, or all passages are taken. */
static struct call *next_to_pass(struct server *server)
{
    struct call *call = NULL;
    pthread_mutex_lock(&server->lock);
    struct passage *passage = server->unused;
    if (passage) call = take_waiting(server);
    if (call) {
        server->unused = passage->next;
        call->passage = passage;
        passage->call = call;
    }
    pthread_mutex_unlock(&server->lock);
    return call;
}

static void put_passage(struct call *call)
{
    struct server *server = call->server;
    struct passage *passage = call->passage;
    if (!passage) return;
    pthread_mutex_lock(&server->lock);
    passage->call = NULL;
    passage->next = server->unused;
    server->unused = passage;
    pthread_mutex_unlock(&server->lock);
}

/* Nothing of the call is there afterwards; what may have been a private key is wiped. An empty answer is
 * none, where there is no memory for one: the caller's own timeout tells it. */
static void finish(struct call *call, struct buffer packed)
{
    arena_clear(&call->arena);
    shared_reply_unref(call->snapshot);
    put_passage(call);
    if (call->asking) net_give(&call->from, SHARE_PASSED);
    net_answer(&call->from, &packed);
}

static void answer(struct call *call, struct buffer packed)
{
    struct server *server = call->server;
    finish(call, packed);
    pass_those_that_wait(server);
}

static void refuse(struct call *call, jwkd_status status, const jwkd_error *error)
{
    answer(call, answer_failure(id_of(call), wire_status_for(call->request, status), error));
}

static const char *upstream_text(const struct call *call)
{
    return upstream_url(call->server->options.upstream)->text;
}

/* ---- what the service answered */

/* States that the caller learns of: the relay must not answer with older ones. */
static void see_states(struct call *call, const Jwkd__V1__Reply *reply)
{
    struct replica *replica = call->server->options.replica;
    const Jwkd__V1__Request *request = call->request;
    if (reply->result_case == JWKD__V1__REPLY__RESULT_ENVIRONMENTS)
        for (size_t i = 0; i < reply->environments->n_environments; i++)
            replica_see(replica, reply->environments->environments[i]->name,
                reply->environments->environments[i]->state);
    if (reply->result_case == JWKD__V1__REPLY__RESULT_KEYS &&
        request->operation_case == JWKD__V1__REQUEST__OPERATION_LIST_KEYS)
        replica_see(replica, request->list_keys->environment, reply->keys->state);
    if (reply->result_case == JWKD__V1__REPLY__RESULT_KEY &&
        request->operation_case == JWKD__V1__REQUEST__OPERATION_GET_KEY)
        replica_see(replica, request->get_key->environment, reply->key->state);
    if (reply->result_case == JWKD__V1__REPLY__RESULT_VERIFIED &&
        request->operation_case == JWKD__V1__REQUEST__OPERATION_VERIFY)
        replica_see(replica, request->verify->environment, reply->verified->state);
    if (reply->result_case == JWKD__V1__REPLY__RESULT_CHANGES && call->relayed == RELAYED_CHANGES)
        replica_see(replica, request->get_changes->environment, reply->changes->state);
}

static void pass_hello(struct call *call, const Jwkd__V1__Reply *reply)
{
    const struct server_options *options = &call->server->options;
    const Jwkd__V1__HelloReply *hello = reply->hello;
    if (hello->instance_id.len == INSTANCES_ID && hello->boot_id.len == INSTANCES_ID)
        instances_bind(options->instances, hello->boot_id.data, hello->instance_id.data,
            net_principal(&call->from), net_origin(&call->from), clock_elapsed_ns());
    answer(call, answer_hello(id_of(call), reply, options->events_urls, options->events_url_count));
}

static bool is_of_snapshot(const struct call *call, const Jwkd__V1__State *state)
{
    if (!call->snapshot || !state) return false;
    const Jwkd__V1__State *kept = call->snapshot->reply->jwks->state;
    return kept->environment_id == state->environment_id && kept->revision == state->revision &&
           bytes_equal(wire_view(kept->epoch), wire_view(state->epoch));
}

static void pass_jwks(struct call *call, struct shared_reply *answered)
{
    const Jwkd__V1__JwksReply *jwks = answered->reply->jwks;
    struct replica *replica = call->server->options.replica;
    const char *environment = call->request->get_jwks->environment;
    bool filled = jwks->unchanged && is_of_snapshot(call, jwks->state);
    if (filled)
        replica_see(replica, environment, jwks->state);
    else if (!jwks->unchanged && jwks->state)
        replica_keep(replica, environment, answered, call->generation);
    struct buffer message = filled ? answer_unchanged(id_of(call), answered->reply, call->snapshot)
                                   : answer_pass(id_of(call), answered->reply);
    answer(call, message);
}

static void pass(struct call *call, struct shared_reply *answered)
{
    const Jwkd__V1__Reply *reply = answered->reply;
    if (reply->result_case == JWKD__V1__REPLY__RESULT_HELLO) {
        pass_hello(call, reply);
    } else if (reply->result_case == JWKD__V1__REPLY__RESULT_JWKS && call->relayed == RELAYED_JWKS) {
        pass_jwks(call, answered);
    } else {
        see_states(call, reply);
        answer(call, answer_pass(id_of(call), reply));
    }
}

/* A reply to another question than this one would let a client place the service's clock too late. */
static bool answers(const struct call *call, const Jwkd__V1__Reply *reply)
{
    struct bytes id = wire_view(reply->request_id);
    bool nameless = id.size == 0 && reply->status != JWKD__V1__STATUS__OK;
    return reply->version == WIRE_VERSION &&
           (nameless || bytes_equal(id, bytes_of(call->sent_id, sizeof call->sent_id)));
}

static void answered(struct call *call, nng_msg *message)
{
    CLEANUP(shared_reply_unref_at) struct shared_reply *answered = NULL;
    jwkd_error error = {0};
    jwkd_status status =
        shared_reply_unpack(bytes_of(nng_msg_body(message), nng_msg_len(message)), &answered);
    nng_msg_free(message);
    if (status == JWKD_OK && answers(call, answered->reply)) {
        pass(call, answered);
        return;
    }
    fail(&error, JWKD_UNAVAILABLE, "the service at %.180s gave an answer that cannot be read",
        upstream_text(call));
    refuse(call, error.status, &error);
}

/* ---- passing on */

static struct buffer answer_lost(const struct call *call, int result)
{
    jwkd_error error = {0};
    const char *why = result == NNG_ETIMEDOUT ? "does not answer in time" : "is not reached at present";
    fail(&error, JWKD_UNAVAILABLE, "the service at %.180s %s", upstream_text(call), why);
    return answer_failure(id_of(call), wire_status_for(call->request, JWKD_UNAVAILABLE), &error);
}

static void lost(struct call *call, int result)
{
    answer(call, answer_lost(call, result));
}

static nng_duration time_left_ms(const struct call *call)
{
    uint64_t now_ns = clock_elapsed_ns();
    return now_ns < call->expires_ns ? (nng_duration)((call->expires_ns - now_ns) / NS_PER_MS + 1) : 1;
}

static void on_passage(void *argument)
{
    struct passage *passage = argument;
    struct call *call = passage->call;
    int result = nng_aio_result(passage->aio);
    if (result != 0) {
        if (!passage->sent) nng_msg_free(nng_aio_get_msg(passage->aio));
        nng_aio_set_msg(passage->aio, NULL);
        lost(call, result);
        return;
    }
    if (!passage->sent) {
        passage->sent = true;
        nng_aio_set_timeout(passage->aio, time_left_ms(call));
        nng_ctx_recv(passage->context, passage->aio);
        return;
    }
    nng_msg *message = nng_aio_get_msg(passage->aio);
    nng_aio_set_msg(passage->aio, NULL);
    if (message)
        answered(call, message);
    else
        lost(call, NNG_ECANCELED); /* in nng 1.10, if it was stopped before it began */
}

/* Of every passing on its own, so that even the repetition of a request has an answer of its own. */
static void make_id(struct call *call)
{
    uint64_t number = atomic_fetch_add(&call->server->id_counter, 1);
    memcpy(call->sent_id, &call->server->id_prefix, sizeof number);
    memcpy(call->sent_id + sizeof number, &number, sizeof number);
}

/* Packed anew from what was understood. */
static nng_msg *pack_request(struct call *call)
{
    Jwkd__V1__Request request = *call->request;
    nng_msg *message;
    make_id(call);
    request.request_id = wire_bytes(bytes_of(call->sent_id, sizeof call->sent_id));
    if (nng_msg_alloc(&message, jwkd__v1__request__get_packed_size(&request)) != 0) return NULL;
    jwkd__v1__request__pack(&request, nng_msg_body(message));
    return message;
}

static void set_expiry(struct call *call)
{
    uint64_t now_ns = clock_elapsed_ns();
    uint64_t left_ms = replica_time_left_ms(call->server->options.replica, call->request, ASK_LEAST_MS,
        call->server->options.patience_ms, now_ns);
    call->expires_ns = now_ns + left_ms * NS_PER_MS;
}

static void pass_on(struct call *call)
{
    struct passage *passage = call->passage;
    nng_msg *message = pack_request(call);
    if (!message) {
        finish(call, answer_failure(id_of(call), JWKD_NO_MEMORY, NULL));
        return;
    }
    passage->sent = false;
    nng_aio_set_timeout(passage->aio, time_left_ms(call));
    nng_aio_set_msg(passage->aio, message);
    nng_ctx_send(passage->context, passage->aio);
}

static void pass_those_that_wait(struct server *server)
{
    struct call *call;
    while ((call = next_to_pass(server))) {
        if (server->stopping)
            finish(call, answer_lost(call, NNG_ECLOSED));
        else if (!net_is_awaited(&call->from))
            finish(call, (struct buffer){0});
        else
            pass_on(call);
    }
}

static void ask(struct call *call)
{
    struct server *server = call->server;
    if (server->stopping || !upstream_is_connected(server->options.upstream)) {
        lost(call, NNG_ECLOSED);
        return;
    }
    if (net_take(&call->from, SHARE_PASSED) != JWKD_OK) {
        jwkd_error error = {0};
        fail(&error, JWKD_BUSY, "too many requests wait for the service; try again in a moment");
        refuse(call, JWKD_BUSY, &error);
        return;
    }
    call->asking = true;
    set_expiry(call);
    pthread_mutex_lock(&server->lock);
    append_waiting(server, call);
    pthread_mutex_unlock(&server->lock);
    pass_those_that_wait(server);
}

/* ---- each kind of request */

static bool owns(struct call *call, ProtobufCBinaryData id)
{
    return instances_hear(
        call->server->options.instances, wire_view(id), net_principal(&call->from), clock_elapsed_ns());
}

static void ask_hello(struct call *call)
{
    Jwkd__V1__HelloRequest *hello = call->request->hello;
    struct instances *instances = call->server->options.instances;
    if (hello->subscribe && !(hello->instance_id.len == INSTANCES_ID && owns(call, hello->instance_id))) {
        /* Not known, or somebody else's: as with the service, that begins a new registration. */
        if (hello->instance_id.len == INSTANCES_ID) hello->instance_id = (ProtobufCBinaryData){0};
        if (!instances_may_bind(instances, net_origin(&call->from), clock_elapsed_ns())) {
            jwkd_error error = {0};
            fail(&error, JWKD_RESOURCE_EXHAUSTED, "too many subscribers are registered for %s already",
                net_origin(&call->from));
            refuse(call, error.status, &error);
            return;
        }
    }
    ask(call);
}

/* False: it is refused. An id of another size the service refuses. */
static bool check_instance(struct call *call, ProtobufCBinaryData id)
{
    if (id.len != INSTANCES_ID || owns(call, id)) return true;
    jwkd_error error = {0};
    fail(&error, JWKD_NOT_REGISTERED, "no such subscriber is registered here: say hello again");
    refuse(call, error.status, &error);
    return false;
}

static void refuse_more(struct call *call)
{
    jwkd_error error = {0};
    fail(&error, JWKD_RESOURCE_EXHAUSTED, "the subscribers of %s follow too many environments already",
        net_origin(&call->from));
    refuse(call, error.status, &error);
}

/* Whoever follows more than is left for others behind this relay is told so here: to the service they are all
 * one. */
static void ask_renew(struct call *call)
{
    const Jwkd__V1__RenewRequest *renew = call->request->renew;
    const char *environments[LIMIT_FOLLOWED];
    size_t count =
        renew->n_held < LIMIT_FOLLOWED ? renew->n_held : LIMIT_FOLLOWED; /* the service refuses more */
    if (!check_instance(call, renew->instance_id)) return;
    for (size_t i = 0; i < count; i++)
        environments[i] = renew->held[i]->environment;
    if (instances_follow_only(
            call->server->options.instances, wire_view(renew->instance_id), environments, count))
        ask(call);
    else
        refuse_more(call);
}

/* The service makes the caller one of the environment's, and says whether the snapshot that is here is
 * still the present one: then it need not send it. */
static void ask_jwks(struct call *call)
{
    Jwkd__V1__GetJwksRequest *get = call->request->get_jwks;
    if (!check_instance(call, get->instance_id)) return;
    if (!instances_follow(call->server->options.instances, wire_view(get->instance_id), get->environment)) {
        refuse_more(call);
        return;
    }
    struct shared_reply *snapshot =
        replica_snapshot(call->server->options.replica, get->environment, &call->generation);
    if (get->unless)
        shared_reply_unref(snapshot); /* the caller has one of its own */
    else
        call->snapshot = snapshot;
    if (call->snapshot) get->unless = call->snapshot->reply->jwks->state;
    ask(call);
}

static void ask_changes(struct call *call)
{
    CLEANUP(replica_page_clear) struct replica_page page;
    struct bytes boot_id = call->request->deadline_ns ? wire_view(call->request->boot_id) : (struct bytes){0};
    page.count = 0;
    if (call->request->credential.len > 0) {
        ask(call); /* the service judges it */
        return;
    }
    if (replica_changes(
            call->server->options.replica, call->request->get_changes, boot_id, clock_elapsed_ns(), &page))
        answer(call, answer_changes(id_of(call), &page));
    else
        ask(call);
}

static void deny(struct call *call)
{
    jwkd_error error = {0};
    fail(&error, JWKD_DENIED, "a relay neither signs nor changes anything: ask the service itself, at %.150s",
        upstream_text(call));
    refuse(call, error.status, &error);
}

/* The service would judge what is asked without a credential by what the relay itself may. */
static void deny_nameless(struct call *call)
{
    jwkd_error error = {0};
    fail(&error, JWKD_DENIED,
        "behind a relay this takes an API token, for the service does not know who asks: send one, or ask "
        "the "
        "service itself, at %.100s",
        upstream_text(call));
    refuse(call, error.status, &error);
}

static bool may_be_nameless(const struct call *call)
{
    return operation_of(call->request)->right == RIGHT_VERIFY || call->request->credential.len > 0;
}

static void handle(struct call *call)
{
    switch (call->relayed) {
    case RELAYED_AS_IT_IS:
        if (may_be_nameless(call))
            ask(call);
        else
            deny_nameless(call);
        return;
    case RELAYED_HELLO:
        ask_hello(call);
        return;
    case RELAYED_RENEWAL:
        ask_renew(call);
        return;
    case RELAYED_JWKS:
        ask_jwks(call);
        return;
    case RELAYED_CHANGES:
        ask_changes(call);
        return;
    case RELAYED_NEVER:
        deny(call);
        return;
    }
}

/* ---- receiving */

static jwkd_status read_request(struct call *call, struct bytes packed, jwkd_error *error)
{
    ProtobufCMessage *message;
    if (wire_unpack(&jwkd__v1__request__descriptor, packed, &call->arena, &message) != JWKD_OK)
        return fail(error, JWKD_MALFORMED, "the message is not a jwkd.v1.Request");
    wire_forget_unknown(message); /* what is not understood here might mean something to the service */
    call->request = (Jwkd__V1__Request *)message;
    TRY(operation_check_envelope(call->request, error));
    const struct operation *operation = operation_of(call->request);
    if (!operation) return fail(error, JWKD_UNSUPPORTED, "the request names no operation that is known here");
    call->relayed = operation->relayed;
    if (call->request->credential.len > 0 &&
        (!net_is_private(&call->from) || !upstream_is_private(call->server->options.upstream)))
        return fail(error, JWKD_UNAUTHENTICATED,
            "a credential must not come over plain tcp, where others can read it, nor go on over it from "
            "this "
            "relay: ask the service itself over its local socket");
    if (!net_may_answer(&call->from))
        return fail(error, JWKD_BUSY, "too much of what was answered here is not read yet; read it first");
    return JWKD_OK;
}

static void received(void *context, struct net_request *from, struct bytes message)
{
    struct call *call = (struct call *)(void *)from;
    jwkd_error error = {0};
    call->server = context;
    jwkd_status status = read_request(call, message, &error);
    if (status == JWKD_OK)
        handle(call);
    else
        refuse(call, status, &error);
}

/* ---- starting and stopping */

static bool open_passage(struct server *server, struct passage *passage)
{
    if (nng_aio_alloc(&passage->aio, on_passage, passage) != 0) return false;
    if (upstream_context(server->options.upstream, &passage->context) != 0) return false;
    passage->next = server->unused;
    server->unused = passage;
    return true;
}

static jwkd_status open_passages(struct server *server, jwkd_error *error)
{
    server->passages = calloc(PASSAGES, sizeof *server->passages);
    if (!server->passages) return fail(error, JWKD_NO_MEMORY, "out of memory");
    while (server->passage_count < PASSAGES)
        if (!open_passage(server, &server->passages[server->passage_count++]))
            return fail(error, JWKD_NO_MEMORY, "out of memory");
    return JWKD_OK;
}

static jwkd_status open_server(struct server *server, jwkd_error *error)
{
    const struct server_options *options = &server->options;
    const struct net_options net = {.urls = options->urls,
        .url_count = options->url_count,
        .largest = LIMIT_REQUEST,
        .request_size = sizeof(struct call),
        .handle = received,
        .context = server,
        .on_trouble = options->on_trouble,
        .trouble_context = options->trouble_context};
    if (random_fill(&server->id_prefix, sizeof server->id_prefix) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    TRY(open_passages(server, error));
    return net_start(&net, &server->net, error);
}

jwkd_status server_start(const struct server_options *options, struct server **out, jwkd_error *error)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) return fail(error, JWKD_NO_MEMORY, "out of memory");
    server->options = *options;
    if (!server->options.patience_ms) server->options.patience_ms = PATIENCE_MS;
    pthread_mutex_init(&server->lock, NULL);
    TAILQ_INIT(&server->turns);
    jwkd_status status = open_server(server, error);
    if (status != JWKD_OK) {
        server_stop(server);
        return status;
    }
    *out = server;
    return JWKD_OK;
}

/* Whoever still waits for the service is told that it is not reached. */
static void stop_passages(struct server *server)
{
    server->stopping = true;
    for (size_t i = 0; i < server->passage_count; i++)
        if (server->passages[i].aio) nng_aio_stop(server->passages[i].aio);
}

static void free_passages(struct server *server)
{
    for (size_t i = 0; i < server->passage_count; i++) {
        struct passage *passage = &server->passages[i];
        if (passage->aio) nng_aio_free(passage->aio);
        if (nng_ctx_id(passage->context) > 0) nng_ctx_close(passage->context);
    }
    free(server->passages);
}

void server_stop(struct server *server)
{
    if (!server) return;
    if (server->net) net_drain(server->net, DRAIN_MS);
    stop_passages(server);
    if (server->net) net_drain(server->net, DRAIN_MORE_MS);
    net_stop(server->net);
    net_free(server->net);
    free_passages(server);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
