/* Hello: what a caller must know of the service, and its registration if it wants to follow. */
#ifndef OPERATIONS_HELLO_H
#define OPERATIONS_HELLO_H

#include "operations/door.h"

jwkd_status hello_answer(const struct door_options *options, const struct caller *caller,
    const Jwkd__V1__HelloRequest *request, struct reply *reply, jwkd_error *error) MUST_CHECK;

#endif
