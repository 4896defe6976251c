#include "daemon/trouble.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/log.h"
#include "daemon/repeats.h"

/* A full disk is the trouble of every change. */
void trouble_log(void *context, jwkd_status status, const char *message)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
    static struct repeats repeats;
    unsigned silent = 0;
    char count[16], text[REPEATS_TEXT];
    (void)context;
    snprintf(text, sizeof text, "%s: %s", jwkd_status_name(status), message);
    pthread_mutex_lock(&lock);
    bool tell = repeats_tell(&repeats, text, clock_elapsed_ns(), &silent);
    pthread_mutex_unlock(&lock);
    if (!tell) return;
    snprintf(count, sizeof count, "%u", silent);
    const char *repeated = silent ? "repeated" : NULL;
    if (status == JWKD_OK)
        log_warning(message, repeated, count);
    else
        log_warning(message, "status", jwkd_status_name(status), repeated, count);
}
