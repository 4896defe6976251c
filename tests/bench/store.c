/* Many environments: how long a start takes, what stays in memory, and whether signing notices. */
#include <stdatomic.h>
#include <stdio.h>

#include "bench/material.h"

enum { ENVIRONMENTS = 1000, KEYS = 3, FILLERS = 16 };

static const jwkd_sign_item item = {.claims = {BENCH_BARE_CLAIMS, sizeof BENCH_BARE_CLAIMS - 1}};

struct filling {
    jwkd_client *client;
    atomic_uint next;
    unsigned count;
};

static void name_of(unsigned number, char out[16])
{
    snprintf(out, 16, "env-%04u", number);
}

/* One environment with its keys. */
static jwkd_status fill_one(void *context, size_t thread, size_t *in_out_done, jwkd_error *error)
{
    (void)thread;
    struct filling *filling = context;
    const jwkd_generate_options options = {.wait_ms = 20000};
    unsigned number = atomic_fetch_add(&filling->next, 1);
    if (number >= filling->count) return JWKD_OK;
    char name[16];
    name_of(number, name);
    TRY(make_environment(filling->client, name, "ES256", 0, error));
    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
        TRY(jwkd_generate(filling->client, name, &options, &answer, error));
    }
    *in_out_done += 1;
    return JWKD_OK;
}

static jwkd_status fill(const struct daemon *daemon, unsigned count, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(connect_to(daemon, &client, error));
    struct filling filling = {.client = client, .count = count};
    double ignored;
    return callers_run(FILLERS, 300, fill_one, &filling, &ignored, error);
}

/* Signs once in each of `calls` environments from number `first`, going round. */
static jwkd_status sign_round(jwkd_client *client, unsigned environments, size_t first, size_t calls,
    struct samples *out, jwkd_error *error)
{
    for (size_t i = first; i < first + calls; i++) {
        CLEANUP(block_free_at) char *token = NULL;
        char name[16];
        name_of((unsigned)(i % environments), name);
        double begin = now_sec();
        TRY(jwkd_sign(client, name, &item, &token, error));
        if (out) samples_add(out, (now_sec() - begin) * 1e6);
    }
    return JWKD_OK;
}

static jwkd_status compare_signing(const struct bench *bench, const struct daemon *many,
    const struct daemon *one, unsigned environments, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 1 : 20, calls = bench->quick ? 5 : 100;
    CLEANUP(jwkd_close_at) jwkd_client *to_many = NULL, *to_one = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(rounds * calls, &ours));
    TRY(samples_new(rounds * calls, &floor));
    TRY(connect_to(many, &to_many, error));
    TRY(connect_to(one, &to_one, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress("sign", i, rounds);
        TRY(sign_round(to_one, 1, 0, calls, &floor, error));
        TRY(sign_round(to_many, environments, i * calls, calls, &ours, error));
    }
    struct figure figure = {.bench = "store",
        .name = "sign",
        .unit = "us",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5),
        .goal = GOAL_RATIO_AT_MOST,
        .limit = 1.1};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

static void report(
    const struct bench *bench, const char *name, const char *unit, double value, double floor, double limit)
{
    const struct figure figure = {.bench = "store",
        .name = name,
        .unit = unit,
        .value = value,
        .floor = floor,
        .ratio = value / floor,
        .goal = GOAL_VALUE_UNDER,
        .limit = limit};
    report_figure(bench, &figure);
}

/* Every environment signs once, so that its key is unsealed. */
static jwkd_status warm(const struct daemon *daemon, unsigned environments, jwkd_error *error)
{
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(connect_to(daemon, &client, error));
    return sign_round(client, environments, 0, environments, NULL, error);
}

jwkd_status bench_store(const struct bench *bench, jwkd_error *error)
{
    const unsigned environments = bench->quick ? 10 : ENVIRONMENTS;
    CLEANUP(daemon_clear) struct daemon many = {0}, one = {0};
    double resident, resident_floor;
    TRY(daemon_start(&many, bench, 16, error));
    TRY(fill(&many, environments, error));
    daemon_stop(&many);
    TRY(daemon_start(&one, bench, 0, error));
    TRY(fill(&one, 1, error));
    daemon_stop(&one);
    TRY(daemon_start(&many, bench, 0, error));
    TRY(daemon_start(&one, bench, 0, error));
    if (bench_wants(bench, "start"))
        report(bench, "start", "ms", many.started_sec * 1e3, one.started_sec * 1e3, 1000);
    TRY(daemon_resident(&many, &resident, error));
    TRY(daemon_resident(&one, &resident_floor, error));
    if (bench_wants(bench, "resident")) report(bench, "resident", "MiB", resident, resident_floor, 64);
    TRY(warm(&many, environments, error));
    TRY(warm(&one, 1, error));
    TRY(daemon_resident(&many, &resident, error));
    TRY(daemon_resident(&one, &resident_floor, error));
    if (bench_wants(bench, "resident-signing"))
        report(bench, "resident-signing", "MiB", resident, resident_floor, 64);
    return bench_wants(bench, "sign") ? compare_signing(bench, &many, &one, environments, error) : JWKD_OK;
}
