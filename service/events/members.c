#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "events/tables.h"

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, REGISTRY_ID);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

typedef int comparison(const void *a, const void *b);

static void *find(const void *key, void *const *tree, comparison *compare)
{
    void *const *node = tfind(key, tree, compare);
    return node ? *node : NULL;
}

/* ---- principals: as long as they have a subscriber, or a receipt names them */

static jwkd_status find_principal(struct registry *registry, const char *name, struct principal **out)
{
    *out = find(name, &registry->principals, compare_names);
    if (*out) return JWKD_OK;
    struct principal *principal = calloc(1, sizeof *principal);
    if (!principal) return JWKD_NO_MEMORY;
    snprintf(principal->name, sizeof principal->name, "%s", name);
    if (!tsearch(principal, &registry->principals, compare_names)) {
        free(principal);
        return JWKD_NO_MEMORY;
    }
    *out = principal;
    return JWKD_OK;
}

void members_put_principal(struct registry *registry, struct principal *principal)
{
    if (principal->subscribers || principal->lines) return;
    tdelete(principal, &registry->principals, compare_names);
    free(principal);
}

/* Whether somebody who has so many places may have one more: there is one, and he has not more than
 * are left. */
static bool fair(size_t own, size_t all, size_t limit)
{
    return own < limit - all;
}

/* ---- groups: as long as they have a member */

struct group *members_group(const struct registry *registry, uint64_t environment_id)
{
    return find(&environment_id, &registry->groups, compare_numbers);
}

static jwkd_status find_group(
    struct registry *registry, const char *environment, uint64_t environment_id, struct group **out)
{
    *out = members_group(registry, environment_id);
    if (*out) return JWKD_OK;
    struct group *group = calloc(1, sizeof *group);
    if (!group) return JWKD_NO_MEMORY;
    group->environment_id = environment_id;
    snprintf(group->environment, sizeof group->environment, "%s", environment);
    TAILQ_INIT(&group->members);
    if (!tsearch(group, &registry->groups, compare_numbers)) {
        free(group);
        return JWKD_NO_MEMORY;
    }
    *out = group;
    return JWKD_OK;
}

static void put_group(struct registry *registry, struct group *group)
{
    if (group->count) return;
    tdelete(group, &registry->groups, compare_numbers);
    free(group);
}

/* ---- the longest lease of a group */

static void take_lease_in(struct group *group, uint32_t lease_ms)
{
    if (lease_ms > group->longest_lease_ms) {
        group->longest_lease_ms = lease_ms;
        group->longest_count = 0;
    }
    group->longest_count += lease_ms == group->longest_lease_ms;
}

/* Nearly always others have the same, and nothing has to be looked through. */
static void take_lease_out(struct group *group, uint32_t lease_ms)
{
    if (lease_ms != group->longest_lease_ms || --group->longest_count > 0) return;
    struct member *member;
    group->longest_lease_ms = 0;
    TAILQ_FOREACH(member, &group->members, of_group)
    take_lease_in(group, member->subscriber->longest_lease_ms);
}

void members_grant(struct subscriber *subscriber, uint32_t lease_ms)
{
    uint32_t before_ms = subscriber->longest_lease_ms;
    struct member *member;
    subscriber->lease_ms = lease_ms;
    if (lease_ms <= before_ms) return;
    subscriber->longest_lease_ms = lease_ms;
    TAILQ_FOREACH(member, &subscriber->members, of_subscriber)
    take_lease_in(member->group, lease_ms); /* if its one before counted, this one is longer than all */
}

/* ---- subscribers */

struct subscriber *members_find(const struct registry *registry, const uint8_t id[REGISTRY_ID])
{
    return find(id, &registry->subscribers, compare_ids);
}

static struct subscriber *new_subscriber(const uint8_t id[REGISTRY_ID], uint64_t now_ns)
{
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber) return NULL;
    memcpy(subscriber->id, id, sizeof subscriber->id);
    subscriber->registered_ns = subscriber->last_seen_ns = now_ns;
    TAILQ_INIT(&subscriber->members);
    return subscriber;
}

