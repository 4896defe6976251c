/* After somebody else changed the store: makes their changes visible to everybody here. */
#ifndef KEYRING_RELOAD_H
#define KEYRING_RELOAD_H

#include "keyring/state.h"

/* For the writer, if the keyring is outdated and nothing is in a transaction. Reads all rows anew. Heartbeats
 * list the changes before everybody sees them, and verifiers fetch them; no event is sent, and deactivations
 * have no receipt. UNAVAILABLE, CORRUPT, NO_MEMORY: the keyring stays outdated, and the caller tries again
 * later. INTERNAL: this run cannot go on (keyring->records.estranged). */
jwkd_status keyring_reload(struct keyring *keyring, jwkd_error *error) MUST_CHECK;

#endif
