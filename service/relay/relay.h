/* A relay: stands in for a service that more verifiers follow than one process reaches. It passes events and
 * heartbeats on as they are, and requests one by one, so that to the service every verifier behind it is one
 * of its own; nothing that a verifier judges by is the relay's: no clock, no boot id, no state.
 *
 * Lock order: none of its locks is held while another is taken, or across a call into nng. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/bytes.h"

struct relay;

enum { RELAY_MAX_URLS = 16 };

struct relay_options {
    const char *upstream;           /* the request URL of the service, or of another relay */
    const char *const *urls;        /* where to listen for requests, */
    size_t url_count;               /* at most RELAY_MAX_URLS; ipc sockets get mode 0660 */
    const char *const *events_urls; /* where to publish; told to callers in hello */
    size_t events_url_count;        /* likewise */
    uint32_t patience_ms;           /* how long the service has to answer; 0: 3000 */
    /* Told once when the service is reached, and once when it is not any more (or not yet), with a sentence
     * for an operator; from a thread of the relay. May be NULL. */
    void (*on_state)(void *context, jwkd_status status, const char *message);
    /* With a sentence for the operator; any thread; may come often. May be NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context;
};

/* Listens and begins to connect: whether the service is there is no condition. UNAVAILABLE: a URL cannot be
 * listened on. INVALID_ARGUMENT: one of the URLs is none, or the upstream is the relay itself. */
jwkd_status relay_start(
    const struct relay_options *options, struct relay **out, jwkd_error *error) MUST_CHECK;
/* Answers what was begun and closes. NULL is fine. */
void relay_stop(struct relay *relay);

/* What --check does: looks at the URLs and asks the service for a sign of life. Its version in `out_version`
 * (64 characters). As relay_start(), and UNREACHABLE, TIMED_OUT, DENIED. */
jwkd_status relay_check(const struct relay_options *options, char *out_version, jwkd_error *error) MUST_CHECK;

#endif
