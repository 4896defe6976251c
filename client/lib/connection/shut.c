#include "lib/connection/shut.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"

enum { LONGEST_MS = 3000, LONGEST_BEHIND_MS = 100 };

/* How many sockets do not close. libnng closes them one after the other: what one waits for, the next ones
 * wait for. */
static atomic_uint stuck;

/* Of the two who know it, the later one frees it. */
struct shutting {
    nng_socket socket;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool closed, left_behind;
};

static void shutting_free(struct shutting *shutting)
{
    pthread_cond_destroy(&shutting->changed);
    pthread_mutex_destroy(&shutting->lock);
    free(shutting);
}

static void *close_it(void *argument)
{
    struct shutting *shutting = argument;
    nng_close(shutting->socket);
    pthread_mutex_lock(&shutting->lock);
    shutting->closed = true;
    bool last = shutting->left_behind;
    if (last) stuck--;
    pthread_cond_signal(&shutting->changed);
    pthread_mutex_unlock(&shutting->lock);
    if (last) shutting_free(shutting);
    return NULL;
}

static struct shutting *shutting_new(nng_socket socket)
{
    struct shutting *shutting = calloc(1, sizeof *shutting);
    if (!shutting) return NULL;
    shutting->socket = socket;
    wait_init(&shutting->changed);
    pthread_mutex_init(&shutting->lock, NULL);
    return shutting;
}

static bool await_closed(struct shutting *shutting)
{
    const struct timespec until = wait_end((stuck ? LONGEST_BEHIND_MS : LONGEST_MS) * NS_PER_MS);
    pthread_mutex_lock(&shutting->lock);
    while (!shutting->closed &&
           pthread_cond_timedwait(&shutting->changed, &shutting->lock, &until) != ETIMEDOUT) {
    }
    bool closed = shutting->closed;
    shutting->left_behind = !closed;
    if (!closed) stuck++;
    pthread_mutex_unlock(&shutting->lock);
    return closed;
}

void shut(nng_socket socket)
{
    pthread_t thread;
    struct shutting *shutting = shutting_new(socket);
    if (!shutting || pthread_create(&thread, NULL, close_it, shutting) != 0) {
        if (shutting) shutting_free(shutting);
        nng_close(socket);
        return;
    }
    if (await_closed(shutting)) {
        pthread_join(thread, NULL);
        shutting_free(shutting);
    } else {
        pthread_detach(thread);
    }
}
