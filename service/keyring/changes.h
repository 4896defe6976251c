/* The changes: each decided against the state that the batch has reached, and written into it. */
#ifndef KEYRING_CHANGES_H
#define KEYRING_CHANGES_H

#include "keyring/edit.h"

/* What a change was asked for with. */
struct change_request {
    const Jwkd__V1__Request *request;
    const char *principal;
    const uint8_t *digest;
    struct keyring_command *prepared; /* an import's sealed key; NULL for others */
    bool noted;                       /* what must wait for a key stands on somebody's list already */
};

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

/* Decides. JWKD_OK: the batch holds the change and `reply` the answer that takes effect once it is committed
 * (nothing in the batch: nothing changed). IN_PROGRESS: a generation waits for its key, noted durably by the
 * batch. Other failures leave the batch as it was, but for ready keys that did not open and are dropped;
 * unless *out_broken is set: then it must be given up. */
jwkd_status change_decide(struct batch *batch, const struct change_request *change, struct reply *reply,
    bool *out_broken, jwkd_error *error) MUST_CHECK;

/* The type of key that a generation wants, as things stand. */
jwkd_status change_key_type(const struct ring_environment *environment, const struct generation *request,
    enum alg *out_alg, const struct key_type **out_type, jwkd_error *error) MUST_CHECK;

#endif
