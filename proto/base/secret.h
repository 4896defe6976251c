/* Secret bytes: in OpenSSL's secure heap when it was set up, wiped when cleared, never printed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"

/* A zeroed secret is an empty one. */
struct secret {
    uint8_t *data;
    size_t size;
};

/* Allocates `size` zero bytes; the secret must be empty before. */
jwkd_status secret_init(struct secret *secret, size_t size) MUST_CHECK;
jwkd_status secret_copy(struct secret *secret, struct bytes bytes) MUST_CHECK;
/* Wipes and frees; the secret is empty afterwards. */
void secret_clear(struct secret *secret);
static inline struct bytes secret_bytes(const struct secret *secret)
{
    return bytes_of(secret->data, secret->size);
}
/* In constant time for equal sizes. */
bool secret_equal(struct bytes a, struct bytes b);

#endif
