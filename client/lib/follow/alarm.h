/* An instant that one thread waits for, and that others may move: nearer without waking it. A timerfd. */
#ifndef LIB_ALARM_H
#define LIB_ALARM_H

#include "base/status.h"

#include <stdint.h>

struct alarm {
    int fd; /* -1: none */
};

/* NO_MEMORY: no file descriptor is left. */
jwkd_status alarm_open(struct alarm *alarm) MUST_CHECK;
void alarm_close(struct alarm *alarm);
/* To an instant of clock_elapsed_ns(); what is past is now, UINT64_MAX never. It has not rung since. */
void alarm_set(struct alarm *alarm, uint64_t at_ns);
/* Until it rings, or has rung since it was set; or, rarely, for nothing. */
void alarm_wait(struct alarm *alarm);

#endif
