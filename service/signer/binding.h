/* What a private key is bound to: sealed together with it, and its name in the cache. */
#ifndef SIGNER_BINDING_H
#define SIGNER_BINDING_H

#include "base/bytes.h"
#include "base/limits.h"

enum { BINDING_OWNER_MAX = 64 };

/* "jwkd key" NUL owner NUL kid: unambiguous, for neither part can hold a NUL. */
struct binding {
    uint8_t data[sizeof "jwkd key" + BINDING_OWNER_MAX + 1 + LIMIT_KID];
    size_t size;
};

/* INVALID_ARGUMENT when a part is missing, empty or too long. */
jwkd_status binding_make(const char *owner, const char *kid, struct binding *out) MUST_CHECK;

static inline struct bytes binding_bytes(const struct binding *binding)
{
    return bytes_of(binding->data, binding->size);
}

#endif
