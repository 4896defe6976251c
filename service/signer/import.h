/* Reading a private key that somebody brings. */
#ifndef SIGNER_IMPORT_H
#define SIGNER_IMPORT_H

#include "base/limits.h"
#include "signer/material.h"

/* A key that was read, not yet judged: form, strength and fit of its parts are the caller's to check. */
struct import {
    EVP_PKEY *pkey;          /* with its public part */
    enum alg alg;            /* what the text says that it is for; ALG_NONE: nothing */
    char kid[LIMIT_KID + 1]; /* empty: none */
};

/* A private JWK or PEM, told apart by its first character. `out` is to be zeroed before and import_clear()ed
 * in every case. */
jwkd_status import_read(struct bytes text, struct import *out, jwkd_error *error) MUST_CHECK;
void import_clear(struct import *import);

/* RFC 7517, 7518 section 6, 8037 section 2; AKP of ML-DSA for JOSE. */
jwkd_status import_jwk(struct bytes text, struct import *out, jwkd_error *error) MUST_CHECK;
/* RFC 7468: PKCS#8 of either version (RFC 5958), PKCS#1 or SEC 1, not encrypted, one private key among any
 * number of other blocks; with blanks around its lines, or "\n" for line ends. */
jwkd_status import_pem(struct bytes text, struct import *out, jwkd_error *error) MUST_CHECK;
/* The text with line ends for each "\n" that is written out, and without blanks around its lines.
 * `out` must be empty, and stays so where there is nothing to do. */
jwkd_status import_tidy(struct bytes text, struct secret *out) MUST_CHECK;
/* A OneAsymmetricKey of version 2, in DER. MALFORMED, without a message: it is none. INVALID_ARGUMENT: its
 * public part is another key's. */
jwkd_status import_pkcs8_v2(struct bytes text, EVP_PKEY **out, jwkd_error *error) MUST_CHECK;

#endif
