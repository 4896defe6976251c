/* What the writer is given to do. Any thread adds to it, and none waits. */
#ifndef KEYRING_CHANGES_QUEUE_H
#define KEYRING_CHANGES_QUEUE_H

#include "keyring/state.h"

/* What there is to do. */
struct writer_work {
    struct keyring_command *commands;
    struct ready_key *made;
    struct ceiling_wish *wishes;
    bool poked;
};
/* For the writer: waits for work, at most until an instant of the running-time clock. False: the service
 * stops, and there is nothing left to do. */
bool queue_wait(struct keyring *keyring, uint64_t until_ns, struct writer_work *out);

/* Hands over a key that was made. `context` is the keyring. */
void queue_deliver(void *context, struct ready_key *key);
/* Makes the writer look whether something is due. */
void keyring_poke(struct keyring *keyring);

#endif
