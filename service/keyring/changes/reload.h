/* Somebody else changed the store: what they changed becomes what everybody sees here. */
#ifndef KEYRING_RELOAD_H
#define KEYRING_RELOAD_H

#include "keyring/state.h"

/* The writer, where the keyring is outdated, and while nothing is in a transaction. Reads all rows anew. What
 * they changed is listed by heartbeats before it is seen, and verifiers fetch it; no event is sent, and
 * deactivations have no receipt. UNAVAILABLE, CORRUPT, NO_MEMORY: it stays outdated, and is to be tried
 * again. INTERNAL: this run cannot go on (keyring->records.estranged). */
jwkd_status keyring_reload(struct keyring *keyring, jwkd_error *error) MUST_CHECK;

#endif
