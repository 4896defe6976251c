/* Following the service's events: one SUB socket per client, made when first needed.
 *
 * Threads. nng's callback applies events at once, so that a deactivation waits for nobody. The worker
 * (resync.c) takes snapshots where events were missed; it waits for answers. The teller (notice.c) calls the
 * program's callbacks, which may take their time. Lock order: follow.lock, then a verifier's, then the
 * client's. */
#ifndef LIB_FOLLOW_H
#define LIB_FOLLOW_H

#include "lib/call.h"
#include "lib/client.h"

struct follower;
struct notice;

/* What a verifier and a watch do differently. */
struct follower_kind {
    /* An event of the followed environment, checked to be whole; under the lock. */
    void (*on_event)(struct follower *follower, const Jwkd__V1__Event *event);
    /* Whether the heartbeat shows that something was missed; under the lock. Only asked when the service's
     * revision moved. */
    bool (*is_behind)(struct follower *follower, const Jwkd__V1__Heartbeat *heartbeat);
    /* Catches up by asking, with no lock held; on the worker. */
    jwkd_status (*synchronise)(struct follower *follower, jwkd_error *error);
};

/* What follows one environment, or all. Embedded; all members are guarded by follow->lock or fixed. */
struct follower {
    const struct follower_kind *kind;
    struct follow *follow;
    struct follower *next;
    char environment[LIMIT_ENVIRONMENT_NAME + 1]; /* "": all */
    jwkd_on_event *on_event;
    void *context;
    bool closing;
    bool needs_sync;
    bool tried; /* the first synchronisation has ended, as told here: */
    jwkd_status first_status;
    jwkd_error first_error;
    uint64_t synced_at; /* the service revision up to which nothing was missed */
    bool lost;          /* notices were dropped: the program will hear of a gap */
};

struct follow {
    jwkd_client *client;
    nng_socket socket;
    nng_aio *receive;
    pthread_t worker, teller;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool stop;
    struct follower *followers, *syncing, *telling;
    /* the connection */
    nng_dialer dialer;
    char url[URL_SIZE]; /* what is dialled; "": nothing yet */
    nng_pipe pipe;
    bool connected, connected_before;
    bool denied;
    uint8_t boot_id[16];
    uint64_t service_revision; /* as last heard */
    /* resync.c */
    uint64_t retry_at_ns, unknown_kid_at_ns;
    uint32_t backoff_ms;
    /* notice.c */
    struct notice *first_notice, **last_notice;
    size_t notices;
    pthread_cond_t noticed;
};

/* Starts following and, unless the client was opened in the background, waits for the first synchronisation.
 * `environment`
 * "" means all. The follower must be zeroed. On failure it is as if never opened. */
jwkd_status follower_open(struct follower *follower, const struct follower_kind *kind, jwkd_client *client,
    const char *environment, jwkd_on_event *on_event, void *context, jwkd_error *error) MUST_CHECK;
/* Waits for callbacks and synchronisation under way. Not from a callback. */
void follower_close(struct follower *follower);
/* Asks for synchronisation; under the lock. */
void follower_resync(struct follower *follower);
/* A token names a kid that is not known: at most once a second and client, all threads together, ask. */
void follower_unknown_kid(struct follower *follower);

void follow_free(struct follow *follow); /* NULL is fine; no follower may be left */

/* resync.c, notice.c: the threads. */
void *follow_work(void *follow);
void *follow_tell(void *follow);

/* Tells the program, later and in order; under the lock. */
void notice_event(struct follower *follower, const Jwkd__V1__Event *event);
void notice_plain(struct follower *follower, jwkd_event_kind kind, const char *environment, uint64_t revision,
    const char *primary_kid);
/* Drops what is not told yet; under the lock. */
void notice_drop_all(struct follower *follower);

#endif
