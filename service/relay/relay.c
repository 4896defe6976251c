#include "relay/relay.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <stdlib.h>

#include "net/admission.h"
#include "net/listen.h"
#include "relay/server.h"

enum { SEND_QUEUE = 1024 }; /* messages per subscriber, whose places are made ahead; nng's 16 loses bursts */

struct relay {
    nng_socket events; /* what is published here */
    struct admission *admission;
    struct replica *replica;
    struct instances *instances;
    struct upstream *upstream;
    struct server *server;
    char told[RELAY_MAX_URLS][URL_SIZE];
    char *told_urls[RELAY_MAX_URLS];
};

/* Never waits: PUB drops what a subscriber does not take, and the next heartbeat shows the gap. */
static void publish(void *context, nng_msg *message)
{
    struct relay *relay = context;
    if (nng_sendmsg(relay->events, message, NNG_FLAG_NONBLOCK) != 0) nng_msg_free(message);
}

/* ---- options */

static jwkd_status check_own_url(const struct url *upstream, const char *own, jwkd_error *error)
{
    struct url url;
    if (url_parse(own, &url, NULL) != JWKD_OK || !url_same(&url, upstream)) return JWKD_OK;
    return fail(error, JWKD_INVALID_ARGUMENT, "the relay would ask itself: %.150s is where it listens", own);
}

static jwkd_status read_options(const struct relay_options *options, struct url *out, jwkd_error *error)
{
    if (options->url_count > RELAY_MAX_URLS || options->events_url_count > RELAY_MAX_URLS)
        return fail(error, JWKD_INVALID_ARGUMENT, "a relay listens on %d URLs at most", RELAY_MAX_URLS);
    TRY(url_parse(options->upstream, out, error));
    for (size_t i = 0; i < options->url_count; i++)
        TRY(check_own_url(out, options->urls[i], error));
    return JWKD_OK;
}

/* ---- starting and stopping */

static jwkd_status open_events(struct relay *relay, const struct relay_options *options, jwkd_error *error)
{
    int result = nng_pub0_open(&relay->events);
    if (result == 0) result = nng_socket_set_int(relay->events, NNG_OPT_SENDBUF, SEND_QUEUE);
    if (result != 0) return fail(error, JWKD_UNAVAILABLE, "no publish socket: %s", nng_strerror(result));
    if (admission_new(0, &relay->admission) != JWKD_OK) return fail(error, JWKD_NO_MEMORY, "out of memory");
    admission_on_trouble(relay->admission, options->on_trouble, options->context);
    TRY(admission_watch(relay->admission, relay->events, error));
    for (size_t i = 0; i < options->events_url_count; i++) {
        TRY(net_listen(relay->events, options->events_urls[i], NET_NOTHING_EXPECTED, error));
        net_told_url(options->events_urls[i], relay->told[i]);
        relay->told_urls[i] = relay->told[i];
    }
    return JWKD_OK;
}

static jwkd_status open_upstream(
    struct relay *relay, const struct relay_options *options, const struct url *url, jwkd_error *error)
{
    if (replica_new(NULL, &relay->replica) != JWKD_OK || instances_new(0, 0, &relay->instances) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    const struct upstream_options upstream = {.url = *url,
        .replica = relay->replica,
        .publish = publish,
        .publish_context = relay,
        .patience_ms = options->patience_ms,
        .on_state = options->on_state,
        .state_context = options->context};
    return upstream_open(&upstream, &relay->upstream, error);
}

static jwkd_status open_server(struct relay *relay, const struct relay_options *options, jwkd_error *error)
{
    const struct server_options server = {.upstream = relay->upstream,
        .replica = relay->replica,
        .instances = relay->instances,
        .patience_ms = options->patience_ms,
        .urls = options->urls,
        .url_count = options->url_count,
        .events_urls = relay->told_urls,
        .events_url_count = options->events_url_count,
        .on_trouble = options->on_trouble,
        .trouble_context = options->context};
    return server_start(&server, &relay->server, error);
}

/* Whatever is wrong here shows before anybody is connected to. */
static jwkd_status start(struct relay *relay, const struct relay_options *options, jwkd_error *error)
{
    struct url url;
    TRY(read_options(options, &url, error));
    TRY(open_events(relay, options, error));
    TRY(open_upstream(relay, options, &url, error));
    TRY(open_server(relay, options, error));
    return upstream_start(relay->upstream, error);
}

jwkd_status relay_start(const struct relay_options *options, struct relay **out, jwkd_error *error)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay) return fail(error, JWKD_NO_MEMORY, "out of memory");
    jwkd_status status = start(relay, options, error);
    if (status != JWKD_OK) {
        relay_stop(relay);
        return status;
    }
    *out = relay;
    return JWKD_OK;
}

void relay_stop(struct relay *relay)
{
    if (!relay) return;
    server_stop(relay->server);
    upstream_stop(relay->upstream);
    if (nng_socket_id(relay->events) > 0) nng_close(relay->events);
    admission_free(relay->admission);
    upstream_free(relay->upstream);
    instances_free(relay->instances);
    replica_free(relay->replica);
    free(relay);
}

jwkd_status relay_check(const struct relay_options *options, char *out_version, jwkd_error *error)
{
    struct url url;
    TRY(read_options(options, &url, error));
    return upstream_probe(&url, options->patience_ms, out_version, error);
}
