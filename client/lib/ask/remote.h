/* The snapshot of an environment's published keys. */
#ifndef LIB_REMOTE_H
#define LIB_REMOTE_H

#include "lib/connection/call.h"

/* Whose snapshot it is. */
struct remote_subscriber {
    uint8_t instance_id[16];
    uint64_t sequence;
};
/* `subscriber` NULL: nobody's who would be counted. */
jwkd_status remote_get_jwks(jwkd_client *client, const char *environment,
    const struct remote_subscriber *subscriber, uint32_t timeout_ms, struct reply **out,
    jwkd_error *error) MUST_CHECK;

#endif
