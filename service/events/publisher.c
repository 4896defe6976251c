#include "events/publisher.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wait.h"
#include "net/admission.h"
#include "net/listen.h"
#include "wire/wire.h"

enum {
    DEFAULT_HEARTBEAT_MS = 250,
    SEND_QUEUE = 1024, /* messages per subscriber, whose places are made ahead; nng's 16 loses bursts */
};

struct recent_change {
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
    uint64_t environment_id, revision, service_revision;
};

struct publisher {
    nng_socket socket;
    struct admission *admission;
    uint8_t boot_id[16], epoch[16];
    uint32_t heartbeat_ms;
    pthread_t heartbeat;
    pthread_mutex_t lock; /* guards all below; never held across a send */
    pthread_cond_t stopping;
    bool stop;
    uint64_t service_revision;
    uint64_t covers_from; /* every change after this service revision is in `recent` */
    struct recent_change recent[LIMIT_HEARTBEAT];
    size_t recent_count;
};

static jwkd_status send_message(struct publisher *publisher, struct bytes topic, struct bytes body)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, 0) != 0) return JWKD_NO_MEMORY;
    if (nng_msg_append(message, topic.data, topic.size) != 0 ||
        nng_msg_append(message, body.data, body.size) != 0) {
        nng_msg_free(message);
        return JWKD_NO_MEMORY;
    }
    if (nng_sendmsg(publisher->socket, message, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(message);
        return JWKD_UNAVAILABLE;
    }
    return JWKD_OK;
}

/* An environment's newest change replaces its older one; the oldest makes room. */
static void remember(struct publisher *publisher, const struct publisher_event *event)
{
    struct recent_change *recent = publisher->recent;
    size_t kept = 0;
    for (size_t i = 0; i < publisher->recent_count; i++)
        if (strcmp(recent[i].environment, event->environment) != 0) recent[kept++] = recent[i];
    if (kept == LIMIT_HEARTBEAT) {
        publisher->covers_from = recent[0].service_revision;
        memmove(recent, recent + 1, (LIMIT_HEARTBEAT - 1) * sizeof *recent);
        kept--;
    }
    struct recent_change *slot = &recent[kept++];
    *slot = (struct recent_change){.environment_id = event->environment_id,
        .revision = event->revision,
        .service_revision = event->service_revision};
    strncpy(slot->environment, event->environment, sizeof slot->environment - 1);
    publisher->recent_count = kept;
    publisher->service_revision = event->service_revision;
}

void publisher_list(struct publisher *publisher, const struct publisher_event *event)
{
    pthread_mutex_lock(&publisher->lock);
    remember(publisher, event);
    pthread_mutex_unlock(&publisher->lock);
}

jwkd_status publisher_send(struct publisher *publisher, const struct publisher_event *event)
{
    struct bytes topic = bytes_of(event->environment, strlen(event->environment) + 1);
    return send_message(publisher, topic, event->packed);
}

static jwkd_status pack_heartbeat(struct publisher *publisher, struct buffer *out)
{
    /* Before the revisions are read: what changes meanwhile is younger (proto/WIRE.md, Heartbeats). */
    uint64_t stamp = clock_elapsed_ns();
    struct recent_change recent[LIMIT_HEARTBEAT];
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    pthread_mutex_lock(&publisher->lock);
    size_t count = publisher->recent_count;
    memcpy(recent, publisher->recent, count * sizeof *recent);
    heartbeat.service_revision = publisher->service_revision;
    heartbeat.covers_from = publisher->covers_from;
    pthread_mutex_unlock(&publisher->lock);

    Jwkd__V1__Heartbeat__Item items[LIMIT_HEARTBEAT], *pointers[LIMIT_HEARTBEAT];
    Jwkd__V1__State states[LIMIT_HEARTBEAT];
    ProtobufCBinaryData epoch = wire_bytes(bytes_of(publisher->epoch, sizeof publisher->epoch));
    for (size_t i = 0; i < count; i++) {
        states[i] = (Jwkd__V1__State)JWKD__V1__STATE__INIT;
        states[i].epoch = epoch;
        states[i].environment_id = recent[i].environment_id;
        states[i].revision = recent[i].revision;
        items[i] = (Jwkd__V1__Heartbeat__Item)JWKD__V1__HEARTBEAT__ITEM__INIT;
        items[i].environment = recent[i].environment;
        items[i].state = &states[i];
        pointers[i] = &items[i];
    }
    heartbeat.boot_id = wire_bytes(bytes_of(publisher->boot_id, sizeof publisher->boot_id));
    heartbeat.epoch = epoch;
    heartbeat.stamp_ns = stamp;
    heartbeat.n_changed = count;
    heartbeat.changed = pointers;
    return wire_pack(&heartbeat.base, out);
}

