/* What can be asked for: one row an operation of the contract, for the door and for relays. */
#ifndef OPERATIONS_TABLE_H
#define OPERATIONS_TABLE_H

#include "access/role.h"
#include "wire/wire.h"

/* Where the service carries it out. */
enum operation_class {
    OPERATION_INLINE, /* cheap: at once, on the receiving thread */
    OPERATION_POOL,   /* cryptography or disk: by a worker */
    OPERATION_SIGN,   /* likewise; a batch by several, where they have nothing else to do */
    OPERATION_VERIFY, /* likewise; a batch token by token, so that others get their turn */
    OPERATION_CHANGE, /* by the keyring's writer */
    OPERATION_IMPORT, /* a worker reads the key, the writer does the rest */
};

/* What a relay does with it. */
enum operation_relayed {
    RELAYED_AS_IT_IS, /* a question: passed on */
    RELAYED_HELLO,    /* passed on; the answer leads to the relay's own event sockets */
    RELAYED_RENEWAL,  /* passed on, if the instance is the caller's */
    RELAYED_JWKS,     /* likewise; the relay helps with the snapshot it holds */
    RELAYED_CHANGES,  /* answered by the relay where it can be */
    RELAYED_NEVER, /* it signs or changes something: the service has rights for its own callers, a relay none
                    */
};

/* Where the caller must have the right. */
enum operation_scope {
    SCOPE_NOWHERE,     /* nothing is wanted, or the use case looks at each thing by itself */
    SCOPE_ENVIRONMENT, /* in the environment that the request names */
    SCOPE_ALL,         /* in every one */
};

struct operation {
    enum operation_class class;
    enum operation_relayed relayed;
    enum access_right right;
    enum operation_scope scope;
};

/* The environment that the request is about; "" where it names none. Borrowed. */
const char *operation_environment(const Jwkd__V1__Request *request);
/* The operation's name in the contract, e.g. "set_primary". */
const char *operation_name(const Jwkd__V1__Request *request);

/* NULL: it is not known here, nor whether it changes something. */
const struct operation *operation_of(const Jwkd__V1__Request *request);

/* What makes a request acceptable at all, whatever it asks for: UNSUPPORTED (its version), INVALID_ARGUMENT
 * (its ids). */
jwkd_status operation_check_envelope(const Jwkd__V1__Request *request, jwkd_error *error) MUST_CHECK;

#endif