jwkd_status members_add(struct registry *registry, const uint8_t id[REGISTRY_ID], const char *principal,
    uint64_t now_ns, struct subscriber **out, jwkd_error *error)
{
    struct principal *owner;
    if (find_principal(registry, principal, &owner) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    if (!fair(owner->subscribers, registry->subscriber_count, LIMIT_SUBSCRIBERS)) {
        members_put_principal(registry, owner);
        return fail(
            error, JWKD_RESOURCE_EXHAUSTED, "too many subscribers are registered for %s already", principal);
    }
    struct subscriber *subscriber = new_subscriber(id, now_ns);
    if (!subscriber || !tsearch(subscriber, &registry->subscribers, compare_ids)) {
        free(subscriber);
        members_put_principal(registry, owner);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    subscriber->principal = owner;
    owner->subscribers++;
    registry->subscriber_count++;
    TAILQ_INSERT_TAIL(&registry->by_age, subscriber, by_age);
    TAILQ_INSERT_TAIL(&registry->by_sight, subscriber, by_sight);
    *out = subscriber;
    return JWKD_OK;
}

void members_remove(struct registry *registry, struct subscriber *subscriber)
{
    while (!TAILQ_EMPTY(&subscriber->members))
        members_leave(registry, TAILQ_FIRST(&subscriber->members));
    TAILQ_REMOVE(&registry->by_age, subscriber, by_age);
    TAILQ_REMOVE(&registry->by_sight, subscriber, by_sight);
    tdelete(subscriber, &registry->subscribers, compare_ids);
    registry->subscriber_count--;
    subscriber->principal->subscribers--;
    members_put_principal(registry, subscriber->principal);
    free(subscriber);
}

void members_see(struct registry *registry, struct subscriber *subscriber, uint64_t now_ns)
{
    /* Threads take the lock in another order than they read the clock. */
    if (now_ns > subscriber->last_seen_ns) subscriber->last_seen_ns = now_ns;
    TAILQ_REMOVE(&registry->by_sight, subscriber, by_sight);
    TAILQ_INSERT_TAIL(&registry->by_sight, subscriber, by_sight);
}

bool members_drop_ended(struct registry *registry, uint64_t now_ns)
{
    bool dropped = false;
    struct subscriber *first;
    while ((first = TAILQ_FIRST(&registry->by_sight)) &&
           first->last_seen_ns + REGISTRY_KEPT_MS * NS_PER_MS <= now_ns) {
        members_remove(registry, first);
        dropped = true;
    }
    return dropped;
}

/* ---- members */

struct member *members_of(const struct subscriber *subscriber, uint64_t environment_id)
{
    struct member *member;
    TAILQ_FOREACH(member, &subscriber->members, of_subscriber)
    if (member->group->environment_id == environment_id) return member;
    return NULL;
}

/* An environment that was deleted and made again has another id: nobody follows both. */
static void leave_namesake(struct registry *registry, struct subscriber *subscriber, const char *environment)
{
    struct member *member;
    TAILQ_FOREACH(member, &subscriber->members, of_subscriber)
    {
        if (strcmp(member->group->environment, environment) != 0) continue;
        members_leave(registry, member);
        return;
    }
}

static bool holds_asked(const struct member *member)
{
    return member->revision >= member->group->asked;
}

jwkd_status members_join(struct registry *registry, struct subscriber *subscriber, const char *environment,
    uint64_t environment_id, struct member **out, jwkd_error *error)
{
    leave_namesake(registry, subscriber, environment);
    if (subscriber->member_count >= LIMIT_FOLLOWED)
        return fail(
            error, JWKD_RESOURCE_EXHAUSTED, "a subscriber follows at most %d environments", LIMIT_FOLLOWED);
    if (!fair(subscriber->principal->members, registry->member_count, LIMIT_FOLLOWINGS))
        return fail(error, JWKD_RESOURCE_EXHAUSTED,
            "the subscribers of %s follow too many environments already", subscriber->principal->name);
    struct group *group;
    struct member *member = calloc(1, sizeof *member);
    if (!member || find_group(registry, environment, environment_id, &group) != JWKD_OK) {
        free(member);
        return fail(error, JWKD_NO_MEMORY, "out of memory");
    }
    member->subscriber = subscriber;
    member->group = group;
    TAILQ_INSERT_TAIL(&group->members, member, of_group);
    TAILQ_INSERT_TAIL(&subscriber->members, member, of_subscriber);
    group->count++;
    group->asked_count += holds_asked(member);
    take_lease_in(group, subscriber->longest_lease_ms);
    subscriber->member_count++;
    subscriber->principal->members++;
    registry->member_count++;
    *out = member;
    return JWKD_OK;
}

void members_leave(struct registry *registry, struct member *member)
{
    struct group *group = member->group;
    struct subscriber *subscriber = member->subscriber;
    TAILQ_REMOVE(&group->members, member, of_group);
    TAILQ_REMOVE(&subscriber->members, member, of_subscriber);
    group->count--;
    group->asked_count -= holds_asked(member);
    take_lease_out(group, subscriber->longest_lease_ms);
    subscriber->member_count--;
    subscriber->principal->members--;
    registry->member_count--;
    free(member);
    put_group(registry, group);
}

void members_confirm(struct member *member, uint64_t revision)
{
    member->group->asked_count -= holds_asked(member);
    member->revision = revision;
    member->group->asked_count += holds_asked(member);
}

void members_describe(
    const struct subscriber *subscriber, const struct member *member, struct registry_subscriber *out)
{
    *out = (struct registry_subscriber){.last_seen_ns = subscriber->last_seen_ns,
        .registered_ns = subscriber->registered_ns,
        .lease_ms = subscriber->lease_ms,
        .serves_stale = subscriber->serves_stale};
    memcpy(out->id, subscriber->id, sizeof out->id);
    memcpy(out->name, subscriber->name, sizeof out->name);
    memcpy(out->principal, subscriber->principal->name, sizeof out->principal);
    if (!member) return;
    memcpy(out->environment, member->group->environment, sizeof out->environment);
    out->environment_id = member->group->environment_id;
    out->revision = member->revision;
}
