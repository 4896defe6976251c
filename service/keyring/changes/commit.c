#include "keyring/changes/commit.h"

#include "base/clock.h"
#include "keyring/changes/agenda.h"
#include "keyring/changes/receipts.h"
#include "keyring/records/service_row.h"

static jwkd_status put_service_row(struct transaction *transaction)
{
    Jwkd__Row__Service row;
    service_row_fill(transaction->keyring, &row);
    row.next_environment_id = transaction->next_environment_id;
    row.revision = transaction->service_revision;
    if (transaction->now > row.wall_high) row.wall_high = transaction->now;
    return transaction_put_message(
        transaction, SERVICE_ROW, &row.base, transaction->keyring->records.service_row_revision);
}

/* Makes what was committed visible to everybody, and tells it. */
static void apply(struct transaction *transaction, struct snapshot *next)
{
    struct keyring *keyring = transaction->keyring;
    keyring->records.next_environment_id = transaction->next_environment_id;
    keyring->records.service_revision = transaction->service_revision;
    key_usage_raise(&keyring->wall.high, transaction->now);
    for (struct transaction_ceiling *entry = transaction->ceilings; entry; entry = entry->next)
        reach_raise(&entry->usage->ceiling, entry->at);
    /* List events before they can be seen: then a heartbeat that is stamped after the swap never lacks
     * them. */
    for (struct transaction_event *entry = transaction->events; entry && keyring->publisher;
         entry = entry->next)
        publisher_list(keyring->publisher, &entry->event);
    keyring_swap(keyring, next);
    uint64_t swapped_ns = clock_elapsed_ns();
    agenda_take_up(keyring, transaction->touched, transaction->touched_count, swapped_ns);
    for (struct transaction_event *entry = transaction->events; entry; entry = entry->next) {
        keyring_open_receipts(keyring, next, &entry->event, swapped_ns); /* only this thread replaces it */
        jwkd_status status = keyring->publisher ? publisher_send(keyring->publisher, &entry->event) : JWKD_OK;
        if (status != JWKD_OK)
            keyring_trouble(keyring, status, "an event was not sent; subscribers will take a snapshot");
        atomic_fetch_add_explicit(&keyring->counts.changes, 1, memory_order_relaxed);
    }
    for (struct transaction_made *entry = transaction->made; entry && keyring->options.on_change;
         entry = entry->next)
        keyring->options.on_change(keyring->options.context, &entry->made);
    if (transaction->book && keyring->options.on_access) keyring->options.on_access(keyring->options.context);
    for (struct transaction_forget *entry = transaction->forgets; entry; entry = entry->next)
        signer_forget(keyring->options.signer, entry->owner, entry->kid);
    for (struct ready_key *key = transaction->taken, *after; key; key = after) {
        after = key->next;
        ready_key_free(key);
    }
    transaction->taken = NULL;
}

/* Commits the rows. The last row of the transaction is the service's. */
static jwkd_status store_transaction(
    struct transaction *transaction, uint64_t *out_revision, jwkd_error *error)
{
    struct keyring *keyring = transaction->keyring;
    const struct bytes service_row = transaction->writes[transaction->write_count - 1].value;
    jwkd_status status = store_commit(keyring->options.store, transaction->writes, transaction->write_count,
        transaction->urgent, out_revision, error);
    if (status == JWKD_OK) return status;
    return service_row_find_out(keyring, status, service_row, transaction->urgent, out_revision, error);
}

static jwkd_status commit(struct transaction *transaction, jwkd_error *error)
{
    struct keyring *keyring = transaction->keyring;
    if (keyring->records.estranged)
        return fail(error, JWKD_UNAVAILABLE, "nothing can be changed; " KEYRING_RESTART);
    if (keyring->records.outdated)
        return fail(error, JWKD_UNAVAILABLE, "the store cannot be read anew at present");
    TRY(store_settle(keyring->options.store, error));
    if (keyring->records.not_renewed) TRY(service_row_renew_again(keyring, error));
    TRY(put_service_row(transaction));
    CLEANUP(snapshot_unref_at) struct snapshot *next = NULL;
    TRY(snapshot_next(keyring->present.snapshot, transaction->touched, transaction->touched_count,
        transaction->book, transaction->service_revision, &next));
    uint64_t row_revision;
    TRY(store_transaction(transaction, &row_revision, error));
    atomic_fetch_add_explicit(&keyring->counts.commits, 1, memory_order_relaxed);
    keyring->records.service_row_revision = row_revision;
    for (size_t i = 0; i < transaction->touched_count; i++) /* nobody else can see them yet */
        if (transaction->touched[i].environment)
            transaction->touched[i].environment->row_revision = row_revision;
    apply(transaction, TAKE(next));
    return JWKD_OK;
}

jwkd_status commit_transaction(struct transaction *transaction, jwkd_error *error)
{
    if (transaction->write_count == 0) return JWKD_OK;
    jwkd_status status = commit(transaction, error);
    if (status == JWKD_CONFLICT) transaction->keyring->records.outdated = true;
    return status;
}
