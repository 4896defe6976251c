/* What one transaction is going to change: rows, environments, events, and what follows once they are
 * durable. The writer's alone. */
#ifndef KEYRING_TRANSACTION_H
#define KEYRING_TRANSACTION_H

#include "keyring/state.h"

/* An event that is published after the commit, in this order. */
struct transaction_event {
    struct transaction_event *next;
    struct publisher_event event;
};

/* What was done, for the log, in this order. */
struct transaction_made {
    struct transaction_made *next;
    struct keyring_made made;
};

/* A key that the signer must forget after the commit. */
struct transaction_forget {
    struct transaction_forget *next;
    const char *owner, *kid;
};

/* A ceiling that counts once the transaction is committed. */
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
    struct transaction_made *made, **made_tail;
    struct book *book; /* accounts, tokens and grants as they will be; a reference; NULL: as they are */
    struct transaction_forget *forgets;
    struct transaction_ceiling *ceilings;
    struct ready_key *taken; /* from the reserve: they go back there if the commit fails */
    uint64_t next_environment_id, service_revision;
    unsigned waiting; /* generations of this transaction that wait for a key */
    bool single;      /* it takes one change only, since several were more than the store takes */
    bool spoiled;     /* a part of it is missing, so nothing of it may be committed */
    bool urgent;      /* it has a deactivation: the ballast may be used */
};

jwkd_status transaction_init(
    struct transaction *transaction, struct keyring *keyring, int64_t now) MUST_CHECK;
void transaction_clear(struct transaction *transaction);

/* Adds a row to be written; key and value are copied. If a key comes twice, the last value counts, on the
 * first one's condition. */
jwkd_status transaction_put(
    struct transaction *transaction, const char *key, struct bytes value, uint64_t expected) MUST_CHECK;
jwkd_status transaction_put_message(struct transaction *transaction, const char *key,
    const ProtobufCMessage *value, uint64_t expected) MUST_CHECK;
jwkd_status transaction_erase(struct transaction *transaction, const char *key) MUST_CHECK;

/* Whether it takes another change. Half of what the store takes is left for the last change. */
bool transaction_has_room(const struct transaction *transaction);

/* The environment with what the transaction has changed so far; borrowed. NULL: there is none. */
struct ring_environment *transaction_find(const struct transaction *transaction, const char *name);
/* Puts an environment in its place (NULL: it is deleted). Takes a reference of its own. */
jwkd_status transaction_touch(
    struct transaction *transaction, const char *name, struct ring_environment *environment) MUST_CHECK;
/* How many generations wait for their key, this transaction's included. */
unsigned transaction_waiting(const struct transaction *transaction);
/* How many environments there will be. */
size_t transaction_environments(const struct transaction *transaction);

jwkd_status transaction_publish(struct transaction *transaction, const Jwkd__V1__Event *event) MUST_CHECK;
/* Its texts are copied. */
jwkd_status transaction_tell(struct transaction *transaction, const struct keyring_made *made) MUST_CHECK;

/* Accounts, tokens and grants as they stand with what the transaction changed so far; borrowed. */
const struct book *transaction_book(const struct transaction *transaction);
jwkd_status transaction_forget(
    struct transaction *transaction, const char *owner, const char *kid) MUST_CHECK;

/* How far a token reaches if it is made now and lives for so long. */
struct reach transaction_reach(const struct transaction *transaction, int64_t lifetime_sec);

/* A copy in the transaction's memory; NULL when memory is short. */
char *transaction_text(struct transaction *transaction, const char *text);

#endif
