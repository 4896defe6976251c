/* From a request to the use case that answers it: one table. And what makes a request acceptable at all. */
#ifndef RPC_DISPATCH_H
#define RPC_DISPATCH_H

#include "keyring/keyring.h"

/* Where an operation is carried out. */
enum dispatch_class {
    DISPATCH_INLINE, /* cheap: at once, on the receiving thread */
    DISPATCH_POOL,   /* cryptography or disk: by a worker */
    DISPATCH_SIGN,   /* likewise; a batch by several, where they have nothing else to do */
    DISPATCH_VERIFY, /* likewise; a batch token by token, so that others get their turn */
    DISPATCH_CHANGE, /* by the keyring's writer */
    DISPATCH_IMPORT, /* a worker reads the key, the writer does the rest */
};

struct dispatch_entry {
    const char *name;
    enum dispatch_class class;
    keyring_use_case *use_case; /* NULL for changes, and for hello, which the server answers itself */
};

/* NULL for an operation that is not known. */
const struct dispatch_entry *dispatch_find(const Jwkd__V1__Request *request);

/* MALFORMED, UNSUPPORTED (version, operation), INVALID_ARGUMENT (request id, deadline), WRONG_BOOT,
 * DEADLINE_EXCEEDED. */
jwkd_status dispatch_check(const Jwkd__V1__Request *request, const uint8_t boot_id[16], uint64_t now_ns,
    jwkd_error *error) MUST_CHECK;
/* DEADLINE_EXCEEDED: nobody waits for the answer any more. */
jwkd_status dispatch_check_deadline(
    const Jwkd__V1__Request *request, uint64_t now_ns, jwkd_error *error) MUST_CHECK;

#endif
