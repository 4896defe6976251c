/* From the rows of the store to what the keyring believes. */
#ifndef KEYRING_LOAD_H
#define KEYRING_LOAD_H

#include "keyring/records/access_rows.h"

/* What the rows say, except for the service's row. The keyring has nothing of it yet. */
struct loaded {
    struct ring_environment **environments; /* in order of name; references */
    size_t count;
    struct pending *pending;
    struct ready_key *ready;
    struct book *book; /* a reference */
    struct access_state access;
};
/* CORRUPT: the message says which row. The caller clears *out then, too. */
jwkd_status load_rows(struct keyring *keyring, struct loaded *out, jwkd_error *error) MUST_CHECK;
void loaded_clear(struct loaded *loaded);
/* Gives the ready keys to the reserve. */
void loaded_give_ready(struct loaded *loaded, struct reserve *reserve);

#endif
