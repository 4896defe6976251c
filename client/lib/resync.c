/* The worker of a follow: keeps the event socket dialled to where hello says, and synchronises one follower
 * at a time. */
#include <time.h>

#include "base/clock.h"
#include "lib/follow.h"

enum {
    FIRST_BACKOFF_MS = 50,
    LONGEST_BACKOFF_MS = 2000,
    UNKNOWN_KID_PERIOD_MS = 1000,
    LONGEST_QUESTION_MS = 2000, /* a close waits for the question under way */
};

void follower_unknown_kid(struct follower *follower)
{
    struct follow *follow = follower->follow;
    uint64_t now_ns = clock_elapsed_ns();
    pthread_mutex_lock(&follow->lock);
    if (now_ns >= follow->unknown_kid_at_ns + UNKNOWN_KID_PERIOD_MS * NS_PER_MS ||
        follow->unknown_kid_at_ns == 0) {
        follow->unknown_kid_at_ns = now_ns;
        follower_resync(follower);
    }
    pthread_mutex_unlock(&follow->lock);
}

/* Waits for a change, until an instant of clock_elapsed_ns() at most. Under the lock. */
static void wait_until(struct follow *follow, uint64_t until_ns)
{
    uint64_t now_ns = clock_elapsed_ns();
    if (until_ns <= now_ns) return;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    uint64_t ns = (uint64_t)at.tv_nsec + (until_ns - now_ns);
    at.tv_sec += (time_t)(ns / NS_PER_SEC);
    at.tv_nsec = (long)(ns % NS_PER_SEC);
    pthread_cond_timedwait(&follow->changed, &follow->lock, &at);
}

/* Dials what the present session says, unless that is dialled already. */
static jwkd_status dial_events(struct follow *follow, const struct session *session, jwkd_error *error)
{
    if (!session->events_url[0])
        return fail(
            error, JWKD_DENIED, "the service offers no event socket of the same transport in the same place");
    if (strcmp(follow->url, session->events_url) == 0) return JWKD_OK; /* only this thread writes it */
    if (follow->url[0]) nng_dialer_close(follow->dialer);
    nng_dialer dialer;
    int result = nng_dial(follow->socket, session->events_url, &dialer, NNG_FLAG_NONBLOCK);
    pthread_mutex_lock(&follow->lock);
    follow->url[0] = '\0';
    if (result == 0) {
        follow->dialer = dialer;
        memcpy(follow->url, session->events_url, sizeof follow->url);
        memcpy(follow->boot_id, session->boot_id, sizeof follow->boot_id);
        if (follow->service_revision == 0) follow->service_revision = session->service_revision;
    }
    pthread_mutex_unlock(&follow->lock);
    if (result != 0)
        return fail(error, JWKD_UNREACHABLE, "cannot dial %s: %s", session->events_url, nng_strerror(result));
    return JWKD_OK;
}

/* Nothing is asked before the event stream is up: what changes after the answer must not be missed. */
static jwkd_status await_connection(struct follow *follow, const struct follower *follower, jwkd_error *error)
{
    uint64_t until_ns = clock_elapsed_ns() + follow->client->timeout_ms * NS_PER_MS;
    pthread_mutex_lock(&follow->lock);
    while (!follow->connected && !follow->denied && !follow->stop && !follower->closing &&
           clock_elapsed_ns() < until_ns)
        wait_until(follow, until_ns);
    bool connected = follow->connected, denied = follow->denied;
    pthread_mutex_unlock(&follow->lock);
    if (connected) return JWKD_OK;
    if (denied)
        return fail(error, JWKD_DENIED,
            "the other end of %s belongs neither to root nor to the owner of the socket's directory",
            follow->url);
    return fail(error, JWKD_UNREACHABLE, "no connection to the event socket %s", follow->url);
}

static jwkd_status synchronise(struct follow *follow, struct follower *follower, jwkd_error *error)
{
    jwkd_client *client = follow->client;
    uint32_t most_ms = client->timeout_ms < LONGEST_QUESTION_MS ? client->timeout_ms : LONGEST_QUESTION_MS;
    struct session session = client_session(client);
    if (!session.known) {
        TRY(client_hello(client, most_ms, error));
        session = client_session(client);
    }
    TRY(dial_events(follow, &session, error));
    TRY(await_connection(follow, follower, error));
    return follower->kind->synchronise(follower, error);
}

/* Under the lock. */
static void settle(
    struct follow *follow, struct follower *follower, jwkd_status status, const jwkd_error *error)
{
    if (!follower->tried) {
        follower->tried = true;
        follower->first_status = status;
        if (status != JWKD_OK) follower->first_error = *error;
    }
    if (status == JWKD_OK) {
        follow->backoff_ms = 0;
        return;
    }
    follower->needs_sync = !follower->closing;
    uint32_t backoff_ms = follow->backoff_ms ? follow->backoff_ms * 2 : (uint32_t)FIRST_BACKOFF_MS;
    follow->backoff_ms = backoff_ms < LONGEST_BACKOFF_MS ? backoff_ms : (uint32_t)LONGEST_BACKOFF_MS;
    uint64_t now_ns = clock_elapsed_ns();
    uint64_t jitter_ms =
        now_ns / 1000 % (follow->backoff_ms / 2 + 1); /* so that many clients do not march in step */
    follow->retry_at_ns = now_ns + (follow->backoff_ms + jitter_ms) * NS_PER_MS;
}

static struct follower *next_due(const struct follow *follow)
{
    struct follower *f = follow->followers;
    while (f && (!f->needs_sync || f->closing))
        f = f->next;
    return f;
}

void *follow_work(void *argument)
{
    struct follow *follow = argument;
    pthread_mutex_lock(&follow->lock);
    while (!follow->stop) {
        struct follower *follower = next_due(follow);
        if (!follower) {
            pthread_cond_wait(&follow->changed, &follow->lock);
            continue;
        }
        if (follower->tried && clock_elapsed_ns() < follow->retry_at_ns) {
            wait_until(follow, follow->retry_at_ns);
            continue;
        }
        follower->needs_sync = false; /* an event that comes too early for it asks again */
        follow->syncing = follower;
        pthread_mutex_unlock(&follow->lock);
        jwkd_error error;
        jwkd_status status = synchronise(follow, follower, &error);
        pthread_mutex_lock(&follow->lock);
        follow->syncing = NULL;
        settle(follow, follower, status, &error);
        pthread_cond_broadcast(&follow->changed);
    }
    pthread_mutex_unlock(&follow->lock);
    return NULL;
}
