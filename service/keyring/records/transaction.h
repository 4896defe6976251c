/* What one transaction is going to change: rows, environments, events, and what follows from them once it is
 * durable. The writer's alone. */
#ifndef KEYRING_TRANSACTION_H
#define KEYRING_TRANSACTION_H

#include "keyring/state.h"

/* An event to be published after the commit, in this order. */
struct transaction_event {
    struct transaction_event *next;
    struct publisher_event event;
    struct keyring_made made; /* what it tells, for who wants to hear */
};

/* A key that the signer must drop after the commit. */
struct transaction_forget {
    struct transaction_forget *next;
    const char *owner, *kid;
};

/* A ceiling that is durable once this is committed. */
struct transaction_ceiling {
    struct transaction_ceiling *next;
    struct key_usage *usage; /* a reference */
    struct reach at;
};

struct transaction {
    struct keyring *keyring;
    int64_t now;        /* by the wall clock; */
    int64_t age;        /* of the store, in seconds, rounded up */
    struct arena arena; /* keys, values and messages of all below */
    struct store_write *writes;
    size_t write_count, write_capacity;
    size_t bytes; /* of the writes, as the store counts them */
    struct snapshot_change *touched;
    size_t touched_count, touched_capacity;
    struct transaction_event *events, **events_tail;
    struct transaction_forget *forgets;
    struct transaction_ceiling *ceilings;
    struct ready_key *taken; /* from the reserve: back there when the commit fails */
    uint64_t next_environment_id, service_revision;
    unsigned waiting; /* generations of this transaction that wait for a key */
    bool single;      /* it takes one change: several were more than the store takes */
    bool spoiled;     /* something of it is missing: nothing of it may be committed */
    bool urgent;      /* a deactivation is among them: the ballast may be used */
};

jwkd_status transaction_init(
    struct transaction *transaction, struct keyring *keyring, int64_t now) MUST_CHECK;
void transaction_clear(struct transaction *transaction);

/* A row to be written; key and value are copied. The last one of the same key counts, on the first one's
 * condition. */
jwkd_status transaction_put(
    struct transaction *transaction, const char *key, struct bytes value, uint64_t expected) MUST_CHECK;
jwkd_status transaction_put_message(struct transaction *transaction, const char *key,
    const ProtobufCMessage *value, uint64_t expected) MUST_CHECK;
jwkd_status transaction_erase(struct transaction *transaction, const char *key) MUST_CHECK;

/* Whether another change may be taken into it. Half of what the store takes is left for the last one. */
bool transaction_has_room(const struct transaction *transaction);

/* The environment as it stands with what the transaction changed so far; borrowed; NULL when there is none.
 */
struct ring_environment *transaction_find(const struct transaction *transaction, const char *name);
/* Puts an environment in its place (NULL: deleted). Takes a reference of its own. */
jwkd_status transaction_touch(
    struct transaction *transaction, const char *name, struct ring_environment *environment) MUST_CHECK;
/* The number of generations that wait for their key, this transaction's included. */
unsigned transaction_waiting(const struct transaction *transaction);
/* The number of environments that there will be. */
size_t transaction_environments(const struct transaction *transaction);

/* `made` says the same; its texts are copied. */
jwkd_status transaction_publish(struct transaction *transaction, const Jwkd__V1__Event *event,
    const struct keyring_made *made) MUST_CHECK;
jwkd_status transaction_forget(
    struct transaction *transaction, const char *owner, const char *kid) MUST_CHECK;

/* How far a token reaches that is made now and lives so long. */
struct reach transaction_reach(const struct transaction *transaction, int64_t lifetime_sec);

/* A copy in the transaction's memory; NULL when memory is short. */
char *transaction_text(struct transaction *transaction, const char *text);

#endif