/* Waits for the next beat; false when stopping. */
static bool wait_for_beat(struct publisher *publisher)
{
    const struct timespec at = wait_end(publisher->heartbeat_ms * NS_PER_MS);
    pthread_mutex_lock(&publisher->lock);
    int result = 0;
    while (!publisher->stop && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&publisher->stopping, &publisher->lock, &at);
    bool stop = publisher->stop;
    pthread_mutex_unlock(&publisher->lock);
    return !stop;
}

static void *beat(void *argument)
{
    struct publisher *publisher = argument;
    do {
        CLEANUP(buffer_clear) struct buffer packed = {0};
        if (pack_heartbeat(publisher, &packed) == JWKD_OK &&
            send_message(publisher, WIRE_HEARTBEAT_TOPIC, buffer_bytes(&packed)) != JWKD_OK)
            continue; /* a missed beat is noticed by the subscribers */
    } while (wait_for_beat(publisher));
    return NULL;
}

static jwkd_status publisher_open(
    struct publisher *publisher, const struct publisher_options *options, jwkd_error *error)
{
    int result = nng_pub0_open(&publisher->socket);
    if (result != 0) return fail(error, JWKD_UNAVAILABLE, "no publish socket: %s", nng_strerror(result));
    result = nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, SEND_QUEUE);
    if (result != 0) return fail(error, JWKD_INTERNAL, "no send queue: %s", nng_strerror(result));
    if (admission_new(0, &publisher->admission) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    admission_on_trouble(publisher->admission, options->on_trouble, options->context);
    admission_on_ask(publisher->admission, options->may_hear, options->may_context);
    TRY(admission_watch(publisher->admission, publisher->socket, error));
    for (size_t i = 0; i < options->url_count; i++)
        TRY(net_listen(publisher->socket, options->urls[i], NET_NOTHING_EXPECTED, error));
    return JWKD_OK;
}

jwkd_status publisher_start(
    const struct publisher_options *options, struct publisher **out, jwkd_error *error)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher) return fail(error, JWKD_NO_MEMORY, "out of memory");
    memcpy(publisher->boot_id, options->boot_id, sizeof publisher->boot_id);
    memcpy(publisher->epoch, options->epoch, sizeof publisher->epoch);
    publisher->heartbeat_ms = options->heartbeat_ms ? options->heartbeat_ms : (uint32_t)DEFAULT_HEARTBEAT_MS;
    publisher->service_revision = publisher->covers_from = options->service_revision;
    wait_init(&publisher->stopping);
    pthread_mutex_init(&publisher->lock, NULL);
    jwkd_status status = publisher_open(publisher, options, error);
    if (status == JWKD_OK && pthread_create(&publisher->heartbeat, NULL, beat, publisher) != 0)
        status = fail(error, JWKD_NO_MEMORY, "no thread for heartbeats");
    if (status != JWKD_OK) {
        nng_close(publisher->socket);
        admission_free(publisher->admission);
        pthread_cond_destroy(&publisher->stopping);
        pthread_mutex_destroy(&publisher->lock);
        free(publisher);
        return status;
    }
    *out = publisher;
    return JWKD_OK;
}

uint32_t publisher_heartbeat_ms(const struct publisher *publisher)
{
    return publisher->heartbeat_ms;
}

void publisher_stop(struct publisher *publisher)
{
    if (!publisher) return;
    pthread_mutex_lock(&publisher->lock);
    publisher->stop = true;
    pthread_cond_signal(&publisher->stopping);
    pthread_mutex_unlock(&publisher->lock);
    pthread_join(publisher->heartbeat, NULL);
    nng_close(publisher->socket);
    admission_free(publisher->admission);
    pthread_cond_destroy(&publisher->stopping);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher);
}

void publisher_review(struct publisher *publisher)
{
    admission_review(publisher->admission);
}

void publisher_close(struct publisher *publisher)
{
    if (publisher && publisher->admission) admission_close(publisher->admission);
}
