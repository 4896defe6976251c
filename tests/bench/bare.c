#include "bench/bare.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ASK = 'a', ANNOUNCE = 'e', MESSAGE_SIZE = 512 }; /* about the size of a request or an event of ours */

/* `place` is a directory, or "tcp://host:port" whose next port is free, too. */
static void url_of(const char *place, bool pub, char *out, size_t size)
{
    const char *colon = strrchr(place, ':');
    if (strncmp(place, "tcp://", 6) == 0 && colon)
        snprintf(
            out, size, "%.*s:%ld", (int)(colon - place), place, strtol(colon + 1, NULL, 10) + (pub ? 1 : 0));
    else
        snprintf(out, size, "ipc://%s/bare-%s.sock", place, pub ? "pub" : "rep");
}

static bool serve_one(nng_socket rep, nng_socket pub)
{
    nng_msg *request, *event = NULL;
    if (nng_recvmsg(rep, &request, 0) != 0) return false;
    const char *body = nng_msg_body(request);
    if (nng_msg_len(request) > 0 && body[0] == ANNOUNCE) {
        if (nng_msg_dup(&event, request) != 0 || nng_sendmsg(pub, event, 0) != 0) return false;
    }
    return nng_sendmsg(rep, request, 0) == 0;
}

int bare_serve(const char *place)
{
    char url[300];
    nng_socket rep, pub;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (nng_rep0_open(&rep) != 0 || nng_pub0_open(&pub) != 0) return 1;
    url_of(place, true, url, sizeof url);
    if (nng_listen(pub, url, NULL, 0) != 0) return 1;
    url_of(place, false, url, sizeof url);
    if (nng_listen(rep, url, NULL, 0) != 0) return 1;
    while (serve_one(rep, pub)) {
    }
    return 1;
}

struct subscriber {
    struct bare *bare;
    nng_socket socket;
    nng_aio *aio;
};

struct bare {
    pid_t pid;
    nng_socket req;
    pthread_mutex_t lock;
    pthread_cond_t complete;
    size_t arrived; /* guarded by lock */
    double last;    /* guarded by lock */
    size_t count;
    struct subscriber subscribers[];
};

static void on_event(void *argument)
{
    struct subscriber *subscriber = argument;
    struct bare *bare = subscriber->bare;
    if (nng_aio_result(subscriber->aio) != 0) return;
    double now = now_sec();
    nng_msg_free(nng_aio_get_msg(subscriber->aio));
    pthread_mutex_lock(&bare->lock);
    if (now > bare->last) bare->last = now;
    if (++bare->arrived == bare->count) pthread_cond_signal(&bare->complete);
    pthread_mutex_unlock(&bare->lock);
    nng_recv_aio(subscriber->socket, subscriber->aio);
}

/* Dials until the child listens. */
static jwkd_status dial(nng_socket socket, const char *url, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    double begin = now_sec();
    while (nng_dial(socket, url, NULL, 0) != 0) {
        if (now_sec() - begin > 10)
            return fail(error, JWKD_UNREACHABLE, "the bare nng process does not answer");
        nanosleep(&pause, NULL);
    }
    return JWKD_OK;
}

static jwkd_status subscribe(struct bare *bare, const char *url, jwkd_error *error)
{
    struct subscriber *subscriber = &bare->subscribers[bare->count];
    subscriber->bare = bare;
    if (nng_sub0_open(&subscriber->socket) != 0) return fail(error, JWKD_NO_MEMORY, "no further nng socket");
    if (nng_aio_alloc(&subscriber->aio, on_event, subscriber) != 0) {
        nng_close(subscriber->socket);
        return JWKD_NO_MEMORY;
    }
    bare->count++;
    if (nng_socket_set(subscriber->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0) != 0) return JWKD_INTERNAL;
    TRY(dial(subscriber->socket, url, error));
    nng_recv_aio(subscriber->socket, subscriber->aio);
    return JWKD_OK;
}

static jwkd_status ask(struct bare *bare, char what, jwkd_error *error)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, MESSAGE_SIZE) != 0) return JWKD_NO_MEMORY;
    memset(nng_msg_body(message), what, MESSAGE_SIZE);
    if (nng_sendmsg(bare->req, message, 0) != 0) {
        nng_msg_free(message);
        return fail(error, JWKD_UNREACHABLE, "the bare nng process takes no request");
    }
    if (nng_recvmsg(bare->req, &message, 0) != 0)
        return fail(error, JWKD_TIMED_OUT, "the bare nng process does not answer");
    nng_msg_free(message);
    return JWKD_OK;
}

