/* From sending a deactivation until the last of 100 subscribers refuses the key's tokens, against a bare nng
 * request upon which a bare publisher tells as many bare subscribers. Each subscriber has a connection of its
 * own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bare.h"

struct crowd;
struct member {
    struct crowd *crowd;
    jwkd_client *client;
    jwkd_verifier *verifier;
    uint64_t revision; /* that it judges by */
};

/* What is waited for is counted as it comes, and the one who waits is woken once: a wake a member would be
 * measured as well. */
struct crowd {
    pthread_mutex_t lock; /* guards the next five, and every member's revision */
    pthread_cond_t complete;
    const char *token; /* the one to be refused; NULL: members are to reach `revision` */
    uint64_t revision;
    size_t arrived; /* members that refused the token, or reached the revision */
    double last;    /* when the last of them did */
    const char *environment;
    size_t count;
    struct member members[];
};

static bool refuses(struct member *member, const char *token)
{
    return jwkd_verify(member->verifier, token, strlen(token), NULL, NULL, NULL) ==
           JWKD_VERDICT_KEY_DEACTIVATED;
}

/* Upon an event a member judges the token as a service would, and only a refusal counts. */
static void on_event(void *context, const jwkd_event *event)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    pthread_mutex_lock(&crowd->lock);
    const char *token = event->kind == JWKD_EVENT_KEY_DEACTIVATED ? crowd->token : NULL;
    pthread_mutex_unlock(&crowd->lock);
    bool refused = token && refuses(member, token);
    double now = now_sec();
    pthread_mutex_lock(&crowd->lock);
    bool reached =
        !crowd->token && member->revision < crowd->revision && event->revision >= crowd->revision;
    if (event->revision > member->revision) member->revision = event->revision;
    if (refused || reached) {
        if (now > crowd->last) crowd->last = now;
        if (++crowd->arrived == crowd->count) pthread_cond_signal(&crowd->complete);
    }
    pthread_mutex_unlock(&crowd->lock);
}

/* From now on refusals of `token` count, or, when it is NULL, arrivals at `revision`. */
static void expect(struct crowd *crowd, const char *token, uint64_t revision)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->token = token;
    crowd->revision = revision;
    crowd->arrived = 0;
    crowd->last = 0;
    for (size_t i = 0; !token && i < crowd->count; i++)
        if (crowd->members[i].revision >= revision) crowd->arrived++;
    pthread_mutex_unlock(&crowd->lock);
}

static jwkd_status await_all(struct crowd *crowd, jwkd_error *error)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    int result = 0;
    pthread_mutex_lock(&crowd->lock);
    while (crowd->arrived < crowd->count && result == 0)
        result = pthread_cond_timedwait(&crowd->complete, &crowd->lock, &limit);
    bool all = crowd->arrived >= crowd->count;
    pthread_mutex_unlock(&crowd->lock);
    return all ? JWKD_OK : fail(error, JWKD_TIMED_OUT, "a subscriber did not hear of a change within 10 s");
}

static void crowd_free(struct crowd *crowd)
{
    if (!crowd) return;
    for (size_t i = 0; i < crowd->count; i++) {
        jwkd_verifier_close(crowd->members[i].verifier);
        jwkd_close(crowd->members[i].client);
    }
    pthread_cond_destroy(&crowd->complete);
    pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}
DEFINE_CLEANUP(struct crowd *, crowd_free)

static jwkd_status crowd_join(struct crowd *crowd, const struct daemon *daemon, jwkd_error *error)
{
    struct member *member = &crowd->members[crowd->count];
    const jwkd_verifier_options options = {.on_event = on_event, .context = member};
    member->crowd = crowd;
    TRY(connect_to(daemon, &member->client, error));
    crowd->count++;
    return jwkd_verifier_open(member->client, crowd->environment, &options, &member->verifier, error);
}

static jwkd_status crowd_new(
    const struct daemon *daemon, const char *environment, size_t size, struct crowd **out, jwkd_error *error)
{
    CLEANUP(crowd_free_at) struct crowd *crowd = calloc(1, sizeof *crowd + size * sizeof crowd->members[0]);
    if (!crowd) return JWKD_NO_MEMORY;
    pthread_mutex_init(&crowd->lock, NULL);
    pthread_cond_init(&crowd->complete, NULL);
    crowd->environment = environment;
    for (size_t i = 0; i < size; i++)
        TRY(crowd_join(crowd, daemon, error));
    *out = TAKE(crowd);
    return JWKD_OK;
}

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

/* Keys come, sign, are known to all, and the service has nothing else left to do. */
static jwkd_status make_targets(jwkd_client *client, struct crowd *crowd, double patience_sec,
    struct target **out, jwkd_error *error)
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
    TRY(jwkd_generate(client, crowd->environment, &options, &stays, error)); /* no target is the primary key */
    expect(crowd, NULL, stays->revision);
    TRY(await_all(crowd, error));
    uint32_t ready;
    TRY(await_reserve(client, "P-256", patience_sec, &ready, error));
    *out = TAKE(targets);
    return JWKD_OK;
}

static jwkd_status deactivate(jwkd_client *client, struct crowd *crowd, const struct target *target,
    double *out_sec, jwkd_error *error)
{
    CLEANUP(block_free_at) jwkd_key_answer *gone = NULL;
    if (jwkd_verify(crowd->members[0].verifier, target->token, strlen(target->token), NULL, NULL, error) !=
        JWKD_VERDICT_VALID)
        return JWKD_REFUSED;
    expect(crowd, target->token, 0);
    double begin = now_sec();
    TRY(jwkd_deactivate(client, crowd->environment, target->made->key.kid, false, &gone, error));
    TRY(await_all(crowd, error));
    *out_sec = crowd->last - begin;
    return JWKD_OK;
}

static jwkd_status measure(const struct bench *bench, const struct daemon *daemon, jwkd_client *client,
    size_t size, const char *name, jwkd_error *error)
{
    const size_t batches = bench->quick ? 1 : BATCHES;
    CLEANUP(crowd_free_at) struct crowd *crowd = NULL;
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(batches * BATCH, &ours));
    TRY(samples_new(batches * BATCH, &floor));
    /* An environment of the case's own: what was deactivated in another case weighs nothing here. */
    TRY(make_environment(client, name, "ES256", 0, error));
    TRY(crowd_new(daemon, name, size, &crowd, error));
    TRY(bare_start(daemon->dir, size, &bare, error));
    for (size_t i = 0; i < batches; i++) {
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
    struct figure figure = {.bench = "fanout",
        .name = name,
        .unit = "ms",
        .latency = true,
        .p50 = samples_quantile(&ours, 0.5),
        .p99 = samples_quantile(&ours, 0.99),
        .floor = samples_quantile(&floor, 0.5),
        .goal = GOAL_P99_UNDER,
        .limit = 5};
    figure.ratio = figure.p50 / figure.floor;
    report_figure(bench, &figure);
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench_wants(bench, cases[i].name))
            TRY(measure(bench, &daemon, client, cases[i].subscribers, cases[i].name, error));
    return JWKD_OK;
}
