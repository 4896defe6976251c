/* The publish-subscribe side: events in revision order, and heartbeats that list what changed lately. */
#ifndef EVENTS_PUBLISHER_H
#define EVENTS_PUBLISHER_H

#include "base/bytes.h"

struct publisher;

struct publisher_options {
    uint8_t boot_id[16];
    uint8_t epoch[16];
    uint64_t service_revision; /* at the start */
    uint32_t heartbeat_ms;     /* 0: 250 */
    bool (*may_hear)(
        void *context, const char *principal); /* any thread, under no lock; NULL: everybody may */
    void *may_context;
    const char *const *urls; /* where to listen; ipc sockets get mode 0660 */
    size_t url_count;
    /* With a sentence for the operator; any thread; may come often. May be NULL. */
    void (*on_trouble)(void *context, jwkd_status status, const char *message);
    void *context;
};

/* Listens and starts the heartbeat. UNAVAILABLE says which URL could not be listened on. */
jwkd_status publisher_start(
    const struct publisher_options *options, struct publisher **out, jwkd_error *error) MUST_CHECK;

/* One change of an environment, committed and visible already. */
struct publisher_event {
    const char *environment;
    uint64_t environment_id, revision, service_revision;
    struct bytes packed; /* jwkd.v1.Event */
};
/* From now on heartbeats list the revision. Before it becomes visible (proto/DELIVERY.md S2, H2): otherwise a
 * heartbeat that was stamped when the change was in force already could vouch for the state before it. From
 * one thread, in revision order. */
void publisher_list(struct publisher *publisher, const struct publisher_event *event);
/* Sends it; never waits for a subscriber. From one thread, in revision order. A failure is no error of the
 * change: subscribers see the gap. */
jwkd_status publisher_send(struct publisher *publisher, const struct publisher_event *event) MUST_CHECK;

uint32_t publisher_heartbeat_ms(const struct publisher *publisher);

/* Rights have changed: asks again about all that hear, and sends nothing more to those who may no longer. */
void publisher_review(struct publisher *publisher);

/* Nobody more may hear, and may_hear is not asked any more: before what it looks into goes. NULL is fine. */
void publisher_close(struct publisher *publisher);

/* Stops the heartbeat and closes the socket. NULL is fine. */
void publisher_stop(struct publisher *publisher);

#endif
