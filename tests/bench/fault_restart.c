/* The service is stopped and started again at once, under threads that sign and a verifier that follows: no
 * call fails, and no good token is refused. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/faults.h"

enum { SIGNERS = 4, CLIENTS = 3, RESERVE = 4, BETWEEN_MS = 50, PATIENCE_SEC = 60 };
static const char ENVIRONMENT[] = "restart";
static const double MARGIN_SEC = 0.5; /* of a call, beyond the restart that it met */

struct kind {
    const char *name;
    bool tcp;
    void (*end)(struct daemon *);
};

struct restarts {
    const struct kind *kind;
    struct daemon daemon;
    const char *url;
    jwkd_client *clients[CLIENTS]; /* the first serves two signers, which share requests */
    jwkd_verifier *verifier;
    atomic_bool stop;
    struct signer {
        struct restarts *restarts;
        jwkd_client *client;
        atomic_ulong begun, ended; /* calls */
        atomic_ulong longest_us;   /* since it was set to 0 */
    } signers[SIGNERS];
    atomic_ulong tokens, failed;
    unsigned long slow;           /* signers and stops where a call took longer than restart and margin */
    double restart_sec, call_sec; /* the longest ones */
    pthread_mutex_t lock;
    char fault[200]; /* the first one; under the lock */
};

static void found(struct restarts *restarts, const char *what, const char *why)
{
    pthread_mutex_lock(&restarts->lock);
    if (!restarts->fault[0]) snprintf(restarts->fault, sizeof restarts->fault, "%.40s: %.150s", what, why);
    pthread_mutex_unlock(&restarts->lock);
}

static void sign_once(struct signer *signer)
{
    struct restarts *restarts = signer->restarts;
    CLEANUP(block_free_at) char *token = NULL;
    jwkd_error error = {0};
    double begin = now_sec();
    signer->begun++;
    if (make_token(signer->client, ENVIRONMENT, &token, &error) == JWKD_OK) {
        restarts->tokens++;
        jwkd_verdict verdict = jwkd_verify(restarts->verifier, token, strlen(token), NULL, NULL, &error);
        if (verdict != JWKD_VERDICT_VALID) found(restarts, jwkd_verdict_name(verdict), error.message);
    } else {
        restarts->failed++;
        found(restarts, jwkd_status_name(error.status), error.message);
    }
    unsigned long took_us = (unsigned long)((now_sec() - begin) * 1e6);
    if (took_us > signer->longest_us) signer->longest_us = took_us;
    signer->ended++;
}

static void *sign(void *context)
{
    struct signer *signer = context;
    while (!signer->restarts->stop)
        sign_once(signer);
    return NULL;
}

/* Waits until each signer has had an answer from the new run, and so every call that met the restart. */
static jwkd_status await_signers(struct restarts *restarts, jwkd_error *error)
{
    unsigned long begun[SIGNERS];
    double until = now_sec() + (double)PATIENCE_SEC;
    for (size_t i = 0; i < SIGNERS; i++)
        begun[i] = restarts->signers[i].begun;
    for (size_t i = 0; i < SIGNERS; i++)
        while (restarts->signers[i].ended <= begun[i]) {
            if (now_sec() > until) return fail(error, JWKD_TIMED_OUT, "a call does not end");
            pause_ms(1);
        }
    return JWKD_OK;
}

static jwkd_status restart_once(struct restarts *restarts, const struct bench *bench, jwkd_error *error)
{
    for (size_t i = 0; i < SIGNERS; i++)
        restarts->signers[i].longest_us = 0;
    double begin = now_sec();
    restarts->kind->end(&restarts->daemon);
    TRY(daemon_start(&restarts->daemon, bench, RESERVE, error));
    double restart_sec = now_sec() - begin;
    TRY(await_signers(restarts, error));
    if (restart_sec > restarts->restart_sec) restarts->restart_sec = restart_sec;
    for (size_t i = 0; i < SIGNERS; i++) {
        double call_sec = (double)restarts->signers[i].longest_us / 1e6;
        if (call_sec > restarts->call_sec) restarts->call_sec = call_sec;
        if (call_sec > restart_sec + MARGIN_SEC) restarts->slow++;
    }
    return JWKD_OK;
}

