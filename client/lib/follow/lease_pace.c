/* What lease_run.c and lease_part.c both go by: the registration, and when to ask. */
#include "base/clock.h"
#include "lib/follow/lease.h"

enum {
    FIRST_BACKOFF_MS = 50,
    LONGEST_BACKOFF_MS = 2000,
    TAKE_SPREAD_MS = 100, /* snapshots are waited for: less than an unknown kid waits */
};

bool lease_is_registered(const struct lease *lease)
{
    return lease->state == LEASE_IN || lease->state == LEASE_IN_ASKING;
}

uint64_t lease_registered_until(const struct lease *lease)
{
    return lease->renewed_ns + lease->registered_ms * NS_PER_MS;
}

/* Evenly from 0 to `most_ns`; the xorshift of Marsaglia (2003), which is enough to spread. */
uint64_t lease_spread(struct lease *lease, uint64_t most_ns)
{
    lease->random ^= lease->random << 13;
    lease->random ^= lease->random >> 7;
    lease->random ^= lease->random << 17;
    return lease->random % (most_ns + 1);
}

void lease_slow_down(struct lease *lease, struct lease_pace *pace, uint64_t now_ns)
{
    uint32_t backoff_ms = pace->backoff_ms ? pace->backoff_ms * 2 : (uint32_t)FIRST_BACKOFF_MS;
    pace->backoff_ms = backoff_ms < LONGEST_BACKOFF_MS ? backoff_ms : (uint32_t)LONGEST_BACKOFF_MS;
    pace->at_ns =
        now_ns + pace->backoff_ms * NS_PER_MS + lease_spread(lease, pace->backoff_ms * NS_PER_MS / 2);
}

void lease_space_out(struct lease *lease, struct lease_pace *pace, uint64_t left_ns, uint64_t now_ns)
{
    uint64_t most_ns =
        (lease->spread_ms < TAKE_SPREAD_MS ? lease->spread_ms : (uint64_t)TAKE_SPREAD_MS) * NS_PER_MS;
    if (left_ns > 0 && most_ns > left_ns / 4) most_ns = left_ns / 4;
    uint64_t at_ns = now_ns + lease_spread(lease, most_ns);
    if (at_ns > pace->at_ns) pace->at_ns = at_ns;
}

/* Many subscribers hear of a change at the same instant. The first quarter of the time is left to the event
 * itself: where they share processors, early confirmations would hold up those who have yet to hear
 * (proto/DELIVERY.md R8). */
void lease_want_confirm(struct lease *lease, uint64_t now_ns)
{
    uint64_t most_ns = lease->spread_ms * NS_PER_MS, least_ns = most_ns / 4;
    if (!lease->confirm) lease->confirm_at_ns = now_ns + least_ns + lease_spread(lease, most_ns - least_ns);
    lease->confirm = true;
}

uint64_t lease_length_ms(const struct lease *lease, const struct lease_part *part)
{
    bool shorter = part->wish_ms && part->wish_ms < lease->lease_ms;
    return shorter ? part->wish_ms : lease->lease_ms;
}

uint64_t lease_judge_until(const struct lease *lease, const struct lease_part *part)
{
    uint64_t registered_ns = lease_registered_until(lease);
    return part->lease_end_ns < registered_ns ? part->lease_end_ns : registered_ns;
}
