/* Two network namespaces and a cable between them that can be pulled out. Nothing outside of them is touched,
 * and they go with this process. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <sys/types.h>

#include "bench/bench.h"

struct link {
    pid_t here, there; /* processes that hold the namespaces; 0: none */
};
#define LINK_HERE "10.211.0.1" /* the address of `here` */

/* UNSUPPORTED: this user or this machine cannot. */
jwkd_status link_make(struct link *out, jwkd_error *error) MUST_CHECK;
bool link_set(const struct link *link, bool up);
void link_clear(struct link *link);

#endif
