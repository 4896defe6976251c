/* Looks after what nothing else in the daemon hears of: descriptors that run out, and a store's disk that is
 * full or has room again, of which the log tells; and memory that has become free. */
#ifndef DAEMON_VIGIL_H
#define DAEMON_VIGIL_H

#include "base/status.h"
#include "store/store.h"

struct vigil;

/* Starts its thread, which looks once a second. `store` outlives it; NULL: there is none. */
jwkd_status vigil_start(struct store *store, struct vigil **out, jwkd_error *error) MUST_CHECK;
/* To be called when it was told that a change failed: when the store can be written again that is told, too,
 * though nobody looked in between. With a store only; any thread. */
void vigil_heard(struct vigil *vigil);
/* NULL is fine. */
void vigil_stop(struct vigil *vigil);

#endif
