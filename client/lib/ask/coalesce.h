/* What many threads ask to be signed in one environment travels together: while requests are under way,
 * further ones wait for company, some 10 ms at most where the service answers. What few callers ask leaves at
 * once. */
#ifndef LIB_COALESCE_H
#define LIB_COALESCE_H

#include "lib/connection/client.h"

struct sign_part;

/* How it ended: OK, and then the part's tokens are those of `reply` from `first` on, each with a status of
 * its own; or `error`. Both are borrowed. On any thread; must not wait. */
typedef void sign_part_done(struct sign_part *part, jwkd_status status, const Jwkd__V1__SignReply *reply,
    size_t first, const jwkd_error *error);

enum { COALESCE_TOKENS = 64 }; /* a request's; who has as many gains nothing from others */

/* Tokens that one caller wants signed, and that stay together. Lives, with all it points to, until `done`,
 * which is called once. */
struct sign_part {
    Jwkd__V1__SignItem **items;
    size_t count; /* 1 to LIMIT_BATCH; more than COALESCE_TOKENS have a request of their own */
    size_t bytes; /* packed; together they fit into a request */
    uint64_t asked_ns, expires_ns; /* when it was, and when to give up, by clock_elapsed_ns() */
    bool waits;                    /* the submitting thread waits for `done`, which only wakes it */
    sign_part_done *done;
    struct sign_part *next;
};

/* The part may leave at once, and be seen to by this thread until it is answered if that waits anyhow. BUSY
 * (unless it waits) when too many wait already, CLOSED, NO_MEMORY: `done` is not called then. With `waits`
 * never on a thread of nng's. */
jwkd_status coalesce(
    jwkd_client *client, const char *environment, struct sign_part *part, jwkd_error *error) MUST_CHECK;

/* Ends the thread that looks after those who wait, if there is one. When call_end_all() has returned. */
void coalesce_end(jwkd_client *client);

#endif
