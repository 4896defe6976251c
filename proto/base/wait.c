#include "base/wait.h"

#include "base/clock.h"

void wait_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec wait_end(uint64_t ns)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t sum_ns = (uint64_t)end.tv_nsec + ns % NS_PER_SEC;
    end.tv_sec += (time_t)(ns / NS_PER_SEC + sum_ns / NS_PER_SEC);
    end.tv_nsec = (long)(sum_ns % NS_PER_SEC);
    return end;
}
