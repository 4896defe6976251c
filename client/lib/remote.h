/* The snapshot of an environment's published keys. */
#ifndef LIB_REMOTE_H
#define LIB_REMOTE_H

#include "lib/call.h"

jwkd_status remote_get_jwks(jwkd_client *client, const char *environment, uint32_t timeout_ms,
    struct reply **out, jwkd_error *error) MUST_CHECK;

#endif
