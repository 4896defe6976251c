/* Whose an instance id is. The service binds it to the principal that said hello, which behind a relay is the
 * relay: so the relay binds it to its own caller. Otherwise one who reaches the relay could confirm, or
 * leave, for another. As with the service, an id of somebody else is one that is not known.
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

/* `capacity` 0: as many as the service lets one principal have. */
jwkd_status instances_new(size_t capacity, struct instances **out) MUST_CHECK;
void instances_free(struct instances *instances); /* NULL is fine */

/* Whether the caller may have another place: as many as are left for all others. */
bool instances_may_bind(struct instances *instances, const char *principal, uint64_t now_ns);
/* The id is the caller's. One of another run of the service ends all earlier ones. */
void instances_bind(struct instances *instances, const uint8_t boot_id[INSTANCES_ID],
    const uint8_t id[INSTANCES_ID], const char *principal, uint64_t now_ns);
/* Whether it is; if so, it was heard of. */
bool instances_hear(struct instances *instances, struct bytes id, const char *principal, uint64_t now_ns);

#endif
