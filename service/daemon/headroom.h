/* Descriptors: how many there may be, and how many are left. Where none is, a connection is not accepted, and
 * nobody says so: libnng tries again in silence. */
#ifndef DAEMON_HEADROOM_H
#define DAEMON_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

/* At the start: raises the limit to the most that the system allows this process. */
void headroom_raise(void);

enum { HEADROOM_SHORT_PERCENT = 90, HEADROOM_AGAIN_PERCENT = 80, HEADROOM_REPEAT_SEC = 60 };

/* What was told. Zeroed: nothing. */
struct headroom {
    bool is_short;
    uint64_t told_ns;
};

enum headroom_news {
    HEADROOM_NO_NEWS,
    HEADROOM_SHORT, /* most of them are in use; told again once in a while */
    HEADROOM_AGAIN, /* and no longer */
};
enum headroom_news headroom_judge(struct headroom *headroom, uint64_t used, uint64_t limit, uint64_t now_ns);

/* Opens what headroom_count() reads, while there still is a descriptor for it; -1: it cannot be read. */
int headroom_open(void);
/* How many descriptors are in use; 0: not known. */
uint64_t headroom_count(int opened);
/* The same by looking at each, as it takes before Linux 6.2; without memory of our own for each. */
uint64_t headroom_count_entries(int opened);
uint64_t headroom_limit(void);

#endif
