/* What the writer is given to do. Any thread adds to it; none is held up. */
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
/* The writer: waits for it, until an instant of the running-time clock at the latest. False: it is over. */
bool queue_wait(struct keyring *keyring, uint64_t until_ns, struct writer_work *out);

/* A key that was made; `context` is the keyring. */
void queue_deliver(void *context, struct ready_key *key);
/* Has the writer look what is due. */
void keyring_poke(struct keyring *keyring);

#endif
