#include "base/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    return (int64_t)read_ns(CLOCK_REALTIME);
}

int64_t clock_wall_sec(void)
{
    return (int64_t)(read_ns(CLOCK_REALTIME) / NS_PER_SEC);
}

uint64_t clock_elapsed_ns(void)
{
    /* Monotonic is read before boottime, so that a suspend in between can only make the age larger. */
    uint64_t raw = read_ns(CLOCK_MONOTONIC_RAW);
    uint64_t monotonic = read_ns(CLOCK_MONOTONIC);
    return raw + (read_ns(CLOCK_BOOTTIME) - monotonic);
}
