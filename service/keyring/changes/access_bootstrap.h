/* The first grants of a store, without which nobody could make any. */
#ifndef KEYRING_ACCESS_BOOTSTRAP_H
#define KEYRING_ACCESS_BOOTSTRAP_H

#include "keyring/records/access_rows.h"

/* At the start, when everything was read. In a store that has none, root and the principal that the daemon
 * runs as get grants for everything; where that is another one than at the start before, the grants of the
 * old one become its own. And options.admin becomes one. Where it cannot be written, it holds for this run,
 * and the next start writes it. */
void access_bootstrap(struct keyring *keyring, const struct access_state *state);

#endif
