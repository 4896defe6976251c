/* The changes: each decided against the state that the transaction has reached, and written into it. One row
 * a change (changes/table.c). */
#ifndef KEYRING_CHANGES_H
#define KEYRING_CHANGES_H

#include "keyring/changes/edit.h"

/* A change, and what it was asked for with. */
struct change_request {
    const Jwkd__V1__Request *request;
    const char *principal;
    const uint8_t *digest;
    struct keyring_command *prepared; /* an import's sealed key; NULL for others */
    bool listed;                      /* if it must wait for a key, it is on a list of waiting ones already */
};

/* Decides a change. JWKD_OK: the transaction has the change, and `reply` is the answer, which counts once the
 * transaction is committed; if the transaction has nothing, nothing changed. IN_PROGRESS: a generation waits
 * for its key, and the transaction writes that down. UNSUPPORTED: the request is no change. Any other failure
 * leaves the transaction as it was, except for ready keys that did not open and are dropped; or leaves it
 * spoiled. */
jwkd_status change_decide(struct transaction *transaction, const struct change_request *change,
    struct reply *reply, jwkd_error *error) MUST_CHECK;

/* Whether the change can never be undone, as a deactivation. Its answer then stays true even where it cannot
 * be kept. */
/* The environment that a change is of; "" where it makes one, or is of none. Borrowed. */
const char *change_environment(const Jwkd__V1__Request *request);
bool change_is_final(const Jwkd__V1__Request *request);
/* Whether it is a deactivation: it must never wait for a caller's other changes, or be refused because of
 * them. */
bool change_is_deactivation(const Jwkd__V1__Request *request);

/* How a key is to be published. */
struct publication_terms {
    bool hold, now, rotation;
    const char *invalidate_kid; /* "": none */
};
/* What generate and rotate ask for. Borrowed from the request. */
struct generation {
    const char *environment, *algorithm;
    uint32_t bits;
    struct publication_terms terms;
};
struct generation change_generation(const Jwkd__V1__Request *request);

/* The type of key that a generation wants, by the environment's present settings. */
jwkd_status change_key_type(const struct ring_environment *environment, const struct generation *request,
    enum alg *out_alg, const struct key_type **out_type, jwkd_error *error) MUST_CHECK;

#endif
