/* Making key pairs. */
#ifndef SIGNER_GENERATE_H
#define SIGNER_GENERATE_H

#include <openssl/evp.h>

#include "jose/alg.h"

/* RSA asks *stop (may be NULL) now and then: true gives CLOSED. UNSUPPORTED: OpenSSL does not offer that
 * type. */
jwkd_status generate_pkey(const struct key_type *type, const _Atomic bool *stop, EVP_PKEY **out) MUST_CHECK;

#endif
