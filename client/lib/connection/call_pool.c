/* The calls of a client: kept when they have ended, since a context and its aios cost more than a request. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "lib/connection/call_internal.h"

enum { LOOK_AGAIN_MS = 10 };

static jwkd_status call_new(jwkd_client *client, enum call_way way, struct call **out)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call) return JWKD_NO_MEMORY;
    call->client = client;
    call->way = way;
    void (*step)(void *) = way == CALL_BY_CALLBACK ? call_step : NULL;
    if (nng_ctx_open(&call->context, client->socket) != 0) {
        free(call);
        return JWKD_NO_MEMORY;
    }
    if (nng_aio_alloc(&call->aio, step, call) != 0 || nng_aio_alloc(&call->sleep, step, call) != 0) {
        if (call->aio) nng_aio_free(call->aio);
        nng_ctx_close(call->context);
        free(call);
        return JWKD_NO_MEMORY;
    }
    *out = call;
    return JWKD_OK;
}

jwkd_status call_take(jwkd_client *client, enum call_way way, struct call **out, jwkd_error *error)
{
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    struct call *call = client->idle[way];
    if (call) client->idle[way] = call->next;
    if (!call && !closing) {
        client->staying++;
        pthread_mutex_unlock(&client->lock);
        jwkd_status status = call_new(client, way, &call);
        pthread_mutex_lock(&client->lock);
        if (--client->staying == 0) pthread_cond_broadcast(&client->calls_ended);
        if (status != JWKD_OK) {
            pthread_mutex_unlock(&client->lock);
            return fail(error, JWKD_NO_MEMORY, "out of memory");
        }
    }
    closing = client->closing;
    if (call) {
        struct call **list = closing ? &client->idle[way] : &client->active;
        call->previous = NULL;
        call->next = *list;
        if (*list) (*list)->previous = call;
        *list = call;
    }
    pthread_mutex_unlock(&client->lock);
    if (closing) return fail(error, JWKD_CLOSED, "the client is being closed");
    *out = call;
    return JWKD_OK;
}

void call_give_back(struct call *call)
{
    jwkd_client *client = call->client;
    pthread_mutex_lock(&client->lock);
    if (call->previous)
        call->previous->next = call->next;
    else
        client->active = call->next;
    if (call->next) call->next->previous = call->previous;
    call->next = client->idle[call->way];
    call->previous = NULL;
    client->idle[call->way] = call;
    if (!client->active) pthread_cond_broadcast(&client->calls_ended);
    pthread_mutex_unlock(&client->lock);
}

/* Whichever is under way. */
static void call_abort(struct call *call, int reason)
{
    nng_aio_abort(call->aio, reason);
    nng_aio_abort(call->sleep, reason);
}

void call_refuse_all(jwkd_client *client, int reason)
{
    pthread_mutex_lock(&client->lock);
    client->refusal = reason;
    client->refused_ns = clock_elapsed_ns();
    for (struct call *call = client->active; call; call = call->next)
        call_abort(call, reason);
    pthread_mutex_unlock(&client->lock);
}

void call_end_all(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    pthread_cond_broadcast(&client->calls_ended); /* who pauses */
    while (client->active || client->waiting > 0 || client->batches > 0 || client->staying > 0) {
        for (struct call *call = client->active; call; call = call->next)
            call_abort(call, NNG_ECANCELED);
        /* A call between two steps has nothing to abort: look again soon. */
        const struct timespec at = wait_end(LOOK_AGAIN_MS * NS_PER_MS);
        pthread_cond_timedwait(&client->calls_ended, &client->lock, &at);
    }
    pthread_mutex_unlock(&client->lock);
}

static void call_free(struct call *call)
{
    nng_aio_free(call->aio);
    nng_aio_free(call->sleep);
    nng_ctx_close(call->context);
    free(call);
}

void call_free_idle(jwkd_client *client)
{
    for (enum call_way way = 0; way < CALL_WAYS; way++)
        while (client->idle[way]) {
            struct call *call = client->idle[way];
            client->idle[way] = call->next;
            call_free(call);
        }
}
