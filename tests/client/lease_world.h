/* A service, subscribers and the wire between them, small enough to be tried in every order: what the rules
 * of proto/WIRE.md, Subscribers, promise is checked against it after every step. Its time is the true one;
 * neither service nor clients know it. */
#ifndef TESTS_CLIENT_LEASE_WORLD_H
#define TESTS_CLIENT_LEASE_WORLD_H

#include "lib/follow/lease.h"

#define MS NS_PER_MS

enum {
    WORLD_CLIENTS = 2,
    WORLD_QUEUE = 6,
    WORLD_INSTANCES = 12,
    WORLD_KEYS = 32,
    WORLD_RECENT = 4,
    WORLD_SPREAD_MS = 4
};
#define WORLD_ENVIRONMENT "shop"

/* What is published: an event or a heartbeat. Keys are bits. */
struct world_message {
    bool heartbeat;
    uint8_t boot, epoch;
    uint64_t environment_id, revision, previous_revision, service_revision;
    uint32_t keys;
    uint64_t stamp_ns, covers_from;
    bool listed;
};

/* The state of the environment, as a backup keeps it. */
struct world_store {
    uint64_t environment_id, revision, service_revision,
        changed_at;             /* the service revision of the last change */
    uint32_t keys, established; /* those that are active; those that everybody can be relied on to hold */
    int primary, pending;       /* -1: none */
    uint64_t pending_revision;
};

struct world_instance {
    uint8_t id; /* 0: none */
    uint64_t renewed_ns, sequence;
    bool follows;
    uint64_t environment_id, confirmed;
};

struct world_service {
    uint8_t boot, epoch, ids;
    uint64_t base_ns; /* of its clock */
    int64_t ppm;
    uint64_t started_ns, pending_ns; /* by its clock */
    uint64_t covers_from;
    struct world_store store, backup;
    struct world_instance instances[WORLD_INSTANCES];
    bool knows_all_from_start;
    uint64_t unwaited_until_ns; /* true time; the primary key was promoted without waiting for subscribers */
    bool beat_begun;
    uint64_t beat_stamp_ns;
    bool stamps_last; /* a service that gets it wrong: it reads the stamp after the revisions */
    bool hasty;       /* another: it promotes 2 s after publishing, confirmed or not */
    struct world_message beat;
};

enum world_stage { CALL_NONE, CALL_SENT, CALL_DONE };
struct world_call {
    enum world_stage stage;
    enum lease_task task;
    uint64_t sent_ns, sequence;
    uint8_t instance;
    bool holds;
    uint64_t held_environment_id, held_revision;
    uint8_t held_epoch;
    /* the answer */
    bool refused;
    uint8_t boot, epoch, welcome;
    uint64_t clock_ns, environment_id, revision, service_revision;
    uint32_t keys;
};

struct world_client {
    uint64_t base_ns;
    int64_t ppm;
    struct lease lease;
    struct lease_part part;
    uint32_t keys; /* accepted */
    struct world_message queue[WORLD_QUEUE];
    size_t queued;
    struct world_call call;
};

struct world {
    uint64_t now_ns;
    uint32_t max_lease_ms;
    size_t client_count;
    struct world_service service;
    struct world_client clients[WORLD_CLIENTS];
    uint64_t deactivated_ns[WORLD_KEYS]; /* true time; 0: not */
    unsigned keys_made;
    char complaint[160]; /* the first promise that was broken; "": none */
};

struct world_options {
    uint32_t max_lease_ms, wish_ms;
    size_t clients;
    int64_t service_ppm, client_ppm; /* of true time; together at most 998 apart */
};

void world_init(struct world *world, const struct world_options *options);
/* A copy that may be gone on with by itself. */
void world_copy(struct world *to, const struct world *from);
/* Everybody is registered, holds everything and is fresh. */
void world_settle(struct world *world);

/* Each checks every promise afterwards. */
void world_pass(struct world *world, uint64_t ns);
void world_publish(struct world *world);                  /* a key, to be promoted */
void world_deactivate(struct world *world, bool primary); /* the primary key, or the oldest other one */
void world_recreate(struct world *world);                 /* delete the environment and create it again */
void world_change_others(struct world *world, unsigned count);
void world_restart(struct world *world);
void world_back_up(struct world *world);
void world_restore(struct world *world);
void world_begin_beat(struct world *world); /* the stamp is read, */
void world_end_beat(struct world *world);   /* and the rest, and it is sent */
void world_beat(struct world *world);
/* A client's wire. */
void world_connect(struct world *world, size_t client);
void world_disconnect(struct world *world, size_t client);
void world_deliver(struct world *world, size_t client);
void world_lose(struct world *world, size_t client);
void world_repeat(
    struct world *world, size_t client); /* the first message comes once more, behind the last */
void world_reorder(struct world *world, size_t client); /* the first two */
/* A client's requests. */
bool world_ask(struct world *world, size_t client); /* false: it has nothing to ask now */
void world_answer(struct world *world, size_t client);
void world_receive(struct world *world, size_t client);
void world_fail(struct world *world, size_t client);
void world_request(struct world *world, size_t client); /* all of it at once */

uint64_t world_client_ns(const struct world *world, size_t client); /* its clock */
enum lease_freshness world_freshness(const struct world *world, size_t client);
bool world_accepts(const struct world *world, size_t client, int key);

#endif
