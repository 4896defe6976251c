#include "lib/connection/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/wait.h"
#include "lib/connection/call_internal.h"

enum {
    FIRST_PAUSE_MS = 4,
    LONGEST_PAUSE_MS = 200,
    PATIENCE_MS = 1500, /* without an answer, then twice as long: is the connection still one? */
    MOST_SILENCES = 5,
    HELLO_MS = 1000,           /* a service answers a hello at once, or the connection is none */
    DEADLINE_MARGIN_MS = 1000, /* deadlines stay this far below the cap: the clocks' estimate is not exact */
    REFUSAL_MS = 2000,         /* a connection is tried more often than that */
    LONGEST_DENIAL_ID = 64,
};

void reply_free(struct reply *reply)
{
    if (!reply) return;
    arena_clear(&reply->arena);
    free(reply);
}

/* ---- ending */

static void call_end(struct call *call, jwkd_status status, struct reply *reply, const jwkd_error *error)
{
    call->order.done(call->order.context, status, reply, error);
    call_give_back(call);
}

static void call_fail(struct call *call, jwkd_status status, const char *message)
{
    jwkd_error error;
    fail(&error, status, "%s", message);
    call_end(call, status, NULL, &error);
}

static void call_expire(struct call *call)
{
    jwkd_error error;
    const char *url = call->client->url.text;
    if (call->trouble == JWKD_BUSY)
        fail(&error, JWKD_BUSY, "the service at %s stayed busy", url);
    else if (call->unanswered || call->phase == CALL_RECEIVING)
        fail(&error, JWKD_TIMED_OUT, "no answer from %s in time", url);
    else
        fail(&error, JWKD_UNREACHABLE, "no connection to %s", url);
    call_end(call, error.status, NULL, &error);
}

/* ---- the steps */

