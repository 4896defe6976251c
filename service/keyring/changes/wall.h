/* The wall clock, compared with the latest instant that a change was made at (keyring->wall.high;
 * proto/DELIVERY.md E5, E6).
 *
 * If the clock is behind that instant by more than an environment's leeway, nothing is signed there: iat and
 * exp would lie before those of tokens that are out. So one change, or one signature that had to be covered,
 * by a clock that was far ahead stops the signing until that instant. The log, status and the refused
 * requests say so. An operator who sees that the clock is right now accepts it at a start (--accept-clock):
 * the instant becomes the present, and a row keeps a record of that.
 *
 * Only this instant is lowered so. How far each key's tokens reach (ceiling.h) stays: a key that signed while
 * the clock was ahead retires no earlier than its last token expires. The age of the store (age.h) never
 * followed the wall clock. */
#ifndef KEYRING_WALL_H
#define KEYRING_WALL_H

#include "keyring/state.h"

/* Call it before a token is made. UNAVAILABLE: nothing is signed; the message says until when, and why. Any
 * thread. Takes no lock, except when it refuses for the first time. */
jwkd_status wall_check(
    struct keyring *keyring, const struct ring_environment *environment, jwkd_error *error) MUST_CHECK;

enum { WALL_REASON = 240 };
/* Until when signing is refused in at least one environment, and why. 0: it is refused in none. */
int64_t wall_refused_until(
    const struct keyring *keyring, const struct snapshot *snapshot, char out_reason[WALL_REASON]);

/* For the writer: tells when signing begins to be refused, and when that is over. */
void wall_watch(struct keyring *keyring);

/* At the start: reads what was accepted last. NO_MEMORY, CORRUPT, and what the store says. */
jwkd_status wall_load(struct keyring *keyring) MUST_CHECK;
/* At the start, once everything is read: carries out options.accept_clock. A failure is told, and the service
 * serves all the same. */
void wall_accept(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count);

#endif
