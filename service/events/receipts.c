/* Who has confirmed a deactivation. */
#include <stdio.h>
#include <stdlib.h>

#include "events/tables.h"

/* ---- keeping */

static void drop_receipt(struct registry *registry, struct receipt *receipt)
{
    TAILQ_REMOVE(&registry->receipts, receipt, entry);
    registry->receipt_count--;
    registry->line_count -= receipt->count;
    for (size_t i = 0; i < receipt->count; i++) {
        receipt->lines[i].principal->lines--;
        members_put_principal(registry, receipt->lines[i].principal);
    }
    free(receipt);
}

static void drop_cut(struct registry *registry, struct cut *cut)
{
    TAILQ_REMOVE(&registry->cuts, cut, entry);
    cut->line.principal->lines--;
    members_put_principal(registry, cut->line.principal);
    free(cut);
}

/* Those who can judge by nothing any more. */
static void drop_ended_cuts(struct registry *registry, uint64_t now_ns)
{
    for (struct cut *cut = TAILQ_FIRST(&registry->cuts), *next; cut; cut = next) {
        next = TAILQ_NEXT(cut, entry);
        if (cut->line.cut_until_ns <= now_ns) drop_cut(registry, cut);
    }
}

void receipts_clear(struct registry *registry)
{
    drop_ended_cuts(registry, UINT64_MAX);
    while (!TAILQ_EMPTY(&registry->receipts))
        drop_receipt(registry, TAILQ_FIRST(&registry->receipts));
}

_Static_assert(LIMIT_RECEIPT_LINES >= LIMIT_SUBSCRIBERS, "the newest receipt has room");

static void keep_receipt(struct registry *registry, struct receipt *receipt)
{
    TAILQ_INSERT_TAIL(&registry->receipts, receipt, entry);
    registry->receipt_count++;
    registry->line_count += receipt->count;
    while (registry->receipt_count > LIMIT_RECEIPTS || registry->line_count > LIMIT_RECEIPT_LINES)
        drop_receipt(registry, TAILQ_FIRST(&registry->receipts));
}

static struct receipt *find_receipt(const struct registry *registry, uint64_t environment_id, const char *kid)
{
    struct receipt *receipt;
    TAILQ_FOREACH(receipt, &registry->receipts, entry)
    if (receipt->environment_id == environment_id && strcmp(receipt->kid, kid) == 0) return receipt;
    return NULL;
}

/* ---- opening */

static int compare_lines(const void *a, const void *b)
{
    const struct receipt_line *x = a, *y = b;
    return memcmp(x->id, y->id, REGISTRY_ID);
}

static struct receipt_line line_of(const struct receipt *receipt, const struct member *member)
{
    const struct subscriber *subscriber = member->subscriber;
    struct receipt_line line = {.principal = subscriber->principal,
        .revision = member->revision,
        .last_seen_ns = subscriber->last_seen_ns,
        .registered_ns = subscriber->registered_ns,
        .lease_ms = subscriber->lease_ms,
        .serves_stale = subscriber->serves_stale,
        .confirmed = member->revision >= receipt->revision};
    memcpy(line.id, subscriber->id, sizeof line.id);
    memcpy(line.name, subscriber->name, sizeof line.name);
    if (line.confirmed) line.confirmed_ns = receipt->swapped_ns;
    return line;
}

/* One that was cut off and follows the environment again is a member. */
static bool is_listed(const struct registry *registry, const struct cut *cut, uint64_t environment_id)
{
    const struct subscriber *subscriber = members_find(registry, cut->line.id);
    return cut->environment_id == environment_id && !(subscriber && members_of(subscriber, environment_id));
}

static size_t count_cuts(const struct registry *registry, uint64_t environment_id)
{
    const struct cut *cut;
    size_t count = 0;
    TAILQ_FOREACH(cut, &registry->cuts, entry) count += is_listed(registry, cut, environment_id);
    return count;
}

