/* The registration of a subscriber: what to ask next, and by which clock the service vouches. */
#include "lib/follow/lease.h"

#include "base/clock.h"

enum {
    LONGEST_SPREAD_MS = 2000,
    RENEW_SPREAD =
        8, /* many register at the same instant, after a restart: an eighth of the time between renewals */
};

/* ---- the registration */

enum lease_input {
    LEASE_ASKED,      /* a request leaves */
    LEASE_WELCOMED,   /* a hello was answered */
    LEASE_ANSWERED,   /* something else was */
    LEASE_FAILED,     /* there was no answer, or none that helps */
    LEASE_REFUSED,    /* we are not registered any more */
    LEASE_OTHER_BOOT, /* another run of the service was heard */
    LEASE_DOUBTED,    /* what is heard makes no sense by the clock and the revisions of the registration */
    LEASE_RAN_OUT,    /* too long since the last answered renewal */
    LEASE_CONNECTED,  /* the event stream is up again */
    LEASE_INPUTS
};

enum {
    HURRY = 1 << 0,     /* nothing speaks against asking at once */
    SLOW_DOWN = 1 << 1, /* the next request waits */
    FORGET = 1 << 2,    /* the registration cannot be gone on with */
    RESYNC = 1 << 3,    /* what was published meanwhile is lost */
};

/* A registration that is lost may still stand at the service, where it would hold up every promotion: the
 * next hello names it, unless the service itself said that it is gone
 * (proto/DELIVERY.md R3). */
static const struct transition {
    enum lease_state next;
    unsigned actions;
} TABLE[LEASE_STATES][LEASE_INPUTS] = {
    [LEASE_OUT] =
        {
            [LEASE_ASKED] = {LEASE_OUT_ASKING, 0},
            [LEASE_WELCOMED] = {LEASE_OUT, 0}, /* nothing is in flight: these four cannot be */
            [LEASE_ANSWERED] = {LEASE_OUT, 0},
            [LEASE_FAILED] = {LEASE_OUT, 0},
            [LEASE_REFUSED] = {LEASE_OUT, 0},
            [LEASE_OTHER_BOOT] = {LEASE_OUT, 0},
            [LEASE_DOUBTED] = {LEASE_OUT, 0},
            [LEASE_RAN_OUT] = {LEASE_OUT, 0},
            [LEASE_CONNECTED] = {LEASE_OUT, HURRY | RESYNC},
        },
    [LEASE_OUT_ASKING] =
        {
            [LEASE_ASKED] = {LEASE_OUT_ASKING, 0},
            [LEASE_WELCOMED] = {LEASE_IN, HURRY},
            [LEASE_ANSWERED] = {LEASE_OUT, 0}, /* the registration was lost while it was under way */
            [LEASE_FAILED] = {LEASE_OUT, SLOW_DOWN},
            [LEASE_REFUSED] = {LEASE_OUT, SLOW_DOWN | FORGET},
            [LEASE_OTHER_BOOT] = {LEASE_OUT_ASKING, 0},
            [LEASE_DOUBTED] = {LEASE_OUT_ASKING, 0},
            [LEASE_RAN_OUT] = {LEASE_OUT_ASKING, 0},
            [LEASE_CONNECTED] = {LEASE_OUT_ASKING, HURRY | RESYNC},
        },
    [LEASE_IN] =
        {
            [LEASE_ASKED] = {LEASE_IN_ASKING, 0},
            [LEASE_WELCOMED] = {LEASE_IN, 0},
            [LEASE_ANSWERED] = {LEASE_IN, 0},
            [LEASE_FAILED] = {LEASE_IN, 0},
            [LEASE_REFUSED] = {LEASE_IN, 0},
            [LEASE_OTHER_BOOT] = {LEASE_OUT, HURRY},
            [LEASE_DOUBTED] = {LEASE_OUT, SLOW_DOWN},
            [LEASE_RAN_OUT] = {LEASE_OUT, HURRY},
            [LEASE_CONNECTED] = {LEASE_IN, HURRY | RESYNC},
        },
    [LEASE_IN_ASKING] =
        {
            [LEASE_ASKED] = {LEASE_IN_ASKING, 0},
            [LEASE_WELCOMED] = {LEASE_IN, HURRY},
            [LEASE_ANSWERED] = {LEASE_IN, HURRY},
            [LEASE_FAILED] = {LEASE_IN, SLOW_DOWN},
            [LEASE_REFUSED] = {LEASE_OUT, SLOW_DOWN | FORGET},
            [LEASE_OTHER_BOOT] = {LEASE_OUT_ASKING, 0},
            [LEASE_DOUBTED] = {LEASE_IN_ASKING, 0}, /* the next heartbeat will make as little sense */
            [LEASE_RAN_OUT] = {LEASE_OUT_ASKING, 0},
            [LEASE_CONNECTED] = {LEASE_IN_ASKING, HURRY | RESYNC},
        },
};

