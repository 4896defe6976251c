/* Whose an instance id is. The service binds it to the principal that said hello, which behind a relay is the
 * relay: so the relay binds it to its own caller. Otherwise one who reaches the relay could confirm, or
 * leave, for another. As with the service, an id of somebody else is one that is not known (proto/DELIVERY.md
 * B3).
 *
 * Any function from any thread. Times are instants of clock_elapsed_ns(), given by the caller. */
#ifndef RELAY_INSTANCES_H
#define RELAY_INSTANCES_H

#include "base/bytes.h"
#include "base/limits.h"

enum {
    INSTANCES_ID = 16,
    INSTANCES_KEPT_SEC = 180, /* after it was last heard of; the service keeps a registration as long */
};

struct instances;

/* At most `capacity` instances that follow `followings` environments, each counted for each; 0: somewhat less
 * than the service lets one principal have, so that the relay's own has some left. */
jwkd_status instances_new(size_t capacity, size_t followings, struct instances **out) MUST_CHECK;
void instances_free(struct instances *instances); /* NULL is fine */

/* An `origin` is who shares with the others: a uid, or an address (net/peer.h). */

/* Whether the origin may have another place: as many as are left for all others. */
bool instances_may_bind(struct instances *instances, const char *origin, uint64_t now_ns);
/* The id is the caller's. One of another run of the service ends all earlier ones. */
void instances_bind(struct instances *instances, const uint8_t boot_id[INSTANCES_ID],
    const uint8_t id[INSTANCES_ID], const char *principal, const char *origin, uint64_t now_ns);
/* Whether it is; if so, it was heard of. */
bool instances_hear(struct instances *instances, struct bytes id, const char *principal, uint64_t now_ns);

/* It follows the environment as well from now on. False: its origin follows as many as are left for all
 * others. */
bool instances_follow(struct instances *instances, struct bytes id, const char *environment);
/* It follows these from now on, and no others; likewise. */
bool instances_follow_only(
    struct instances *instances, struct bytes id, const char *const *environments, size_t count);

#endif
