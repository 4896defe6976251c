/* The two clocks. Domain code never reads them: it takes `now`. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Seconds since 1970-01-01 UTC, as in JWT's NumericDate (RFC 7519 section 2). */
int64_t clock_wall_sec(void);
/* The same in nanoseconds, for rounding the other way. */
int64_t clock_wall_ns(void);

/* Nanoseconds of running time since boot, neither slewed nor stopped by suspend:
 * CLOCK_MONOTONIC_RAW + (CLOCK_BOOTTIME - CLOCK_MONOTONIC). For ages and deadlines. */
uint64_t clock_elapsed_ns(void);

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

#endif
