/* What a keyring holds, for the keyring's own files. */
#ifndef KEYRING_STATE_H
#define KEYRING_STATE_H

#include <pthread.h>

#include "keyring/keyring.h"
#include "keyring/pending.h"
#include "keyring/reserve.h"
#include "records.pb-c.h"

/* What to do about a keyring that is estranged from its store. */
#define KEYRING_RESTART "restart jwkd, then repeat the request with the same request id"

/* An operator accepted the wall clock; `at` 0: none did. */
struct wall_accepted {
    int64_t at, seen;
    char by[LIMIT_PRINCIPAL + 1];
};

struct agenda_entry;
struct ceiling_wish;

/* The present snapshot, which every thread reads. */
struct keyring_present {
    pthread_mutex_t lock; /* guards the pointer alone; the innermost of all locks */
    struct snapshot *snapshot;
};

/* What the writer is given to do (changes/queue.h). */
struct keyring_queue {
    pthread_mutex_t lock; /* guards what follows; never held while deciding or committing */
    pthread_cond_t filled;
    struct keyring_command *head, **tail;
    unsigned count;
    struct ready_key *made;      /* keys that the makers finished */
    struct ceiling_wish *wishes; /* of signatures that must reach further */
    pthread_cond_t ceilings_moved;
    bool poked; /* something may be due */
    bool stopping, running;
    pthread_t writer;
};

/* What is going to be due; the writer's alone, but for the count (changes/agenda.h). */
struct keyring_agenda {
    struct agenda_entry *entries;
    size_t count, capacity;
    uint64_t reckoned_ns; /* when all entries were reckoned last */
    uint64_t failed_ns;   /* when something due could not be committed; 0: it could */
    atomic_uint promotions_waiting;
};

/* The wall clock, compared with the times that it showed before (changes/wall.h). */
struct keyring_wall {
    struct wall_accepted accepted; /* the last time that it was accepted; set at the start */
    atomic_int_fast64_t high;      /* the latest instant by this clock that a change was made at */
    atomic_bool refuses;           /* the clock is behind `high`; the writer is going to tell, or has told */
    int64_t told; /* the writer's: the time until which it last said that nothing is signed; 0: it did not */
    int64_t apart_ms; /* likewise: its distance from the running-time clock */
};

/* How the keyring agrees with its store; the writer's alone. */
struct keyring_records {
    uint64_t next_environment_id, service_revision, service_row_revision;
    int64_t answers_expired_at;
    void *allowances;   /* the tree of all callers' allowances (records/allowance.h) */
    uint64_t settle_ns; /* when to settle the store; 0: nothing to settle */
    bool not_renewed;   /* the start could not write its changes (records/service_row.h) */
    bool outdated;      /* somebody else changed the store: it must be read anew before anything is decided
                           (changes/reload.h) */
    bool estranged; /* the store may have a change that is not known here: nothing may be changed any more */
};

struct keyring_counts {
    atomic_uint_fast64_t tokens_signed, tokens_verified, changes, commits;
};

struct keyring {
    struct keyring_options options;
    struct publisher *publisher;
    uint8_t epoch[16];
    char access_owner[LIMIT_PRINCIPAL + 1]; /* for whom the first grants were made; the writer's alone */
    uint64_t started_ns;
    _Atomic uint64_t age_ahead_ns; /* how far the store's age is ahead of the running-time clock (age.h) */
    void (*read_traffic)(void *context, struct keyring_traffic *out);
    void *traffic_context;

    struct keyring_present present;
    struct keyring_queue queue;
    struct keyring_agenda agenda;
    struct keyring_wall wall;
    struct keyring_records records;
    struct keyring_counts counts;

    struct pending *pending; /* generations that wait for their key; the writer's alone, as the next */
    struct pending *shown;   /* done; the first repetition of the request gets the answer */
    struct reserve *reserve; /* the ready keys; has a lock of its own, taken after none of ours */
};

void keyring_swap(struct keyring *keyring, struct snapshot *next);

/* Calls options.on_trouble, if there is one. */
void keyring_trouble(const struct keyring *keyring, jwkd_status status, const char *message);

/* Finds the environment that a request names in a snapshot. NOT_FOUND; INVALID_ARGUMENT: it is no such
 * name. */
jwkd_status keyring_require(const struct snapshot *snapshot, const char *name, struct ring_environment **out,
    jwkd_error *error) MUST_CHECK;

#endif
