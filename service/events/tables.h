/* What the files of the registry share: the tables, and what is done with them while registry.lock
 * is held. */
#ifndef EVENTS_TABLES_H
#define EVENTS_TABLES_H

#include <pthread.h>
#include <sys/queue.h>

#include "events/registry.h"

/* Each record begins with what it is found by: the trees of search.h are given that alone. */

struct principal {
    char name[LIMIT_PRINCIPAL + 1];
    size_t subscribers, members; /* the places that it has */
    size_t lines;                /* of receipts that name it */
};

/* The subscribers of one environment. */
struct group {
    uint64_t environment_id;
    char environment[LIMIT_ENVIRONMENT_NAME + 1];
    uint32_t count;
    uint64_t asked;       /* the revision that was counted last, */
    uint32_t asked_count; /* and how many hold it: kept up to date, so that 1,000 confirmations are no 1,000
                             scans */
    uint32_t longest_lease_ms; /* of its members, */
    uint32_t longest_count;    /* and of how many of them: kept up to date likewise */
    TAILQ_HEAD(, member) members;
};

/* One subscriber in one environment. */
struct member {
    struct subscriber *subscriber;
    struct group *group;
    uint64_t revision;              /* confirmed */
    uint64_t sequence, followed_ns; /* of the last request to follow */
    uint64_t listed;                /* the last renewal that named it */
    TAILQ_ENTRY(member) of_group, of_subscriber;
};

struct subscriber {
    uint8_t id[REGISTRY_ID];
    char name[LIMIT_CLIENT_NAME + 1];
    struct principal *principal;
    uint32_t lease_ms;
    uint32_t longest_lease_ms; /* since it registered: the answer that shortened it may not have come */
    bool serves_stale;
    uint64_t sequence; /* of the last renewal */
    uint64_t registered_ns, last_seen_ns;
    size_t member_count;
    TAILQ_HEAD(, member) members;
    TAILQ_ENTRY(subscriber) by_age, by_sight;
};

/* A registry_line as it is kept: there may be ten thousands of them. */
struct receipt_line {
    uint8_t id[REGISTRY_ID];
    char name[LIMIT_CLIENT_NAME + 1];
    struct principal *principal; /* kept by it */
    uint64_t revision, last_seen_ns, registered_ns, confirmed_ns;
    uint64_t cut_until_ns; /* it was cut off, and may judge by what it holds until then; 0: it was not */
    uint32_t lease_ms;
    bool serves_stale, confirmed, left;
};

/* A member that was cut off, kept for receipts to come until it can judge by nothing any more. */
struct cut {
    uint64_t environment_id;
    struct receipt_line line;
    TAILQ_ENTRY(cut) entry;
};

struct receipt {
    uint64_t environment_id;
    char environment[LIMIT_ENVIRONMENT_NAME + 1], kid[LIMIT_KID + 1];
    uint64_t revision, swapped_ns;
    uint32_t longest_lease_ms; /* of those that followed the environment then */
    TAILQ_ENTRY(receipt) entry;
    size_t count;
    struct receipt_line lines[]; /* in order of instance id */
};

enum { REGISTRY_CLOSED = 64 };

struct registry {
    struct registry_options options;
    uint32_t earlier_lease_ms;               /* of the run before; set once, before anybody registers */
    uint64_t first_new_environment;          /* likewise: those from this id on are of this run */
    pthread_mutex_t lock;                    /* guards all below; innermost */
    void *subscribers, *groups, *principals; /* trees */
    size_t subscriber_count, member_count;
    TAILQ_HEAD(, subscriber) by_age;   /* in order of registration */
    TAILQ_HEAD(, subscriber) by_sight; /* whose registration ends first comes first */
    TAILQ_HEAD(, receipt) receipts;    /* oldest first */
    size_t receipt_count, line_count;
    TAILQ_HEAD(, cut) cuts;           /* of whatever environment */
    uint64_t closed[REGISTRY_CLOSED]; /* environments that nobody may begin to follow at this moment */
    size_t closed_count;
};

/* Unlocks; then tells, if something changed that a promotion may have waited for. */
static inline void registry_unlock(struct registry *registry, bool changed)
{
    pthread_mutex_unlock(&registry->lock);
    if (changed && registry->options.on_change) registry->options.on_change(registry->options.context);
}

/* ---- members.c: who is registered, and where */

/* NULL when it is not registered. */
struct subscriber *members_find(const struct registry *registry, const uint8_t id[REGISTRY_ID]);
/* RESOURCE_EXHAUSTED, NO_MEMORY. */
jwkd_status members_add(struct registry *registry, const uint8_t id[REGISTRY_ID], const char *principal,
    uint64_t now_ns, struct subscriber **out, jwkd_error *error) MUST_CHECK;
void members_remove(struct registry *registry, struct subscriber *subscriber);
/* Grants it a lease. */
void members_grant(struct subscriber *subscriber, uint32_t lease_ms);
/* It was heard of. */
void members_see(struct registry *registry, struct subscriber *subscriber, uint64_t now_ns);
/* Removes those whose registration has ended; whether there were any. */
bool members_drop_ended(struct registry *registry, uint64_t now_ns);

struct group *members_group(const struct registry *registry, uint64_t environment_id);   /* or NULL */
struct member *members_of(const struct subscriber *subscriber, uint64_t environment_id); /* or NULL */
jwkd_status members_join(struct registry *registry, struct subscriber *subscriber, const char *environment,
    uint64_t environment_id, struct member **out, jwkd_error *error) MUST_CHECK;
void members_leave(struct registry *registry, struct member *member);
/* It holds this revision, which is later than the one before. */
void members_confirm(struct member *member, uint64_t revision);
/* Frees it, once nobody has it any more: neither a subscriber nor a line of a receipt. */
void members_put_principal(struct registry *registry, struct principal *principal);
/* `member` NULL: it follows nothing. */
void members_describe(
    const struct subscriber *subscriber, const struct member *member, struct registry_subscriber *out);

/* ---- receipts.c */

/* Before the member is said to hold a later revision than member->revision. */
void receipts_confirm(
    struct registry *registry, const struct member *member, uint64_t revision, uint64_t now_ns);
/* A subscriber said that it no longer follows the environment. */
void receipts_leave(struct registry *registry, const struct member *member);
/* A member is about to be cut off, and judges by what it holds until `until_ns` at most. NO_MEMORY: receipts
 * to come will not list it. */
jwkd_status receipts_cut_off(
    struct registry *registry, const struct member *member, uint64_t until_ns) MUST_CHECK;
void receipts_clear(struct registry *registry);

#endif
