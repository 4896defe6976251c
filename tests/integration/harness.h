/* A real daemon in a directory of its own, and requests to it: through the library, and byte by byte. */
#ifndef TESTS_INTEGRATION_HARNESS_H
#define TESTS_INTEGRATION_HARNESS_H

#include "base/cleanup.h"
#include "base/status.h"
#include "wire/wire.h"

#include <jwkd.h>
#include <nng/nng.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cmocka.h>

/* How long a condition is awaited before the test gives up. Not a measure of speed. */
enum { PATIENCE_SEC = 60 };

/* ---- the daemon ---- */

struct service {
    char root[64]; /* made by service_prepare(), removed by service_remove() */
    char data[96]; /* where the store is; may be pointed elsewhere before the start */
    char sockets[96];
    char url[128];        /* of rpc.sock */
    char log[96];         /* what the daemon wrote */
    char key_file[128];   /* "": within the data directory */
    const char *upstream; /* not NULL: it is a relay of this URL */
    const char *second_option;
    const char *option; /* one more for the daemon, e.g. "--max-lease=3s"; NULL: none */
    bool bare;          /* started with the descriptors 0, 1 and 2 closed; then there is no log */
    bool little_locked; /* it may lock 8 MiB of memory, and no more */
    rlim_t descriptors; /* its hard limit, the soft one is half of it; 0: as here */
    pid_t pid;          /* 0: not running */
};

void service_prepare(struct service *service);
/* Starts the daemon and waits until it answers. */
void service_start(struct service *service);
/* SIGTERM, also where it is paused; fails the test unless the daemon ends with status 0. */
void service_stop(struct service *service);
/* SIGKILL. */
void service_kill(struct service *service);
/* SIGSTOP: returns when none of its threads runs any more. */
void service_pause(struct service *service);
void service_resume(struct service *service);
/* Kills what runs and removes the directory. */
void service_remove(struct service *service);
/* Runs the daemon to its end with one more argument (may be NULL): its exit status. What it printed is then
 * in service->log. */
int service_run(const struct service *service, const char *argument);
/* Whether the daemon's output of its last run contains the text; and in how many lines. */
bool service_said(const struct service *service, const char *text);
unsigned service_count_said(const struct service *service, const char *text);

/* A cmocka fixture: a running service of its own for each test, in *state. */
int service_setup(void **state);
int service_teardown(void **state);

/* Reads a file of tests/data into a buffer that the caller clears. */
void read_data(const char *name, struct buffer *out);

/* ---- through the library ---- */

jwkd_client *client_open(const struct service *service);
/* An ES256 environment with the issuer https://NAME.example. */
void environment_create(jwkd_client *client, const char *name);
/* A new ES256 key; the kid, which the caller frees. */
char *key_generate(jwkd_client *client, const char *environment);
/* A token with the subject "alice", which the caller frees with jwkd_free(). */
char *token_sign(jwkd_client *client, const char *environment);
/* The judgement of the service. */
jwkd_verdict token_judge(jwkd_client *client, const char *environment, const char *token);
uint64_t revision_of(jwkd_client *client, const char *environment);

/* The opposite of assert_ok: a status with something said to a person. */
#define assert_ok(call) assert_status((call), JWKD_OK, NULL)
#define assert_status(call, expected, error) \
    check_status(#call, (call), (expected), (error), __FILE__, __LINE__)
void check_status(const char *call, jwkd_status status, jwkd_status expected, const jwkd_error *error,
    const char *file, int line);
/* Likewise for a verdict, by name, so that a failure reads well. */
#define assert_verdict(verdict, expected) \
    assert_string_equal(jwkd_verdict_name(verdict), jwkd_verdict_name(expected))

/* ---- a verifier whose events can be awaited ---- */

struct observer {
    jwkd_verifier *verifier;
    pthread_mutex_t lock;
    pthread_cond_t told;
    uint64_t revision; /* the newest that an event spoke of */
    unsigned seen[JWKD_EVENT_KEY_CHANGED + 1];
};

void observer_open(struct observer *observer, jwkd_client *client, const char *environment);
/* Waits until an event of this revision, or a later one, was handed out. */
void observer_await(struct observer *observer, uint64_t revision);
/* The changes of one revision are told one by one. */
void observer_await_seen(struct observer *observer, jwkd_event_kind kind);
jwkd_verdict observer_judge(struct observer *observer, const char *token);
void observer_close(struct observer *observer);

/* ---- byte by byte ---- */

struct raw {
    nng_socket socket;
};

void raw_open(struct raw *raw, const struct service *service);
void raw_close(struct raw *raw);
/* Sends the bytes, and unpacks the reply into the arena, which the caller clears. */
Jwkd__V1__Reply *raw_ask_bytes(struct raw *raw, struct bytes packed, struct arena *arena);
Jwkd__V1__Reply *raw_ask(struct raw *raw, const Jwkd__V1__Request *request, struct arena *arena);
/* Only the status. */
jwkd_status raw_status_of_bytes(struct raw *raw, struct bytes packed);
jwkd_status raw_status(struct raw *raw, const Jwkd__V1__Request *request);
/* A request of version 1 with a fresh id, which lies in `id`. */
Jwkd__V1__Request raw_request(uint8_t id[16]);

#endif
