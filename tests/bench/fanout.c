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
    uint64_t revision; /* that it judges by; guarded by crowd->lock */
};

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *token; /* the one to be refused; guarded by lock */
    size_t refused;    /* guarded by lock */
    double last;       /* when the last of them refused; guarded by lock */
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
    if (event->revision > member->revision) member->revision = event->revision;
    if (refused) crowd->refused++;
    if (refused && now > crowd->last) crowd->last = now;
    pthread_cond_signal(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

static bool all_refused(const struct crowd *crowd, uint64_t revision)
{
    (void)revision;
    return crowd->refused >= crowd->count;
}

static bool all_at(const struct crowd *crowd, uint64_t revision)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->members[i].revision < revision) return false;
    return true;
}

static jwkd_status await(struct crowd *crowd, bool (*reached)(const struct crowd *, uint64_t),
    uint64_t revision, jwkd_error *error)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    int result = 0;
    pthread_mutex_lock(&crowd->lock);
    while (!reached(crowd, revision) && result == 0)
        result = pthread_cond_timedwait(&crowd->changed, &crowd->lock, &limit);
    bool met = reached(crowd, revision);
    pthread_mutex_unlock(&crowd->lock);
    return met ? JWKD_OK : fail(error, JWKD_TIMED_OUT, "a subscriber did not hear of a change within 10 s");
}

static void crowd_free(struct crowd *crowd)
{
    if (!crowd) return;
    for (size_t i = 0; i < crowd->count; i++) {
        jwkd_verifier_close(crowd->members[i].verifier);
        jwkd_close(crowd->members[i].client);
    }
    pthread_cond_destroy(&crowd->changed);
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
    pthread_cond_init(&crowd->changed, NULL);
    crowd->environment = environment;
    for (size_t i = 0; i < size; i++)
        TRY(crowd_join(crowd, daemon, error));
    *out = TAKE(crowd);
    return JWKD_OK;
}

/* One key comes, signs, is known to all, and goes. */
static jwkd_status deactivate_once(
    jwkd_client *client, struct crowd *crowd, double *out_sec, jwkd_error *error)
{
    static const char claims[] = "{\"sub\":\"user-1\"}";
    const jwkd_sign_item item = {.claims = {claims, sizeof claims - 1}};
    const jwkd_generate_options options = {.wait_ms = 20000};
    CLEANUP(block_free_at) jwkd_key_answer *made = NULL, *gone = NULL;
    CLEANUP(block_free_at) char *token = NULL;
    TRY(jwkd_generate(client, crowd->environment, &options, &made, error));
    TRY(jwkd_sign(client, crowd->environment, &item, &token, error));
    TRY(await(crowd, all_at, made->revision, error));
    if (jwkd_verify(crowd->members[0].verifier, token, strlen(token), NULL, NULL, error) !=
        JWKD_VERDICT_VALID)
        return JWKD_REFUSED;
    pthread_mutex_lock(&crowd->lock);
    crowd->token = token;
    crowd->refused = 0;
    crowd->last = 0;
    pthread_mutex_unlock(&crowd->lock);
    double begin = now_sec();
    TRY(jwkd_deactivate(client, crowd->environment, made->key.kid, false, &gone, error));
    TRY(await(crowd, all_refused, 0, error));
    *out_sec = crowd->last - begin;
    return JWKD_OK;
}

static jwkd_status measure(const struct bench *bench, const struct daemon *daemon, jwkd_client *client,
    size_t size, const char *name, jwkd_error *error)
{
    const size_t rounds = bench->quick ? 2 : 100;
    const jwkd_generate_options options = {.wait_ms = 20000};
    CLEANUP(block_free_at) jwkd_key_answer *stays = NULL;
    CLEANUP(crowd_free_at) struct crowd *crowd = NULL;
    CLEANUP(bare_stop_at) struct bare *bare = NULL;
    CLEANUP(samples_clear) struct samples ours = {0}, floor = {0};
    TRY(samples_new(rounds, &ours));
    TRY(samples_new(rounds, &floor));
    /* An environment of the case's own: what was deactivated in another case weighs nothing here. */
    TRY(make_environment(client, name, "ES256", 0, error));
    TRY(jwkd_generate(client, name, &options, &stays, error));
    TRY(crowd_new(daemon, name, size, &crowd, error));
    TRY(bare_start(daemon->dir, size, &bare, error));
    for (size_t i = 0; i < rounds; i++) {
        double seconds;
        TRY(bare_announce(bare, &seconds, error));
        samples_add(&floor, seconds * 1e3);
        TRY(deactivate_once(client, crowd, &seconds, error));
        samples_add(&ours, seconds * 1e3);
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
    TRY(daemon_start(&daemon, bench, 16, error));
    TRY(connect_to(&daemon, &client, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bench_wants(bench, cases[i].name))
            TRY(measure(bench, &daemon, client, cases[i].subscribers, cases[i].name, error));
    return JWKD_OK;
}