jwkd_status bare_ask(struct bare *bare, double *out_sec, jwkd_error *error)
{
    double begin = now_sec();
    TRY(ask(bare, ASK, error));
    *out_sec = now_sec() - begin;
    return JWKD_OK;
}

/* True when all have it within a second. */
static bool await_all(struct bare *bare)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    int result = 0;
    pthread_mutex_lock(&bare->lock);
    while (bare->arrived < bare->count && result == 0)
        result = pthread_cond_timedwait(&bare->complete, &bare->lock, &limit);
    bool all = bare->arrived >= bare->count;
    pthread_mutex_unlock(&bare->lock);
    return all;
}

jwkd_status bare_announce(struct bare *bare, double *out_sec, jwkd_error *error)
{
    pthread_mutex_lock(&bare->lock);
    bare->arrived = 0;
    bare->last = 0;
    pthread_mutex_unlock(&bare->lock);
    double begin = now_sec();
    TRY(ask(bare, ANNOUNCE, error));
    if (!await_all(bare)) return fail(error, JWKD_TIMED_OUT, "a bare subscriber missed an event");
    *out_sec = bare->last - begin;
    return JWKD_OK;
}

static jwkd_status spawn(struct bare *bare, const char *place, jwkd_error *error)
{
    bare->pid = fork();
    if (bare->pid < 0) return fail(error, JWKD_UNAVAILABLE, "fork: %s", strerror(errno));
    if (bare->pid > 0) return JWKD_OK;
    execl("/proc/self/exe", "jwkd-bench", "bare-serve", place, (char *)NULL);
    _exit(127);
}

static jwkd_status attach(struct bare *bare, const char *place, size_t subscribers, jwkd_error *error)
{
    char url[300];
    url_of(place, false, url, sizeof url);
    if (nng_socket_set_ms(bare->req, NNG_OPT_RECVTIMEO, 5000) != 0) return JWKD_INTERNAL;
    TRY(dial(bare->req, url, error));
    url_of(place, true, url, sizeof url);
    for (size_t i = 0; i < subscribers; i++)
        TRY(subscribe(bare, url, error));
    /* A dial ends before the publisher has taken the pipe up: so announce until all hear one. */
    double ignored;
    for (int tries = 0; subscribers > 0; tries++) {
        jwkd_status status = bare_announce(bare, &ignored, error);
        if (status == JWKD_OK) break;
        if (tries == 5) return status;
    }
    return JWKD_OK;
}

jwkd_status bare_start(const char *place, size_t subscribers, struct bare **out, jwkd_error *error)
{
    struct bare *bare = calloc(1, sizeof *bare + subscribers * sizeof bare->subscribers[0]);
    if (!bare) return JWKD_NO_MEMORY;
    pthread_mutex_init(&bare->lock, NULL);
    pthread_cond_init(&bare->complete, NULL);
    jwkd_status status = nng_req0_open(&bare->req) == 0 ? JWKD_OK : JWKD_NO_MEMORY;
    if (status == JWKD_OK) status = spawn(bare, place, error);
    if (status == JWKD_OK) status = attach(bare, place, subscribers, error);
    if (status != JWKD_OK) {
        bare_stop(bare);
        return status;
    }
    *out = bare;
    return JWKD_OK;
}

int bare_pid(const struct bare *bare)
{
    return bare->pid;
}

void bare_stop(struct bare *bare)
{
    if (!bare) return;
    for (size_t i = 0; i < bare->count; i++) {
        nng_aio_stop(bare->subscribers[i].aio);
        nng_close(bare->subscribers[i].socket);
        nng_aio_free(bare->subscribers[i].aio);
    }
    nng_close(bare->req);
    if (bare->pid > 0) {
        kill(bare->pid, SIGTERM);
        waitpid(bare->pid, NULL, 0);
    }
    pthread_cond_destroy(&bare->complete);
    pthread_mutex_destroy(&bare->lock);
    free(bare);
}
