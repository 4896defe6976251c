/* What makes a request acceptable, before anybody works on it. */
#ifndef OPERATIONS_CHECK_H
#define OPERATIONS_CHECK_H

#include "wire/wire.h"

/* UNSUPPORTED (version, operation), INVALID_ARGUMENT (ids, credential, deadline), WRONG_BOOT,
 * DEADLINE_EXCEEDED. */
jwkd_status check_request(const Jwkd__V1__Request *request, const uint8_t boot_id[16], uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;
/* DEADLINE_EXCEEDED: nobody waits for the answer any more. */
jwkd_status check_deadline(const Jwkd__V1__Request *request, uint64_t now_ns, jwkd_error *error) MUST_CHECK;

#endif
