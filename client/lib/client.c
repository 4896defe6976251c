#include "lib/client.h"

#include <errno.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wait.h"
#include "lib/call.h"
#include "lib/coalesce.h"
#include "lib/follow.h"
#include "lib/fork.h"
#include "lib/probe.h"
#include "lib/shut.h"

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    LONGEST_TIMEOUT_MS = LIMIT_DEADLINE_SEC * 1000,
    OFFERED_URLS = 16,
};

jwkd_status client_check(const jwkd_client *client, jwkd_error *error)
{
    if (!client) return fail(error, JWKD_INVALID_ARGUMENT, "the client handle is NULL");
    if (client->generation != fork_generation())
        return fail(error, JWKD_CLOSED,
            "the handle was opened before fork(), and is the parent's; a child can open its own where the "
            "parent has opened none");
    return JWKD_OK;
}

jwkd_status check_environment_name(const char *name, jwkd_error *error)
{
    static const char FIRST[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char REST[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t size = name ? strlen(name) : 0;
    if (size == 0 || size > LIMIT_ENVIRONMENT_NAME || !strchr(FIRST, name[0]) || strspn(name, REST) != size)
        return fail(error, JWKD_INVALID_ARGUMENT,
            "an environment's name has 1 to %d of a-z, 0-9, '-', '_', '.', and begins with a letter or digit",
            (int)LIMIT_ENVIRONMENT_NAME);
    return JWKD_OK;
}

jwkd_status check_kid(const char *kid, jwkd_error *error)
{
    if (kid && *kid && strlen(kid) <= LIMIT_KID) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "a kid has 1 to %d characters", (int)LIMIT_KID);
}

/* ---- session */

struct session client_session(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct session session = client->session;
    pthread_mutex_unlock(&client->lock);
    return session;
}

void client_forget_session(jwkd_client *client, const uint8_t boot_id[16])
{
    pthread_mutex_lock(&client->lock);
    if (memcmp(client->session.boot_id, boot_id, sizeof client->session.boot_id) == 0)
        client->session.known = false;
    pthread_mutex_unlock(&client->lock);
}

jwkd_status client_learn(jwkd_client *client, const Jwkd__V1__HelloReply *hello, jwkd_error *error)
{
    struct session session = {.known = true,
        .service_clock_ns = hello->clock_ns,
        .our_clock_ns = clock_elapsed_ns(),
        .service_revision = hello->service_revision};
    if (hello->boot_id.len != sizeof session.boot_id || hello->n_events_urls > OFFERED_URLS)
        return fail(error, JWKD_MALFORMED, "the service's hello is not well formed");
    if (hello->min_version > WIRE_VERSION || hello->max_version < WIRE_VERSION)
        return fail(error, JWKD_UNSUPPORTED, "the service speaks protocol versions %u to %u, this library %d",
            hello->min_version, hello->max_version, (int)WIRE_VERSION);
    memcpy(session.boot_id, hello->boot_id.data, sizeof session.boot_id);
    for (size_t i = 0; i < hello->n_events_urls && !session.events_url[0]; i++) {
        struct url events;
        if (url_follow(&client->url, hello->events_urls[i], &events) == JWKD_OK)
            memcpy(session.events_url, events.text, sizeof session.events_url);
    }
    pthread_mutex_lock(&client->lock);
    client->session = session;
    client->unheard = 0;
    pthread_mutex_unlock(&client->lock);
    return JWKD_OK;
}

/* ---- connecting */

bool client_admit(jwkd_client *client, nng_pipe pipe)
{
    if (client->url.transport != TRANSPORT_IPC) return true;
    uint64_t uid;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
        url_trusts_uid(&client->url, (uid_t)uid))
        return true;
    nng_pipe_close(pipe);
    return false;
}

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
        call_deny_all(client);
        return;
    }
    pthread_mutex_lock(&client->lock);
    client->pipe = pipe;
    client->connected = true;
    client->unheard = 0;
    client->session.known = false;
    pthread_mutex_unlock(&client->lock);
    dial_connected(&client->dial);
}

nng_pipe client_pipe(jwkd_client *client)
{
    pthread_mutex_lock(&client->lock);
    nng_pipe pipe = client->pipe;
    pthread_mutex_unlock(&client->lock);
    return pipe;
}

void client_hello_unheard(jwkd_client *client, nng_pipe pipe)
{
    pthread_mutex_lock(&client->lock);
    bool present = nng_pipe_id(pipe) > 0 && nng_pipe_id(pipe) == nng_pipe_id(client->pipe);
    bool dead = present && ++client->unheard > 1;
    pthread_mutex_unlock(&client->lock);
    if (dead) nng_pipe_close(pipe);
}

static jwkd_status client_dial(jwkd_client *client, jwkd_error *error)
{
    nng_socket socket;
    int result = nng_req0_open(&socket);
    if (result != 0) return fail(error, JWKD_NO_MEMORY, "no socket: %s", nng_strerror(result));
    client->socket = socket;
    result = dial_init(&client->dial, socket, PROBE_REPLIES);
    /* Never re-sent by nng: it would repeat a change that was executed (call.c repeats with the same id). */
    if (result == 0) result = nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (result == 0) result = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, LIMIT_REPLY);
    if (result == 0) result = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe, client);
    if (result == 0) result = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, client);
    if (result != 0) return fail(error, JWKD_INTERNAL, "no socket: %s", nng_strerror(result));
    if (!client->background) TRY(probe(&client->url, client->timeout_ms, error));
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
    jwkd_status status = client_dial(client, error);
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
    free(client->name);
    free(client);
}
