#include "lib/follow/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

jwkd_status alarm_open(struct alarm *alarm)
{
    alarm->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    return alarm->fd < 0 ? JWKD_NO_MEMORY : JWKD_OK;
}

void alarm_close(struct alarm *alarm)
{
    if (alarm->fd >= 0) close(alarm->fd);
    alarm->fd = -1;
}

/* By how long it is until then: clock_elapsed_ns() is none of the system's clocks, and differs from this one
 * by what that is slewed. */
void alarm_set(struct alarm *alarm, uint64_t at_ns)
{
    struct itimerspec in = {0}; /* zeroes: never */
    uint64_t now_ns = clock_elapsed_ns(), left_ns = at_ns > now_ns ? at_ns - now_ns : 1;
    if (at_ns != UINT64_MAX) {
        in.it_value.tv_sec = (time_t)(left_ns / NS_PER_SEC);
        in.it_value.tv_nsec = (long)(left_ns % NS_PER_SEC);
    }
    timerfd_settime(alarm->fd, 0, &in, NULL);
}

void alarm_wait(struct alarm *alarm)
{
    static const struct timespec a_while = {.tv_nsec = 100 * 1000 * 1000};
    uint64_t rung;
    if (read(alarm->fd, &rung, sizeof rung) == sizeof rung || errno == EINTR) return;
    nanosleep(&a_while, NULL); /* the program has closed what is not its own: late is better than never */
}
