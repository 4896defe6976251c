/* Ceilings: how far a key's signatures may reach is durable before any of them does
 * (proto/DELIVERY.md E1). */
#ifndef KEYRING_CEILING_H
#define KEYRING_CEILING_H

#include <time.h>

#include "keyring/state.h"

struct transaction;

/* A higher ceiling that a signature needs. */
struct ceiling_wish {
    struct ceiling_wish *next;
    char environment[LIMIT_ENVIRONMENT_NAME + 1], owner[17];
    struct ring_key *key; /* a reference */
    struct reach at;
};

/* How long the threads of one request may wait for the disk, all together. The time begins with the first
 * wait; zeroed before that. */
struct ceiling_patience {
    struct timespec until; /* of CLOCK_MONOTONIC; guarded by the lock of the keyring's queue */
};

/* Call it before a token of this reach is made. It waits if the disk must be asked first, which happens only
 * after a pause. Otherwise it asks for a higher ceiling ahead of need. UNAVAILABLE: the ceiling cannot be
 * written. Any thread but the writer's. */
jwkd_status ceiling_cover(struct keyring *keyring, const struct ring_environment *environment,
    struct ring_key *key, struct reach reach, struct ceiling_patience *patience,
    jwkd_error *error) MUST_CHECK;

/* Raises how far a key's signatures may reach; never lowers it. */
jwkd_status ceiling_raise(struct transaction *transaction, const char *owner, const struct ring_key *key,
    struct reach ceiling) MUST_CHECK;
/* For the writer: puts the wishes into the transaction. *out_rest are those that it has no room for. After
 * the commit, whether it succeeded or not, ceiling_wake() wakes the threads that wait for these wishes, and
 * frees the wishes. */
jwkd_status ceiling_put(
    struct transaction *transaction, struct ceiling_wish *wishes, struct ceiling_wish **out_rest) MUST_CHECK;
void ceiling_wake(
    struct keyring *keyring, struct ceiling_wish *wishes, const struct ceiling_wish *rest, bool committed);

#endif
