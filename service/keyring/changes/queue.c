#include "keyring/changes/queue.h"

#include <errno.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/changes/changes.h"

enum {
    DEFAULT_QUEUE = 32,
};

bool queue_wait(struct keyring *keyring, uint64_t until_ns, struct writer_work *out)
{
    const uint64_t now_ns = clock_elapsed_ns();
    const struct timespec until = wait_end(until_ns > now_ns ? until_ns - now_ns : 0);
    pthread_mutex_lock(&keyring->queue.lock);
    int result = 0;
    while (!keyring->queue.head && !keyring->queue.made && !keyring->queue.wishes && !keyring->queue.poked &&
           !keyring->queue.stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&keyring->queue.filled, &keyring->queue.lock, &until);
    *out = (struct writer_work){.commands = keyring->queue.head,
        .made = keyring->queue.made,
        .wishes = keyring->queue.wishes,
        .poked = keyring->queue.poked};
    keyring->queue.head = NULL;
    keyring->queue.tail = &keyring->queue.head;
    keyring->queue.count = 0;
    keyring->queue.made = NULL;
    keyring->queue.wishes = NULL;
    keyring->queue.poked = false;
    bool more = !keyring->queue.stopping || out->commands || out->made || out->wishes;
    pthread_mutex_unlock(&keyring->queue.lock);
    return more;
}

void keyring_poke(struct keyring *keyring)
{
    pthread_mutex_lock(&keyring->queue.lock);
    keyring->queue.poked = true;
    pthread_cond_signal(&keyring->queue.filled);
    pthread_mutex_unlock(&keyring->queue.lock);
}

void queue_deliver(void *context, struct ready_key *key)
{
    struct keyring *keyring = context;
    pthread_mutex_lock(&keyring->queue.lock);
    key->next = keyring->queue.made;
    keyring->queue.made = key;
    pthread_cond_signal(&keyring->queue.filled);
    pthread_mutex_unlock(&keyring->queue.lock);
}

static unsigned queue_limit(const struct keyring *keyring)
{
    return keyring->options.change_queue ? keyring->options.change_queue : DEFAULT_QUEUE;
}

/* Deactivations have places where other changes have none. */
static unsigned urgent_limit(const struct keyring *keyring)
{
    unsigned limit = queue_limit(keyring);
    return limit + (limit + 3) / 4;
}

jwkd_status keyring_change(struct keyring *keyring, struct keyring_command *command, jwkd_error *error)
{
    unsigned limit = change_is_deactivation(command->request) ? urgent_limit(keyring) : queue_limit(keyring);
    jwkd_status status = JWKD_OK;
    command->next = NULL;
    if (strlen(command->caller.principal) > LIMIT_PRINCIPAL) /* cut, two names could become one */
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the caller's name is longer than %d characters", LIMIT_PRINCIPAL);
    pthread_mutex_lock(&keyring->queue.lock);
    if (keyring->queue.stopping)
        status = fail(error, JWKD_UNAVAILABLE, "the service is stopping");
    else if (keyring->queue.count >= limit)
        status = fail(error, JWKD_BUSY, "%u changes are waiting already; try again in a moment", limit);
    if (status == JWKD_OK) {
        *keyring->queue.tail = command;
        keyring->queue.tail = &command->next;
        keyring->queue.count++;
        pthread_cond_signal(&keyring->queue.filled);
    }
    pthread_mutex_unlock(&keyring->queue.lock);
    return status;
}
