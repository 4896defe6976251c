/* Many at once. Tokens with unknown kids cause no requests. When all verifiers start anew, or their service
 * does, all are fresh again. The number of requests for that grows only with the number of verifiers, and not
 * faster. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/faults.h"
#include "bench/judge.h"

enum { THREADS = 4, MOST_JUDGES = 200, PATIENCE_MS = 120000, PER_CLIENT = 12 };
static const char ENVIRONMENT[] = "herd";

struct herd {
    struct daemon daemon;
    jwkd_client *client; /* verifies, too */
    jwkd_verifier *verifier;
    char *signed_token;
    unsigned long tokens, next; /* to be judged; `next` by the threads */
    pthread_mutex_t lock;       /* guards `next` and what follows */
    unsigned long unknown, other;
    unsigned seed;
    struct judge judges[MOST_JUDGES];
    size_t judge_count;
    /* found */
    uint64_t flood_requests, start_requests, restart_requests;
    double start_sec, restart_sec;
    char fault[200];
};

/* Requests that were served, without the one that asks. */
static jwkd_status served(jwkd_client *client, uint64_t *out, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_service_status *status = NULL;
    TRY(jwkd_get_status(client, &status, error));
    *out = status->requests;
    return JWKD_OK;
}

/* ---- tokens with random kids */

/* A token that was signed once, under another header: {"alg":"ES256","kid":"<16 digits>"}, in base64url by
 * hand. */
static void forge(const char *signed_token, unsigned *seed, char *out, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char header[80];
    int length = snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"%08x%08x%02x\"}",
        (unsigned)rand_r(seed), (unsigned)rand_r(seed), (unsigned)rand_r(seed) % 256);
    char encoded[120];
    size_t used = 0;
    for (int i = 0; i + 2 < length; i += 3) {
        unsigned three = (unsigned)(unsigned char)header[i] << 16 |
                         (unsigned)(unsigned char)header[i + 1] << 8 | (unsigned)(unsigned char)header[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            encoded[used++] = digits[three >> shift & 63];
    }
    encoded[used] = '\0';
    snprintf(out, size, "%s%s", encoded, strchr(signed_token, '.'));
}

static void *flood(void *context)
{
    struct herd *herd = context;
    enum { TURN = 1000 };
    pthread_mutex_lock(&herd->lock);
    unsigned seed = herd->seed++;
    pthread_mutex_unlock(&herd->lock);
    for (;;) {
        pthread_mutex_lock(&herd->lock);
        unsigned long turn = herd->tokens - herd->next < TURN ? herd->tokens - herd->next : TURN;
        herd->next += turn;
        pthread_mutex_unlock(&herd->lock);
        if (turn == 0) return NULL;
        unsigned long unknown = 0;
        for (unsigned long i = 0; i < turn; i++) {
            char token[2048];
            forge(herd->signed_token, &seed, token, sizeof token);
            unknown += jwkd_verify(herd->verifier, token, strlen(token), NULL, NULL, NULL) ==
                       JWKD_VERDICT_UNKNOWN_KEY;
        }
        pthread_mutex_lock(&herd->lock);
        herd->unknown += unknown;
        herd->other += turn - unknown;
        pthread_mutex_unlock(&herd->lock);
    }
}

static jwkd_status flood_all(struct herd *herd, jwkd_error *error)
{
    pthread_t threads[THREADS];
    size_t started = 0;
    herd->next = 0;
    while (started < THREADS && pthread_create(&threads[started], NULL, flood, herd) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return started == THREADS ? JWKD_OK : fail(error, JWKD_NO_MEMORY, "no further thread");
}

static jwkd_status try_flood(struct herd *herd, jwkd_error *error)
{
    uint64_t before, after, one;
    jwkd_freshness freshness;
    CLEANUP(block_free_at) jwkd_key_answer *first = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000};
    TRY(make_environment(herd->client, ENVIRONMENT, "ES256", 0, error));
    TRY(jwkd_generate(herd->client, ENVIRONMENT, &options, &first, error));
    TRY(make_token(herd->client, ENVIRONMENT, &herd->signed_token, error));
    TRY(jwkd_verifier_open(herd->client, ENVIRONMENT, NULL, &herd->verifier, error));
    pause_ms(300); /* what it has to confirm, it confirms within some milliseconds */
    TRY(served(herd->client, &before, error));
    TRY(served(herd->client, &after, error));
    one = after - before; /* what asking costs */
    double begin = now_sec();
    TRY(served(herd->client, &before, error));
    TRY(flood_all(herd, error));
    TRY(jwkd_verifier_freshness(herd->verifier, &freshness, error));
    TRY(served(herd->client, &after, error));
    unsigned renewals = (unsigned)((now_sec() - begin) / 60) * 2 +
                        (now_sec() - begin > 45); /* every 60 s, or somewhat less */
    herd->flood_requests = after - before - one;
    if (freshness.state == JWKD_FRESH && herd->flood_requests > renewals)
        snprintf(herd->fault, sizeof herd->fault, "tokens with unknown kids made %llu requests",
            (unsigned long long)herd->flood_requests);
    if (herd->other)
        snprintf(herd->fault, sizeof herd->fault, "%lu tokens with unknown kids were not UNKNOWN_KEY",
            herd->other);
    return JWKD_OK;
}

