/* A connection: the REQ socket, what hello told us, and the handles that live on it. */
#ifndef LIB_CLIENT_H
#define LIB_CLIENT_H

#include <jwkd.h>
#include <nng/nng.h>
#include <pthread.h>

#include "dial/dial.h"
#include "lib/connection/credential.h"
#include "wire/url.h"
#include "wire/wire.h"

struct call;
struct follow;
struct lane;

enum { CLIENT_LANES = 64 };

/* Who takes a call's steps: nng's threads, or the thread that waits for the answer. */
enum call_way { CALL_BY_CALLBACK, CALL_BY_WAITING, CALL_WAYS };

/* What hello said, kept until the service says that it was restarted. */
struct session {
    bool known;
    uint8_t boot_id[16];
    uint64_t service_clock_ns, our_clock_ns; /* the same instant, or ours a little later */
    uint64_t service_revision;
    char events_url[URL_SIZE]; /* "": the service offered none that we may follow */
    bool may_not_hear;         /* that was because of who asked */
};

struct jwkd_client {
    unsigned generation; /* fork_generation() at the birth */
    struct url url;
    char *name;
    uint32_t timeout_ms;
    bool background;
    bool insecure_tcp; /* the token may be sent over plain tcp */
    struct credential credential;
    nng_socket socket;
    struct dial dial;

    pthread_mutex_t lock; /* guards all below; held across no call into nng but aborting */
    pthread_cond_t calls_ended;
    pthread_cond_t to_tick;
    pthread_t ticker; /* looks after those who wait in lanes */
    bool has_ticker, ticking, tick_at_once;
    bool closing;
    struct session session;
    nng_pipe pipe;    /* the connection, where there is one */
    unsigned unheard; /* hellos on it since the last that was answered */
    bool connected;
    int refusal; /* why we closed the last connection at once, as calls end with it; 0: we did not */
    uint64_t refused_ns;
    struct call *active, *idle[CALL_WAYS];
    struct lane *lanes[CLIENT_LANES];
    size_t waiting;        /* tokens in all lanes' queues */
    size_t batches;        /* out of the lanes: to leave, under way, or being told of */
    size_t staying;        /* calls that may have no request under way: client_enter() */
    struct follow *follow; /* made when first needed */
};

/* JWKD_CLOSED when the handle is NULL, closing, or was inherited across fork(). */
jwkd_status client_check(const jwkd_client *client, jwkd_error *error) MUST_CHECK;

struct session client_session(jwkd_client *client);
/* Forgets a session of this boot, if it is the one known: the next call says hello again. */
void client_forget_session(jwkd_client *client, const uint8_t boot_id[16]);
/* Closes a connection on which a second hello got no answer, so that nng makes another: the first may have
 * met a service that has much to do, and to close a connection on which an answer is about to come is not
 * free of danger (shut.h). `pipe`: what client_pipe() said when it was asked. */
void client_hello_unheard(jwkd_client *client, nng_pipe pipe);
nng_pipe client_pipe(jwkd_client *client);
/* Takes over a hello. MALFORMED, UNSUPPORTED. */
jwkd_status client_learn(
    jwkd_client *client, const Jwkd__V1__HelloReply *hello, jwkd_error *error) MUST_CHECK;

/* For pipe callbacks at NNG_PIPE_EV_ADD_PRE: closes a pipe whose other end belongs to a user that may not
 * speak for the service; false then. */
bool client_admit(jwkd_client *client, nng_pipe pipe);
/* Likewise one over which others could read the token, where there is one. */
bool client_may_tell(jwkd_client *client, nng_pipe pipe);

/* INVALID_ARGUMENT unless it is an environment's name: checked here, since names become topics. */
jwkd_status check_environment_name(const char *name, jwkd_error *error) MUST_CHECK;
jwkd_status check_kid(const char *kid, jwkd_error *error) MUST_CHECK;

#endif
