#include "bench/crowd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Asks the first verifier that does not judge by it yet, again and again. Asking all of them each time would
 * cost time that is measured. */
jwkd_status crowd_await(struct crowd *crowd, uint64_t revision, double *out_last, jwkd_error *error)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    double begin = now_sec();
    for (size_t reached = 0; reached < crowd->count;) {
        if (jwkd_verifier_revision(crowd->members[reached].verifier) >= revision) {
            reached++;
            continue;
        }
        if (now_sec() - begin > 10)
            return fail(error, JWKD_TIMED_OUT, "a subscriber did not hear of a change within 10 s");
        nanosleep(&pause, NULL);
    }
    *out_last = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        jwkd_freshness freshness;
        double now = now_sec();
        TRY(jwkd_verifier_freshness(crowd->members[i].verifier, &freshness, error));
        double since = now - (double)freshness.held_us * 1e-6;
        if (since > *out_last) *out_last = since;
    }
    return JWKD_OK;
}

bool crowd_judges(struct crowd *crowd, const char *token, jwkd_verdict verdict)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (jwkd_verify(crowd->members[i].verifier, token, strlen(token), NULL, NULL, NULL) != verdict)
            return false;
    return true;
}

void crowd_free(struct crowd *crowd)
{
    if (!crowd) return;
    for (size_t i = 0; i < crowd->count; i++) {
        jwkd_verifier_close(crowd->members[i].verifier);
        jwkd_close(crowd->members[i].client);
    }
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
    TRY(jwkd_open(url, &connection, &member->client, error));
    return jwkd_verifier_open(member->client, crowd->environment, NULL, &member->verifier, error);
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

jwkd_status crowd_new(
    const char *url, const char *environment, size_t size, struct crowd **out, jwkd_error *error)
{
    enum { AT_ONCE = 16 };
    CLEANUP(crowd_free_at) struct crowd *crowd = calloc(1, sizeof *crowd + size * sizeof crowd->members[0]);
    if (!crowd) return JWKD_NO_MEMORY;
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
