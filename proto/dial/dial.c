#include "dial/dial.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/wait.h"
#include "dial/probe.h"

enum {
    SHORTEST_PAUSE_MS = 20,
    LONGEST_PAUSE_MS = 1000,
    PROBE_MS = 2000,  /* for each of its steps */
    ATTEMPT_MS = 500, /* of a dialer: then another probe */
    UNAIDED_MS = 5000 /* nng's own pauses, should there be no thread */
};

/* Of about a quarter of the time that has passed, and never the same for everybody. */
static uint64_t pause_ms(uint64_t lost_ns)
{
    uint8_t dice = 0;
    uint64_t ms = (clock_elapsed_ns() - lost_ns) / NS_PER_MS / 4;
    if (ms < SHORTEST_PAUSE_MS) ms = SHORTEST_PAUSE_MS;
    if (ms > LONGEST_PAUSE_MS) ms = LONGEST_PAUSE_MS;
    (void)!random_fill(&dice, sizeof dice); /* it only spreads */
    return ms - ms * dice / 512;
}

/* Under the lock. */
static bool is_wanted(const struct dial *dial)
{
    return !dial->connected && !dial->stopped;
}

/* Under the lock. */
static void pause_for(struct dial *dial, uint64_t ms)
{
    const struct timespec until = wait_end(ms * NS_PER_MS);
    int result = 0;
    while (is_wanted(dial) && !dial->moved && result == 0)
        result = pthread_cond_timedwait(&dial->changed, &dial->lock, &until);
}

static bool is_there(const struct dial *dial, const char *url, bool sure)
{
    return sure || probe_greet(dial->aio, url, PROBE_MS, dial->peer) == 0;
}

/* Gives the attempt its time. Under the lock, which is dropped meanwhile. */
static void try_once(struct dial *dial)
{
    char url[URL_SIZE];
    bool sure = dial->sure;
    dial->sure = dial->moved = false;
    memcpy(url, dial->url, sizeof url);
    pthread_mutex_unlock(&dial->lock);
    bool there = is_there(dial, url, sure);
    if (there && dial->dialled) nng_dialer_close(dial->dialer); /* and its connection */
    if (there) dial->dialled = nng_dial(dial->socket, url, &dial->dialer, NNG_FLAG_NONBLOCK) == 0;
    pthread_mutex_lock(&dial->lock);
    if (there) pause_for(dial, ATTEMPT_MS);
}

static void *keep(void *argument)
{
    struct dial *dial = argument;
    pthread_mutex_lock(&dial->lock);
    while (is_wanted(dial)) {
        if (!dial->sure) pause_for(dial, pause_ms(dial->lost_ns));
        if (is_wanted(dial)) try_once(dial);
    }
    dial->state = DIAL_THREAD_ENDED;
    pthread_mutex_unlock(&dial->lock);
    return NULL;
}

/* The thread that has ended touches nothing any more: this does not wait. Under the lock. */
static void have_thread(struct dial *dial)
{
    if (dial->state == DIAL_THREAD_RUNS || dial->stopped) return;
    if (dial->state == DIAL_THREAD_ENDED) pthread_join(dial->thread, NULL);
    bool made = pthread_create(&dial->thread, NULL, keep, dial) == 0;
    dial->state = made ? DIAL_THREAD_RUNS : DIAL_NO_THREAD;
}

int dial_init(struct dial *dial, nng_socket socket, uint8_t peer)
{
    *dial = (struct dial){.socket = socket, .peer = peer};
    pthread_mutex_init(&dial->lock, NULL);
    wait_init(&dial->changed);
    int result = nng_aio_alloc(&dial->aio, NULL, NULL);
    if (result == 0) result = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, UNAIDED_MS);
    if (result == 0) result = nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, UNAIDED_MS);
    return result;
}

void dial_to(struct dial *dial, const char *url, bool sure)
{
    pthread_mutex_lock(&dial->lock);
    snprintf(dial->url, sizeof dial->url, "%s", url);
    dial->connected = false;
    dial->moved = true;
    dial->sure = sure;
    dial->lost_ns = clock_elapsed_ns();
    pthread_cond_signal(&dial->changed);
    have_thread(dial);
    pthread_mutex_unlock(&dial->lock);
}

void dial_connected(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    dial->connected = true;
    pthread_cond_signal(&dial->changed);
    pthread_mutex_unlock(&dial->lock);
}

void dial_lost(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    dial->connected = false;
    dial->lost_ns = clock_elapsed_ns();
    have_thread(dial);
    pthread_mutex_unlock(&dial->lock);
}

void dial_stop(struct dial *dial)
{
    pthread_mutex_lock(&dial->lock);
    dial->stopped = true;
    pthread_cond_signal(&dial->changed);
    bool had = dial->state != DIAL_NO_THREAD;
    pthread_mutex_unlock(&dial->lock);
    if (dial->aio) nng_aio_stop(dial->aio);
    if (had) pthread_join(dial->thread, NULL);
}

void dial_clear(struct dial *dial)
{
    if (dial->aio) nng_aio_free(dial->aio);
    pthread_cond_destroy(&dial->changed);
    pthread_mutex_destroy(&dial->lock);
}
