/* What a repetition of a request must be equal in. */
#ifndef KEYRING_OPERATION_H
#define KEYRING_OPERATION_H

#include "jose/alg.h"
#include "wire/wire.h"

enum { OPERATION_DIGEST_SIZE = SHA256_SIZE };

/* SHA-256 of the operation as this service understands it: packed anew, so that the order of its fields and
 * what is written out although it is the default make no difference, without the envelope (ids, deadline,
 * credential) and without fields that are not known here. */
jwkd_status operation_digest(const Jwkd__V1__Request *request, uint8_t out[OPERATION_DIGEST_SIZE]) MUST_CHECK;

#endif
