/* The API token that every request carries: kept, and read anew when its file changes. */
#ifndef LIB_CREDENTIAL_H
#define LIB_CREDENTIAL_H

#include <nng/nng.h>
#include <pthread.h>

#include "base/limits.h"
#include "lib/connection/token_file.h"

struct credential {
    char *path;           /* NULL: there is no token */
    pthread_mutex_t lock; /* guards what follows; held across no look at the file */
    struct token_file held;
    uint64_t look_ns; /* when to look at the file again */
};

/* Reads the token: of $JWKD_TOKEN_FILE where `path` is NULL, none where that is not set or `path` is "". As
 * token_file_read(). */
jwkd_status credential_open(
    struct credential *credential, const char *path, uint32_t timeout_ms, jwkd_error *error) MUST_CHECK;
/* Wipes it. A zeroed one is fine. */
void credential_close(struct credential *credential);

static inline bool credential_is_set(const struct credential *credential)
{
    return credential->path != NULL;
}

/* Copies the present token and says how long it is; 0: there is none. The file is looked at once a second at
 * most; while it cannot be read, the token stays. The copy is the caller's to wipe. */
size_t credential_get(struct credential *credential, uint64_t now_ns, uint8_t out[LIMIT_CREDENTIAL]);

/* Whether only this machine hears what is sent to an address over plain tcp. */
bool credential_stays_here(const nng_sockaddr *remote);

#endif
