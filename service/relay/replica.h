/* What a relay has of the service behind it: snapshots, and the events since. It is all of one run of the
 * service and one epoch, and forgotten with them.
 *
 * Heard is what comes in on the event socket, before it is passed on: whoever asks after hearing gets at
 * least that (proto/DELIVERY.md B4). Any function from any thread; instants are of clock_elapsed_ns(), given
 * by the caller. */
#ifndef RELAY_REPLICA_H
#define RELAY_REPLICA_H

#include "relay/shelf.h"

struct replica;

/* `caps` may be NULL. */
jwkd_status replica_new(const struct shelf_caps *caps, struct replica **out) MUST_CHECK;
void replica_free(struct replica *replica); /* NULL is fine */

/* ---- hearing */

/* The relay's own hello was answered; it was sent at `sent_ns`. */
void replica_welcome(struct replica *replica, const Jwkd__V1__HelloReply *hello, uint64_t sent_ns);
/* A published message, topic and body. What cannot be read may have been anything: then all is forgotten. */
void replica_hear(struct replica *replica, struct bytes message);
/* The event stream broke off: nothing counts as current before the next heartbeat. */
void replica_disconnect(struct replica *replica);
/* A state that is being told to somebody through the relay: it answers with no older one afterwards. */
void replica_see(struct replica *replica, const char *environment, const Jwkd__V1__State *state);

/* How long an answer to the request is of use: until its deadline, as far as the service's clock is known
 * here, within these bounds. */
uint64_t replica_time_left_ms(struct replica *replica, const Jwkd__V1__Request *request, uint64_t least_ms,
    uint64_t most_ms, uint64_t now_ns);

/* ---- snapshots */

/* The snapshot of the environment, which the caller unrefs; NULL: none. `out_generation` goes back with what
 * the service then answers. It may be old: only the service can say that it is not. */
struct shared_reply *replica_snapshot(
    struct replica *replica, const char *environment, uint64_t *out_generation) MUST_CHECK;
/* Takes the whole get_jwks reply over, unless what was there has been forgotten since `generation`. */
void replica_keep(
    struct replica *replica, const char *environment, struct shared_reply *snapshot, uint64_t generation);

/* ---- changes */

struct replica_page {
    struct shelf_event *events[LIMIT_PAGE];
    size_t count;
    bool more;
    uint8_t epoch[16];
    uint64_t environment_id, revision; /* the present state */
};
void replica_page_clear(struct replica_page *page);

/* The changes since a state. False where this is not the one to ask: it has not heard them all, or heard the
 * last heartbeat too long ago. `boot_id`: which run of the service the caller means; empty: any. */
bool replica_changes(struct replica *replica, const Jwkd__V1__GetChangesRequest *request,
    struct bytes boot_id, uint64_t now_ns, struct replica_page *out);

#endif
