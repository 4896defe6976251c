#include "operations/late.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"

enum { ORIGIN = 64 };

/* How often credentials of one origin have failed. */
struct origin {
    char name[ORIGIN];
    uint64_t since_ns; /* the first failure of the window */
    unsigned failures;
};

struct late {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct late_job *first, **tail; /* in order of when they are due */
    unsigned waiting;
    bool stopping, running;
    pthread_t thread;
    struct origin origins[LATE_ORIGINS];
};

static void *answer_late(void *argument)
{
    struct late *late = argument;
    pthread_mutex_lock(&late->lock);
    while (!late->stopping || late->first) {
        struct late_job *job = late->first;
        const uint64_t now_ns = clock_elapsed_ns();
        if (!job) {
            pthread_cond_wait(&late->changed, &late->lock);
        } else if (!late->stopping && job->due_ns > now_ns) {
            const struct timespec until = wait_end(job->due_ns - now_ns);
            pthread_cond_timedwait(&late->changed, &late->lock, &until);
        } else {
            late->first = job->next;
            if (!late->first) late->tail = &late->first;
            late->waiting--;
            pthread_mutex_unlock(&late->lock);
            job->run(job);
            pthread_mutex_lock(&late->lock);
        }
    }
    pthread_mutex_unlock(&late->lock);
    return NULL;
}

jwkd_status late_start(struct late **out)
{
    struct late *late = calloc(1, sizeof *late);
    if (!late) return JWKD_NO_MEMORY;
    late->tail = &late->first;
    pthread_mutex_init(&late->lock, NULL);
    wait_init(&late->changed);
    late->running = pthread_create(&late->thread, NULL, answer_late, late) == 0;
    if (!late->running) {
        late_free(late);
        return JWKD_NO_MEMORY;
    }
    *out = late;
    return JWKD_OK;
}

/* The origin's place, or that of the one whose window began first. */
static struct origin *find(struct late *late, const char *name)
{
    struct origin *oldest = late->origins;
    for (size_t i = 0; i < LATE_ORIGINS; i++) {
        struct origin *origin = &late->origins[i];
        if (strcmp(origin->name, name) == 0) return origin;
        if (origin->since_ns < oldest->since_ns) oldest = origin;
    }
    *oldest = (struct origin){0};
    snprintf(oldest->name, sizeof oldest->name, "%s", name);
    return oldest;
}

bool late_failed(struct late *late, const char *origin)
{
    const uint64_t now_ns = clock_elapsed_ns();
    pthread_mutex_lock(&late->lock);
    struct origin *its = find(late, origin);
    if (!its->since_ns || now_ns >= its->since_ns + LATE_WINDOW_SEC * NS_PER_SEC) {
        its->since_ns = now_ns;
        its->failures = 0;
    }
    bool is_late = its->failures >= LATE_FREE;
    if (!is_late) its->failures++;
    pthread_mutex_unlock(&late->lock);
    return is_late;
}

jwkd_status late_put(struct late *late, struct late_job *job)
{
    pthread_mutex_lock(&late->lock);
    bool taken = !late->stopping && late->waiting < LATE_WAITING;
    if (taken) {
        job->next = NULL;
        job->due_ns = clock_elapsed_ns() + LATE_MS * NS_PER_MS;
        *late->tail = job;
        late->tail = &job->next;
        late->waiting++;
        pthread_cond_signal(&late->changed);
    }
    pthread_mutex_unlock(&late->lock);
    return taken ? JWKD_OK : JWKD_BUSY;
}

void late_stop(struct late *late)
{
    if (!late || !late->running) return;
    pthread_mutex_lock(&late->lock);
    late->stopping = true;
    pthread_cond_signal(&late->changed);
    pthread_mutex_unlock(&late->lock);
    pthread_join(late->thread, NULL);
    late->running = false;
}

void late_free(struct late *late)
{
    if (!late) return;
    late_stop(late);
    pthread_cond_destroy(&late->changed);
    pthread_mutex_destroy(&late->lock);
    free(late);
}
