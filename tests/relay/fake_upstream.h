/* A service that says what the test wants: one environment, "shop", in one state. */
#ifndef TESTS_RELAY_FAKE_UPSTREAM_H
#define TESTS_RELAY_FAKE_UPSTREAM_H

#include "relay/shared_reply.h"
#include "wire/cases.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

enum fake_mode {
    FAKE_ANSWERS,
    FAKE_SILENT,   /* but for hello */
    FAKE_OTHER_ID, /* answers, but for hello, as if something else had been asked */
    FAKE_GARBAGE,  /* likewise, with bytes */
};

struct fake {
    char directory[32];
    char url[64], events_url[64];
    nng_socket rep, pub;
    atomic_uint connections; /* for requests, so far */
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    enum fake_mode mode;
    uint8_t boot_id[16], epoch[16];
    uint64_t clock_ns, revision, service_revision;
    unsigned asked[64]; /* by operation */
    struct arena arena; /* of the last request */
    Jwkd__V1__Request *last;
    uint8_t instance_id[16]; /* given in hello */
};

void fake_start(struct fake *fake);
void fake_stop(struct fake *fake);
/* Closes the sockets; opens them again as another run of the service. */
void fake_down(struct fake *fake);
void fake_up(struct fake *fake);
void fake_set_mode(struct fake *fake, enum fake_mode mode);
/* The last request but for the relay's own hellos; until the next one comes. */
const Jwkd__V1__Request *fake_last(struct fake *fake);
unsigned fake_asked(struct fake *fake, Jwkd__V1__Request__OperationCase operation);
/* Publishes exactly these bytes. */
void fake_publish(struct fake *fake, struct bytes message);
/* Another state of "shop", with its event or without. */
void fake_change(struct fake *fake, bool publish);
/* A heartbeat; returns its stamp. */
uint64_t fake_beat(struct fake *fake);

#endif
