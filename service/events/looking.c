#include <stdlib.h>

#include "base/clock.h"
#include "events/tables.h"

uint32_t registry_spread_ms(struct registry *registry)
{
    enum { A_MS = 5, LONGEST_MS = 1000 };
    pthread_mutex_lock(&registry->lock);
    size_t spread_ms = registry->subscriber_count / A_MS;
    pthread_mutex_unlock(&registry->lock);
    return spread_ms < LONGEST_MS ? (uint32_t)spread_ms : LONGEST_MS;
}

static void count_anew(struct group *group, uint64_t revision)
{
    struct member *member;
    group->asked = revision;
    group->asked_count = 0;
    TAILQ_FOREACH(member, &group->members, of_group)
    group->asked_count += member->revision >= revision;
}

struct registry_count registry_count(
    struct registry *registry, uint64_t environment_id, uint64_t revision, uint64_t now_ns)
{
    struct registry_count count = {.next_end_ns = UINT64_MAX};
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    struct group *group = members_group(registry, environment_id);
    if (group) {
        if (group->asked != revision) count_anew(group, revision);
        count.subscribers = group->count;
        count.confirmed = group->asked_count;
        count.longest_lease_ms = group->longest_lease_ms;
        count.next_end_ns = TAILQ_FIRST(&registry->by_sight)->last_seen_ns + REGISTRY_KEPT_MS * NS_PER_MS;
    }
    registry_unlock(registry, dropped);
    return count;
}

/* A page being filled. */
struct page {
    const char *environment;
    size_t skip, most, count;
    struct registry_subscriber *entries;
    bool more;
};

static void list_entry(struct page *page, const struct subscriber *subscriber, const struct member *member)
{
    if (page->environment && strcmp(member ? member->group->environment : "", page->environment) != 0) return;
    if (page->skip)
        page->skip--;
    else if (page->count < page->most)
        members_describe(subscriber, member, &page->entries[page->count++]);
    else
        page->more = true;
}

jwkd_status registry_list(struct registry *registry, const char *environment, size_t skip, size_t most,
    uint64_t now_ns, struct registry_subscriber **out, size_t *out_count, bool *out_more)
{
    struct page page = {.environment = environment, .skip = skip, .most = most};
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    size_t all = registry->subscriber_count + registry->member_count; /* at most one entry for each */
    if (page.most > all) page.most = all;
    page.entries = calloc(page.most + 1, sizeof *page.entries);
    if (!page.entries) {
        registry_unlock(registry, dropped);
        return JWKD_NO_MEMORY;
    }
    struct subscriber *subscriber;
    TAILQ_FOREACH(subscriber, &registry->by_age, by_age)
    {
        struct member *member;
        if (page.more) break;
        if (TAILQ_EMPTY(&subscriber->members)) list_entry(&page, subscriber, NULL);
        TAILQ_FOREACH(member, &subscriber->members, of_subscriber)
        list_entry(&page, subscriber, member);
    }
    registry_unlock(registry, dropped);
    *out = page.entries;
    *out_count = page.count;
    *out_more = page.more;
    return JWKD_OK;
}