/* ---- all at once */

static jwkd_status await_all(struct herd *herd, uint64_t *out_served, jwkd_error *error)
{
    for (size_t i = 0; i < herd->judge_count; i++)
        TRY(judge_await(&herd->judges[i], 1, PATIENCE_MS, error));
    pause_ms(300);
    return served(herd->client, out_served, error);
}

static jwkd_status start_all(struct herd *herd, jwkd_error *error)
{
    for (size_t i = 0; i < herd->judge_count; i++)
        TRY(judge_start(herd->daemon.url, ENVIRONMENT, 0, &herd->judges[i], error));
    return JWKD_OK;
}

static jwkd_status try_herd(struct herd *herd, const struct bench *bench, jwkd_error *error)
{
    uint64_t before;
    report_progress("herd", 1, 4);
    TRY(start_all(herd, error));
    TRY(await_all(herd, &before, error));
    for (size_t i = 0; i < herd->judge_count; i++)
        kill(herd->judges[i].pid, SIGKILL); /* all at once, before any is waited for */
    for (size_t i = 0; i < herd->judge_count; i++)
        judge_kill(&herd->judges[i]);
    report_progress("herd", 2, 4);
    double begin = now_sec();
    TRY(start_all(herd, error));
    TRY(await_all(herd, &herd->start_requests, error));
    herd->start_sec = now_sec() - begin;
    herd->start_requests -= before;

    jwkd_verifier_close(TAKE(herd->verifier));
    report_progress("herd", 3, 4);
    daemon_kill(&herd->daemon);
    begin = now_sec();
    TRY(daemon_start(&herd->daemon, bench, 4, error));
    TRY(await_all(herd, &herd->restart_requests, error));
    herd->restart_sec = now_sec() - begin;
    if (!herd->fault[0] && (herd->start_requests > herd->judge_count * PER_CLIENT ||
                               herd->restart_requests > herd->judge_count * PER_CLIENT))
        snprintf(herd->fault, sizeof herd->fault, "that took more than %d requests a client", PER_CLIENT);
    return JWKD_OK;
}

static jwkd_status herd_run(struct herd *herd, const struct bench *bench, jwkd_error *error)
{
    TRY(daemon_start(&herd->daemon, bench, 4, error));
    TRY(connect_to(&herd->daemon, &herd->client, error));
    report_progress("herd", 0, 4);
    TRY(try_flood(herd, error));
    return herd->fault[0] ? JWKD_OK : try_herd(herd, bench, error);
}

jwkd_status fault_herd(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    struct herd *herd = calloc(1, sizeof *herd);
    if (!herd) return fail(error, JWKD_NO_MEMORY, "out of memory");
    herd->tokens = bench->quick ? 20000 : 1000000;
    herd->judge_count = bench->quick ? 30 : MOST_JUDGES;
    herd->seed = bench->seed;
    pthread_mutex_init(&herd->lock, NULL);
    jwkd_status status = herd_run(herd, bench, error);
    finding_set(out, herd->fault,
        "%lu tokens with unknown kids made %llu requests; %zu verifiers killed and started anew: all fresh "
        "after %.1f s and %llu "
        "requests; their service killed and started anew: after %.1f s and %llu",
        herd->unknown, (unsigned long long)herd->flood_requests, herd->judge_count, herd->start_sec,
        (unsigned long long)herd->start_requests, herd->restart_sec,
        (unsigned long long)herd->restart_requests);
    for (size_t i = 0; i < MOST_JUDGES; i++)
        judge_kill(&herd->judges[i]);
    jwkd_verifier_close(herd->verifier);
    jwkd_close(herd->client);
    jwkd_free(herd->signed_token);
    daemon_clear(&herd->daemon);
    pthread_mutex_destroy(&herd->lock);
    free(herd);
    return status;
}
