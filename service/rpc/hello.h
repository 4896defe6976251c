/* Hello: what a caller must know of the service, and its registration if it wants to follow. */
#ifndef RPC_HELLO_H
#define RPC_HELLO_H

#include "rpc/server.h"

jwkd_status hello_answer(const struct rpc_options *options, const struct caller *caller,
    const Jwkd__V1__HelloRequest *request, struct reply *reply, jwkd_error *error) MUST_CHECK;

#endif
