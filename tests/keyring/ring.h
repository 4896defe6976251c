/* A keyring over a store in memory, and changes to it. Every function fails the test rather than returning an
 * error. */
#ifndef TESTS_KEYRING_RING_H
#define TESTS_KEYRING_RING_H

#include "keyring/keyring.h"
#include "keyring/memory.h"
#include "signer/fixture.h"

#include <pthread.h>
#include <stdio.h>

/* How long a condition is awaited before the test gives up. Not a measure of speed. */
enum { PATIENCE_SEC = 30 };

struct ring {
    struct fixture signing;
    struct memory *memory;
    struct store *store;
    struct registry *registry; /* NULL: no subscribers */
    struct keyring *keyring;
    struct publisher *publisher; /* from the next start on; NULL: nothing is published */
    const char *machine_boot;    /* from the next start on */
    const char *principal;       /* that asks for changes */
    unsigned change_queue, most_changes, most_answers; /* likewise; 0: as usual */
    bool new_epoch;                                    /* by the next start, */
    bool accept_clock;                                 /* likewise, */
    const char *operator;                              /* who is this */
    const char *own_principal, *admin;                 /* likewise; NULL: nobody */
    bool silent;                                       /* from the next start on: nobody is told of trouble */
    unsigned ids;                                      /* of requests, so far */
    pthread_mutex_t lock;                              /* guards what follows */
    char told[4096];   /* of all of it, as far as there is room, a line each */
    char trouble[256]; /* what was complained of last; "": nothing */
    char made[4096];   /* the changes that were told, a line each; see ring_made() */
};

/* The caller, where it does not matter which. */
extern const struct caller ANYBODY;              /* sees and manages all, */
extern const struct caller SIGNING, SIGNING_RAW; /* and these sign */

/* The keyring is not started before ring_start(): rows can be put before. It keeps no keys ready. */
void ring_open(struct ring *ring);
void ring_start(struct ring *ring);
void ring_stop(struct ring *ring);
/* Ends the keyring and begins another over the same store. */
void ring_restart(struct ring *ring);
void ring_close(struct ring *ring);

/* cmocka fixtures: a started ring for each test, in *state. */
int ring_setup(void **state);
/* Likewise, with subscribers: their leases are longer than any test. */
int ring_setup_counting(void **state);
int ring_teardown(void **state);

void ring_put(struct ring *ring, const char *key, struct bytes value);
/* The changes that were told since it was asked last: "VERB ENVIRONMENT REVISION PRINCIPAL KID" each, and
 * ", KID deactivated" where there is another one. */
void ring_made(struct ring *ring, char out[4096]);
bool ring_complained(struct ring *ring, const char *text);
/* Likewise, at any time since ring_open(). */
bool ring_was_told(struct ring *ring, const char *text);

/* A request of an operation with an id of its own, which lies in `id`. */
Jwkd__V1__Request ring_request(struct ring *ring, uint8_t id[16], Jwkd__V1__Request__OperationCase operation);
/* Has the change made, as ring->principal, and unpacks the answer into the arena, which the caller clears. */
const Jwkd__V1__Reply *ring_change(struct ring *ring, const Jwkd__V1__Request *request, struct arena *arena);
/* Only the status. */
jwkd_status ring_status(struct ring *ring, const Jwkd__V1__Request *request);
/* Likewise, asking again as long as a key is being made. */
jwkd_status ring_collect(struct ring *ring, const Jwkd__V1__Request *request);

/* An ES256 environment. */
void ring_create(struct ring *ring, const char *name);
/* Sets rotate_every_sec or jwks_max_age_sec. */
void ring_set(struct ring *ring, const char *name, const char *field, uint32_t value);
/* Asks for a new ES256 key in it, perhaps to be held; its kid, which may be NULL, where that can be. */
jwkd_status ring_try_generate(struct ring *ring, const char *name, bool hold, char kid[LIMIT_KID + 1]);
/* A new ES256 key in it, which becomes primary; its kid. */
void ring_generate(struct ring *ring, const char *name, char kid[LIMIT_KID + 1]);
/* A key of tests/data/keys, which becomes primary; its kid. */
void ring_import(struct ring *ring, const char *name, const char *file, char kid[LIMIT_KID + 1]);
/* Also the only one. */
void ring_deactivate(struct ring *ring, const char *name, const char *kid);
void ring_retire(struct ring *ring, const char *name, const char *kid);
/* The status of signing a token. */
jwkd_status ring_sign(struct ring *ring, const char *name);
/* Likewise of `count` of them in one request. */
void ring_sign_batch(struct ring *ring, const char *name, jwkd_status *out, size_t count);
/* How the key stands; KEY_STATE_NONE: there is none. */
Jwkd__V1__KeyState ring_key_state(struct ring *ring, const char *name, const char *kid);

/* Of this run. */
uint64_t ring_commits(struct ring *ring);

bool ring_is_primary(struct ring *ring, const char *name, const char *kid);

void pause_shortly(void);

/* Waits until the condition holds. */
#define AWAIT(condition)                                                \
    do {                                                                \
        for (int left_ = PATIENCE_SEC * 200; !(condition); left_--) {   \
            if (left_ == 0) fail_msg("waited in vain: %s", #condition); \
            pause_shortly();                                            \
        }                                                               \
    } while (0)

#endif
