/* The API token that a client sends with each request: from a file, which may be replaced while the program
 * runs. */
#ifndef LIB_CONNECTION_CREDENTIAL_H
#define LIB_CONNECTION_CREDENTIAL_H

#include <jwkd.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct credential;

/* `file` NULL: $JWKD_TOKEN_FILE; none, or "": *out is NULL. UNAUTHENTICATED: it cannot be read, others than
 * its owner can read it, or it holds no token; says what to do. */
jwkd_status credential_open(const char *file, struct credential **out, jwkd_error *error) MUST_CHECK;
/* Appends the token, looked at anew where the file has changed. A file that cannot be read at the moment
 * leaves the one that was read before. NULL is no token. Any thread. NO_MEMORY. */
jwkd_status credential_copy(struct credential *credential, struct buffer *out) MUST_CHECK;
void credential_free(struct credential *credential); /* wipes; NULL is fine */
DEFINE_CLEANUP(struct credential *, credential_free)

#endif
