#include "daemon/vigil.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wait.h"
#include "daemon/headroom.h"
#include "daemon/log.h"
#include "daemon/memory.h"

enum { LOOK_EVERY_SEC = 1, TRY_EVERY_SEC = 2 };

struct vigil {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping and condition */
    pthread_cond_t stopped;
    bool stopping;
    enum store_condition condition; /* as it was told */
    /* The rest is the thread's. */
    int descriptors;
    struct headroom headroom;
    uint64_t tried_ns;
};

static void look_at_descriptors(struct vigil *vigil)
{
    char used_text[24], limit_text[24];
    uint64_t used = headroom_count(vigil->descriptors), limit = headroom_limit();
    snprintf(used_text, sizeof used_text, "%" PRIu64, used);
    snprintf(limit_text, sizeof limit_text, "%" PRIu64, limit);
    switch (headroom_judge(&vigil->headroom, used, limit, clock_elapsed_ns())) {
    case HEADROOM_NO_NEWS:
        break;
    case HEADROOM_SHORT:
        log_warning("descriptors are running out: without one nobody new can connect; raise the limit "
                    "(LimitNOFILE=), or see who holds so many connections",
            "used", used_text, "limit", limit_text);
        break;
    case HEADROOM_AGAIN:
        log_info("there are descriptors enough again", "used", used_text, "limit", limit_text);
        break;
    }
}

/* Finds out whether it can be written again, and has it take back the room that is kept for deactivations, so
 * that nobody's change has to: a commit without rows. */
static void try_store(struct vigil *vigil)
{
    uint64_t now_ns = clock_elapsed_ns();
    if (now_ns < vigil->tried_ns + TRY_EVERY_SEC * NS_PER_SEC) return;
    vigil->tried_ns = now_ns;
    (void)!store_commit(vigil->store, NULL, 0, false, NULL, NULL);
}

static void tell_condition(enum store_condition condition)
{
    switch (condition) {
    case STORE_READ_WRITE:
        log_info("the store can be written again");
        break;
    case STORE_READ_ONLY:
        log_warning("the store is read-only: keys are served, changes are refused until it can be written");
        break;
    case STORE_FULL:
        log_warning(
            "the disk of the store is full: keys are served, changes are refused until there is room");
        break;
    }
}

static void look_at_store(struct vigil *vigil)
{
    if (store_condition(vigil->store) != STORE_READ_WRITE) try_store(vigil);
    enum store_condition condition = store_condition(vigil->store);
    pthread_mutex_lock(&vigil->lock);
    bool is_news = condition != vigil->condition;
    vigil->condition = condition;
    pthread_mutex_unlock(&vigil->lock);
    if (is_news) tell_condition(condition);
}

void vigil_heard(struct vigil *vigil)
{
    enum store_condition condition = store_condition(vigil->store);
    if (condition == STORE_READ_WRITE) return;
    pthread_mutex_lock(&vigil->lock);
    vigil->condition = condition;
    pthread_mutex_unlock(&vigil->lock);
}

static bool wait_for_next_look(struct vigil *vigil)
{
    const struct timespec until = wait_end(LOOK_EVERY_SEC * NS_PER_SEC);
    pthread_mutex_lock(&vigil->lock);
    while (!vigil->stopping && pthread_cond_timedwait(&vigil->stopped, &vigil->lock, &until) != ETIMEDOUT)
        continue;
    bool goes_on = !vigil->stopping;
    pthread_mutex_unlock(&vigil->lock);
    return goes_on;
}

static void *look(void *argument)
{
    struct vigil *vigil = argument;
    do {
        look_at_descriptors(vigil);
        if (vigil->store) look_at_store(vigil);
        memory_give_back();
    } while (wait_for_next_look(vigil));
    return NULL;
}

static void vigil_free(struct vigil *vigil)
{
    fd_close_at(&vigil->descriptors);
    pthread_cond_destroy(&vigil->stopped);
    pthread_mutex_destroy(&vigil->lock);
    free(vigil);
}

jwkd_status vigil_start(struct store *store, struct vigil **out, jwkd_error *error)
{
    struct vigil *vigil = calloc(1, sizeof *vigil);
    if (!vigil) return fail(error, JWKD_NO_MEMORY, "out of memory");
    vigil->store = store;
    vigil->condition = STORE_READ_WRITE;
    vigil->descriptors = headroom_open();
    pthread_mutex_init(&vigil->lock, NULL);
    wait_init(&vigil->stopped);
    if (pthread_create(&vigil->thread, NULL, look, vigil) == 0) {
        *out = vigil;
        return JWKD_OK;
    }
    vigil_free(vigil);
    return fail(error, JWKD_NO_MEMORY, "no thread to look after descriptors and disk");
}

void vigil_stop(struct vigil *vigil)
{
    if (!vigil) return;
    pthread_mutex_lock(&vigil->lock);
    vigil->stopping = true;
    pthread_cond_signal(&vigil->stopped);
    pthread_mutex_unlock(&vigil->lock);
    pthread_join(vigil->thread, NULL);
    vigil_free(vigil);
}
