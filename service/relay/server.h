/* The requests of a relay's callers: answered, refused, or passed on to the service, each by itself. */
#ifndef RELAY_SERVER_H
#define RELAY_SERVER_H

#include "relay/instances.h"
#include "relay/upstream.h"

struct server;

struct server_options {
    struct upstream *upstream; /* these three outlive the server */
    struct hold *hold;
    struct instances *instances;
    uint32_t patience_ms;    /* how long the service has to answer; 0: 3000 */
    const char *const *urls; /* where to listen */
    size_t url_count;
    char *const *events_urls; /* told to callers; outlives the server */
    size_t events_url_count;
};

/* Listens and serves. UNAVAILABLE says which URL could not be listened on. */
jwkd_status server_start(
    const struct server_options *options, struct server **out, jwkd_error *error) MUST_CHECK;
/* Answers what was begun, without waiting for the service, and closes. NULL is fine. */
void server_stop(struct server *server);

#endif
