/* The fake service's inside, for its own files. */
#ifndef TESTS_CLIENT_FAKE_INSIDE_H
#define TESTS_CLIENT_FAKE_INSIDE_H

#include "client/fake_service.h"

#include <nng/nng.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "jose/jwk.h"

enum { WORKERS = 4 };

struct fake_key {
    EVP_PKEY *pkey;
    struct jwk *jwk;
    bool active;
};

struct fake_environment {
    char name[LIMIT_ENVIRONMENT_NAME + 1];
    char issuer[64];
    bool exists, show_once;
    uint64_t id, revision, service_revision;
    struct fake_key keys[FAKE_KEYS];
    unsigned key_count;
    struct buffer log[FAKE_LOG]; /* packed events, by revision */
    uint64_t log_from;
};

/* A subscriber. */
struct fake_instance {
    uint8_t id[16];
    bool known;
    uint64_t sequence;
    struct {
        bool follows;
        uint64_t environment_id, confirmed;
    } held[FAKE_ENVIRONMENTS];
};

struct fake {
    char directory[64], url[96], events_url[96];
    nng_socket rep, pub;
    bool up;
    struct fake_worker {
        struct fake *fake;
        pthread_t thread;
        nng_ctx context;
        nng_aio *aio;
    } workers[WORKERS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t boot_id[16], epoch[16];
    uint64_t service_revision, next_id;
    struct fake_environment environments[FAKE_ENVIRONMENTS];
    enum fake_mood mood;
    unsigned mood_left, ignored_hellos, connections;
    char *offer, *nothing_for, *credential;
    uint32_t version, retry_after_ms;
    bool mute, hold_snapshots, subscribed;
    pthread_t beater;
    bool beat, stop, old, old_statuses;
    uint32_t max_lease_ms, renew_ms, registered_ms;
    struct fake_instance instances[FAKE_INSTANCES];
    struct fake_wish wish;
    unsigned counts[64];
    struct buffer said[64], said_then[64]; /* packed results, by operation; the second from the next on */
    struct buffer last_request;            /* packed; that was no hello */
    uint8_t last_id[16];
    unsigned last_times;
};

/* fake_state.c. Otherwise the program ends. */
void fake_must(bool holds, const char *what);
#define MUST(condition) fake_must(condition, #condition)

void fake_random(uint8_t *out, size_t size);
/* Another machine's clock. */
uint64_t fake_clock_ns(void);

/* All of what follows under the lock. */

/* fake_state.c: what is filled in borrows from the environment. */
struct fake_environment *fake_find(struct fake *fake, const char *name);
void fake_fill_state(struct fake *fake, const struct fake_environment *e, Jwkd__V1__State *state);
void fake_fill_environment(
    const struct fake_environment *e, Jwkd__V1__State *state, Jwkd__V1__Environment *out);
void fake_fill_key(const struct fake_environment *e, const struct fake_key *key, Jwkd__V1__Key *out);
const char *fake_primary(const struct fake_environment *e); /* its kid */

/* fake_subscribers.c */
struct fake_instance *fake_find_instance(struct fake *fake, struct bytes id); /* NULL: not registered */
struct fake_instance *fake_register(struct fake *fake, const Jwkd__V1__HelloRequest *hello);
void fake_forget_all(struct fake *fake);

/* fake_answers.c; each appends the packed reply to `out`. */
void fake_answer(struct fake *fake, const Jwkd__V1__Request *request, bool too_few, Jwkd__V1__Reply *reply,
    struct buffer *out);
void fake_answer_status(Jwkd__V1__Reply *reply, Jwkd__V1__Status status, struct buffer *out);
void fake_answer_hello(
    struct fake *fake, const Jwkd__V1__HelloRequest *request, Jwkd__V1__Reply *reply, struct buffer *out);

#endif
