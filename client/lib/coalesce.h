/* What many threads ask to be signed in one environment travels together: while requests are under way,
 * further items wait, and leave as one request when an answer arrives. A lone item leaves at once. */
#ifndef LIB_COALESCE_H
#define LIB_COALESCE_H

#include "lib/client.h"

/* One token to be signed. Lives, with all it points to, until `done`, which is called once, on any thread,
 * and must not wait. `token` (NULL unless OK) and `error` (set unless OK) are borrowed. */
struct sign_item {
    Jwkd__V1__SignItem wire;
    uint64_t expires_ns; /* when to give up, by clock_elapsed_ns() */
    void (*done)(struct sign_item *item, jwkd_status status, const char *token, const jwkd_error *error);
    struct sign_item *next;
};

/* BUSY when too many wait already, CLOSED, NO_MEMORY: `done` is not called then. */
jwkd_status coalesce_submit(
    jwkd_client *client, const char *environment, struct sign_item *item, jwkd_error *error) MUST_CHECK;

#endif
