/* What one transaction is going to change: rows, environments, events, and what follows from them once it is
 * durable. The writer's alone. */
#ifndef KEYRING_BATCH_H
#define KEYRING_BATCH_H

#include "keyring/state.h"

/* An event to be published after the commit, in this order. */
struct batch_event {
    struct batch_event *next;
    struct publisher_event event;
    struct keyring_made made; /* what it tells, for who wants to hear */
};

/* A key that the signer must drop after the commit. */
struct batch_forget {
    struct batch_forget *next;
    const char *owner, *kid;
};

/* A ceiling that is durable once this is committed. */
struct batch_ceiling {
    struct batch_ceiling *next;
    struct key_usage *usage; /* a reference */
    struct reach at;
};

struct batch {
    struct keyring *keyring;
    int64_t now;        /* by the wall clock; */
    int64_t age;        /* of the store, in seconds, rounded up */
    struct arena arena; /* keys, values and messages of all below */
    struct store_write *writes;
    size_t write_count, write_capacity;
    size_t bytes; /* of the writes, as the store counts them */
    struct snapshot_change *touched;
    size_t touched_count, touched_capacity;
    struct batch_event *events, **events_tail;
    struct batch_forget *forgets;
    struct batch_ceiling *ceilings;
    struct ready_key *taken; /* from the reserve: back there when the commit fails */
    uint64_t next_environment_id, service_revision;
    unsigned waiting; /* generations of this batch that wait for a key */
    bool single;      /* it takes one change: several were more than the store takes */
    bool spoiled;     /* something of it is missing: nothing of it may be committed */
    bool urgent;      /* a deactivation is among them: the ballast may be used */
};

jwkd_status batch_init(struct batch *batch, struct keyring *keyring, int64_t now) MUST_CHECK;
void batch_clear(struct batch *batch);

/* A row to be written; key and value are copied. The last one of the same key counts, on the first one's
 * condition. */
jwkd_status batch_put(struct batch *batch, const char *key, struct bytes value, uint64_t expected) MUST_CHECK;
jwkd_status batch_put_message(
    struct batch *batch, const char *key, const ProtobufCMessage *value, uint64_t expected) MUST_CHECK;
jwkd_status batch_erase(struct batch *batch, const char *key) MUST_CHECK;

/* Whether another change may be taken into it. Half of what the store takes is left for the last one. */
bool batch_has_room(const struct batch *batch);

/* The environment as it stands with what the batch changed so far; borrowed; NULL when there is none. */
struct ring_environment *batch_find(const struct batch *batch, const char *name);
/* Puts an environment in its place (NULL: deleted). Takes a reference of its own. */
jwkd_status batch_touch(
    struct batch *batch, const char *name, struct ring_environment *environment) MUST_CHECK;
/* The number of generations that wait for their key, this batch's included. */
unsigned batch_waiting(const struct batch *batch);
/* The number of environments that there will be. */
size_t batch_environments(const struct batch *batch);

/* `made` says the same; its texts are copied. */
jwkd_status batch_publish(
    struct batch *batch, const Jwkd__V1__Event *event, const struct keyring_made *made) MUST_CHECK;
jwkd_status batch_forget(struct batch *batch, const char *owner, const char *kid) MUST_CHECK;

/* How far a token reaches that is made now and lives so long. */
struct reach batch_reach(const struct batch *batch, int64_t lifetime_sec);

/* A copy in the batch's memory; NULL when memory is short. */
char *batch_text(struct batch *batch, const char *text);

#endif