static void resync_all(struct lease *lease)
{
    for (struct lease_part *part = lease->parts; part; part = part->next)
        part_resync(part);
}

static void take_input(struct lease *lease, enum lease_input input, uint64_t now_ns)
{
    const struct transition *transition = &TABLE[lease->state][input];
    lease->state = transition->next;
    if (transition->actions & HURRY) lease->pace = (struct lease_pace){0};
    if (transition->actions & SLOW_DOWN) lease_slow_down(lease, &lease->pace, now_ns);
    if (transition->actions & FORGET) lease->has_instance = false;
    if (transition->actions & RESYNC) resync_all(lease);
}

static bool is_registered_at(const struct lease *lease, uint64_t now_ns)
{
    return lease_is_registered(lease) && now_ns < lease_registered_until(lease);
}

static void take_spread(struct lease *lease, uint32_t spread_ms)
{
    lease->spread_ms = spread_ms < LONGEST_SPREAD_MS ? spread_ms : (uint32_t)LONGEST_SPREAD_MS;
}

/* ---- parts */

void lease_init(struct lease *lease, uint64_t seed)
{
    *lease = (struct lease){.state = LEASE_OUT, .random = seed ? seed : 1};
}

void lease_add(struct lease *lease, struct lease_part *part)
{
    part->next = lease->parts;
    lease->parts = part;
    lease->pace = (struct lease_pace){0}; /* who comes new need not pay for what failed before */
}

void lease_remove(struct lease *lease, struct lease_part *part, uint64_t now_ns)
{
    struct lease_part **place = &lease->parts;
    while (*place != part)
        place = &(*place)->next;
    *place = part->next;
    if (!lease_is_registered(lease)) return;
    lease->confirm = true;
    lease->confirm_at_ns =
        now_ns; /* a farewell is waited for, and nobody else says one at the same instant */
}

/* The longest of all, so that the service does not take a subscriber for harmless too early
 * (proto/DELIVERY.md P2). */
uint32_t lease_wish_ms(const struct lease *lease)
{
    uint32_t longest_ms = 0;
    for (const struct lease_part *part = lease->parts; part; part = part->next) {
        if (part->wish_ms == 0) return 0;
        if (part->wish_ms > longest_ms) longest_ms = part->wish_ms;
    }
    return longest_ms;
}

bool lease_serves_stale(const struct lease *lease)
{
    for (const struct lease_part *part = lease->parts; part; part = part->next)
        if (part->serves_stale) return true;
    return false;
}

/* ---- asking */

static bool wants_hello(const struct lease *lease)
{
    if (!lease->parts) return false;
    return !lease_is_registered(lease) || !lease->told || lease_wish_ms(lease) != lease->told_wish_ms ||
           lease_serves_stale(lease) != lease->told_serves_stale;
}

