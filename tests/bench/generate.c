/* Generating from the reserve, as many in succession as it holds, against a bare durable append beside the
 * store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

enum { RESERVE = 32 };

/* What a durable change cannot be faster than: a page appended and forced to the disk. */
static jwkd_status measure_disk(
    const struct daemon *daemon, size_t count, struct samples *out, jwkd_error *error)
{
    static const char page[4096];
    char path[300];
    snprintf(path, sizeof path, "%s/append", daemon->dir);
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return fail(error, JWKD_UNAVAILABLE, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        double begin = now_sec();
        if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fdatasync(fd) != 0)
            return fail(error, JWKD_UNAVAILABLE, "%s: %s", path, strerror(errno));
        samples_add(out, (now_sec() - begin) * 1e3);
    }
    return JWKD_OK;
}

static jwkd_status generate(
    jwkd_client *client, const char *environment, uint32_t count, struct samples *out, jwkd_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        CLEANUP(block_free_at) jwkd_key_answer *answer = NULL;
        double begin = now_sec();
        TRY(jwkd_generate(client, environment, NULL, &answer, error));
        samples_add(out, (now_sec() - begin) * 1e3);
    }
    return JWKD_OK;
}

struct generate_case {
    const char *name, *environment, *algorithm, *key_type;
    uint32_t bits;
    size_t rounds;
};

static jwkd_status measure(const struct bench *bench, const struct daemon *daemon, jwkd_client *client,
    const struct generate_case *wanted, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 1 : wanted->rounds;
    CLEANUP(samples_clear) struct samples ours = {0}, disk = {0};
    CLEANUP(block_free_at) jwkd_key_answer *first = NULL;
    TRY(samples_new(rounds * RESERVE, &ours));
    TRY(samples_new(rounds * RESERVE, &disk));
    TRY(make_environment(client, wanted->environment, wanted->algorithm, wanted->bits, error));
    /* The first makes the key type one in use. */
    const jwkd_generate_options options = {.wait_ms = 20000};
    TRY(jwkd_generate(client, wanted->environment, &options, &first, error));
    for (size_t i = 0; i < rounds; i++) {
        report_progress(wanted->name, i, rounds);
        uint32_t ready;
        TRY(await_reserve(client, wanted->key_type, bench->quick ? 0.5 : 30, &ready, error));
        if (ready > RESERVE) ready = RESERVE;
        TRY(measure_disk(daemon, RESERVE, &disk, error));
        TRY(generate(client, wanted->environment, ready, &ours, error));
    }
    if (ours.count == 0 && !bench->quick)
        return fail(error, JWKD_TIMED_OUT, "the reserve of %s keys stays empty", wanted->key_type);
    struct figure figure = {.bench = "generate",
        .name = wanted->name,
        .unit = "ms",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&disk, 0.5),
        .goal = GOAL_P99_UNDER,
        .limit = 10};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
    return JWKD_OK;
}

jwkd_status bench_generate(const struct bench *bench, jwkd_error *error)
{
    static const struct generate_case cases[] = {
        {"ES256", "es256", "ES256", "P-256", 0, 6}, {"RSA-2048", "rsa", "RS256", "RSA-2048", 2048, 2}};
    CLEANUP(daemon_clear) struct daemon daemon = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(daemon_start(&daemon, bench, RESERVE, error));
    TRY(connect_to(&daemon, &client, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench_wants(bench, cases[i].name)) TRY(measure(bench, &daemon, client, &cases[i], error));
    return JWKD_OK;
}
