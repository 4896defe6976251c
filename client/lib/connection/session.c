#include <stdlib.h>

#include "base/clock.h"
#include "lib/connection/client.h"
#include "lib/connection/fork.h"

enum { OFFERED_URLS = 16 };

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
    /* A service that does not say who asked judges nobody: it just has no event socket. */
    session.may_not_hear = hello->n_events_urls == 0 && *hello->principal;
    pthread_mutex_lock(&client->lock);
    client->session = session;
    client->unheard = 0;
    pthread_mutex_unlock(&client->lock);
    return JWKD_OK;
}

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

bool client_may_tell(jwkd_client *client, nng_pipe pipe)
{
    nng_sockaddr remote;
    if (client->url.transport != TRANSPORT_TCP || !credential_is_set(&client->credential) ||
        client->insecure_tcp)
        return true;
    if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &remote) == 0 && credential_stays_here(&remote)) return true;
    nng_pipe_close(pipe);
    return false;
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
