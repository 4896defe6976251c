#include "operations/hearing.h"

#include "base/clock.h"

/* A connection over tcp is "anonymous", one over a local socket has a uid. */
static bool may_follow(const struct snapshot *snapshot, const struct door_access *access,
    const char *principal, struct access_where where)
{
    bool is_local = strcmp(principal, "anonymous") != 0;
    const struct access_who who = {
        .principal = principal, .otherwise = credential_role(access, principal, is_local)};
    return (book_rights(snapshot->book, &who, where) & RIGHT_VERIFY) != 0;
}

bool hearing_may(struct keyring *keyring, const struct door_access *access, const char *principal)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    return may_follow(snapshot, access, principal, (struct access_where){0});
}

/* The list is of one instant: one that begins to follow meanwhile is judged by the new rights. */
void hearing_review(struct keyring *keyring, const struct door_access *access, struct registry *registry)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    CLEANUP(free_at) struct registry_subscriber *entries = NULL;
    const uint64_t now_ns = clock_elapsed_ns();
    size_t count = 0;
    bool more = false;
    if (registry_list(registry, NULL, 0, SIZE_MAX, now_ns, &entries, &count, &more) != JWKD_OK) return;
    for (size_t i = 0; i < count; i++) {
        const struct access_where where = {
            .environment = entries[i].environment, .id = entries[i].environment_id};
        if (entries[i].environment_id && !may_follow(snapshot, access, entries[i].principal, where))
            registry_cut_off(registry, entries[i].id, entries[i].environment_id, now_ns);
    }
}
