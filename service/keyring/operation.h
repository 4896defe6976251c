/* By what a repetition of a request is known: both must have the same digest. */
#ifndef KEYRING_OPERATION_H
#define KEYRING_OPERATION_H

#include "jose/alg.h"
#include "wire/wire.h"

enum { OPERATION_DIGEST_SIZE = SHA256_SIZE };

/* SHA-256 of the operation as this service understands it. The operation is packed anew, so that neither the
 * order of its fields nor a default that is written out makes a difference. The envelope (ids, deadline,
 * credential) and unknown fields do not count. */
jwkd_status operation_digest(const Jwkd__V1__Request *request, uint8_t out[OPERATION_DIGEST_SIZE]) MUST_CHECK;

#endif
