/* Replies as they leave a relay: packed, under the caller's own request id. */
#ifndef RELAY_ANSWER_H
#define RELAY_ANSWER_H

#include "relay/replica.h"

/* All of them: empty where memory is short. */

/* `id` may be empty, where the request could not be read. */
struct buffer answer_failure(struct bytes id, jwkd_status status, const jwkd_error *error);
/* A reply of the service as it is. */
struct buffer answer_pass(struct bytes id, const Jwkd__V1__Reply *reply);
/* A hello that leads to other event sockets. */
struct buffer answer_hello(
    struct bytes id, const Jwkd__V1__Reply *reply, char *const *events_urls, size_t count);
/* The service's "unchanged", filled in from the snapshot that it spoke of. */
struct buffer answer_unchanged(
    struct bytes id, const Jwkd__V1__Reply *reply, const struct shared_reply *snapshot);
/* Changes out of the relay's own log. */
struct buffer answer_changes(struct bytes id, const struct replica_page *page);

#endif
