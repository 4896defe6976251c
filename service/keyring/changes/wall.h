/* The wall clock, held against the latest instant that a change was made at (keyring->wall.high;
 * proto/DELIVERY.md E5, E6).
 *
 * Where the clock is behind it by more than an environment's leeway nothing is signed there: iat and exp
 * would lie before those of tokens that are out. One change, or one signature that had to be covered, by a
 * clock that was far ahead therefore stops the signing until then: it is said in the log, in status and to
 * who asks. An operator who sees that the clock is right now accepts it at a start (--accept-clock): the
 * instant becomes the present, and a row of it remains.
 *
 * What is lowered so is this instant alone. How far each key's tokens reach (ceiling.h) stays, so that a key
 * which signed by the clock that was ahead retires no earlier than its last token expires. What is counted by
 * the age of the store (age.h) never followed the wall clock. */
#ifndef KEYRING_WALL_H
#define KEYRING_WALL_H

#include "keyring/state.h"

/* Before a token is made. UNAVAILABLE says until when not, and why. Any thread; takes no lock but where it
 * refuses for the first time. */
jwkd_status wall_check(
    struct keyring *keyring, const struct ring_environment *environment, jwkd_error *error) MUST_CHECK;

enum { WALL_REASON = 240 };
/* Until when signing is refused in at least one environment, and why; 0: it is refused in none. */
int64_t wall_refused_until(
    const struct keyring *keyring, const struct snapshot *snapshot, char out_reason[WALL_REASON]);

/* The writer: tells when signing begins to be refused, and when that is over. */
void wall_watch(struct keyring *keyring);

/* The start: what was accepted last. NO_MEMORY, CORRUPT and what the store says. */
jwkd_status wall_load(struct keyring *keyring) MUST_CHECK;
/* The start, once everything is read: carries out options.accept_clock. Failing is no reason not to serve: it
 * is told. */
void wall_accept(struct keyring *keyring, const Jwkd__Row__Service *row,
    struct ring_environment *const *environments, size_t count);

#endif
