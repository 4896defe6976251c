/* The service stands still, a cable is pulled out, messages come late and in another order. No verifier
 * judges by keys for which the service has not vouched within a lease. All verifiers recover by themselves;
 * from then on they refuse the key that was deactivated meanwhile. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bench/faults.h"
#include "bench/judge.h"
#include "bench/link.h"
#include "bench/proxy.h"

enum { JUDGES = 4, LEASE_MS = 1000, MARGIN_MS = 400, PATIENCE_MS = 60000 };
static const char ENVIRONMENT[] = "partition";

struct partition {
    const struct bench *bench;
    struct daemon daemon;
    struct link link;
    jwkd_client *client;
    struct judge judges[JUDGES];
    unsigned seed;
    /* the key that the round is about, and its token */
    jwkd_key_answer *key;
    char *token;
    /* found */
    unsigned rounds;
    unsigned long samples;
    uint64_t latest_ns, gap_ns; /* after the cut, the last VALID; the longest time without a sample */
    char fault[200];
};

/* The last instant at which a verifier may judge by what the service vouched for at `ns`: a lease later, and
 * the drift of two clocks. */
static uint64_t lease_after(uint64_t ns)
{
    return ns + LEASE_MS * NS_PER_MS + LEASE_MS * NS_PER_MS / 1000;
}

static void clear_round(struct partition *partition)
{
    jwkd_free(TAKE(partition->key));
    jwkd_free(TAKE(partition->token));
}

/* All are fresh, know a key that is not primary, and judge its token. */
static jwkd_status begin_round(struct partition *partition, jwkd_error *error)
{
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true};
    CLEANUP(block_free_at) jwkd_key_answer *stays = NULL;
    clear_round(partition);
    TRY(jwkd_generate(partition->client, ENVIRONMENT, &options, &partition->key, error));
    TRY(make_token(partition->client, ENVIRONMENT, &partition->token, error));
    TRY(jwkd_generate(partition->client, ENVIRONMENT, &options, &stays, error));
    for (size_t i = 0; i < JUDGES; i++) {
        TRY(judge_await(&partition->judges[i], stays->revision, PATIENCE_MS, error));
        TRY(judge_sample(&partition->judges[i], partition->token, error));
    }
    pause_ms(50 + (unsigned)rand_r(&partition->seed) % 400);
    partition->rounds++;
    return JWKD_OK;
}

static jwkd_status deactivate(struct partition *partition, uint64_t *out_revision, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *gone = NULL;
    TRY(jwkd_deactivate(partition->client, ENVIRONMENT, partition->key->key.kid, false, &gone, error));
    *out_revision = gone->revision;
    return JWKD_OK;
}

/* No judgement that began more than a lease after `since_ns` was VALID, whether the verifier had recovered or
 * not; and none was after a KEY_DEACTIVATED. (A verifier that gets no processor time may refuse tokens a
 * moment earlier.) */
static jwkd_status check(struct partition *partition, const char *what, uint64_t since_ns, jwkd_error *error)
{
    for (size_t i = 0; i < JUDGES; i++) {
        struct judge_tally tally;
        TRY(judge_tally(&partition->judges[i], &tally, error));
        partition->samples += tally.samples;
        if (tally.gap_ns > partition->gap_ns) partition->gap_ns = tally.gap_ns;
        if (tally.last_valid_ns > since_ns && tally.last_valid_ns - since_ns > partition->latest_ns)
            partition->latest_ns = tally.last_valid_ns - since_ns;
        char *fault = partition->fault;
        size_t room = partition->fault[0] ? 0 : sizeof partition->fault;
        if (tally.valid == 0 || tally.last_ns < lease_after(since_ns))
            return fail(
                error, JWKD_TIMED_OUT, "%s: a verifier's process did not come to judge in time", what);
        if (tally.last_valid_ns > lease_after(since_ns))
            snprintf(fault, room, "%s: VALID %.1f ms after it, with a lease of %d ms", what,
                (double)(tally.last_valid_ns - since_ns) / 1e6, LEASE_MS);
        else if (tally.valid_while_stale)
            snprintf(fault, room, "%s: VALID although stale", what);
        else if (tally.valid_again)
            snprintf(fault, room, "%s: VALID after KEY_DEACTIVATED", what);
    }
    return JWKD_OK;
}

