/* A small service that speaks the wire for real, over REP and PUB sockets of its own, and can be told to
 * misbehave. */
#ifndef TESTS_CLIENT_FAKE_SERVICE_H
#define TESTS_CLIENT_FAKE_SERVICE_H

#include <openssl/evp.h>

#include "wire/wire.h"

enum { FAKE_KEYS = 32, FAKE_ENVIRONMENTS = 4, FAKE_LOG = 128, FAKE_INSTANCES = 32 };

/* How requests other than hello are answered. */
enum fake_mood {
    FAKE_WELL,
    FAKE_BUSY,
    FAKE_SILENT,
    FAKE_HANGS_UP, /* closes the connection instead of answering */
    FAKE_WRONG_ID,
    FAKE_WRONG_VERSION,
    FAKE_GARBAGE,
    FAKE_OTHER_RESULT, /* a well-formed answer to another question */
    FAKE_IN_PROGRESS,
    FAKE_TOO_FEW, /* a batch is answered with one token less */
};

struct fake;

/* Starts it in a directory of its own, with nothing in it. One at a time in a process. The directory is
 * removed when it is stopped, or the process exits, aborts or is told to end. */
struct fake *fake_start(void);
void fake_stop(struct fake *fake);
const char *fake_url(const struct fake *fake);
/* The socket's directory. */
const char *fake_directory(const struct fake *fake);

/* Closes the sockets; opens them again as another run of the service with the same store. */
void fake_down(struct fake *fake);
void fake_up(struct fake *fake);
/* Another run of the service, without a connection being lost. */
void fake_change_boot(struct fake *fake);
/* Another incarnation of the store, as after a restored backup: the revisions stay. */
void fake_change_epoch(struct fake *fake);

/* For the next `times` requests; then all is well again. */
void fake_misbehave(struct fake *fake, enum fake_mood mood, unsigned times);
void fake_ignore_hellos(struct fake *fake, unsigned times);
/* What hello offers instead of the truth; NULL: the truth. */
void fake_offer(struct fake *fake, const char *events_url);
/* From now on hello offers no event socket, and says as whom it judges; "": it does not say that. */
void fake_offer_nothing(struct fake *fake, const char *principal);
void fake_offer_something(struct fake *fake); /* again */
void fake_speak_version(struct fake *fake, uint32_t version);
/* From now on requests, hello included, without just this credential are UNAUTHENTICATED. */
void fake_want_credential(struct fake *fake, const char *credential);
/* How long who is told that the service is busy is to wait. */
void fake_retry_after(struct fake *fake, uint32_t ms);
/* From now on requests of this kind are answered with this result, whatever the fake service would say by
 * itself. */
void fake_say(struct fake *fake, Jwkd__V1__Request__OperationCase operation, const Jwkd__V1__Reply *result);
/* Likewise, but the next one still as told before. */
void fake_say_then(
    struct fake *fake, Jwkd__V1__Request__OperationCase operation, const Jwkd__V1__Reply *result);
/* While muted, events are made but not sent. */
void fake_mute(struct fake *fake, bool mute);
/* Forgets the log, so that GetChanges answers COMPACTED. */
void fake_compact(struct fake *fake);
/* While held, snapshots are not answered. */
void fake_hold_snapshots(struct fake *fake, bool hold);

/* Heartbeats are sent by themselves, every few milliseconds, unless muted or told not to. */
void fake_beat(struct fake *fake, bool beat);
/* Sends nothing more, and gives what was sent a moment to arrive. nng 1.5.2 may hang when a socket is closed
 * while a message arrives (its issue 1543); with a hundred heartbeats a second that happens. */
void fake_hush(struct fake *fake);

/* What hello grants; at the start 30 s, 60 s, 120 s. */
void fake_grant(struct fake *fake, uint32_t max_lease_ms, uint32_t renew_ms, uint32_t registered_ms);
/* A service from before subscribers were registered. */
void fake_grow_old(struct fake *fake, bool old);
/* Answers NOT_FOUND to a subscriber that is not registered, as 0.1.0 does. */
void fake_use_old_statuses(struct fake *fake);
/* Drops all registrations. */
void fake_forget_subscribers(struct fake *fake);
/* What the last hello that subscribes asked for. */
struct fake_wish {
    char name[64];
    uint32_t lease_ms;
    bool serves_stale, went_on; /* with an earlier registration */
};
struct fake_wish fake_last_wish(struct fake *fake);
/* Registrations of this run. */
unsigned fake_subscribers(struct fake *fake);
/* Waits until each registration that follows the environment, one at least, has confirmed the revision. */
void fake_await_confirmed(struct fake *fake, const char *name, uint64_t revision);
/* Waits until no registration follows it. */
void fake_await_unfollowed(struct fake *fake, const char *name);

/* Requests seen, by operation, hello included. */
unsigned fake_count(struct fake *fake, Jwkd__V1__Request__OperationCase operation);
/* Connections to the request socket so far. */
unsigned fake_connections(struct fake *fake);
/* Waits until so many were seen. */
void fake_await(struct fake *fake, Jwkd__V1__Request__OperationCase operation, unsigned count);
/* Of the last request that was no hello; and how many times in succession it came. */
void fake_last_id(struct fake *fake, uint8_t out[16], unsigned *out_times);
/* All of it. It lives in the arena, which the caller clears. */
const Jwkd__V1__Request *fake_last_request(struct fake *fake, struct arena *arena);

/* Changes; each is a revision and an event. Keys are numbered from 0. */
void fake_create_environment(struct fake *fake, const char *name, bool show_once);
void fake_delete_environment(struct fake *fake, const char *name);
void fake_set_issuer(struct fake *fake, const char *name, const char *issuer);
unsigned fake_generate(struct fake *fake, const char *name);
void fake_deactivate(struct fake *fake, const char *name, unsigned key);
void fake_change_key(struct fake *fake, const char *name, unsigned key); /* held or retiring, say */
/* Valid until the fake is stopped. */
const char *fake_kid(struct fake *fake, const char *name, unsigned key);
const char *fake_jwk(struct fake *fake, const char *name, unsigned key);
uint64_t fake_revision(struct fake *fake, const char *name);

/* Waits for a subscriber's connection on this side, since the last fake_up(): the other side knows of it a
 * little earlier, and what is sent between is lost (heartbeats tell, in a real service). */
void fake_await_subscriber(struct fake *fake);
/* Sends anything to the subscribers. */
void fake_publish(struct fake *fake, struct bytes topic, struct bytes body);
/* Sends the event of this revision again. */
void fake_repeat_event(struct fake *fake, const char *name, uint64_t revision);
void fake_heartbeat(struct fake *fake);

/* A token signed with a key; to be freed. `claims` NULL: iss as the environment has it, a subject, an hour to
 * live. */
char *fake_token(struct fake *fake, const char *name, unsigned key, const char *claims);

#endif
