/* The time from sending a deactivation until no verifier accepts the key's tokens any more. The floor is a
 * bare nng request, after which a bare publisher tells as many bare subscribers. Each subscriber has a
 * connection of its own. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bare.h"
#include "bench/crowd.h"

enum { BATCH = 16, BATCHES = 12 };

/* A key that is in use, and what it signed. */
struct target {
    jwkd_key_answer *made;
    char *token;
};

static void targets_free(struct target *targets)
{
    if (!targets) return;
    for (size_t i = 0; i < BATCH; i++) {
        jwkd_free(targets[i].made);
        jwkd_free(targets[i].token);
    }
    free(targets);
}
DEFINE_CLEANUP(struct target *, targets_free)

/* Waits for all confirmations of a change, so that they do not disturb the next measurement. */
static jwkd_status await_confirmed(
    jwkd_client *client, const char *environment, uint64_t revision, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    double begin = now_sec();
    for (bool all = false; !all; nanosleep(&pause, NULL)) {
        CLEANUP(block_free_at) jwkd_subscriber_list *list = NULL;
        TRY(jwkd_get_subscribers(client, environment, &list, error));
        all = true;
        for (size_t i = 0; i < list->count; i++)
            all = all && list->subscribers[i].revision >= revision;
        if (now_sec() - begin > 60)
            return fail(error, JWKD_TIMED_OUT, "a subscriber did not confirm within a minute");
    }
    return JWKD_OK;
}

/* Makes keys, and a token by each; waits until all verifiers know the keys and the service is idle. */
static jwkd_status make_targets(
    jwkd_client *client, struct crowd *crowd, double patience_sec, struct target **out, jwkd_error *error)
{
    static const char claims[] = "{\"sub\":\"user-1\"}";
    const jwkd_sign_item item = {.claims = {claims, sizeof claims - 1}};
    const jwkd_generate_options options = {.wait_ms = 20000, .now = true}; /* each is to sign at once */
    CLEANUP(targets_free_at) struct target *targets = calloc(BATCH, sizeof *targets);
    CLEANUP(block_free_at) jwkd_key_answer *stays = NULL;
    if (!targets) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < BATCH; i++) {
        TRY(jwkd_generate(client, crowd->environment, &options, &targets[i].made, error));
        TRY(jwkd_sign(client, crowd->environment, &item, &targets[i].token, error));
    }
    TRY(jwkd_generate(
        client, crowd->environment, &options, &stays, error)); /* no target is the primary key */
    double ignored;
    TRY(crowd_await(crowd, stays->revision, &ignored, error));
    uint32_t ready;
    TRY(await_reserve(client, "P-256", patience_sec, &ready, error));
    TRY(await_confirmed(client, crowd->environment, stays->revision, error));
    *out = TAKE(targets);
    return JWKD_OK;
}

static jwkd_status deactivate(
    jwkd_client *client, struct crowd *crowd, const struct target *target, double *out_sec, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *gone = NULL;
    double last;
    if (!crowd_judges(crowd, target->token, JWKD_VERDICT_VALID))
        return fail(error, JWKD_REFUSED, "a verifier refuses a token whose key is live");
    double begin = now_sec();
    TRY(jwkd_deactivate(client, crowd->environment, target->made->key.kid, false, &gone, error));
    TRY(crowd_await(crowd, gone->revision, &last, error));
    *out_sec = last - begin;
    if (!crowd_judges(crowd, target->token, JWKD_VERDICT_KEY_DEACTIVATED))
        return fail(error, JWKD_REFUSED, "a verifier accepts a token whose key was deactivated");
    return await_confirmed(client, crowd->environment, gone->revision, error);
}

jwkd_status fanout_measure(const struct bench *bench, jwkd_client *client, const struct fanout *fanout,
    struct figure *figure, jwkd_error *error)
{
    CLEANUP(crowd_free_at) struct crowd *crowd = NULL;
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(fanout->batches * BATCH, &ours));
    TRY(samples_new(fanout->batches * BATCH, &floor));
    /* An environment of the case's own: what was deactivated in another case weighs nothing here. */
    TRY(make_environment(client, figure->name, "ES256", 0, error));
    TRY(crowd_new(fanout->url, figure->name, fanout->size, &crowd, error));
    TRY(bare_start(fanout->place, fanout->size, &bare, error));
    for (size_t i = 0; i < fanout->batches; i++) {
        report_progress(figure->name, i, fanout->batches);
        CLEANUP(targets_free_at) struct target *targets = NULL;
        TRY(make_targets(client, crowd, bench->quick ? 0.5 : 30, &targets, error));
        for (size_t j = 0; j < BATCH; j++) {
            double seconds;
            TRY(bare_announce(bare, &seconds, error));
            samples_add(&floor, seconds * 1e3);
            TRY(deactivate(client, crowd, &targets[j], &seconds, error));
            samples_add(&ours, seconds * 1e3);
        }
    }
    bool by_tail = figure->goal == GOAL_RATIO_AT_MOST;
    figure->unit = "ms";
    figure->latency = true;
    figure->p50 = samples_quantile(&ours, 0.5);
    figure->p99 = samples_quantile(&ours, 0.99);
    figure->floor = samples_quantile(&floor, by_tail ? 0.99 : 0.5);
    figure->ratio = (by_tail ? figure->p99 : figure->p50) / figure->floor;
    report_figure(bench, figure);
    return JWKD_OK;
}

jwkd_status bench_fanout(const struct bench *bench, jwkd_error *error)
{
    static const struct {
        const char *name;
        size_t subscribers;
    } cases[] = {{"subscribers-1", 1}, {"subscribers-100", 100}};
    CLEANUP(daemon_clear) struct daemon daemon = {0};
    CLEANUP(jwkd_close_at) jwkd_client *client = NULL;
    TRY(daemon_start(&daemon, bench, BATCH + 1, error));
    TRY(connect_to(&daemon, &client, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fanout fanout = {.url = daemon.url,
            .place = daemon.dir,
            .size = cases[i].subscribers,
            .batches = bench->quick ? 1 : BATCHES};
        struct figure figure = {.bench = "fanout", .name = cases[i].name, .goal = GOAL_P99_UNDER, .limit = 5};
        if (bench_wants(bench, cases[i].name)) TRY(fanout_measure(bench, client, &fanout, &figure, error));
    }
    return JWKD_OK;
}
