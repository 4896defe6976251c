/* Preloaded: the wall clock stands still at $WALL_CLOCK_SEC, so that tokens with fixed times can be judged by
 * the real service. Other clocks go on. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t wall_sec(void)
{
    const char *text = getenv("WALL_CLOCK_SEC");
    return text ? (time_t)strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, out);
    *out = (struct timespec){.tv_sec = wall_sec()};
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    *out = (struct timeval){.tv_sec = wall_sec()};
    return 0;
}

time_t time(time_t *out)
{
    time_t now = wall_sec();
    if (out) *out = now;
    return now;
}
