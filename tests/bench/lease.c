/* What registered verifiers cost: from sending a deactivation to the last acceptance, over both transports;
 * from generate to the promotion; heartbeats; and what looking after the lease adds to signing and verifying.
 */
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/crowd.h"
#include "bench/material.h"
#include "jose/jwt.h"
#include "jose/keyset.h"

enum { RESERVE = 20, FEW = 12, MANY = 36 };

/* Three files a verifier, and two at the service; and as many for the bare ones. */
static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- deactivation */

/* What the disk alone asks of a deactivation, and of no bare round: one durable write, to a disk that has
 * been left alone for a while. */
static jwkd_status measure_write(const struct bench *bench, const struct daemon *daemon, jwkd_error *error)
{
    static const char name[] = "disk", page[4096] = {1};
    const size_t rounds = bench->quick ? 5 : 200;
    CLEANUP(samples_clear) struct samples took = {0};
    char path[300];
    if (!bench_wants(bench, name)) return JWKD_OK;
    TRY(samples_new(rounds, &took));
    snprintf(path, sizeof path, "%s/disk", daemon->dir);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool written = file >= 0;
    for (size_t i = 0; i < rounds && written; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        double begin = now_sec();
        written = pwrite(file, page, sizeof page, 0) == sizeof page && fdatasync(file) == 0;
        samples_add(&took, (now_sec() - begin) * 1e3);
    }
    if (file >= 0) close(file);
    if (!written) return fail(error, JWKD_UNAVAILABLE, "%s cannot be written", path);
    const struct figure figure = {.bench = "lease",
        .name = name,
        .unit = "ms",
        .latency = true,
        .p50 = samples_quantile(&took, 0.5),
        .p99 = samples_quantile(&took, 0.99)};
    report_figure(bench, &figure);
    return JWKD_OK;
}

static jwkd_status measure_fanout(
    const struct bench *bench, const struct daemon *daemon, jwkd_client *client, jwkd_error *error)
{
    static const struct {
        const char *name;
        bool tcp;
        size_t size;
    } cases[] = {{"ipc-1", false, 1}, {"ipc-100", false, 100}, {"ipc-1000", false, 1000}, {"tcp-1", true, 1},
        {"tcp-100", true, 100}, {"tcp-1000", true, 1000}};
    TRY(measure_write(bench, daemon, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!bench_wants(bench, cases[i].name)) continue;
        char place[64];
        snprintf(place, sizeof place, "tcp://127.0.0.1:%u", free_ports());
        const struct fanout fanout = {.url = cases[i].tcp ? daemon->listen : daemon->url,
            .place = cases[i].tcp ? place : daemon->dir,
            .size = bench->quick && cases[i].size > 20 ? 20 : cases[i].size,
            .batches = bench->quick          ? 1
                       : cases[i].size > 100 ? 4
                       : cases[i].size > 1   ? FEW
                                             : MANY};
        struct figure figure = {
            .bench = "lease", .name = cases[i].name, .goal = GOAL_RATIO_AT_MOST, .limit = 2};
        TRY(fanout_measure(bench, client, &fanout, &figure, error));
    }
    return JWKD_OK;
}

/* The same, with the crowd behind a relay; the bare round has no relay. */
static jwkd_status measure_relay(
    const struct bench *bench, const struct daemon *daemon, jwkd_client *client, jwkd_error *error)
{
    CLEANUP(daemon_clear) struct daemon relay = {.upstream = daemon->url};
    struct figure figure = {.bench = "lease", .name = "relay-100"};
    if (!bench_wants(bench, figure.name)) return JWKD_OK;
    TRY(daemon_start(&relay, bench, 0, error));
    const struct fanout fanout = {.url = relay.url,
        .place = daemon->dir,
        .size = bench->quick ? 20 : 100,
        .batches = bench->quick ? 1 : FEW};
    return fanout_measure(bench, client, &fanout, &figure, error);
}

/* ---- promotion */

