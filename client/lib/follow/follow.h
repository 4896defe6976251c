/* Following the service's events: one SUB socket per client, made when first needed.
 *
 * Threads. nng's callback applies events and heartbeats at once, so that a deactivation waits for nobody. The
 * worker (resync.c) asks: it registers, renews, takes snapshots, one request at a time, and waits for the
 * answers. The teller (notice.c) calls the program's callbacks, which may take their time. Lock order:
 * follow.lock, then a verifier's, then the client's; a dial's last. */
#ifndef LIB_FOLLOW_H
#define LIB_FOLLOW_H

#include <stdatomic.h>

#include "lib/connection/call.h"
#include "lib/connection/client.h"
#include "lib/follow/alarm.h"
#include "lib/follow/lease.h"

struct follower;
struct keys;
struct notice;

/* What a verifier and a watch do differently. */
struct follower_kind {
    /* An event of the followed environment, checked to be whole; under the lock. */
    void (*on_event)(struct follower *follower, const Jwkd__V1__Event *event);

    /* A verifier: the keys of a snapshot; NULL: the environment does not exist. Under the lock. Anything but
     * OK: it holds what it held. */
    jwkd_status (*take_over)(struct follower *follower, const struct keys *shown, struct identity *out_held);

    /* A watch: whether the heartbeat shows that something was missed; under the lock. Only asked when the
     * service's revision moved. */
    bool (*is_behind)(struct follower *follower, const Jwkd__V1__Heartbeat *heartbeat);
    /* A watch: catches up by asking, with no lock held; on the worker. */
    jwkd_status (*synchronise)(struct follower *follower, jwkd_error *error);
};

/* What follows one environment, or all. Embedded; all members are guarded by follow->lock or fixed, but for
 * the atomic ones. */
struct follower {
    const struct follower_kind *kind;
    struct follow *follow;
    struct follower *next;
    char environment[LIMIT_ENVIRONMENT_NAME + 1]; /* "": all */
    jwkd_on_event *on_event;
    void *context;
    bool closing;
    bool tried; /* the opening has ended, as told here: */
    jwkd_status first_status;
    jwkd_error first_error;
    jwkd_error trouble; /* what went wrong last; "": nothing has */
    bool lost;          /* notices were dropped: the program will hear of a gap */

    /* a verifier */
    struct lease_part part;
    enum lease_freshness told; /* the program */
    /* As the lease says, for whoever judges a token: it takes no lock. Set after the keys were swapped. */
    _Atomic uint64_t judge_until_ns, fresh_until_ns, vouched_ns;

    /* a watch */
    bool needs_sync;
    struct lease_pace pace;
    uint64_t synced_at; /* the service revision up to which nothing was missed */
};

struct follow {
    jwkd_client *client;
    nng_socket socket;
    nng_aio *receive;
    pthread_t worker, teller;
    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* for whoever opens, closes, or judges; the worker waits for its alarm */
    struct alarm alarm;
    bool stop;
    struct follower *followers, *syncing, *telling;
    struct lease lease;
    struct lease_pace pace; /* of reaching the service at all */
    uint64_t wakes_ns; /* for when the alarm is set; 0: the worker is at work, and looks again by itself */
    /* the connection */
    struct dial dial;   /* has a lock of its own */
    char url[URL_SIZE]; /* what is dialled; "": nothing yet */
    nng_pipe pipe;
    bool connected_before; /* whether it is now stands in the lease */
    bool denied;
    uint8_t boot_id[16];
    uint64_t service_revision; /* as last heard */
    /* notice.c */
    struct notice *first_notice, **last_notice;
    size_t notices;
    pthread_cond_t noticed;
};

struct follower_options {
    jwkd_on_event *on_event;
    void *context;
    uint32_t lease_ms; /* a verifier's own wish; 0: none */
    bool serves_stale;
};
/* Starts following and, unless the client was opened in the background, waits until a verifier is fresh, a
 * watch has started. `environment` "" means all. The follower must be zeroed. On failure it is as if never
 * opened. */
jwkd_status follower_open(struct follower *follower, const struct follower_kind *kind, jwkd_client *client,
    const char *environment, const struct follower_options *options, jwkd_error *error) MUST_CHECK;
/* Waits for callbacks and synchronisation under way. Not from a callback. */
void follower_close(struct follower *follower);
/* Asks for a watch's synchronisation; under the lock. */
void follower_resync(struct follower *follower);
/* How fresh a verifier is, after waiting for as long as it is behind and a snapshot may still come. */
enum lease_freshness follower_await_snapshot(struct follower *follower, uint64_t until_ns);
/* The opening has ended, or something went wrong later; under the lock. `error` may be NULL if OK. */
void follower_settle(struct follower *follower, jwkd_status status, const jwkd_error *error);

/* After every word with the lease: shows the verifiers what it says, tells the programs, sets the worker's
 * alarm: an event that follows wakes no thread but the teller. Under the lock. */
void follow_update(struct follow *follow, uint64_t now_ns);
/* Has the worker, and whoever waits, look at once. Under the lock. */
void follow_rouse(struct follow *follow);
/* Waits for a change, until an instant of clock_elapsed_ns() at most. Under the lock. */
void follow_wait(struct follow *follow, uint64_t until_ns);
/* Lets the worker tell the service that nobody follows any more; for a moment at most. NULL is fine. */
void follow_say_farewell(struct follow *follow);
void follow_free(struct follow *follow); /* NULL is fine; no follower may be left */

/* resync.c, notice.c: the threads. */
void *follow_work(void *follow);
void *follow_tell(void *follow);
/* subscribe.c: one request of the lease, on the worker. Under the lock, which it drops meanwhile. */
void follow_ask(struct follow *follow, const struct lease_next *what);

/* Tells the program, later and in order; under the lock. */
void notice_event(struct follower *follower, const Jwkd__V1__Event *event);
void notice_plain(struct follower *follower, jwkd_event_kind kind, const char *environment, uint64_t revision,
    const char *primary_kid);
/* Drops what is not told yet; under the lock. */
void notice_drop_all(struct follower *follower);

#endif
