/* Signing by the service over ipc, against signing in this process on every core; and a lone request against
 * a bare nng round trip. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/material.h"

enum { CALLERS = 32, BATCH = 16, MAX_CORES = 256 };

static const jwkd_sign_item item = {.claims = {BENCH_BARE_CLAIMS, sizeof BENCH_BARE_CLAIMS - 1}};

struct remote {
    jwkd_client *client;
    const char *environment;
};

static jwkd_status sign_one(void *context, size_t thread, size_t *in_out_done, jwkd_error *error)
{
    (void)thread;
    const struct remote *remote = context;
    CLEANUP(block_free_at) char *token = NULL;
    TRY(jwkd_sign(remote->client, remote->environment, &item, &token, error));
    *in_out_done += 1;
    return JWKD_OK;
}

static jwkd_status sign_batch(void *context, size_t thread, size_t *in_out_done, jwkd_error *error)
{
    (void)thread;
    const struct remote *remote = context;
    jwkd_sign_item items[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        items[i] = item;
    CLEANUP(block_free_at) jwkd_signed_list *list = NULL;
    TRY(jwkd_sign_many(remote->client, remote->environment, items, BATCH, &list, error));
    for (size_t i = 0; i < list->count; i++)
        if (list->tokens[i].status != JWKD_OK)
            return fail(error, list->tokens[i].status, "%s", list->tokens[i].message);
    *in_out_done += list->count;
    return JWKD_OK;
}

struct local {
    enum alg alg;
    size_t cores;
    EVP_PKEY *keys[MAX_CORES]; /* one a thread: a shared one contends for RSA's blinding */
};

static void local_clear(struct local *local)
{
    for (size_t i = 0; i < local->cores; i++)
        EVP_PKEY_free(local->keys[i]);
}

static jwkd_status sign_here(void *context, size_t thread, size_t *in_out_done, jwkd_error *error)
{
    const struct local *local = context;
    static const uint8_t input[480] = {'e', 'y', 'J'}; /* as long as the tokens' header and payload */
    uint8_t signature[1024];
    size_t size = sizeof signature;
    if (bare_sign(local->keys[thread], local->alg, bytes_of(input, sizeof input), signature, &size) !=
        JWKD_OK)
        return fail(error, JWKD_INTERNAL, "OpenSSL does not sign");
    *in_out_done += 1;
    return JWKD_OK;
}

static jwkd_status local_init(
    struct local *local, const struct bench *bench, enum alg alg, unsigned bits, jwkd_error *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *key = NULL;
    TRY(material_key(bench, alg, bits, &key, error));
    local->alg = alg;
    for (long i = 0; i < cores && i < MAX_CORES; i++) {
        local->keys[i] = EVP_PKEY_dup(key);
        if (!local->keys[i]) return JWKD_NO_MEMORY;
        local->cores++;
    }
    return JWKD_OK;
}

struct series {
    struct samples rates, ratios;
};

static void series_clear(struct series *series)
{
    samples_clear(&series->rates);
    samples_clear(&series->ratios);
}

static jwkd_status series_new(size_t room, struct series *out)
{
    TRY(samples_new(room, &out->rates));
    return samples_new(room, &out->ratios);
}

static void report(
    const struct bench *bench, const char *name, struct series *series, double floor, double limit)
{
    const struct figure figure = {.bench = "sign",
        .name = name,
        .unit = "ops/s",
        .value = samples_quantile(&series->rates, 0.5),
        .floor = floor,
        .ratio = samples_quantile(&series->ratios, 0.5),
        .goal = GOAL_RATIO_AT_LEAST,
        .limit = limit};
    report_figure(bench, &figure);
}

struct sign_case {
    const char *one, *batch; /* the names of its two figures */
    const char *environment;
    enum alg alg;
    unsigned bits;
    double goal_one, goal_batch;
};

