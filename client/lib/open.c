#include "lib/connection/client.h"

#include <errno.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/wait.h"
#include "lib/ask/coalesce.h"
#include "lib/connection/call.h"
#include "lib/connection/fork.h"
#include "dial/probe.h"
#include "lib/connection/shut.h"
#include "lib/follow/follow.h"

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    LONGEST_TIMEOUT_MS = LIMIT_DEADLINE_SEC * 1000,
};

/* A new connection begins with a hello: it may lead to another run of the service, or nowhere. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    jwkd_client *client = argument;
    if (event == NNG_PIPE_EV_REM_POST) {
        pthread_mutex_lock(&client->lock);
        bool lost = nng_pipe_id(pipe) == nng_pipe_id(client->pipe);
        if (lost) client->connected = false;
        pthread_mutex_unlock(&client->lock);
        if (lost) dial_lost(&client->dial);
        return;
    }
    if (!client_admit(client, pipe)) {
        call_refuse_all(client, REFUSED_STRANGER);
        return;
    }
    if (!client_may_tell(client, pipe)) {
        call_refuse_all(client, REFUSED_OVERHEARD);
        return;
    }
    pthread_mutex_lock(&client->lock);
    client->refusal = 0;
    client->pipe = pipe;
    client->connected = true;
    client->unheard = 0;
    client->session.known = false;
    pthread_mutex_unlock(&client->lock);
    dial_connected(&client->dial);
}

static jwkd_status client_dial(jwkd_client *client, jwkd_error *error)
{
    nng_socket socket;
    int result = nng_req0_open(&socket);
    if (result != 0) return fail(error, JWKD_NO_MEMORY, "no socket: %s", nng_strerror(result));
    client->socket = socket;
    result = dial_init(&client->dial, socket, PROBE_REPLIES);
    /* Never re-sent by nng: it would repeat a change that was executed (connection/call.c repeats with the
     * same id). */
    if (result == 0) result = nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (result == 0) result = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, LIMIT_REPLY);
    if (result == 0) result = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe, client);
    if (result == 0) result = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, client);
    if (result != 0) return fail(error, JWKD_INTERNAL, "no socket: %s", nng_strerror(result));
    if (!client->background) TRY(probe_service(&client->url, client->timeout_ms, error));
    dial_to(&client->dial, client->url.text, !client->background);
    return client->background ? JWKD_OK : client_hello(client, client->timeout_ms, error);
}

static jwkd_status client_new(
    const char *url, const jwkd_client_options *options, jwkd_client **out, jwkd_error *error)
{
    struct url parsed;
    TRY(url_parse(url, &parsed, error));
    if (options->timeout_ms > LONGEST_TIMEOUT_MS)
        return fail(error, JWKD_INVALID_ARGUMENT, "timeout_ms is at most %d", (int)LONGEST_TIMEOUT_MS);
    if (!fork_may_use_nng())
        return fail(error, JWKD_FAILED_PRECONDITION,
            "a parent of this process had opened a connection before fork(), and libnng works in no child "
            "after that: "
            "let each child open its own, and the parent none");
    jwkd_client *client = calloc(1, sizeof *client);
    char *name = strndup(options->name ? options->name : program_invocation_short_name, 64);
    if (!client || !name) {
        free(client);
        free(name);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    client->generation = fork_generation();
    client->url = parsed;
    client->name = name;
    client->timeout_ms = options->timeout_ms ? options->timeout_ms : (uint32_t)DEFAULT_TIMEOUT_MS;
    client->background = options->background;
    client->insecure_tcp = options->insecure_tcp;
    pthread_mutex_init(&client->lock, NULL);
    wait_init(&client->calls_ended);
    wait_init(&client->to_tick);
    *out = client;
    return JWKD_OK;
}

jwkd_status jwkd_open(
    const char *url, const jwkd_client_options *options, jwkd_client **out, jwkd_error *error)
{
    static const jwkd_client_options DEFAULTS = {0};
    jwkd_client *client = NULL;
    TRY(client_new(url, options ? options : &DEFAULTS, &client, error));
    const char *token_file = options ? options->token_file : NULL;
    jwkd_status status = credential_open(&client->credential, token_file, client->timeout_ms, error);
    if (status == JWKD_OK) status = client_dial(client, error);
    if (status != JWKD_OK) {
        jwkd_close(client);
        return status;
    }
    *out = client;
    return JWKD_OK;
}

void jwkd_close(jwkd_client *client)
{
    /* In a child after fork() the threads and locks behind the handle are the parent's: leave it all. */
    if (!client || client->generation != fork_generation()) return;
    follow_say_farewell(client->follow);
    call_end_all(client);
    coalesce_end(client);
    follow_free(client->follow);
    call_free_idle(client);
    if (nng_socket_id(client->socket) > 0) {
        dial_stop(&client->dial);
        nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_PRE, NULL, NULL);
        nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, NULL, NULL);
        shut(client->socket);
        dial_clear(&client->dial);
    }
    pthread_cond_destroy(&client->to_tick);
    pthread_cond_destroy(&client->calls_ended);
    pthread_mutex_destroy(&client->lock);
    credential_close(&client->credential);
    free(client->name);
    free(client);
}