static jwkd_status promote_once(
    jwkd_client *client, const char *environment, double *out_sec, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *made = NULL;
    CLEANUP(block_free_at) jwkd_operation *operation = NULL;
    const jwkd_generate_options options = {.wait_ms = 20000};
    double begin = now_sec();
    TRY(jwkd_generate(client, environment, &options, &made, error));
    if (made->operation)
        TRY(jwkd_await_operation(client, made->operation->id, 60000, NULL, NULL, &operation, error));
    *out_sec = now_sec() - begin;
    return JWKD_OK;
}

static jwkd_status measure_promotion(
    const struct bench *bench, const struct daemon *daemon, jwkd_client *client, jwkd_error *error)
{
    static const char name[] = "promote-100";
    const size_t size = bench->quick ? 20 : 100, rounds = bench->quick ? 3 : 60;
    CLEANUP(crowd_free_at) struct crowd *crowd = NULL;
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    double seconds;
    uint32_t ready;
    if (!bench_wants(bench, name)) return JWKD_OK;
    TRY(samples_new(rounds, &ours));
    TRY(samples_new(rounds, &floor));
    TRY(make_environment(client, name, "ES256", 0, error));
    TRY(promote_once(client, name, &seconds, error)); /* the first key has no subscriber to wait for */
    TRY(crowd_new(daemon->url, name, size, &crowd, error));
    TRY(bare_start(daemon->dir, size, &bare, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress(name, i, rounds);
        TRY(await_reserve(client, "P-256", bench->quick ? 0.5 : 30, &ready, error));
        TRY(bare_announce(bare, &seconds, error));
        samples_add(&floor, seconds * 1e3);
        TRY(promote_once(client, name, &seconds, error));
        samples_add(&ours, seconds * 1e3);
    }
    struct figure figure = {.bench = "lease",
        .name = name,
        .unit = "ms",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5)};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

/* ---- heartbeats */

/* Processor seconds that a process has used. */
static double used_sec(int pid)
{
    char path[64], line[1024] = "";
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fgets(line, sizeof line, file) && strrchr(line, ')'))
        if (sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                &kernel) != 2)
            user = kernel = 0;
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* The floor: a bare publisher that sends as many messages to as many. */
static jwkd_status measure_heartbeats(
    const struct bench *bench, const struct daemon *daemon, jwkd_client *client, jwkd_error *error)
{
    static const char name[] = "heartbeat-cpu";
    const size_t size = bench->quick ? 20 : 1000;
    const unsigned beats = bench->quick ? 2 : 40;
    const struct timespec between = {.tv_nsec = 250 * 1000 * 1000};
    const double tick = 1.0 / (double)sysconf(_SC_CLK_TCK); /* less cannot be told */
    CLEANUP(crowd_free_at) struct crowd *crowd = NULL;
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    if (!bench_wants(bench, name)) return JWKD_OK;
    TRY(make_environment(client, name, "ES256", 0, error));
    TRY(crowd_new(daemon->url, name, size, &crowd, error));
    nanosleep(&(struct timespec){.tv_sec = bench->quick ? 0 : 2}, NULL);
    double used = used_sec(daemon->pid), begin = now_sec();
    for (unsigned i = 0; i < beats; i++)
        nanosleep(&between, NULL);
    used = used_sec(daemon->pid) - used;
    double seconds = now_sec() - begin;
    TRY(bare_start(daemon->dir, size, &bare, error));
    double bare_used = used_sec(bare_pid(bare)), ignored;
    begin = now_sec();
    for (unsigned i = 0; i < beats; i++) {
        TRY(bare_announce(bare, &ignored, error));
        nanosleep(&between, NULL);
    }
    bare_used = used_sec(bare_pid(bare)) - bare_used;
    double bare_seconds = now_sec() - begin, thousands = (double)size / 1000;
    struct figure figure = {.bench = "lease",
        .name = name,
        .unit = "percent",
        .value = (used > tick ? used : tick) / seconds * 100 / thousands,
        .floor = (bare_used > tick ? bare_used : tick) / bare_seconds * 100 / thousands};
    figure.ratio = figure.value / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

/* ---- what it adds to signing and to verifying */

struct pair {
    const char *environment;
    jwkd_client *client;
    jwkd_verifier *followed;
    struct keyset *keys; /* that it holds */
    char *token;
};

static jwkd_status sign_tracked(struct pair *pair, jwkd_error *error)
{
    const jwkd_sign_item item = {.claims = {BENCH_BARE_CLAIMS, sizeof BENCH_BARE_CLAIMS - 1}};
    CLEANUP(block_free_at)
    jwkd_signed_list *list = NULL; /* carried by this thread, as that of jwkd_sign_raw() is */
    return jwkd_sign_many(pair->client, pair->environment, &item, 1, &list, error);
}

/* What the service does to claims before it tracks and signs them. */
static jwkd_status prepare_claims(jwkd_error *error)
{
    static const char claims[] = BENCH_BARE_CLAIMS;
    const struct jwt_policy policy = {.issuer = bytes_of_text(BENCH_ISSUER),
        .default_lifetime_sec = 300,
        .max_lifetime_sec = 3600,
        .now = (int64_t)time(NULL)};
    const struct jwt_wish wish = {.claims = bytes_of(claims, sizeof claims - 1)};
    CLEANUP(buffer_clear) struct buffer prepared = {0};
    uint8_t random[16];
    int64_t expires_at;
    if (RAND_bytes(random, sizeof random) != 1) return fail(error, JWKD_INTERNAL, "no random bytes");
    return jwt_prepare(&policy, &wish, random, &prepared, &expires_at, error);
}

/* A raw payload has no expiry, so that nothing is tracked; its claims are made here. The ratio is an upper
 * bound: a request and an answer for raw payloads are smaller too. */
static jwkd_status sign_untracked(struct pair *pair, jwkd_error *error)
{
    static const char payload[] = "x" BENCH_BARE_CLAIMS;
    CLEANUP(block_free_at) char *token = NULL;
    TRY(prepare_claims(error));
    return jwkd_sign_raw(
        pair->client, pair->environment, "bench", (jwkd_bytes){payload, sizeof payload - 1}, &token, error);
}

static jwkd_status verify_followed(struct pair *pair, jwkd_error *error)
{
    static const char *const audiences[] = {BENCH_AUDIENCE};
    const jwkd_expectation expected = {.issuer = BENCH_ISSUER,
        .audiences = audiences,
        .audience_count = 1,
        .type = "at+jwt",
        .leeway_sec = 30};
    return jwkd_verify(pair->followed, pair->token, strlen(pair->token), &expected, NULL, error) ==
                   JWKD_VERDICT_VALID
               ? JWKD_OK
               : JWKD_REFUSED;
}

/* The judging alone, by keys that cannot change: nothing is looked at again. */
static jwkd_status verify_once(struct pair *pair, jwkd_error *error)
{
    const struct bytes audience = bytes_of_text(BENCH_AUDIENCE);
    const struct jwt_expectation expected = {.issuer = bytes_of_text(BENCH_ISSUER),
        .audiences = &audience,
        .audience_count = 1,
        .type = bytes_of_text("at+jwt"),
        .leeway_sec = 30,
        .now = (int64_t)time(NULL)};
    struct jwt judged = {0};
    jwkd_verdict verdict = jwt_verify(pair->keys, bytes_of_text(pair->token), &expected, &judged, error);
    jwt_clear(&judged);
    return verdict == JWKD_VERDICT_VALID ? JWKD_OK : JWKD_REFUSED;
}

typedef jwkd_status pair_step(struct pair *pair, jwkd_error *error);

static jwkd_status slice(
    struct pair *pair, pair_step *step, double seconds, double *out_us, jwkd_error *error)
{
    size_t done = 0;
    double begin = now_sec(), end;
    do {
        for (size_t i = 0; i < 16; i++, done++)
            TRY(step(pair, error));
        end = now_sec();
    } while (end - begin < seconds);
    *out_us = (end - begin) / (double)done * 1e6;
    return JWKD_OK;
}

static jwkd_status compare(const struct bench *bench, const char *name, struct pair *pair, pair_step *with,
    pair_step *without, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 3 : 41;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0}, ratios = {0};
    if (!bench_wants(bench, name)) return JWKD_OK;
    TRY(samples_new(rounds, &ours));
    TRY(samples_new(rounds, &floor));
    TRY(samples_new(rounds, &ratios));
    for (size_t i = 0; i < rounds; i++) {
        report_progress(name, i, rounds);
        double a, b;
        TRY(slice(pair, without, bench->quick ? 0.002 : 0.05, &b, error));
        TRY(slice(pair, with, bench->quick ? 0.002 : 0.05, &a, error));
        samples_add(&ours, a);
        samples_add(&floor, b);
        samples_add(&ratios, a / b);
    }
    const struct figure figure = {.bench = "lease",
        .name = name,
        .unit = "us",
        .value = samples_quantile(&ours, 0.5),
        .floor = samples_quantile(&floor, 0.5),
        .ratio = samples_quantile(&ratios, 0.5),
        .goal = GOAL_RATIO_AT_MOST,
        .limit = 1.01};
    report_figure(bench, &figure);
    return JWKD_OK;
}