/* A snapshot taken between the swap and now may have been confirmed already. */
static void fill_lines(const struct registry *registry, struct receipt *receipt, const struct group *group)
{
    struct member *member;
    struct cut *cut;
    if (group) TAILQ_FOREACH(member, &group->members, of_group)
        {
            receipt->lines[receipt->count++] = line_of(receipt, member);
            member->subscriber->principal->lines++;
        }
    TAILQ_FOREACH(cut, &registry->cuts, entry)
    {
        if (!is_listed(registry, cut, receipt->environment_id)) continue;
        receipt->lines[receipt->count++] = cut->line;
        cut->line.principal->lines++;
    }
    qsort(receipt->lines, receipt->count, sizeof *receipt->lines, compare_lines);
}

jwkd_status registry_open_receipt(
    struct registry *registry, const struct registry_receipt_key *key, uint64_t swapped_ns)
{
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, swapped_ns);
    drop_ended_cuts(registry, swapped_ns);
    const struct group *group = members_group(registry, key->environment_id);
    size_t count = (group ? group->count : 0) + count_cuts(registry, key->environment_id);
    struct receipt *receipt = calloc(1, sizeof *receipt + count * sizeof *receipt->lines);
    if (receipt) {
        receipt->environment_id = key->environment_id;
        if (group) memcpy(receipt->environment, group->environment, sizeof receipt->environment);
        snprintf(receipt->kid, sizeof receipt->kid, "%s", key->kid);
        receipt->revision = key->revision;
        receipt->swapped_ns = swapped_ns;
        receipt->longest_lease_ms = group ? group->longest_lease_ms : 0;
        fill_lines(registry, receipt, group);
        keep_receipt(registry, receipt);
    }
    registry_unlock(registry, dropped);
    return receipt ? JWKD_OK : JWKD_NO_MEMORY;
}

/* ---- what happens to a member */

static struct receipt_line *find_line(struct receipt *receipt, const struct subscriber *subscriber)
{
    struct receipt_line wanted;
    memcpy(wanted.id, subscriber->id, REGISTRY_ID);
    return bsearch(&wanted, receipt->lines, receipt->count, sizeof wanted, compare_lines);
}

/* Those that the member has not confirmed yet. */
static bool open_for(const struct receipt *receipt, const struct member *member)
{
    return receipt->environment_id == member->group->environment_id && receipt->revision > member->revision;
}

void receipts_confirm(
    struct registry *registry, const struct member *member, uint64_t revision, uint64_t now_ns)
{
    struct receipt *receipt;
    TAILQ_FOREACH(receipt, &registry->receipts, entry)
    {
        if (!open_for(receipt, member) || receipt->revision > revision) continue;
        struct receipt_line *line = find_line(receipt, member->subscriber);
        if (!line || line->confirmed) continue;
        line->confirmed = true;
        line->confirmed_ns = now_ns;
    }
}

void receipts_leave(struct registry *registry, const struct member *member)
{
    struct receipt *receipt;
    TAILQ_FOREACH(receipt, &registry->receipts, entry)
    {
        struct receipt_line *line = open_for(receipt, member) ? find_line(receipt, member->subscriber) : NULL;
        if (line) line->left = true;
    }
}

/* It was cut off before, and followed again since. */
static void drop_cut_of(struct registry *registry, const struct member *member)
{
    for (struct cut *cut = TAILQ_FIRST(&registry->cuts), *next; cut; cut = next) {
        next = TAILQ_NEXT(cut, entry);
        if (cut->environment_id == member->group->environment_id &&
            memcmp(cut->line.id, member->subscriber->id, REGISTRY_ID) == 0)
            drop_cut(registry, cut);
    }
}

jwkd_status receipts_cut_off(struct registry *registry, const struct member *member, uint64_t until_ns)
{
    const struct receipt none = {.revision = UINT64_MAX};
    struct receipt *receipt;
    TAILQ_FOREACH(receipt, &registry->receipts, entry)
    {
        struct receipt_line *line = open_for(receipt, member) ? find_line(receipt, member->subscriber) : NULL;
        if (line && !line->confirmed) line->cut_until_ns = until_ns;
    }
    drop_cut_of(registry, member);
    struct cut *cut = calloc(1, sizeof *cut);
    if (!cut) return JWKD_NO_MEMORY;
    cut->environment_id = member->group->environment_id;
    cut->line = line_of(&none, member);
    cut->line.cut_until_ns = until_ns;
    cut->line.principal->lines++;
    TAILQ_INSERT_TAIL(&registry->cuts, cut, entry);
    return JWKD_OK;
}

