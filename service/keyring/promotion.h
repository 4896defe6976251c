/* Promotions as durable operations (proto/DELIVERY.md P6, P9): begun with the publication of a key, ended
 * with its promotion or by another decision. */
#ifndef KEYRING_PROMOTION_H
#define KEYRING_PROMOTION_H

#include "domain/promotion.h"
#include "keyring/edit.h"

/* Whether every subscriber holds the revision that published the key. True where nobody is counted. */
bool operation_key_confirmed(
    struct keyring *keyring, const struct ring_environment *environment, const struct ring_key *key);

/* Whether a key that is published now may become primary in the same revision: nobody verifies by the
 * environment (proto/DELIVERY.md P5). Until the batch is committed or given up nobody can begin to. */
bool operation_nobody_waits(struct edit *edit);

/* How the promotion that waits stands at this instant. */
struct promotion operation_standing(struct keyring *keyring, const struct ring_environment *environment,
    uint64_t published_ns, uint64_t now_ns);

/* The key `index`, published by this edit, waits for promotion; or, with `done`, is primary already.
 * The id is a new one. */
jwkd_status operation_begin(
    struct edit *edit, struct bytes id, bool rotation, int index, bool done, const char *reason) MUST_CHECK;
/* The promotion that waits, if one does, has come to an end. */
jwkd_status operation_end(struct edit *edit, Jwkd__V1__Operation__Phase phase, const char *reason) MUST_CHECK;

/* The operation as it is now: of a row, with what can be said of one that waits. Fills `reply`. */
jwkd_status operation_answer(struct keyring *keyring, struct bytes id, struct reply *reply,
    Jwkd__V1__Operation **out, jwkd_error *error) MUST_CHECK;
/* What can be said of an operation that waits at this instant. */
jwkd_status operation_describe(struct keyring *keyring, const struct ring_environment *environment,
    struct reply *reply, Jwkd__V1__Operation *in_out) MUST_CHECK;

#endif
