/* What a relay does with a request: one table. */
#ifndef RELAY_RULES_H
#define RELAY_RULES_H

#include "wire/wire.h"

enum rule {
    RULE_UNKNOWN, /* not an operation that is known here: whether it changes something is not known either */
    RULE_PASS,    /* a question: passed on as it is */
    RULE_HELLO,   /* passed on; the answer leads to the relay's own event sockets */
    RULE_RENEW,   /* passed on, if the instance is the caller's */
    RULE_JWKS,    /* likewise; the relay helps with the snapshot it holds */
    RULE_CHANGES, /* answered here where it can be */
    RULE_REFUSE,  /* it signs or changes something: the service has rights for its own callers, the relay has
                     none */
};

enum rule rule_of(const Jwkd__V1__Request *request);

#endif
