#include "wire/service_clock.h"

enum { DRIFT_PARTS = 1000 }; /* of a thousandth: 1000 ppm between the two clocks */

/* What was measured loses its worth slowly: the clocks may drift apart. */
static uint64_t offset_at(const struct service_clock *clock, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns > clock->measured_ns ? now_ns - clock->measured_ns : 0;
    return clock->offset_ns - passed_ns / DRIFT_PARTS;
}

struct service_clock service_clock_of(uint64_t service_ns, uint64_t sent_ns)
{
    return (struct service_clock){.offset_ns = sent_ns - service_ns, .measured_ns = sent_ns};
}

void service_clock_improve(struct service_clock *clock, uint64_t service_ns, uint64_t sent_ns)
{
    const struct service_clock measured = service_clock_of(service_ns, sent_ns);
    int64_t gain = (int64_t)(measured.offset_ns - offset_at(clock, sent_ns));
    if (gain > 0) *clock = measured;
}

uint64_t service_clock_ns(const struct service_clock *clock, uint64_t now_ns)
{
    return now_ns - offset_at(clock, now_ns);
}

bool service_clock_age(
    const struct service_clock *clock, uint64_t stamp_ns, uint64_t now_ns, uint64_t *out_age_ns)
{
    int64_t age_ns = (int64_t)(service_clock_ns(clock, now_ns) - stamp_ns);
    if (age_ns < 0) return false;
    *out_age_ns = (uint64_t)age_ns;
    return true;
}

uint64_t lease_horizon_ns(uint64_t length_ns)
{
    return length_ns + length_ns / DRIFT_PARTS;
}
