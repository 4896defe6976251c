#include "net/caller.h"

#include <inttypes.h>
#include <stdio.h>

jwkd_status net_principal(nng_pipe pipe, char out[NET_PRINCIPAL], jwkd_error *error)
{
    uint64_t uid;
    int result = nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid);
    if (result == 0)
        snprintf(out, NET_PRINCIPAL, "uid:%" PRIu64, uid);
    else if (result == NNG_ENOTSUP)
        snprintf(out, NET_PRINCIPAL, "anonymous");
    else
        return fail(error, JWKD_UNAVAILABLE, "the connection was lost before the caller was known");
    return JWKD_OK;
}
