/* Which state of which environment a message or a verifier speaks of. */
#ifndef LIB_IDENTITY_H
#define LIB_IDENTITY_H

#include "wire/wire.h"

/* Equal only if all three are (proto/WIRE.md, States; proto/DELIVERY.md S1). */
struct identity {
    uint8_t epoch[16];
    uint64_t environment_id, revision;
};
/* False where the message's epoch is not one. */
bool identity_read(const Jwkd__V1__State *state, struct identity *out);
/* Whether both are states of the same environment of the same store, so that their revisions can
 * be compared. */
bool identity_comparable(const struct identity *a, const struct identity *b);

#endif