/* ---- reading */

/* What is known of one that follows the environment no more. */
static void describe_gone(
    const struct receipt *receipt, const struct receipt_line *line, struct registry_subscriber *out)
{
    out->environment_id = receipt->environment_id;
    out->revision = line->revision;
    out->last_seen_ns = line->last_seen_ns;
    out->registered_ns = line->registered_ns;
    out->lease_ms = line->lease_ms;
    out->serves_stale = line->serves_stale;
    memcpy(out->id, line->id, sizeof out->id);
    memcpy(out->name, line->name, sizeof out->name);
    memcpy(out->principal, line->principal->name, sizeof out->principal);
    memcpy(out->environment, receipt->environment, sizeof out->environment);
}

static void read_line(const struct registry *registry, const struct receipt *receipt,
    const struct receipt_line *line, uint64_t now_ns, struct registry_line *out)
{
    const struct subscriber *subscriber = members_find(registry, line->id);
    const struct member *member = subscriber ? members_of(subscriber, receipt->environment_id) : NULL;
    out->confirmed = line->confirmed;
    out->confirmed_ns = line->confirmed_ns;
    out->left = line->left;
    out->cut_off = !member && line->cut_until_ns > now_ns;
    out->gone = !member && !out->cut_off;
    if (member)
        members_describe(subscriber, member, &out->subscriber);
    else
        describe_gone(receipt, line, &out->subscriber);
}

/* Whether it cannot accept the key any more, whatever happens. */
static bool is_done(const struct registry_line *line)
{
    return line->confirmed || line->left || (line->gone && !line->subscriber.serves_stale);
}

/* Whether it may accept the key for ever: it serves stale keys and may not have heard of this one's end, be
 * it registered still or cut off. */
static bool boundless(const struct registry_line *line)
{
    return line->subscriber.serves_stale && !line->confirmed && !line->left;
}

/* Who began to follow since then has the key's end in its snapshot; its lease is counted all the same. */
static uint64_t effective_ns(const struct registry *registry, const struct receipt *receipt)
{
    const struct group *group = members_group(registry, receipt->environment_id);
    uint32_t longest_ms = group ? group->longest_lease_ms : 0;
    if (longest_ms < receipt->longest_lease_ms) longest_ms = receipt->longest_lease_ms;
    uint64_t effective =
        registry_effective_ns(registry, receipt->environment_id, longest_ms, receipt->swapped_ns);
    for (size_t i = 0; i < receipt->count; i++)
        if (!receipt->lines[i].confirmed && receipt->lines[i].cut_until_ns > effective)
            effective = receipt->lines[i].cut_until_ns;
    return effective;
}

static jwkd_status copy_receipt(const struct registry *registry, const struct receipt *receipt,
    uint64_t now_ns, struct registry_receipt *out)
{
    struct registry_line *lines = calloc(receipt->count + 1, sizeof *lines);
    if (!lines) return JWKD_NO_MEMORY;
    *out = (struct registry_receipt){.revision = receipt->revision,
        .swapped_ns = receipt->swapped_ns,
        .effective_ns = effective_ns(registry, receipt),
        .complete = registry_knows_followers(registry, receipt->environment_id, now_ns),
        .lines = lines,
        .count = receipt->count};
    for (size_t i = 0; i < receipt->count; i++) {
        read_line(registry, receipt, &receipt->lines[i], now_ns, &lines[i]);
        out->complete &= is_done(&lines[i]);
        out->unbounded |= boundless(&lines[i]);
    }
    return JWKD_OK;
}

jwkd_status registry_read_receipt(struct registry *registry, uint64_t environment_id, const char *kid,
    uint64_t now_ns, struct registry_receipt *out)
{
    jwkd_status status = JWKD_NOT_FOUND;
    pthread_mutex_lock(&registry->lock);
    bool dropped = members_drop_ended(registry, now_ns);
    const struct receipt *receipt = find_receipt(registry, environment_id, kid);
    if (receipt) status = copy_receipt(registry, receipt, now_ns, out);
    registry_unlock(registry, dropped);
    return status;
}

void registry_receipt_clear(struct registry_receipt *receipt)
{
    free(receipt->lines);
    *receipt = (struct registry_receipt){0};
}