static void consider(struct lease_next *next, enum lease_task task, struct lease_part *part, uint64_t at_ns)
{
    if (at_ns < next->at_ns) *next = (struct lease_next){task, part, at_ns};
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void consider_requests(const struct lease *lease, struct lease_next *next)
{
    /* Nothing but renewals before the event stream is up: what changes after the answer must not
     * be missed. */
    if (lease->connected && wants_hello(lease)) {
        consider(next, LEASE_HELLO, NULL, lease->pace.at_ns);
        return;
    }
    if (!lease_is_registered(lease)) return;
    for (struct lease_part *part = lease->parts; part && lease->connected; part = part->next)
        if (part->state == PART_LACKING) consider(next, LEASE_TAKE, part, part->pace.at_ns);
    if (lease->confirm) consider(next, LEASE_RENEW, NULL, later(lease->pace.at_ns, lease->confirm_at_ns));
    if (lease->parts) consider(next, LEASE_RENEW, NULL, later(lease->pace.at_ns, lease->renew_at_ns));
}

struct lease_next lease_next(struct lease *lease, uint64_t now_ns)
{
    struct lease_next next = {LEASE_WAIT, NULL, UINT64_MAX};
    if (lease_is_registered(lease) && !is_registered_at(lease, now_ns))
        take_input(lease, LEASE_RAN_OUT, now_ns);
    if (lease_is_registered(lease)) consider(&next, LEASE_WAIT, NULL, lease_registered_until(lease));
    if (lease->asked == LEASE_WAIT) consider_requests(lease, &next);
    if (next.at_ns > now_ns) next.task = LEASE_WAIT;
    for (struct lease_part *part = lease->parts; part && next.task == LEASE_WAIT; part = part->next) {
        uint64_t until_ns = lease_judge_until(lease, part); /* somebody may want to hear of it */
        if (until_ns > now_ns) consider(&next, LEASE_WAIT, NULL, until_ns);
    }
    return next;
}

void lease_ask(struct lease *lease, const struct lease_next *what)
{
    lease->asked = what->task;
    lease->asked_service_revision = lease->service_revision;
    if (what->task == LEASE_HELLO) {
        lease->told = true;
        lease->told_wish_ms = lease_wish_ms(lease);
        lease->told_serves_stale = lease_serves_stale(lease);
    } else {
        lease->sequence++;
    }
    if (what->task == LEASE_RENEW) lease->confirm = false;
    /* One snapshot serves everybody who follows the environment. */
    for (struct lease_part *part = lease->parts; part && what->task == LEASE_TAKE; part = part->next)
        if (strcmp(part->environment, what->part->environment) == 0) part_ask(part);
    take_input(lease, LEASE_ASKED, 0);
}

/* ---- answers */

static void end(struct lease *lease, enum lease_input how, uint64_t now_ns)
{
    take_input(lease, how, now_ns);
    lease->asked = LEASE_WAIT;
}

static void renew(struct lease *lease, uint64_t sent_ns)
{
    uint64_t between_ns = lease->renew_ms * NS_PER_MS;
    lease->renewed_ns = sent_ns;
    lease->renew_at_ns = sent_ns + between_ns - lease_spread(lease, between_ns / RENEW_SPREAD);
}

/* A lease is never longer than what the run of the service grants that we are registered with now
 * (proto/DELIVERY.md R9), and a snapshot is taken first (R4). */
static void begin_registration(struct lease *lease)
{
    lease->sequence = 0;
    lease->confirm = false;
    lease->service_revision = 0;
    for (struct lease_part *part = lease->parts; part; part = part->next) {
        uint64_t most_ns = part->vouched_ns + lease_length_ms(lease, part) * NS_PER_MS;
        if (part->lease_end_ns > most_ns) part->lease_end_ns = most_ns;
        part->member = false;
        part->synced = 0;
        part_resync(part);
    }
}

static jwkd_status check_hello(
    const struct lease *lease, const Jwkd__V1__HelloReply *hello, jwkd_error *error)
{
    if (hello->instance_id.len == 0)
        return fail(error, JWKD_UNSUPPORTED,
            "the service registers no subscribers: it is older than this library (%s)",
            *hello->service_version ? hello->service_version : "no version");
    if (hello->boot_id.len != sizeof lease->boot_id || hello->instance_id.len != sizeof lease->instance_id ||
        hello->lease_ms == 0 || hello->renew_ms == 0 || hello->registered_ms <= hello->renew_ms)
        return fail(error, JWKD_MALFORMED, "the service's registration is not well formed");
    return JWKD_OK;
}

jwkd_status lease_welcomed(struct lease *lease, const Jwkd__V1__HelloReply *hello, uint64_t sent_ns,
    uint64_t now_ns, jwkd_error *error)
{
    TRY(check_hello(lease, hello, error));
    bool goes_on = lease->has_instance &&
                   memcmp(lease->boot_id, hello->boot_id.data, sizeof lease->boot_id) == 0 &&
                   memcmp(lease->instance_id, hello->instance_id.data, sizeof lease->instance_id) == 0;
    bool afresh = !goes_on || !lease_is_registered(lease);
    memcpy(lease->boot_id, hello->boot_id.data, sizeof lease->boot_id);
    memcpy(lease->instance_id, hello->instance_id.data, sizeof lease->instance_id);
    lease->has_instance = true;
    lease->lease_ms = hello->lease_ms;
    lease->renew_ms = hello->renew_ms;
    lease->registered_ms = hello->registered_ms;
    take_spread(lease, hello->spread_ms);
    if (!goes_on) begin_registration(lease);
    if (afresh) lease->beaten = false; /* who was not believed is given another hearing */
    if (hello->service_revision > lease->service_revision) lease->service_revision = hello->service_revision;
    if (afresh)
        lease->clock = service_clock_of(hello->clock_ns, sent_ns);
    else
        service_clock_improve(&lease->clock, hello->clock_ns, sent_ns);
    renew(lease, sent_ns);
    end(lease, LEASE_WELCOMED, now_ns);
    return JWKD_OK;
}

void lease_renewed(
    struct lease *lease, const Jwkd__V1__RenewReply *renewed, uint64_t sent_ns, uint64_t now_ns)
{
    if (lease->state == LEASE_IN_ASKING) {
        service_clock_improve(&lease->clock, renewed->clock_ns, sent_ns);
        take_spread(lease, renewed->spread_ms);
        renew(lease, sent_ns);
    }
    end(lease, LEASE_ANSWERED, now_ns);
}

void lease_taken(struct lease *lease, uint64_t now_ns)
{
    for (struct lease_part *part = lease->parts; part; part = part->next)
        part_fail(lease, part, now_ns); /* who did not hold it */
    end(lease, LEASE_ANSWERED, now_ns);
}

static void fail_request(struct lease *lease, enum lease_input how, uint64_t now_ns)
{
    for (struct lease_part *part = lease->parts; part; part = part->next)
        part_fail(lease, part, now_ns);
    if (lease->asked == LEASE_HELLO) lease->told = false;
    /* A farewell is said once. */
    if (lease->asked == LEASE_RENEW && lease->parts) lease_want_confirm(lease, now_ns);
    end(lease, how, now_ns);
}

void lease_failed(struct lease *lease, uint64_t now_ns)
{
    fail_request(lease, LEASE_FAILED, now_ns);
}

void lease_refused(struct lease *lease, uint64_t now_ns)
{
    fail_request(lease, LEASE_REFUSED, now_ns);
}

/* ---- hearing */

void lease_connected(struct lease *lease, uint64_t now_ns)
{
    lease->connected = true;
    take_input(lease, LEASE_CONNECTED, now_ns);
}

void lease_disconnected(struct lease *lease)
{
    lease->connected = false;
}

static bool is_our_boot(const struct lease *lease, struct bytes boot_id)
{
    return bytes_equal(boot_id, bytes_of(lease->boot_id, sizeof lease->boot_id));
}

void lease_hear_boot(struct lease *lease, struct bytes boot_id, uint64_t now_ns)
{
    if (boot_id.size == sizeof lease->boot_id && !is_our_boot(lease, boot_id))
        take_input(lease, LEASE_OTHER_BOOT, now_ns);
}

/* Heartbeats come, and vouch for nothing. Where something is still vouched for, the next one may
 * do better. */
static void doubt(struct lease *lease, uint64_t now_ns)
{
    bool stale = false;
    for (const struct lease_part *part = lease->parts; part; part = part->next)
        stale = stale || now_ns >= lease_judge_until(lease, part);
    if (stale) take_input(lease, LEASE_DOUBTED, now_ns);
}

/* Be it that it was long under way, be it that the bound on the service's clock is too loose. */
static bool is_too_old(const struct lease *lease, uint64_t age_ns)
{
    for (const struct lease_part *part = lease->parts; part; part = part->next)
        if (age_ns >= lease_length_ms(lease, part) * NS_PER_MS) return true;
    return false;
}

void lease_hear_heartbeat(struct lease *lease, const Jwkd__V1__Heartbeat *heartbeat, uint64_t now_ns)
{
    uint64_t age_ns;
    lease_hear_boot(lease, wire_view(heartbeat->boot_id), now_ns);
    if (!is_registered_at(lease, now_ns) || !is_our_boot(lease, wire_view(heartbeat->boot_id))) return;
    bool backwards = lease->beaten && (heartbeat->stamp_ns <= lease->stamp_ns ||
                                          heartbeat->service_revision < lease->beat_revision);
    if (backwards || !service_clock_age(&lease->clock, heartbeat->stamp_ns, now_ns, &age_ns)) {
        doubt(lease, now_ns);
        return;
    }
    lease->beaten = true;
    lease->stamp_ns = heartbeat->stamp_ns;
    lease->beat_revision = heartbeat->service_revision;
    if (heartbeat->service_revision > lease->service_revision)
        lease->service_revision = heartbeat->service_revision;
    for (struct lease_part *part = lease->parts; part; part = part->next)
        part_hear(lease, part, heartbeat, now_ns);
    if (is_too_old(lease, age_ns)) doubt(lease, now_ns);
}

/* ---- judging */

uint64_t lease_fresh_until(const struct lease *lease, const struct lease_part *part)
{
    bool fresh = lease_is_registered(lease) && part->state == PART_CURRENT;
    return fresh ? lease_judge_until(lease, part) : 0;
}

enum lease_freshness lease_freshness(
    const struct lease *lease, const struct lease_part *part, uint64_t now_ns)
{
    if (now_ns >= lease_judge_until(lease, part)) return LEASE_STALE;
    return now_ns < lease_fresh_until(lease, part) ? LEASE_FRESH : LEASE_BEHIND;
}
