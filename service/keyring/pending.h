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
    uint64_t environment_id; /* a new environment of the same name is another */
    struct buffer request;   /* packed: what pending_pack() keeps of it */
    struct buffer shown;     /* the answer once it is there, when it is to be handed out once only */
};

/* Copies what it needs. The key's type is found out by the writer. */
jwkd_status pending_new(const Jwkd__V1__Request *request, const char *principal,
    const uint8_t digest[OPERATION_DIGEST_SIZE], uint64_t environment_id, struct pending **out) MUST_CHECK;
void pending_free(struct pending *pending); /* NULL is fine */
DEFINE_CLEANUP(struct pending *, pending_free)
void pending_free_all(struct pending *list);

/* The place in the list that points to that caller's request, or to NULL at its end. */
struct pending **pending_find(struct pending **list, const char *principal, struct bytes request_id);

/* What is kept of a request: what it asks for, and neither credential nor fields that are not known. */
jwkd_status pending_pack(const Jwkd__V1__Request *request, struct buffer *out) MUST_CHECK;

#endif