/* A verifier that is fresh again refuses the key that was deactivated meanwhile, and accepts the others. */
static jwkd_status check_healed(
    struct partition *partition, const char *what, uint64_t revision, jwkd_error *error)
{
    CLEANUP(block_free_at) char *good = NULL;
    TRY(make_token(partition->client, ENVIRONMENT, &good, error));
    for (size_t i = 0; i < JUDGES; i++) {
        struct judgement gone, live;
        struct judge *judge = &partition->judges[i];
        TRY(judge_await(judge, revision, PATIENCE_MS, error));
        TRY(judge_ask(judge, partition->token, &gone, error));
        TRY(judge_ask(judge, good, &live, error));
        bool not_fresh = live.verdict == JWKD_VERDICT_KEYS_TOO_OLD &&
                         !(live.before == JWKD_FRESH && live.after == JWKD_FRESH);
        size_t room = partition->fault[0] ? 0 : sizeof partition->fault;
        if (gone.verdict == JWKD_VERDICT_VALID)
            snprintf(
                partition->fault, room, "%s: a healed verifier accepts what was deactivated meanwhile", what);
        else if (live.verdict != JWKD_VERDICT_VALID && !not_fresh)
            snprintf(partition->fault, room, "%s: a healed verifier refuses a good token: %s", what,
                jwkd_verdict_name(live.verdict));
    }
    return JWKD_OK;
}

/* ---- the service stands still */

struct asked {
    struct partition *partition;
    uint64_t revision;
    jwkd_status status;
    jwkd_error error;
};

static void *ask_to_deactivate(void *context)
{
    struct asked *asked = context;
    asked->status = deactivate(asked->partition, &asked->revision, &asked->error);
    return NULL;
}

/* A deactivation is asked for meanwhile: it is acknowledged when the service goes on. */
static jwkd_status stop_once(struct partition *partition, jwkd_error *error)
{
    static const char what[] = "service stopped";
    struct asked asked = {.partition = partition};
    pthread_t thread;
    TRY(begin_round(partition, error));
    daemon_pause(&partition->daemon);
    uint64_t cut_ns = clock_elapsed_ns();
    if (pthread_create(&thread, NULL, ask_to_deactivate, &asked) != 0) return JWKD_NO_MEMORY;
    pause_ms(LEASE_MS + MARGIN_MS);
    jwkd_status status = check(partition, what, cut_ns, error);
    daemon_resume(&partition->daemon);
    pthread_join(thread, NULL);
    TRY(status);
    if (asked.status != JWKD_OK) {
        if (error) *error = asked.error;
        return asked.status;
    }
    return check_healed(partition, what, asked.revision, error);
}

/* ---- the cable */

static jwkd_status cut_once(struct partition *partition, jwkd_error *error)
{
    static const char what[] = "link cut";
    uint64_t revision;
    TRY(begin_round(partition, error));
    if (!link_set(&partition->link, false)) return fail(error, JWKD_INTERNAL, "the link cannot be cut");
    uint64_t cut_ns = clock_elapsed_ns();
    pause_ms((unsigned)rand_r(&partition->seed) % 300);
    TRY(deactivate(partition, &revision, error));
    pause_ms(LEASE_MS + MARGIN_MS);
    TRY(check(partition, what, cut_ns, error));
    if (!link_set(&partition->link, true)) return fail(error, JWKD_INTERNAL, "the link cannot be healed");
    TRY(check_healed(partition, what, revision, error));
    return check(partition, what, cut_ns, error);
}

/* ---- late, and in another order */

static jwkd_status delay_once(struct partition *partition, struct proxy *events, struct proxy *requests,
    unsigned most_ms, jwkd_error *error)
{
    static const char what[] = "events delayed and reordered";
    uint64_t revision;
    TRY(begin_round(partition, error));
    proxy_delay(events, most_ms);
    proxy_delay(requests, most_ms / 8);
    pause_ms((unsigned)rand_r(&partition->seed) % 600);
    TRY(deactivate(partition, &revision, error));
    uint64_t deactivated_ns = clock_elapsed_ns();
    pause_ms(LEASE_MS + MARGIN_MS);
    TRY(check(partition, what, deactivated_ns, error));
    proxy_delay(events, 0);
    proxy_delay(requests, 0);
    TRY(check_healed(partition, what, revision, error));
    return check(partition, what, deactivated_ns, error);
}

/* Heartbeats are held back, and let go all at once after the lease. The verifiers must judge them by their
 * stamps, not by their arrival. */
static jwkd_status hold_once(struct partition *partition, struct proxy *events, jwkd_error *error)
{
    static const char what[] = "events held back";
    uint64_t revision;
    TRY(begin_round(partition, error));
    proxy_hold(events, true);
    uint64_t cut_ns = clock_elapsed_ns();
    pause_ms((unsigned)rand_r(&partition->seed) %
             600); /* these heartbeats vouch for the key, if they are young enough */
    TRY(deactivate(partition, &revision, error));
    pause_ms(LEASE_MS + MARGIN_MS);
    TRY(check(partition, what, cut_ns, error));
    proxy_hold(events, false);
    TRY(check_healed(partition, what, revision, error));
    return check(partition, what, cut_ns, error);
}

/* ---- all of it */

