/* The age of the store: the running time that it has seen, in all runs of the service. What is promised to
 * last is counted by it, for nobody can set it (proto/DELIVERY.md E2).
 *
 * It goes on while the service is down. Where the machine was started again meanwhile, or is another one,
 * nobody knows how long that took: it goes on from the last commit, so that it is never ahead of the time
 * that has passed. */
#ifndef KEYRING_AGE_H
#define KEYRING_AGE_H

#include "keyring/state.h"

uint64_t age_ns(const struct keyring *keyring);
/* Rounded up. */
int64_t age_sec(const struct keyring *keyring);

/* From the service's row at the start; into each that is committed. What is put is borrowed from
 * the keyring. */
void age_load(struct keyring *keyring, const Jwkd__Row__Service *row);
/* Likewise while it runs, from a row that somebody else committed: never back. */
void age_catch_up(struct keyring *keyring, const Jwkd__Row__Service *row);
void age_put(const struct keyring *keyring, Jwkd__Row__Service *row);

#endif
