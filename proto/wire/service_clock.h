/* The service's clock, as whoever asked it must take it (proto/WIRE.md, Freshness; proto/DELIVERY.md T1 to
 * T4), and what follows for leases. No clock is read here. */
#ifndef WIRE_SERVICE_CLOCK_H
#define WIRE_SERVICE_CLOCK_H

#include <stdbool.h>
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
/* How old a stamp of the service is, at most. False: it lies ahead, so that one of the two clocks cannot be
 * believed. */
bool service_clock_age(
    const struct service_clock *clock, uint64_t stamp_ns, uint64_t now_ns, uint64_t *out_age_ns);

/* For how long the service waits until no lease of this length goes on, whichever clock it is counted by
 * (proto/DELIVERY.md P2). */
uint64_t lease_horizon_ns(uint64_t length_ns);

#endif