static jwkd_status throughput(
    const struct bench *bench, jwkd_client *client, const struct sign_case *wanted, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 1 : 9;
    const double slice = bench->quick ? 0.01 : 1.0;
    struct remote remote = {client, wanted->environment};
    CLEANUP(local_clear) struct local local = {0};
    CLEANUP(series_clear) struct series one = {0}, batch = {0}, here = {0};
    TRY(series_new(rounds, &one));
    TRY(series_new(rounds, &batch));
    TRY(series_new(rounds, &here));
    TRY(local_init(&local, bench, wanted->alg, wanted->bits, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress(wanted->one, i, rounds);
        double floor, rate;
        TRY(callers_run(local.cores, slice, sign_here, &local, &floor, error));
        samples_add(&here.rates, floor);
        TRY(callers_run(CALLERS, slice, sign_one, &remote, &rate, error));
        samples_add(&one.rates, rate);
        samples_add(&one.ratios, rate / floor);
        TRY(callers_run(CALLERS, slice, sign_batch, &remote, &rate, error));
        samples_add(&batch.rates, rate);
        samples_add(&batch.ratios, rate / floor);
    }
    double floor = samples_quantile(&here.rates, 0.5);
    report(bench, wanted->one, &one, floor, wanted->goal_one);
    report(bench, wanted->batch, &batch, floor, wanted->goal_batch);
    return JWKD_OK;
}

static jwkd_status lone(
    const struct bench *bench, const struct daemon *daemon, jwkd_client *client, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 1 : 20, calls = bench->quick ? 5 : 100;
    struct remote remote = {client, "es256"};
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(rounds * calls, &ours));
    TRY(samples_new(rounds * calls, &floor));
    TRY(bare_start(daemon->dir, 0, &bare, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress("lone-ES256", i, rounds);
        for (size_t k = 0; k < calls; k++) {
            double seconds;
            TRY(bare_ask(bare, &seconds, error));
            samples_add(&floor, seconds * 1e6);
        }
        for (size_t k = 0; k < calls; k++) {
            size_t done = 0;
            double begin = now_sec();
            TRY(sign_one(&remote, 0, &done, error));
            samples_add(&ours, (now_sec() - begin) * 1e6);
        }
    }
    struct figure figure = {.bench = "sign",
        .name = "lone-ES256",
        .unit = "us",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5)};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

/* An environment with one key: RSA's is imported, because making one takes long. */
static jwkd_status prepare(
    const struct bench *bench, jwkd_client *client, const struct sign_case *wanted, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
    TRY(make_environment(
        client, wanted->environment, wanted->bits ? "RS256" : alg_name(wanted->alg), wanted->bits, error));
    const jwkd_generate_options options = {.wait_ms = 30000};
    if (!wanted->bits) return jwkd_generate(client, wanted->environment, &options, &answer, error);
    CLEANUP(buffer_clear) struct buffer pem = {0};
    TRY(material_rsa_pem(bench, wanted->bits, &pem, error));
    const jwkd_bytes key = {pem.data, pem.size};
    return jwkd_import(client, wanted->environment, key, NULL, &answer, error);
}

jwkd_status bench_sign(const struct bench *bench, jwkd_error *error)
{
    static const struct sign_case cases[] = {
        {"RSA-2048", "RSA-2048-batch16", "rsa", ALG_RS256, 2048, 0.90, 0.90},
        {"ES256", "ES256-batch16", "es256", ALG_ES256, 0, 0.30, 0.75},
        {"Ed25519", "Ed25519-batch16", "ed25519", ALG_EDDSA, 0, 0.30, 0.75}};
    CLEANUP(daemon_clear) struct daemon daemon = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(daemon_start(&daemon, bench, 0, error));
    TRY(connect_to(&daemon, &client, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        TRY(prepare(bench, client, &cases[i], error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench_wants(bench, cases[i].one) || bench_wants(bench, cases[i].batch))
            TRY(throughput(bench, client, &cases[i], error));
    if (bench_wants(bench, "lone-ES256")) TRY(lone(bench, &daemon, client, error));
    return JWKD_OK;
}