static jwkd_status with_signers(
    struct restarts *restarts, const struct bench *bench, unsigned stops, jwkd_error *error)
{
    pthread_t threads[SIGNERS];
    size_t started = 0;
    jwkd_status status = JWKD_OK;
    while (
        started < SIGNERS && pthread_create(&threads[started], NULL, sign, &restarts->signers[started]) == 0)
        started++;
    if (started < SIGNERS) status = fail(error, JWKD_NO_MEMORY, "no further thread");
    for (unsigned i = 0; i < stops && status == JWKD_OK; i++) {
        report_progress(restarts->kind->name, i, stops);
        pause_ms(BETWEEN_MS);
        status = restart_once(restarts, bench, error);
    }
    restarts->stop = true;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return status;
}

static jwkd_status prepare(struct restarts *restarts, const struct bench *bench, jwkd_error *error)
{
    jwkd_client_options defaults = {.name = "jwkd-bench"}; /* the time-out, above all */
    CLEANUP(jwkd_close_at) jwkd_client *admin = NULL;
    const jwkd_generate_options now = {.wait_ms = 20000, .now = true};
    CLEANUP(block_free_at) jwkd_key_answer *key = NULL;
    TRY(daemon_start(&restarts->daemon, bench, RESERVE, error));
    if (!restarts->url) restarts->url = restarts->daemon.url;
    if (restarts->kind->tcp) TRY(daemon_make_token(&restarts->daemon, error));
    if (restarts->kind->tcp) defaults.token_file = restarts->daemon.token_file;
    for (size_t i = 0; i < CLIENTS; i++)
        TRY(jwkd_open(restarts->url, &defaults, &restarts->clients[i], error));
    for (size_t i = 0; i < SIGNERS; i++) {
        restarts->signers[i].restarts = restarts;
        restarts->signers[i].client = restarts->clients[i < CLIENTS ? i : 0];
    }
    TRY(connect_to(&restarts->daemon, &admin, error));
    TRY(make_environment(admin, ENVIRONMENT, "ES256", 0, error));
    TRY(jwkd_generate(admin, ENVIRONMENT, &now, &key, error));
    return jwkd_verifier_open(restarts->clients[0], ENVIRONMENT, NULL, &restarts->verifier, error);
}

static jwkd_status run(
    const struct bench *bench, const struct kind *kind, struct finding *out, jwkd_error *error)
{
    unsigned stops = bench->quick ? 10 : 200, port = kind->tcp ? free_ports() : 0;
    char requests[64], events[64];
    struct restarts *restarts = calloc(1, sizeof *restarts);
    if (!restarts) return fail(error, JWKD_NO_MEMORY, "out of memory");
    pthread_mutex_init(&restarts->lock, NULL);
    restarts->kind = kind;
    if (kind->tcp) {
        snprintf(requests, sizeof requests, "tcp://127.0.0.1:%u", port);
        snprintf(events, sizeof events, "tcp://127.0.0.1:%u", port + 1);
        restarts->daemon.listen = restarts->url = requests;
        restarts->daemon.listen_events = events;
    }
    jwkd_status status = prepare(restarts, bench, error);
    if (status == JWKD_OK) status = with_signers(restarts, bench, stops, error);
    finding_set(out, restarts->fault,
        "%u stops over %s under %d signers, %lu tokens: %lu calls failed, %lu took longer than the restart "
        "and "
        "%.1f s; the longest call %.2f s, the longest restart %.2f s",
        stops, kind->tcp ? "tcp" : "ipc", (int)SIGNERS, restarts->tokens, restarts->failed, restarts->slow,
        MARGIN_SEC, restarts->call_sec, restarts->restart_sec);
    jwkd_verifier_close(restarts->verifier);
    for (size_t i = 0; i < CLIENTS; i++)
        jwkd_close(restarts->clients[i]);
    daemon_clear(&restarts->daemon);
    pthread_mutex_destroy(&restarts->lock);
    free(restarts);
    return status;
}

jwkd_status fault_restart(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    return run(bench, &(struct kind){"restart", false, daemon_stop}, out, error);
}

jwkd_status fault_restart_tcp(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    return run(bench, &(struct kind){"restart-tcp", true, daemon_stop}, out, error);
}

jwkd_status fault_restart_kill(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    return run(bench, &(struct kind){"restart-kill", false, daemon_kill}, out, error);
}
