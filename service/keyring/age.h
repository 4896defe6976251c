/* The age of the store: the running time that it has seen, in all runs of the service. Promises of a duration
 * are counted by it, because nobody can set it (proto/DELIVERY.md E2).
 *
 * It goes on while the service is down. If the machine was started again meanwhile, or is another one, nobody
 * knows how long that took. The age then goes on from the last commit, so that it is never ahead of the time
 * that has passed. */
#ifndef KEYRING_AGE_H
#define KEYRING_AGE_H

#include "keyring/state.h"

uint64_t age_ns(const struct keyring *keyring);
/* Rounded up. */
int64_t age_sec(const struct keyring *keyring);

/* age_load takes the age from the service's row at the start. age_put fills a row that is about to be
 * committed; what it puts is borrowed from the keyring. */
void age_load(struct keyring *keyring, const Jwkd__Row__Service *row);
/* Takes the age from a row that somebody else committed while this service runs; never goes back. */
void age_catch_up(struct keyring *keyring, const Jwkd__Row__Service *row);
void age_put(const struct keyring *keyring, Jwkd__Row__Service *row);

#endif
