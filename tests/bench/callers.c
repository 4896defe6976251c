#include <pthread.h>
#include <stdlib.h>

#include "bench/bench.h"

struct caller {
    pthread_t thread;
    size_t number, done;
    double until;
    caller_step *step;
    void *context;
    jwkd_status status;
    jwkd_error error;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    size_t before;
    do {
        before = caller->done;
        caller->status = caller->step(caller->context, caller->number, &caller->done, &caller->error);
    } while (caller->status == JWKD_OK && caller->done != before && now_sec() < caller->until);
    return NULL;
}

/* Joins every thread; the first failure is the answer. */
static jwkd_status join_all(const struct caller *callers, size_t count, size_t *out_done, jwkd_error *error)
{
    jwkd_status status = JWKD_OK;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
        done += callers[i].done;
        if (status == JWKD_OK && callers[i].status != JWKD_OK)
            status = fail(error, callers[i].status, "%s", callers[i].error.message);
    }
    *out_done = done;
    return status;
}

jwkd_status callers_run(
    size_t threads, double seconds, caller_step *step, void *context, double *out_rate, jwkd_error *error)
{
    CLEANUP(free_at) struct caller *callers = calloc(threads, sizeof *callers);
    if (!callers) return JWKD_NO_MEMORY;
    size_t started = 0, done;
    double begin = now_sec();
    for (; started < threads; started++) {
        callers[started] =
            (struct caller){.number = started, .until = begin + seconds, .step = step, .context = context};
        if (pthread_create(&callers[started].thread, NULL, call, &callers[started]) != 0) break;
    }
    TRY(join_all(callers, started, &done, error));
    if (started < threads) return fail(error, JWKD_NO_MEMORY, "%zu threads could not be started", threads);
    *out_rate = (double)done / (now_sec() - begin);
    return JWKD_OK;
}
