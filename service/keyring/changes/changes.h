/* The changes: each decided against the state that the transaction has reached, and written into it. One row
 * a change (changes/table.c). */
#ifndef KEYRING_CHANGES_H
#define KEYRING_CHANGES_H

#include "keyring/changes/edit.h"

/* What a change was asked for with. */
struct change_request {
    const Jwkd__V1__Request *request;
    const char *principal;
    const uint8_t *digest;
    struct keyring_command *prepared; /* an import's sealed key; NULL for others */
    bool listed;                      /* what must wait for a key stands on somebody's list already */
};

/* Decides. JWKD_OK: the transaction holds the change and `reply` the answer that takes effect once it is
 * committed (nothing in the transaction: nothing changed). IN_PROGRESS: a generation waits for its key,
 * written durably by the transaction. UNSUPPORTED: the request is no change. Other failures leave the
 * transaction as it was, but for ready keys that did not open and are dropped; or spoiled. */
jwkd_status change_decide(struct transaction *transaction, const struct change_request *change,
    struct reply *reply, jwkd_error *error) MUST_CHECK;

/* What is so once is so for ever: its answer holds also where it cannot be kept. */
bool change_is_final(const Jwkd__V1__Request *request);
/* What must never have to wait for a caller's other changes, or be refused for their sake. */
bool change_is_deactivation(const Jwkd__V1__Request *request);

/* On which terms a key is published. */
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

/* The type of key that a generation wants, as things stand. */
jwkd_status change_key_type(const struct ring_environment *environment, const struct generation *request,
    enum alg *out_alg, const struct key_type **out_type, jwkd_error *error) MUST_CHECK;

#endif
