/* The connection to the service behind a relay: a socket for requests, one for events, and a thread that
 * keeps both. It says hello every few seconds: that finds the event socket, places the service's clock, and
 * notices a service that no longer answers. */
#ifndef RELAY_UPSTREAM_H
#define RELAY_UPSTREAM_H

#include <nng/nng.h>

#include "relay/replica.h"
#include "wire/url.h"

struct upstream;

struct upstream_options {
    struct url url;
    uint32_t patience_ms;    /* without an answer to a hello, then the connection is none; 0: 3000 */
    struct replica *replica; /* outlives it; hears everything before `publish` does */
    /* Takes over a message as it was published, in the order in which they came; it must not wait. */
    void (*publish)(void *context, nng_msg *message);
    void *publish_context;
    /* Told once when the service is reached, and once when it is not any more (or not yet). May be NULL. */
    void (*on_state)(void *context, jwkd_status status, const char *message);
    void *state_context;
};

/* Opens its sockets: contexts can be had, and answer with an error. */
jwkd_status upstream_open(
    const struct upstream_options *options, struct upstream **out, jwkd_error *error) MUST_CHECK;
/* Begins to connect; whether anybody is there is found out later. */
jwkd_status upstream_start(struct upstream *upstream, jwkd_error *error) MUST_CHECK;
/* No message is published any more, and contexts answer with an error. NULL is fine; may be called twice. */
void upstream_stop(struct upstream *upstream);
/* After upstream_stop(), when no context is left. NULL is fine. */
void upstream_free(struct upstream *upstream);

const struct url *upstream_url(const struct upstream *upstream);
/* Whether nobody else reads what is sent there: over a local socket, or to a loopback address that the URL
 * says as such; a name may lead elsewhere. */
bool upstream_is_private(const struct upstream *upstream);
/* Whether there is a connection for requests. */
bool upstream_is_connected(struct upstream *upstream);
/* A context for one request at a time, which is sent once and never repeated. An error of nng. */
int upstream_context(struct upstream *upstream, nng_ctx *out);

/* Says hello once, for --check: the service's version in `out_version` (64 characters).
 * UNREACHABLE, DENIED. */
jwkd_status upstream_probe(
    const struct url *url, uint32_t patience_ms, char *out_version, jwkd_error *error) MUST_CHECK;

#endif
