/* base64url without padding, strict: RFC 4648 section 5, RFC 7515 section 2. */
#ifndef JOSE_BASE64URL_H
#define JOSE_BASE64URL_H

#include "base/bytes.h"

static inline size_t base64url_encoded_size(size_t size)
{
    return (size * 4 + 2) / 3;
}
/* An upper bound that is exact for canonical input. */
static inline size_t base64url_decoded_size(size_t size)
{
    return size * 3 / 4;
}

/* Writes base64url_encoded_size(in.size) characters, no NUL. */
void base64url_encode(struct bytes in, char *out);
jwkd_status base64url_append(struct bytes in, struct buffer *out) MUST_CHECK;
/* Decodes into `out`, which holds base64url_decoded_size(in.size) bytes. MALFORMED for padding, white
 * space, characters outside the alphabet, a length of 1 mod 4, or bits set behind the last byte. */
jwkd_status base64url_decode(struct bytes in, uint8_t *out, size_t *out_size) MUST_CHECK;

#endif
