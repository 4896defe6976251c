/* A verifier's process is stopped for longer than its lease. Heartbeats and a deactivation wait in its
 * socket. When it wakes, it does not accept a token of the deactivated key, no matter which of them it reads
 * first. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bench/faults.h"
#include "bench/judge.h"

enum { JUDGES = 6, LEASE_MS = 1000, PATIENCE_MS = 60000, AT_ONCE = 40 };
static const char ENVIRONMENT[] = "pause";

struct pauses {
    struct daemon daemon;
    jwkd_client *client;
    struct judge judges[JUDGES];
    unsigned seed;
    unsigned long waking, stale, deactivated; /* verdicts after waking; KEYS_TOO_OLD; KEY_DEACTIVATED */
    char fault[200];
};

static void count(struct pauses *pauses, const struct judgement *made, unsigned nth)
{
    pauses->waking++;
    if (made->verdict == JWKD_VERDICT_KEYS_TOO_OLD) pauses->stale++;
    if (made->verdict == JWKD_VERDICT_KEY_DEACTIVATED) pauses->deactivated++;
    if (made->verdict == JWKD_VERDICT_VALID && !pauses->fault[0])
        snprintf(pauses->fault, sizeof pauses->fault,
            "look %u after waking: VALID, %s before and %s after it", nth, jwkd_freshness_name(made->before),
            jwkd_freshness_name(made->after));
}

static jwkd_status wake(struct pauses *pauses, const char *token, jwkd_error *error)
{
    for (size_t i = 0; i < JUDGES; i++)
        for (unsigned n = 0; n < AT_ONCE; n++)
            if (!judge_tell(&pauses->judges[i], "judge", token))
                return fail(error, JWKD_UNAVAILABLE, "a verifier's process takes no order");
    for (size_t i = 0; i < JUDGES; i++)
        judge_continue(&pauses->judges[i]);
    for (size_t i = 0; i < JUDGES; i++) {
        for (unsigned n = 0; n < AT_ONCE; n++) {
            struct judgement made;
            TRY(judge_hear(&pauses->judges[i], &made, error));
            count(pauses, &made, n);
        }
    }
    return JWKD_OK;
}

static jwkd_status pause_once(struct pauses *pauses, jwkd_error *error)
{
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    CLEANUP(block_free_at) jwkd_key_answer *key = NULL;
    CLEANUP(block_free_at) jwkd_key_answer *stays = NULL;
    CLEANUP(block_free_at) jwkd_key_answer *gone = NULL;
    CLEANUP(block_free_at) char *token = NULL;
    struct judgement made;
    TRY(jwkd_generate(pauses->client, ENVIRONMENT, &options, &key, error));
    TRY(make_token(pauses->client, ENVIRONMENT, &token, error));
    TRY(jwkd_generate(pauses->client, ENVIRONMENT, &options, &stays, error));
    for (size_t i = 0; i < JUDGES; i++) {
        TRY(judge_await(&pauses->judges[i], stays->revision, PATIENCE_MS, error));
        TRY(judge_sample(&pauses->judges[i], token, error));
    }
    pause_ms((unsigned)rand_r(&pauses->seed) % 300);
    for (size_t i = 0; i < JUDGES; i++)
        judge_stop(&pauses->judges[i]);
    pause_ms((unsigned)rand_r(&pauses->seed) % 500); /* heartbeats from before the deactivation */
    TRY(jwkd_deactivate(pauses->client, ENVIRONMENT, key->key.kid, false, &gone, error));
    /* From the acknowledgement on, a lease and its drift. */
    pause_ms(LEASE_MS + LEASE_MS / 1000 + 1 + (unsigned)rand_r(&pauses->seed) % 700);
    TRY(wake(pauses, token, error));
    for (size_t i = 0; i < JUDGES; i++) {
        TRY(judge_await(&pauses->judges[i], gone->revision, PATIENCE_MS, error));
        TRY(judge_ask(&pauses->judges[i], token, &made, error));
        count(pauses, &made, AT_ONCE);
    }
    return JWKD_OK;
}

static jwkd_status pause_run(
    struct pauses *pauses, const struct bench *bench, unsigned rounds, jwkd_error *error)
{
    TRY(daemon_start(&pauses->daemon, bench, 8, error));
    TRY(connect_to(&pauses->daemon, &pauses->client, error));
    TRY(make_environment(pauses->client, ENVIRONMENT, "ES256", 0, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_start(pauses->daemon.url, ENVIRONMENT, 0, &pauses->judges[i], error));
    for (unsigned i = 0; i < rounds; i++) {
        report_progress("pause", i, rounds);
        TRY(pause_once(pauses, error));
    }
    return JWKD_OK;
}

jwkd_status fault_pause(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    unsigned rounds = bench->quick ? 2 : 30;
    struct pauses pauses = {.daemon.max_lease_sec = LEASE_MS / 1000, .seed = bench->seed};
    jwkd_status status = pause_run(&pauses, bench, rounds, error);
    finding_set(out, pauses.fault,
        "%u times %d verifiers stopped for over a lease, the key deactivated: %lu looks after waking, %lu "
        "KEYS_TOO_OLD, %lu "
        "KEY_DEACTIVATED",
        rounds, JUDGES, pauses.waking, pauses.stale, pauses.deactivated);
    for (size_t i = 0; i < JUDGES; i++)
        judge_kill(&pauses.judges[i]);
    jwkd_close(pauses.client);
    daemon_clear(&pauses.daemon);
    return status;
}
