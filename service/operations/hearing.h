/* Who may hear events, and follow environments, as rights stand. */
#ifndef OPERATIONS_HEARING_H
#define OPERATIONS_HEARING_H

#include "keyring/keyring.h"
#include "operations/credential.h"

/* Whether a connection's principal may hear the events of every environment. Any thread. */
bool hearing_may(struct keyring *keyring, const struct door_access *access, const char *principal);
/* Rights have changed, and nothing is sent any more to those who may not hear: verifiers that may no longer
 * follow an environment are cut off from it. Any thread. */
void hearing_review(struct keyring *keyring, const struct door_access *access, struct registry *registry);

#endif
