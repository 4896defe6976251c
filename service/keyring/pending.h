/* Generations that wait for their key. */
#ifndef KEYRING_PENDING_H
#define KEYRING_PENDING_H

#include "base/cleanup.h"
#include "base/limits.h"
#include "keyring/operation.h"

struct pending {
    struct pending *next;
    const struct key_type *type;
    char *principal;
    uint8_t request_id[LIMIT_REQUEST_ID];
    uint8_t digest[OPERATION_DIGEST_SIZE];
    uint64_t environment_id; /* another environment that took the name later has another id */
    struct buffer request;   /* packed: what pending_pack() keeps of it */
    struct buffer shown;     /* the answer, once it is there, if it may be handed out only once */
};

/* Copies what it needs of the request. The writer finds out the key's type. */
jwkd_status pending_new(const Jwkd__V1__Request *request, const char *principal,
    const uint8_t digest[OPERATION_DIGEST_SIZE], uint64_t environment_id, struct pending **out) MUST_CHECK;
void pending_free(struct pending *pending); /* NULL is fine */
DEFINE_CLEANUP(struct pending *, pending_free)
void pending_free_all(struct pending *list);

/* The place in the list that points to that caller's request, or to NULL at its end. */
struct pending **pending_find(struct pending **list, const char *principal, struct bytes request_id);

/* Packs the part of a request that is kept: what it asks for, without credential and unknown fields. */
jwkd_status pending_pack(const Jwkd__V1__Request *request, struct buffer *out) MUST_CHECK;

#endif
