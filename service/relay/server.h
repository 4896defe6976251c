/* The requests of a relay's callers: answered, refused, or passed on to the service, each by itself. */
#ifndef RELAY_SERVER_H
#define RELAY_SERVER_H

#include "relay/instances.h"
#include "relay/upstream.h"

struct server;

struct server_options {
    struct upstream *upstream; /* these three outlive the server */
    struct replica *replica;
    struct instances *instances;
    uint32_t patience_ms;    /* how long the service has to answer; 0: 3000 */
    const char *const *urls; /* where to listen */
    size_t url_count;
    char *const *events_urls; /* told to callers; outlives the server */
    size_t events_url_count;
    /* With a sentence for the operator; any thread; may come often. May be NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *trouble_context;
};

/* Listens and serves. UNAVAILABLE says which URL could not be listened on. */
jwkd_status server_start(
    const struct server_options *options, struct server **out, jwkd_error *error) MUST_CHECK;
/* Listens no more, answers what was begun (the service has half a second to answer what it was asked), and
 * closes. NULL is fine. */
void server_stop(struct server *server);

#endif
