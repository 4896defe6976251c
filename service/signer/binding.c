#include "signer/binding.h"

static const char PREFIX[] = "jwkd key";

jwkd_status binding_make(const char *owner, const char *kid, struct binding *out)
{
    size_t owner_size = owner ? strnlen(owner, BINDING_OWNER_MAX + 1) : 0;
    size_t kid_size = kid ? strnlen(kid, LIMIT_KID + 1) : 0;
    if (owner_size == 0 || owner_size > BINDING_OWNER_MAX || kid_size == 0 || kid_size > LIMIT_KID)
        return JWKD_INVALID_ARGUMENT;
    uint8_t *at = out->data;
    memcpy(at, PREFIX, sizeof PREFIX);
    at += sizeof PREFIX;
    memcpy(at, owner, owner_size + 1);
    at += owner_size + 1;
    memcpy(at, kid, kid_size);
    at += kid_size;
    out->size = (size_t)(at - out->data);
    return JWKD_OK;
}
