/* Who asks. */
#ifndef ACCESS_CALLER_H
#define ACCESS_CALLER_H

#include "access/book.h"

/* Computed for each request, and borrowed for its time: by the transport what the connection says, by the
 * door what the request's credential makes of it. */
struct caller {
    const char *principal; /* e.g. "uid:1000", "account:ci"; the service itself is "service:..." */
    const char *origin;    /* by what it shares with others what the service has: the uid, or the address */
    const char *transport_principal; /* whom the connection belongs to; NULL: the principal */
    const char *token;          /* the id of the API token that was the credential; NULL: there was none */
    enum access_role otherwise; /* in every environment, unless it has a grant of its own */
    bool is_local;              /* over a local socket */
    bool is_private;            /* nobody else reads the connection: a credential may come over it */
};

static inline struct access_who caller_who(const struct caller *caller)
{
    return (struct access_who){.principal = caller->principal, .otherwise = caller->otherwise};
}

#endif
