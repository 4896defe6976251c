/* Lists that the service answers in pages. */
#ifndef LIB_PAGES_H
#define LIB_PAGES_H

#include "lib/connection/call.h"

/* The replies of one list, in order. A zeroed one is empty. */
struct pages {
    struct reply **replies;
    size_t count;
};
void pages_clear(struct pages *pages);
/* Takes the reply over. RESOURCE_EXHAUSTED when there are more than any list of the service can have. */
jwkd_status pages_add(struct pages *pages, struct reply *reply, jwkd_error *error) MUST_CHECK;

/* All environments by name. RESOURCE_EXHAUSTED when the service does not come to an end. */
jwkd_status pages_get_environments(jwkd_client *client, struct pages *pages, jwkd_error *error) MUST_CHECK;

/* Subscribers of one environment, or of all (NULL). They come and go while they are listed. */
jwkd_status pages_get_subscribers(
    jwkd_client *client, const char *environment, struct pages *pages, jwkd_error *error) MUST_CHECK;

#endif