static nng_duration time_left_ms(const struct call *call, uint64_t now_ns)
{
    if (now_ns >= call->order.expires_ns) return 0;
    uint64_t left = (call->order.expires_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return (nng_duration)(left < LIMIT_DEADLINE_SEC * 1000 ? left : LIMIT_DEADLINE_SEC * 1000);
}

static int pack_message(
    struct credential *credential, const Jwkd__V1__Request *request, uint64_t now_ns, nng_msg **out)
{
    uint32_t understood[] = WIRE_UNDERSTOOD;
    uint8_t token[LIMIT_CREDENTIAL];
    size_t token_size = credential_get(credential, now_ns, token);
    Jwkd__V1__Request said = *request;
    said.understands = understood;
    said.n_understands = sizeof understood / sizeof *understood;
    said.credential = wire_bytes(bytes_of(token, token_size));
    nng_msg *message;
    int result = nng_msg_alloc(&message, jwkd__v1__request__get_packed_size(&said));
    if (result == 0) {
        jwkd__v1__request__pack(&said, nng_msg_body(message));
        *out = message;
    }
    bytes_wipe(token, token_size);
    return result;
}

/* The message to send next: the request, or, where no session is known, the hello that comes before it. */
static int call_message(struct call *call, uint64_t now_ns, nng_duration left_ms, nng_msg **out)
{
    struct session session = client_session(call->client);
    call->hello = !call->order.request || !session.known;
    Jwkd__V1__HelloRequest hello = JWKD__V1__HELLO_REQUEST__INIT;
    Jwkd__V1__Request saying_hello = JWKD__V1__REQUEST__INIT, *request = &saying_hello;
    if (call->hello) {
        hello.client = call->client->name;
        request->operation_case = JWKD__V1__REQUEST__OPERATION_HELLO;
        request->hello = &hello;
        if (random_fill(call->sent_id, sizeof call->sent_id) != JWKD_OK) return NNG_ENOMEM;
    } else {
        request = call->order.request;
        memcpy(call->sent_id, call->request_id, sizeof call->sent_id);
        memcpy(call->boot_id, session.boot_id, sizeof call->boot_id);
        nng_duration most = LIMIT_DEADLINE_SEC * 1000 - DEADLINE_MARGIN_MS;
        request->boot_id = wire_bytes(bytes_of(call->boot_id, sizeof call->boot_id));
        request->deadline_ns = session.service_clock_ns + (now_ns - session.our_clock_ns) +
                               (uint64_t)(left_ms < most ? left_ms : most) * NS_PER_MS;
    }
    request->version = WIRE_VERSION;
    request->request_id = wire_bytes(bytes_of(call->sent_id, sizeof call->sent_id));
    return pack_message(&call->client->credential, request, now_ns, out);
}

static void call_refused(struct call *call, int reason)
{
    if (reason == REFUSED_STRANGER)
        call_fail(call, JWKD_DENIED,
            "the other end of the socket belongs neither to root nor to the owner "
            "of the socket's directory");
    else
        call_fail(call, JWKD_UNAUTHENTICATED,
            "the token is not sent over plain tcp, where others can read it: take the service's local "
            "socket, "
            "or set insecure_tcp where nobody else is on the network");
}

/* Whether the last connection was refused just now. */
static int refusal_of(jwkd_client *client, uint64_t now_ns)
{
    pthread_mutex_lock(&client->lock);
    bool recent = client->refused_ns + REFUSAL_MS * NS_PER_MS > now_ns;
    int reason = recent ? client->refusal : 0;
    pthread_mutex_unlock(&client->lock);
    return reason;
}

static void call_send(struct call *call)
{
    uint64_t now_ns = clock_elapsed_ns();
    int refusal = refusal_of(call->client, now_ns);
    if (refusal != 0) {
        call_refused(call, refusal);
        return;
    }
    nng_duration left_ms = time_left_ms(call, now_ns);
    if (left_ms == 0) {
        call_expire(call);
        return;
    }
    nng_msg *message;
    if (call_message(call, now_ns, left_ms, &message) != 0) {
        call_fail(call, JWKD_NO_MEMORY, "out of memory");
        return;
    }
    call->phase = CALL_SENDING;
    call->sent_ns = now_ns;
    nng_aio_set_timeout(call->aio, left_ms); /* it leaves when there is a connection */
    nng_aio_set_msg(call->aio, message);
    nng_ctx_send(call->context, call->aio);
}

/* Waits a little, longer each time and never the same for everybody, but as long as was asked for; then sends
 * again. */
static void call_pause(struct call *call, jwkd_status trouble, uint32_t asked_ms)
{
    call->trouble = trouble;
    unsigned shift = call->pauses < 6 ? call->pauses : 6;
    call->pauses++;
    uint32_t pause_ms = (uint32_t)FIRST_PAUSE_MS << shift;
    if (pause_ms > LONGEST_PAUSE_MS) pause_ms = LONGEST_PAUSE_MS;
    pause_ms += (call->request_id[0] ^ call->pauses) % (pause_ms / 2 + 1);
    uint32_t left_ms = (uint32_t)time_left_ms(call, clock_elapsed_ns());
    if (asked_ms > left_ms) asked_ms = left_ms;
    pause_ms += asked_ms;
    call->phase = CALL_PAUSING;
    nng_sleep_aio((nng_duration)(pause_ms < left_ms ? pause_ms : left_ms), call->sleep);
}

static bool is_closing(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    pthread_mutex_unlock(&client->lock);
    return closing;
}

/* The connection may be dead without either end having noticed. A hello tells: the next call begins
 * with one. */
static void call_unanswered(struct call *call)
{
    if (!call->hello)
        client_forget_session(call->client, call->boot_id);
    else if (call->patience_ms >= HELLO_MS) /* not by our clock: nng's is slewed, and may be ahead of it */
        client_hello_unheard(call->client, call->pipe);
    if (call->silences < MOST_SILENCES) call->silences++;
    if (time_left_ms(call, clock_elapsed_ns()) > 0)
        call_send(call);
    else
        call_expire(call);
}

static void call_broken(struct call *call, int result)
{
    if (is_closing(call->client))
        call_fail(call, JWKD_CLOSED, "the client is being closed");
    else if (result == NNG_ETIMEDOUT && call->phase == CALL_RECEIVING)
        call_unanswered(call);
    else if (result == NNG_ETIMEDOUT)
        call_expire(call);
    else if (result == REFUSED_STRANGER || result == REFUSED_OVERHEARD)
        call_refused(call, result);
    else if (result == NNG_ENOMEM)
        call_fail(call, JWKD_NO_MEMORY, "out of memory");
    else if (result == NNG_EMSGSIZE)
        call_fail(call, JWKD_RESOURCE_EXHAUSTED, "the request is too large");
    else
        call_pause(call, JWKD_UNREACHABLE, 0); /* the connection was lost */
}

/* A sentence of the service's, made fit to print. Where something was denied, the id by which an auditor can
 * ask why stands at the end, however long the sentence is. */
static void copy_message(jwkd_error *error, jwkd_status status, const Jwkd__V1__Reply *reply)
{
    const char *text = *reply->message ? reply->message : jwkd_status_text(status);
    char tail[LONGEST_DENIAL_ID + sizeof " (denial )"] = "";
    if (*reply->denial_id && strlen(reply->denial_id) <= LONGEST_DENIAL_ID)
        snprintf(tail, sizeof tail, " (denial %s)", reply->denial_id);
    fail(error, status, "%.*s", (int)(sizeof error->message - 1 - strlen(tail)), text);
    memcpy(error->message + strlen(error->message), tail, strlen(tail) + 1);
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
}

/* Unpacks and checks that it answers what was sent. */
static jwkd_status read_reply(const struct call *call, nng_msg *message, struct reply **out)
{
    struct reply *reply = calloc(1, sizeof *reply);
    if (!reply) return JWKD_NO_MEMORY;
    reply->sent_ns = call->sent_ns;
    ProtobufCMessage *unpacked;
    jwkd_status status = wire_unpack(&jwkd__v1__reply__descriptor,
        bytes_of(nng_msg_body(message), nng_msg_len(message)), &reply->arena, &unpacked);
    if (status == JWKD_OK) {
        reply->message = (Jwkd__V1__Reply *)unpacked;
        struct bytes id = wire_view(reply->message->request_id);
        bool nameless = id.size == 0 && reply->message->status != JWKD__V1__STATUS__OK;
        if (reply->message->version != WIRE_VERSION ||
            (!nameless && !bytes_equal(id, bytes_of(call->sent_id, sizeof call->sent_id))))
            status = JWKD_MALFORMED;
    }
    if (status != JWKD_OK) {
        reply_free(reply);
        return status;
    }
    *out = reply;
    return JWKD_OK;
}

static void call_said_hello(struct call *call, const struct reply *reply)
{
    jwkd_error error;
    jwkd_status status = JWKD_MALFORMED;
    if (reply->message->result_case == JWKD__V1__REPLY__RESULT_HELLO)
        status = client_learn(call->client, reply->message->hello, &error);
    else
        fail(&error, status, "the service did not answer a hello with one");
    if (status != JWKD_OK)
        call_end(call, status, NULL, &error);
    else if (!call->order.request)
        call_end(call, JWKD_OK, NULL, NULL);
    else
        call_send(call);
}

static void call_answered(struct call *call, struct reply *reply)
{
    jwkd_status status = wire_status(reply->message->status);
    if (status == JWKD_OK && !call->hello) {
        call_end(call, JWKD_OK, reply, NULL);
        return;
    }
    CLEANUP(reply_free_at) struct reply *owned = reply;
    if (status == JWKD_OK) {
        call_said_hello(call, reply);
    } else if (status == JWKD_WRONG_BOOT && !call->hello) {
        call->unanswered = false; /* refused unexecuted */
        client_forget_session(call->client, call->boot_id);
        if (call->trouble != JWKD_WRONG_BOOT) {
            call->trouble = JWKD_WRONG_BOOT;
            call_send(call);
        } else {
            call_pause(call, JWKD_WRONG_BOOT, 0);
        }
    } else if (status == JWKD_BUSY) {
        call->unanswered = false;
        call_pause(call, JWKD_BUSY, reply->message->retry_after_ms);
    } else {
        jwkd_error error;
        copy_message(&error, status, reply->message);
        call_end(call, status, NULL, &error);
    }
}

static void call_received(struct call *call)
{
    nng_msg *message = nng_aio_get_msg(call->aio);
    struct reply *reply = NULL;
    jwkd_status status = read_reply(call, message, &reply);
    bool is_secret = status == JWKD_OK && reply->message->result_case == JWKD__V1__REPLY__RESULT_TOKEN;
    if (is_secret) bytes_wipe(nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    if (status == JWKD_OK)
        call_answered(call, reply);
    else if (status == JWKD_NO_MEMORY)
        call_fail(call, status, "out of memory");
    else
        call_fail(call, status, "the service's answer is not an answer to the request");
}

/* What takes long and is done anew by each repetition is waited for: asking again would be more of the same
 * to a service that has too much to do. */
static bool may_be_repeated(const struct call *call)
{
    if (call->hello) return true;
    Jwkd__V1__Request__OperationCase operation = call->order.request->operation_case;
    return operation != JWKD__V1__REQUEST__OPERATION_SIGN &&
           operation != JWKD__V1__REQUEST__OPERATION_SIGN_RAW &&
           operation != JWKD__V1__REQUEST__OPERATION_VERIFY;
}

void call_step(void *argument)
{
    struct call *call = argument;
    int result = nng_aio_result(call->phase == CALL_PAUSING ? call->sleep : call->aio);
    switch (call->phase) {
    case CALL_SENDING:
        if (result != 0) {
            nng_msg_free(nng_aio_get_msg(call->aio));
            call_broken(call, result);
            return;
        }
        if (!call->hello) call->unanswered = true;
        call->phase = CALL_RECEIVING;
        call->pipe = client_pipe(call->client);
        call->patience_ms = time_left_ms(call, clock_elapsed_ns());
        nng_duration most_ms = (call->hello ? HELLO_MS : PATIENCE_MS) << call->silences;
        if (may_be_repeated(call) && call->patience_ms > most_ms) call->patience_ms = most_ms;
        if (call->patience_ms < 1) call->patience_ms = 1;
        nng_aio_set_timeout(call->aio, call->patience_ms);
        nng_ctx_recv(call->context, call->aio);
        return;
    case CALL_RECEIVING:
        /* nng 1.10 may say so of what was aborted before it began. */
        if (result == 0 && !nng_aio_get_msg(call->aio)) result = NNG_ECANCELED;
        if (result != 0)
            call_broken(call, result);
        else
            call_received(call);
        return;
    case CALL_PAUSING:
        if (result != 0)
            call_broken(call, result);
        else
            call_send(call);
        return;
    }
}

/* ---- beginning */

/* Takes a call and sends its request. The call must not be touched afterwards, but by who waits for it. */
static jwkd_status begin(jwkd_client *client, enum call_way way, const struct call_order *order,
    struct call **out, jwkd_error *error)
{
    uint8_t request_id[16];
    if (order->request_id)
        memcpy(request_id, order->request_id, sizeof request_id);
    else if (random_fill(request_id, sizeof request_id) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    struct call *call = NULL;
    TRY(call_take(client, way, &call, error));
    call->order = *order;
    memcpy(call->request_id, request_id, sizeof call->request_id);
    call->phase = CALL_SENDING;
    call->unanswered = false;
    call->pauses = 0;
    call->silences = 0;
    call->trouble = JWKD_OK;
    *out = call;
    call_send(call);
    return JWKD_OK;
}

jwkd_status call_start(jwkd_client *client, const struct call_order *order, jwkd_error *error)
{
    struct call *call;
    return begin(client, CALL_BY_CALLBACK, order, &call, error);
}

/* An order, and whether it has ended: its call is given back then. */
struct carried {
    const struct call_order *order;
    bool ended;
};

static void end_carried(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error)
{
    struct carried *carried = context;
    carried->ended = true;
    carried->order->done(carried->order->context, status, reply, error);
}

/* The caller's own thread takes the steps: each thread that need not be woken saves some 10 us. */
jwkd_status call_carry(jwkd_client *client, const struct call_order *order, jwkd_error *error)
{
    struct carried carried = {.order = order};
    struct call_order own = *order;
    struct call *call = NULL;
    own.done = end_carried;
    own.context = &carried;
    TRY(begin(client, CALL_BY_WAITING, &own, &call, error));
    while (!carried.ended) {
        nng_aio_wait(call->phase == CALL_PAUSING ? call->sleep : call->aio);
        call_step(call);
    }
    return JWKD_OK;
}

struct outcome {
    jwkd_status status;
    struct reply *reply;
    jwkd_error error;
};

static void keep_outcome(void *context, jwkd_status status, struct reply *reply, const jwkd_error *error)
{
    struct outcome *outcome = context;
    *outcome = (struct outcome){.status = status, .reply = reply};
    if (error) outcome->error = *error;
}

static jwkd_status call_and_wait(
    jwkd_client *client, struct call_order *order, uint32_t timeout_ms, struct reply **out, jwkd_error *error)
{
    struct outcome outcome = {0};
    order->expires_ns = clock_elapsed_ns() + timeout_ms * NS_PER_MS;
    order->done = keep_outcome;
    order->context = &outcome;
    TRY(call_carry(client, order, error));
    if (outcome.status != JWKD_OK) {
        if (error) *error = outcome.error;
        return outcome.status;
    }
    *out = outcome.reply;
    return JWKD_OK;
}

jwkd_status client_hello(jwkd_client *client, uint32_t timeout_ms, jwkd_error *error)
{
    struct reply *none;
    return call_and_wait(client, &(struct call_order){0}, timeout_ms, &none, error);
}

jwkd_status client_call(jwkd_client *client, Jwkd__V1__Request *request, Jwkd__V1__Reply__ResultCase expected,
    const struct call_wait *wait, struct reply **out, jwkd_error *error)
{
    TRY(client_check(client, error));
    struct call_order order = {.request = request, .request_id = wait ? wait->request_id : NULL};
    uint32_t timeout_ms = wait && wait->timeout_ms ? wait->timeout_ms : client->timeout_ms;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(call_and_wait(client, &order, timeout_ms, &reply, error));
    if (reply->message->result_case != expected)
        return fail(error, JWKD_MALFORMED, "the service's answer is of another kind than the request");
    *out = TAKE(reply);
    return JWKD_OK;
}

jwkd_status client_enter(jwkd_client *client, jwkd_error *error)
{
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    if (!closing) client->staying++;
    pthread_mutex_unlock(&client->lock);
    return closing ? fail(error, JWKD_CLOSED, "the client is being closed") : JWKD_OK;
}

void client_leave(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    if (--client->staying == 0) pthread_cond_broadcast(&client->calls_ended);
    pthread_mutex_unlock(&client->lock);
}

jwkd_status client_pause(jwkd_client *client, uint64_t ms, jwkd_error *error)
{
    const struct timespec at = wait_end(ms * NS_PER_MS);
    pthread_mutex_lock(&client->lock);
    int result = 0;
    while (!client->closing && result == 0)
        result = pthread_cond_timedwait(&client->calls_ended, &client->lock, &at);
    bool closing = client->closing;
    pthread_mutex_unlock(&client->lock);
    return closing ? fail(error, JWKD_CLOSED, "the client is being closed") : JWKD_OK;
}
