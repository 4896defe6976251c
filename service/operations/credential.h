/* Whose request it is: what its credential makes of whom the connection belongs to. */
#ifndef OPERATIONS_CREDENTIAL_H
#define OPERATIONS_CREDENTIAL_H

#include "access/caller.h"
#include "wire/wire.h"

/* What the daemon's settings say of callers. */
struct door_access {
    enum access_role ipc_role; /* of any uid without a grant of its own, in every environment */
    enum access_role tcp_role; /* of "anonymous" over tcp */
    bool insecure_tcp;         /* credentials may come over any connection */
};

/* The transport's caller becomes the request's. A credential replaces the connection's principal: rights are
 * never added up. One that is wrong never falls back. `arena` keeps the new principal. UNAUTHENTICATED: no
 * token, of no account, ended, or on a connection that others can read. */
jwkd_status credential_judge(const struct book *book, const struct door_access *access,
    struct bytes credential, int64_t now, struct arena *arena, struct caller *caller,
    jwkd_error *error) MUST_CHECK;

/* The role that a caller of the transport has by the settings. */
enum access_role credential_role(const struct door_access *access, const char *principal, bool is_local);

#endif
