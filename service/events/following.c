#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "events/label.h"
#include "events/tables.h"

jwkd_status registry_new(const struct registry_options *options, struct registry **out)
{
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry) return JWKD_NO_MEMORY;
    registry->options = *options;
    pthread_mutex_init(&registry->lock, NULL);
    TAILQ_INIT(&registry->by_age);
    TAILQ_INIT(&registry->by_sight);
    TAILQ_INIT(&registry->receipts);
    TAILQ_INIT(&registry->cuts);
    *out = registry;
    return JWKD_OK;
}

void registry_free(struct registry *registry)
{
    if (!registry) return;
    while (!TAILQ_EMPTY(&registry->by_age))
        members_remove(registry, TAILQ_FIRST(&registry->by_age));
    receipts_clear(registry);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- hello */

static void take_wish(
    const struct registry *registry, const struct registry_wish *wish, struct subscriber *subscriber)
{
    uint32_t max = registry->options.max_lease_ms;
    label_copy(wish->name, subscriber->name, sizeof subscriber->name);
    members_grant(subscriber, wish->lease_ms && wish->lease_ms < max ? wish->lease_ms : max);
    subscriber->serves_stale = wish->serves_stale;
}

/* Somebody else's registration is none: whether there is one is nobody's business. */
static struct subscriber *find_own(const struct registry *registry, struct bytes id, const char *principal)
{
    struct subscriber *subscriber = id.size == REGISTRY_ID ? members_find(registry, id.data) : NULL;
    return subscriber && strcmp(subscriber->principal->name, principal) == 0 ? subscriber : NULL;
}

static jwkd_status check_wish(const struct registry_wish *wish, jwkd_error *error)
{
    /* Cut, two principals could become one. */
    if (strlen(wish->principal) > LIMIT_PRINCIPAL)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "the caller's name is longer than %d characters", LIMIT_PRINCIPAL);
    if (wish->instance_id.size && wish->instance_id.size != REGISTRY_ID)
        return fail(error, JWKD_INVALID_ARGUMENT, "an instance id has %d bytes, not %zu", REGISTRY_ID,
            wish->instance_id.size);
    return JWKD_OK;
}

jwkd_status registry_hello(struct registry *registry, const struct registry_wish *wish, uint64_t now_ns,
    uint8_t out_id[REGISTRY_ID], uint32_t *out_lease_ms, jwkd_error *error)
{
    uint8_t fresh[REGISTRY_ID];
    TRY(check_wish(wish, error));
    if (random_fill(fresh, sizeof fresh) != JWKD_OK) return fail(error, JWKD_INTERNAL, "no random bytes");
    jwkd_status status = JWKD_OK;
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    struct subscriber *subscriber = find_own(registry, wish->instance_id, wish->principal);
    if (!subscriber) status = members_add(registry, fresh, wish->principal, now_ns, &subscriber, error);
    if (status == JWKD_OK) {
        take_wish(registry, wish, subscriber);
        members_see(registry, subscriber, now_ns);
        memcpy(out_id, subscriber->id, sizeof subscriber->id);
        *out_lease_ms = subscriber->lease_ms;
    }
    registry_unlock(registry, dropped);
    return status;
}

/* ---- following and renewing */

static jwkd_status check_envelope(struct bytes id, uint64_t sequence, jwkd_error *error)
{
    if (id.size != REGISTRY_ID)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "an instance id has %d bytes, not %zu", REGISTRY_ID, id.size);
    if (sequence == 0) return fail(error, JWKD_INVALID_ARGUMENT, "the sequence of a subscriber begins at 1");
    return JWKD_OK;
}

static jwkd_status require_own(const struct registry *registry, struct bytes id, const char *principal,
    struct subscriber **out, jwkd_error *error)
{
    *out = find_own(registry, id, principal);
    if (*out) return JWKD_OK;
    return fail(error, JWKD_NOT_REGISTERED,
        "the instance is not registered (any more): say hello again and take new snapshots");
}

bool registry_close_if_nobody(struct registry *registry, uint64_t environment_id, uint64_t now_ns)
{
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    bool closed = !members_group(registry, environment_id) && registry->closed_count < REGISTRY_CLOSED;
    if (closed) registry->closed[registry->closed_count++] = environment_id;
    registry_unlock(registry, dropped);
    return closed;
}

void registry_reopen(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->closed_count = 0;
    pthread_mutex_unlock(&registry->lock);
}

static jwkd_status check_open(const struct registry *registry, uint64_t environment_id, jwkd_error *error)
{
    for (size_t i = 0; i < registry->closed_count; i++)
        if (registry->closed[i] == environment_id)
            return fail(error, JWKD_BUSY, "the environment is being changed at this moment; ask again");
    return JWKD_OK;
}

