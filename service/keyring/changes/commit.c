#include "keyring/changes/commit.h"

#include "base/clock.h"
#include "keyring/changes/agenda.h"
#include "keyring/changes/receipts.h"
#include "keyring/records/service_row.h"

static jwkd_status put_service_row(struct batch *batch)
{
    Jwkd__Row__Service row;
    service_row_fill(batch->keyring, &row);
    row.next_environment_id = batch->next_environment_id;
    row.revision = batch->service_revision;
    if (batch->now > row.wall_high) row.wall_high = batch->now;
    return batch_put_message(batch, SERVICE_ROW, &row.base, batch->keyring->records.service_row_revision);
}

/* What was committed becomes what everybody sees. */
static void apply(struct batch *batch, struct snapshot *next)
{
    struct keyring *keyring = batch->keyring;
    keyring->records.next_environment_id = batch->next_environment_id;
    keyring->records.service_revision = batch->service_revision;
    key_usage_raise(&keyring->wall.high, batch->now);
    for (struct batch_ceiling *entry = batch->ceilings; entry; entry = entry->next)
        reach_raise(&entry->usage->ceiling, entry->at);
    /* Listed before they can be seen: a heartbeat that is stamped after the swap never lacks them. */
    for (struct batch_event *entry = batch->events; entry && keyring->publisher; entry = entry->next)
        publisher_list(keyring->publisher, &entry->event);
    keyring_swap(keyring, next);
    uint64_t swapped_ns = clock_elapsed_ns();
    agenda_note(keyring, batch->touched, batch->touched_count, swapped_ns);
    for (struct batch_event *entry = batch->events; entry; entry = entry->next) {
        keyring_open_receipts(keyring, next, &entry->event, swapped_ns); /* only this thread swaps it away */
        jwkd_status status = keyring->publisher ? publisher_send(keyring->publisher, &entry->event) : JWKD_OK;
        if (status != JWKD_OK)
            keyring_trouble(keyring, status, "an event was not sent; subscribers will take a snapshot");
        atomic_fetch_add_explicit(&keyring->counts.changes, 1, memory_order_relaxed);
    }
    for (struct batch_event *entry = batch->events; entry && keyring->options.on_change; entry = entry->next)
        keyring->options.on_change(keyring->options.context, &entry->made);
    for (struct batch_forget *entry = batch->forgets; entry; entry = entry->next)
        signer_forget(keyring->options.signer, entry->owner, entry->kid);
    for (struct ready_key *key = batch->taken, *after; key; key = after) {
        after = key->next;
        ready_key_free(key);
    }
    batch->taken = NULL;
}

/* The batch has its last row then. */
static jwkd_status store_batch(struct batch *batch, uint64_t *out_revision, jwkd_error *error)
{
    struct keyring *keyring = batch->keyring;
    const struct bytes service_row = batch->writes[batch->write_count - 1].value;
    jwkd_status status = store_commit(
        keyring->options.store, batch->writes, batch->write_count, batch->urgent, out_revision, error);
    if (status == JWKD_OK) return status;
    return service_row_find_out(keyring, status, service_row, batch->urgent, out_revision, error);
}

static jwkd_status commit(struct batch *batch, jwkd_error *error)
{
    struct keyring *keyring = batch->keyring;
    if (keyring->records.estranged)
        return fail(error, JWKD_UNAVAILABLE, "nothing can be changed; " KEYRING_RESTART);
    if (keyring->records.outdated)
        return fail(error, JWKD_UNAVAILABLE, "the store cannot be read anew at present");
    TRY(store_settle(keyring->options.store, error));
    if (keyring->records.unsettled) TRY(service_row_settle_again(keyring, error));
    TRY(put_service_row(batch));
    CLEANUP(snapshot_unref_at) struct snapshot *next = NULL;
    TRY(snapshot_next(
        keyring->present.snapshot, batch->touched, batch->touched_count, batch->service_revision, &next));
    uint64_t row_revision;
    TRY(store_batch(batch, &row_revision, error));
    atomic_fetch_add_explicit(&keyring->counts.commits, 1, memory_order_relaxed);
    keyring->records.service_row_revision = row_revision;
    for (size_t i = 0; i < batch->touched_count; i++) /* nobody else sees them yet */
        if (batch->touched[i].environment) batch->touched[i].environment->row_revision = row_revision;
    apply(batch, TAKE(next));
    return JWKD_OK;
}

jwkd_status commit_batch(struct batch *batch, jwkd_error *error)
{
    if (batch->write_count == 0) return JWKD_OK;
    jwkd_status status = commit(batch, error);
    if (status == JWKD_CONFLICT) batch->keyring->records.outdated = true;
    return status;
}
