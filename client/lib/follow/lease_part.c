/* What one verifier knows of its environment: whether it missed anything, and who vouches for what
 * it holds. */
#include "lib/follow/lease.h"

#include "base/clock.h"

/* ---- whether a snapshot is wanted */

enum part_input {
    PART_RESYNC,   /* whatever was published meanwhile is lost */
    PART_MISSED,   /* something was heard of that is not held */
    PART_ASKED,    /* the request for a snapshot leaves */
    PART_TAKEN,    /* the snapshot is held, and nothing else was heard of */
    PART_OUTDATED, /* it is held, but cannot be all */
    PART_FAILED,
    PART_INPUTS
};

/* A heartbeat or an event that shows more than is held needs no second snapshot while one is on its way: what
 * it spoke of is compared with what the snapshot brings. A reconnect does: what was lost cannot be compared.
 */
static const enum part_state NEXT[PART_STATES][PART_INPUTS] = {
    [PART_LACKING] = {PART_LACKING, PART_LACKING, PART_TAKING, PART_LACKING, PART_LACKING, PART_LACKING},
    [PART_TAKING] = {PART_TAKING_AGAIN, PART_TAKING, PART_TAKING, PART_CURRENT, PART_LACKING, PART_LACKING},
    [PART_TAKING_AGAIN] = {PART_TAKING_AGAIN, PART_TAKING_AGAIN, PART_TAKING_AGAIN, PART_LACKING,
        PART_LACKING, PART_LACKING},
    [PART_CURRENT] = {PART_LACKING, PART_LACKING, PART_CURRENT, PART_CURRENT, PART_LACKING, PART_CURRENT},
};

static void take_input(struct lease_part *part, enum part_input input)
{
    part->state = NEXT[part->state][input];
}

void part_resync(struct lease_part *part)
{
    part->pace = (struct lease_pace){0};
    take_input(part, PART_RESYNC);
}

void part_ask(struct lease_part *part)
{
    part->heard_since = false;
    take_input(part, PART_ASKED);
}

void part_fail(struct lease *lease, struct lease_part *part, uint64_t now_ns)
{
    if (part->state == PART_TAKING || part->state == PART_TAKING_AGAIN)
        lease_slow_down(lease, &part->pace, now_ns);
    take_input(part, PART_FAILED);
}

/* ---- who vouches for what is held */

/* The last heartbeat counts once nothing is missing that it speaks of, be it when it is heard or when a
 * snapshot comes later (proto/DELIVERY.md H3, H4). */
static void vouch(const struct lease *lease, struct lease_part *part, uint64_t now_ns)
{
    uint64_t age_ns;
    if (!part->member || !lease->beaten || part->synced < lease->beat_revision) return;
    if (!service_clock_age(&lease->clock, lease->stamp_ns, now_ns, &age_ns)) return;
    uint64_t at_ns = age_ns < now_ns ? now_ns - age_ns : 0;
    uint64_t length_ns = lease_length_ms(lease, part) * NS_PER_MS;
    uint64_t end_ns = age_ns < length_ns ? now_ns + (length_ns - age_ns) : 0;
    if (at_ns > part->vouched_ns) part->vouched_ns = at_ns;
    if (end_ns > part->lease_end_ns) part->lease_end_ns = end_ns;
}

static bool is_more(const struct lease_part *part, const struct identity *other)
{
    return !part->identified || !identity_comparable(&part->held, other) ||
           other->revision > part->held.revision;
}

/* What one has missed, others may have missed as well, and all hear of it at once (proto/DELIVERY.md R8). */
void lease_miss(struct lease *lease, struct lease_part *part, const struct identity *heard, uint64_t now_ns)
{
    bool lacked = part->state == PART_LACKING;
    if (heard && (!part->heard_of || !identity_comparable(heard, &part->heard) ||
                     heard->revision > part->heard.revision)) {
        part->heard = *heard;
        part->heard_of = part->heard_since = true;
    }
    take_input(part, PART_MISSED);
    uint64_t until_ns = lease_judge_until(lease, part);
    if (part->state == PART_LACKING && !lacked)
        lease_space_out(lease, &part->pace, until_ns > now_ns ? until_ns - now_ns : 0, now_ns);
}

static const Jwkd__V1__Heartbeat__Item *find_item(
    const struct lease_part *part, const Jwkd__V1__Heartbeat *heartbeat)
{
    for (size_t i = 0; i < heartbeat->n_changed; i++)
        if (strcmp(heartbeat->changed[i]->environment, part->environment) == 0) return heartbeat->changed[i];
    return NULL; /* not listed: unchanged since covers_from */
}

/* Whether nothing is missing that the heartbeat speaks of; otherwise the part has missed something. */
static bool compare(
    struct lease *lease, struct lease_part *part, const Jwkd__V1__Heartbeat *heartbeat, uint64_t now_ns)
{
    bool same_store =
        bytes_equal(wire_view(heartbeat->epoch), bytes_of(part->held.epoch, sizeof part->held.epoch));
    const Jwkd__V1__Heartbeat__Item *item = find_item(part, heartbeat);
    struct identity listed;
    bool readable = item && identity_read(item->state, &listed);
    bool missed = heartbeat->covers_from > part->synced || (part->identified && !same_store) ||
                  (item && (!readable || is_more(part, &listed)));
    if (missed) lease_miss(lease, part, readable && is_more(part, &listed) ? &listed : NULL, now_ns);
    return !missed;
}

void part_hear(
    struct lease *lease, struct lease_part *part, const Jwkd__V1__Heartbeat *heartbeat, uint64_t now_ns)
{
    if (!compare(lease, part, heartbeat, now_ns)) return;
    if (heartbeat->service_revision > part->synced) part->synced = heartbeat->service_revision;
    vouch(lease, part, now_ns);
}

/* ---- what is held */

void lease_follow(struct lease *lease, struct lease_part *part, const struct identity *held, bool exists,
    uint64_t service_revision, uint64_t now_ns)
{
    part->held = *held;
    part->exists = exists;
    if (service_revision > part->synced) part->synced = service_revision;
    if (service_revision > lease->service_revision) lease->service_revision = service_revision;
    vouch(lease, part, now_ns);
    lease_want_confirm(lease, now_ns);
}

/* What does not exist has no state of its own: what was heard of, before the question left, was of
 * its end. */
static bool hold_nothing(const struct lease *lease, struct lease_part *part)
{
    if (part->heard_since) return false;
    if (part->heard_of) {
        part->held = part->heard;
        part->identified = true;
    }
    part->exists = part->heard_of = false;
    part->synced = lease->asked_service_revision;
    return true;
}

static bool hold(struct lease_part *part, const struct identity *held, uint64_t service_revision)
{
    part->held = *held;
    part->identified = part->exists = true;
    bool whole = !part->heard_of || !is_more(part, &part->heard);
    part->heard_of = false;
    part->synced = service_revision;
    return whole;
}

void lease_hold(struct lease *lease, struct lease_part *part, const struct identity *held,
    uint64_t service_revision, uint64_t now_ns)
{
    bool whole = held ? hold(part, held, service_revision) : hold_nothing(lease, part);
    /* The registration that it was asked for under may have been lost meanwhile. */
    bool counted = lease->state == LEASE_IN_ASKING;
    if (counted) part->member = true;
    if (service_revision > lease->service_revision) lease->service_revision = service_revision;
    part->pace = (struct lease_pace){0};
    take_input(part, whole && counted ? PART_TAKEN : PART_OUTDATED);
    vouch(lease, part, now_ns);
    lease_want_confirm(lease, now_ns);
}
