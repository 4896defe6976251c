/* The service's clock, as whoever asked it must take it (proto/WIRE.md, Freshness). No clock is read here. */
#ifndef WIRE_SERVICE_CLOCK_H
#define WIRE_SERVICE_CLOCK_H

#include <stdint.h>

/* Ours and the service's; both run alike but for a drift of at most 1000 ppm. Instants of ours are of
 * clock_elapsed_ns(). */
struct service_clock {
    uint64_t offset_ns;   /* ours minus the service's, modulo 2^64: never more than in truth */
    uint64_t measured_ns; /* when that was so */
};

/* The service answered a question that left at `sent_ns` with its clock: it read it after that. */
struct service_clock service_clock_of(uint64_t service_ns, uint64_t sent_ns);
/* Another answer: the better bound stays. */
void service_clock_improve(struct service_clock *clock, uint64_t service_ns, uint64_t sent_ns);
/* What the service's clock shows at our `now_ns`, at most: never taken for less, so that nothing seems
 * younger than it is. */
uint64_t service_clock_ns(const struct service_clock *clock, uint64_t now_ns);

#endif