static jwkd_status follow(struct registry *registry, struct subscriber *subscriber, uint64_t sequence,
    const char *environment, uint64_t environment_id, uint64_t now_ns, jwkd_error *error)
{
    struct member *member = members_of(subscriber, environment_id);
    TRY(check_open(registry, environment_id, error));
    if (!member) TRY(members_join(registry, subscriber, environment, environment_id, &member, error));
    if (sequence > member->sequence) member->sequence = sequence;
    member->followed_ns = now_ns;
    members_see(registry, subscriber, now_ns);
    return JWKD_OK;
}

jwkd_status registry_follow(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const char *environment, uint64_t environment_id, uint64_t now_ns, jwkd_error *error)
{
    struct subscriber *subscriber;
    TRY(check_envelope(id, sequence, error));
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    jwkd_status status = require_own(registry, id, principal, &subscriber, error);
    if (status == JWKD_OK)
        status = follow(registry, subscriber, sequence, environment, environment_id, now_ns, error);
    registry_unlock(registry, dropped);
    return status;
}

/* Clocks may differ by 1000 ppm (proto/DELIVERY.md T3). */
static uint64_t lease_end_ns(const struct subscriber *subscriber, uint64_t now_ns)
{
    uint64_t lease_ns = subscriber->longest_lease_ms * NS_PER_MS;
    return now_ns + lease_ns + lease_ns / 1000;
}

static void cut_off(struct registry *registry, struct member *member, uint64_t now_ns)
{
    (void)!receipts_cut_off(registry, member, lease_end_ns(member->subscriber, now_ns));
    members_leave(registry, member);
}

bool registry_cut_off(
    struct registry *registry, const uint8_t id[REGISTRY_ID], uint64_t environment_id, uint64_t now_ns)
{
    pthread_mutex_lock(&registry->lock);
    bool changed = members_drop_ended(registry, now_ns);
    const struct subscriber *subscriber = members_find(registry, id);
    struct member *member = subscriber ? members_of(subscriber, environment_id) : NULL;
    if (member) cut_off(registry, member, now_ns);
    registry_unlock(registry, changed || member);
    return member != NULL;
}

static bool may_leave(const struct member *member, uint64_t sequence, uint64_t now_ns)
{
    if (member->listed == sequence || member->sequence >= sequence) return false;
    return member->revision || now_ns >= member->followed_ns + REGISTRY_RENEW_MS * NS_PER_MS;
}

/* Whether anything changed. */
static bool leave_unlisted(struct registry *registry, struct subscriber *subscriber, uint64_t now_ns)
{
    bool left = false;
    for (struct member *member = TAILQ_FIRST(&subscriber->members), *next; member; member = next) {
        next = TAILQ_NEXT(member, of_subscriber);
        if (!may_leave(member, subscriber->sequence, now_ns)) continue;
        receipts_leave(registry, member);
        members_leave(registry, member);
        left = true;
    }
    return left;
}

/* Likewise. */
static bool renew(struct registry *registry, struct subscriber *subscriber, uint64_t sequence,
    const struct registry_held *held, size_t count, uint64_t now_ns)
{
    if (sequence <= subscriber->sequence) return false;
    bool changed = false;
    subscriber->sequence = sequence;
    members_see(registry, subscriber, now_ns);
    for (size_t i = 0; i < count; i++) {
        struct member *member = members_of(subscriber, held[i].environment_id);
        if (!member) continue;
        if (held[i].forbidden) {
            cut_off(registry, member, now_ns);
            changed = true;
            continue;
        }
        member->listed = sequence;
        if (held[i].revision <= member->revision) continue;
        receipts_confirm(registry, member, held[i].revision, now_ns);
        members_confirm(member, held[i].revision);
        changed = true;
    }
    return leave_unlisted(registry, subscriber, now_ns) || changed;
}

jwkd_status registry_renew(struct registry *registry, struct bytes id, const char *principal,
    uint64_t sequence, const struct registry_held *held, size_t count, uint64_t now_ns, jwkd_error *error)
{
    struct subscriber *subscriber;
    TRY(check_envelope(id, sequence, error));
    pthread_mutex_lock(&registry->lock);
    bool changed = members_drop_ended(registry, now_ns);
    jwkd_status status = require_own(registry, id, principal, &subscriber, error);
    if (status == JWKD_OK) changed |= renew(registry, subscriber, sequence, held, count, now_ns);
    registry_unlock(registry, changed);
    return status;
}