/* A client of its own: one that follows events is a subscriber more. */
static jwkd_status measure_pairs(const struct bench *bench, const struct daemon *daemon, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    CLEANUP(jwkd_verifier_close_at) jwkd_verifier *followed = NULL;
    CLEANUP(keyset_unref_at) struct keyset *keys = NULL;
    CLEANUP(block_free_at) char *token = NULL;
    CLEANUP(block_free_at) char *jwks = NULL;
    static const char environment[] = "pairs";
    const jwkd_sign_item item = {.claims = {BENCH_BARE_CLAIMS, sizeof BENCH_BARE_CLAIMS - 1}};
    double ignored;
    if (!bench_wants(bench, "sign-tracking") && !bench_wants(bench, "verify-reread")) return JWKD_OK;
    TRY(connect_to(daemon, &client, error));
    TRY(make_environment(client, environment, "ES256", 0, error));
    TRY(promote_once(client, environment, &ignored, error));
    TRY(jwkd_sign(client, environment, &item, &token, error));
    TRY(jwkd_get_jwks(client, environment, &jwks, error));
    TRY(jwkd_verifier_open(client, environment, NULL, &followed, error));
    TRY(keyset_from_json(bytes_of_text(jwks), &(struct keyset_rules){0}, &keys, NULL, error));
    struct pair pair = {
        .environment = environment, .client = client, .followed = followed, .keys = keys, .token = token};
    TRY(compare(bench, "sign-tracking", &pair, sign_tracked, sign_untracked, error));
    return compare(bench, "verify-reread", &pair, verify_followed, verify_once, error);
}

jwkd_status bench_lease(const struct bench *bench, jwkd_error *error)
{
    char requests[64], events[64];
    unsigned port = free_ports();
    CLEANUP(daemon_clear) struct daemon daemon = {.listen = requests, .listen_events = events};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    snprintf(requests, sizeof requests, "tcp://127.0.0.1:%u", port);
    snprintf(events, sizeof events, "tcp://127.0.0.1:%u", port + 1);
    allow_files();
    TRY(daemon_start(&daemon, bench, RESERVE, error));
    TRY(connect_to(&daemon, &client, error));
    TRY(measure_pairs(bench, &daemon, error));
    TRY(measure_promotion(bench, &daemon, client, error));
    TRY(measure_heartbeats(bench, &daemon, client, error));
    TRY(measure_fanout(bench, &daemon, client, error));
    return measure_relay(bench, &daemon, client, error);
}
