#include "bench/crowd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    const char *token = event->kind == JWKD_EVENT_KEY_DEACTIVATED ? crowd->token : NULL;
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

void crowd_expect(struct crowd *crowd, const char *token, uint64_t revision)
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

jwkd_status crowd_await(struct crowd *crowd, jwkd_error *error)
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

void crowd_free(struct crowd *crowd)
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

struct joining {
    struct crowd *crowd;
    const char *url;
    atomic_size_t next;
    pthread_mutex_t lock; /* guards the first failure */
    jwkd_status status;
    jwkd_error error;
};

static jwkd_status join_one(struct crowd *crowd, const char *url, struct member *member, jwkd_error *error)
{
    const jwkd_client_options connection = {.name = "jwkd-bench", .timeout_ms = 60000};
    const jwkd_verifier_options options = {.on_event = on_event, .context = member};
    member->crowd = crowd;
    TRY(jwkd_open(url, &connection, &member->client, error));
    return jwkd_verifier_open(member->client, crowd->environment, &options, &member->verifier, error);
}

/* Each waits for a heartbeat: many at a time. */
static void *join_some(void *context)
{
    struct joining *joining = context;
    for (size_t i; (i = joining->next++) < joining->crowd->count;) {
        jwkd_error error = {0};
        jwkd_status status = join_one(joining->crowd, joining->url, &joining->crowd->members[i], &error);
        if (status == JWKD_OK) continue;
        pthread_mutex_lock(&joining->lock);
        if (joining->status == JWKD_OK) joining->error = error;
        joining->status = status;
        pthread_mutex_unlock(&joining->lock);
        break;
    }
    return NULL;
}

jwkd_status crowd_new(const char *url, const char *environment, size_t size, struct crowd **out, jwkd_error *error)
{
    enum { AT_ONCE = 16 };
    CLEANUP(crowd_free_at) struct crowd *crowd = calloc(1, sizeof *crowd + size * sizeof crowd->members[0]);
    if (!crowd) return JWKD_NO_MEMORY;
    pthread_mutex_init(&crowd->lock, NULL);
    pthread_cond_init(&crowd->complete, NULL);
    crowd->environment = environment;
    crowd->count = size;
    struct joining joining = {.crowd = crowd, .url = url, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[AT_ONCE];
    size_t started = 0;
    while (started < AT_ONCE && pthread_create(&threads[started], NULL, join_some, &joining) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (started == 0) return JWKD_NO_MEMORY;
    if (joining.status != JWKD_OK) {
        if (error) *error = joining.error;
        return joining.status;
    }
    *out = TAKE(crowd);
    return JWKD_OK;
}