static jwkd_status open_world(struct partition *partition, const char *url, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *first = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000};
    TRY(daemon_start(&partition->daemon, partition->bench, 8, error));
    TRY(connect_to(&partition->daemon, &partition->client, error));
    TRY(make_environment(partition->client, ENVIRONMENT, "ES256", 0, error));
    TRY(jwkd_generate(partition->client, ENVIRONMENT, &options, &first, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_start(url ? url : partition->daemon.url, ENVIRONMENT, partition->link.there,
            &partition->judges[i], error));
    return JWKD_OK;
}

static void close_world(struct partition *partition)
{
    clear_round(partition);
    for (size_t i = 0; i < JUDGES; i++)
        judge_kill(&partition->judges[i]);
    jwkd_close(TAKE(partition->client));
    daemon_clear(&partition->daemon);
    link_clear(&partition->link);
    partition->daemon = (struct daemon){.max_lease_sec = LEASE_MS / 1000};
}

static jwkd_status try_stop(struct partition *partition, unsigned rounds, jwkd_error *error)
{
    TRY(open_world(partition, NULL, error));
    for (unsigned i = 0; i < rounds; i++) {
        report_progress("partition, stopped", i, rounds);
        TRY(stop_once(partition, error));
    }
    return JWKD_OK;
}

static jwkd_status try_link(struct partition *partition, unsigned rounds, jwkd_error *error)
{
    TRY(link_make(&partition->link, error));
    partition->daemon.netns = partition->link.here;
    partition->daemon.listen = "tcp://" LINK_HERE ":7070";
    partition->daemon.listen_events = "tcp://" LINK_HERE ":7071";
    TRY(open_world(partition, partition->daemon.listen, error));
    for (unsigned i = 0; i < rounds; i++) {
        report_progress("partition, cut", i, rounds);
        TRY(cut_once(partition, error));
    }
    return JWKD_OK;
}

static jwkd_status behind_proxies(
    struct partition *partition, unsigned rounds, unsigned long *out_overtaken, jwkd_error *error)
{
    static const unsigned delays_ms[] = {2500, 900, 300};
    CLEANUP(proxy_stop_at) struct proxy *events = NULL;
    CLEANUP(proxy_stop_at) struct proxy *requests = NULL;
    char path[300];
    snprintf(path, sizeof path, "%.250s/run/events.sock", partition->daemon.dir);
    TRY(proxy_start(path, partition->seed, &events, error));
    snprintf(path, sizeof path, "%.250s/run/rpc.sock", partition->daemon.dir);
    TRY(proxy_start(path, partition->seed + 1, &requests, error));
    for (size_t i = 0; i < JUDGES; i++)
        TRY(judge_start(partition->daemon.url, ENVIRONMENT, 0, &partition->judges[i], error));
    for (unsigned i = 0; i < rounds; i++) {
        report_progress("partition, delayed", i, rounds);
        TRY(delay_once(partition, events, requests, delays_ms[i % 3], error));
        TRY(hold_once(partition, events, error));
    }
    *out_overtaken = proxy_overtaken(events);
    return JWKD_OK;
}

/* Our own client has connected already, past the proxies. */
static jwkd_status try_proxies(
    struct partition *partition, unsigned rounds, unsigned long *out_overtaken, jwkd_error *error)
{
    TRY(open_world(partition, NULL, error));
    for (size_t i = 0; i < JUDGES; i++)
        judge_kill(&partition->judges[i]);
    return behind_proxies(partition, rounds, out_overtaken, error);
}

jwkd_status fault_partition(const struct bench *bench, struct finding *out, jwkd_error *error)
{
    unsigned rounds = bench->quick ? 1 : 12, cut_rounds;
    unsigned long overtaken = 0;
    struct partition partition = {
        .bench = bench, .seed = bench->seed, .daemon.max_lease_sec = LEASE_MS / 1000};
    jwkd_status status = try_stop(&partition, rounds, error);
    close_world(&partition);
    if (status == JWKD_OK) status = try_proxies(&partition, bench->quick ? 2 : rounds, &overtaken, error);
    close_world(&partition);
    cut_rounds = partition.rounds;
    if (status == JWKD_OK) status = try_link(&partition, rounds, error);
    close_world(&partition);
    cut_rounds = partition.rounds - cut_rounds;
    char link[80];
    snprintf(link, sizeof link, "%u of them a cut link", cut_rounds);
    if (status == JWKD_UNSUPPORTED) {
        snprintf(link, sizeof link, "none a cut link: no namespaces here");
        status = JWKD_OK;
    }
    finding_set(out, partition.fault,
        "%u partitions, %s; %lu samples of %d verifiers with a lease of %d ms, the last VALID %.1f ms after "
        "the cut or the "
        "deactivation, at most %.1f ms without a sample; %lu events overtook others",
        partition.rounds, link, partition.samples, JUDGES, LEASE_MS, (double)partition.latest_ns / 1e6,
        (double)partition.gap_ns / 1e6, overtaken);
    return status;
}
