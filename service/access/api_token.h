/* API tokens: what a client sends as its credential.
 *
 * "jwkd_", an id of 10 characters, "_", a secret of 26 characters (130 random bits), and a checksum of 7
 * characters: the CRC-32 of everything before it. Characters are base32 (RFC 4648 section 6) in lower case,
 * without padding. Scanners recognise the form, and a typing error shows before anything is looked up. */
#ifndef ACCESS_API_TOKEN_H
#define ACCESS_API_TOKEN_H

#include "base/bytes.h"
#include "jose/alg.h"

enum {
    API_TOKEN_ID = 10,
    API_TOKEN_SECRET = 26,
    API_TOKEN_CHECKSUM = 7,
    API_TOKEN_SIZE = 5 + API_TOKEN_ID + 1 + API_TOKEN_SECRET + API_TOKEN_CHECKSUM,
};

/* Makes a new one. `out_digest` is the SHA-256 of the secret's characters, which is what is kept of it. The
 * caller wipes `out`. INTERNAL: no random bytes. */
jwkd_status api_token_mint(
    char out[API_TOKEN_SIZE + 1], char out_id[API_TOKEN_ID + 1], uint8_t out_digest[SHA256_SIZE]) MUST_CHECK;

/* Takes one apart. False: it is none, or the checksum does not fit. */
bool api_token_read(struct bytes text, char out_id[API_TOKEN_ID + 1], uint8_t out_digest[SHA256_SIZE]);

/* Whether both digests are the same; takes the same time wherever they differ. */
bool api_token_is(const uint8_t digest[SHA256_SIZE], const uint8_t other[SHA256_SIZE]);

#endif
