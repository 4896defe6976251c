/* Who asks. */
#ifndef NET_CALLER_H
#define NET_CALLER_H

#include <nng/nng.h>

#include "base/bytes.h"
#include "base/limits.h"

enum { NET_PRINCIPAL = LIMIT_PRINCIPAL + 1 /* room for one */ };

/* Writes "uid:N" over ipc, where the system says who is at the other end, and "anonymous" elsewhere.
 * UNAVAILABLE when the connection is gone: under another name the repetition of a change would be another
 * change. */
jwkd_status net_principal(nng_pipe pipe, char out[NET_PRINCIPAL], jwkd_error *error) MUST_CHECK;

#endif
