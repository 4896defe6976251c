/* What a keyring holds, and whoever is asked for it sees. */
#ifndef KEYRING_STATE_H
#define KEYRING_STATE_H

#include <pthread.h>

#include "keyring/keyring.h"
#include "keyring/pending.h"
#include "keyring/reserve.h"
#include "records.pb-c.h"

/* What to do about a keyring that is estranged from its store. */
#define KEYRING_RESTART "restart jwkd, then repeat the request with the same request id"

/* That an operator accepted the wall clock; `at` 0: nobody did. */
struct wall_accepted {
    int64_t at, seen;
    char by[LIMIT_PRINCIPAL + 1];
};

struct agenda_entry;
struct ceiling_wish;

/* The present snapshot, which everybody reads. */
struct keyring_present {
    pthread_mutex_t lock; /* guards the pointer alone; innermost of all locks */
    struct snapshot *snapshot;
};

/* What the writer is given to do (changes/queue.h). */
struct keyring_queue {
    pthread_mutex_t lock; /* guards what follows; never held while deciding or committing */
    pthread_cond_t filled;
    struct keyring_command *head, **tail;
    unsigned count;
    struct ready_key *made;      /* keys that the makers finished */
    struct ceiling_wish *wishes; /* signatures that want to reach further */
    pthread_cond_t ceilings_moved;
    bool poked; /* something may be due */
    bool stopping, running;
    pthread_t writer;
};

/* What is going to be due; the writer's alone, but for the count (changes/agenda.h). */
struct keyring_agenda {
    struct agenda_entry *entries;
    size_t count, capacity;
    uint64_t reckoned_ns; /* when all of it was */
    uint64_t failed_ns;   /* when something due could not be committed; 0: not */
    atomic_uint promotions_waiting;
};

/* The wall clock, held against what was done by it (changes/wall.h). */
struct keyring_wall {
    struct wall_accepted accepted; /* the last one; set at the start */
    atomic_int_fast64_t high;      /* the latest instant of it that a change was made at */
    atomic_bool refuses;           /* it is behind that, and the writer is going to tell, or has */
    int64_t told;                  /* the writer's: until when it said last that nothing is signed; 0: not */
    int64_t apart_ms;              /* likewise: its distance from the running-time clock */
};

/* How the keyring stands with its store; the writer's alone. */
struct keyring_records {
    uint64_t next_environment_id, service_revision, service_row_revision;
    int64_t answers_expired_at;
    void *allowances;   /* of callers in what is kept of changes (records/allowance.h): a tree */
    uint64_t settle_ns; /* when to settle the store; 0: nothing to settle */
    bool not_renewed;   /* what the start had to write could not be written (records/service_row.h) */
    bool outdated;      /* somebody else changed the store: it is read anew before anything is decided
                           (changes/reload.h) */
    bool estranged; /* the store may hold a change that is not known here: nothing may be built on either */
};

struct keyring_counts {
    atomic_uint_fast64_t tokens_signed, tokens_verified, changes, commits;
};

struct keyring {
    struct keyring_options options;
    struct publisher *publisher;
    uint8_t epoch[16];
    uint64_t started_ns;
    _Atomic uint64_t age_ahead_ns; /* of the running-time clock: the store's age (age.h) */
    void (*read_traffic)(void *context, struct keyring_traffic *out);
    void *traffic_context;

    struct keyring_present present;
    struct keyring_queue queue;
    struct keyring_agenda agenda;
    struct keyring_wall wall;
    struct keyring_records records;
    struct keyring_counts counts;

    struct pending *pending; /* generations that wait for their key; the writer's alone, like: */
    struct pending *shown;   /* done, with an answer that is handed out to the first who asks again */
    struct reserve *reserve; /* the ready keys; has a lock of its own, taken after none of ours */
};

/* The present snapshot, with a reference for the caller. */
struct snapshot *keyring_snapshot(struct keyring *keyring);
void keyring_swap(struct keyring *keyring, struct snapshot *next);

/* Says it to whoever wants to hear. */
void keyring_trouble(const struct keyring *keyring, jwkd_status status, const char *message);

/* The environment that a request names, from a snapshot. NOT_FOUND. */
jwkd_status keyring_require(const struct snapshot *snapshot, const char *name, struct ring_environment **out,
    jwkd_error *error) MUST_CHECK;

#endif
