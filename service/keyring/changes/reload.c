#include "keyring/changes/reload.h"

#include <stdlib.h>

#include "base/clock.h"
#include "keyring/changes/agenda.h"
#include "keyring/records/load.h"
#include "keyring/records/service_row.h"
#include "keyring/records/allowance.h"

enum { READINGS = 8 }; /* of all rows, if somebody goes on writing */

/* The differences between the snapshot that everybody sees and the rows. */
struct difference {
    struct snapshot_change *changes;
    size_t count;
    struct snapshot *next;
};

static void difference_clear(struct difference *difference)
{
    free(difference->changes);
    snapshot_unref(difference->next);
}

static void add(struct difference *difference, const char *name, struct ring_environment *environment)
{
    difference->changes[difference->count++] =
        (struct snapshot_change){.name = name, .environment = environment};
}

/* Keeps what a key has signed, and raises its ceiling to the one that was read: durable ceilings only ever
 * grow. */
static void go_on_using(const struct ring_environment *old, struct ring_environment *read)
{
    for (size_t i = 0; i < read->count; i++) {
        struct key_usage **usage = &read->keys[i]->usage, *read_usage = *usage;
        int index = ring_environment_find(old, jwk_kid(read->keys[i]->jwk));
        if (index < 0) continue;
        *usage = key_usage_ref(old->keys[index]->usage);
        reach_raise(&(*usage)->ceiling, reach_read(&read_usage->ceiling));
        reach_raise(&(*usage)->last, reach_read(&read_usage->last));
        key_usage_unref(read_usage);
    }
}

static jwkd_status compare(
    const struct snapshot *old, const struct loaded *read, uint64_t service_revision, struct difference *out)
{
    out->changes = calloc(old->count + read->count + 1, sizeof *out->changes);
    if (!out->changes) return JWKD_NO_MEMORY;
    for (size_t i = 0; i < read->count; i++) {
        struct ring_environment *environment = read->environments[i];
        const struct ring_environment *before = snapshot_find(old, environment->settings.name);
        bool same = before && before->id == environment->id;
        if (same) go_on_using(before, environment);
        /* An environment's row is written whenever anything of it changes. */
        if (same && before->row_revision == environment->row_revision) continue;
        add(out, environment->settings.name, environment);
    }
    for (size_t i = 0, j = 0; i < old->count; i++) { /* both are in order of name */
        const char *name = old->environments[i]->settings.name;
        while (j < read->count && strcmp(read->environments[j]->settings.name, name) < 0)
            j++;
        if (j == read->count || strcmp(read->environments[j]->settings.name, name) != 0) add(out, name, NULL);
    }
    return snapshot_next(old, out->changes, out->count, read->book, service_revision, &out->next);
}

/* Lists the change for heartbeats. Its events are in the log. */
static void list(struct keyring *keyring, const struct snapshot_change *change)
{
    const struct ring_environment *old = snapshot_find(keyring->present.snapshot, change->name),
                                  *environment = change->environment ? change->environment : old;
    const struct publisher_event event = {.environment = change->name,
        .environment_id = environment->id,
        .revision = environment->revision + (change->environment ? 0 : 1), /* a deletion counts as one */
        .service_revision = keyring->records.service_revision};
    if (keyring->publisher) publisher_list(keyring->publisher, &event);
}

/* Makes the signer forget private keys that nobody may sign with any more. */
static void forget_keys(
    struct signer *signer, const struct ring_environment *old, const struct ring_environment *present)
{
    for (size_t i = 0; old && i < old->count; i++) {
        const char *kid = jwk_kid(old->keys[i]->jwk);
        bool same = present && present->id == old->id;
        int index = same ? ring_environment_find(present, kid) : -1;
        if (index < 0 || !key_state_live(present->keys[index]->state)) signer_forget(signer, old->owner, kid);
    }
}

/* In the order of a commit: first heartbeats list it, then everybody sees it, then the rest is done. */
static void apply(struct keyring *keyring, struct loaded *read, struct difference *difference)
{
    struct snapshot *old = snapshot_ref(keyring->present.snapshot);
    for (size_t i = 0; i < difference->count; i++)
        list(keyring, &difference->changes[i]);
    keyring_swap(keyring, TAKE(difference->next));
    memcpy(keyring->access_owner, read->access.owner, sizeof keyring->access_owner);
    if (keyring->options.on_access) keyring->options.on_access(keyring->options.context);
    agenda_take_up(keyring, difference->changes, difference->count, clock_elapsed_ns());
    for (size_t i = 0; i < difference->count; i++)
        forget_keys(keyring->options.signer, snapshot_find(old, difference->changes[i].name),
            difference->changes[i].environment);
    pending_free_all(keyring->pending);
    keyring->pending = TAKE(read->pending);
    reserve_drop_stored(keyring->reserve);
    loaded_give_ready(read, keyring->reserve);
    snapshot_unref(old);
}

/* Reads the rows, one prefix after the other. They are all of one state if the service's row is the same
 * before and after, since every commit writes it. CONFLICT: it is not. */
static jwkd_status read_all(struct keyring *keyring, struct loaded *out, jwkd_error *error)
{
    CLEANUP(arena_clear) struct arena arena = {0}, again = {0};
    const Jwkd__Row__Service *row;
    uint64_t before, after;
    TRY(service_row_read(keyring, &arena, &row, &before, error));
    jwkd_status status = load_rows(keyring, out, error);
    if (status == JWKD_OK) {
        allowance_clear(keyring);
        status = allowance_load(keyring);
    }
    const Jwkd__Row__Service *row_again;
    TRY(service_row_read(keyring, &again, &row_again, &after, error));
    if (before != after) return fail(error, JWKD_CONFLICT, "somebody else goes on changing the store");
    TRY(status);
    service_row_take(keyring, row, before);
    return JWKD_OK;
}

static jwkd_status reload(struct keyring *keyring, jwkd_error *error)
{
    CLEANUP(loaded_clear) struct loaded read = {0};
    CLEANUP(difference_clear) struct difference difference = {0};
    TRY(read_all(keyring, &read, error));
    if (compare(keyring->present.snapshot, &read, keyring->records.service_revision, &difference) != JWKD_OK)
        return fail(error, JWKD_NO_MEMORY, "no memory to read the store anew");
    apply(keyring, &read, &difference);
    keyring->records.outdated = false;
    return JWKD_OK;
}

jwkd_status keyring_reload(struct keyring *keyring, jwkd_error *error)
{
    jwkd_status status = JWKD_CONFLICT;
    for (int i = 0; i < READINGS && status == JWKD_CONFLICT; i++)
        status = reload(keyring, error);
    if (status == JWKD_OK)
        keyring_trouble(
            keyring, JWKD_CONFLICT, "somebody else changed the store: it was read anew, and is gone on from");
    return status;
}
