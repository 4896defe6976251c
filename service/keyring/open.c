#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/changes/access_bootstrap.h"
#include "keyring/changes/wall.h"
#include "keyring/changes/writer.h"
#include "keyring/records/load.h"
#include "keyring/records/service_row.h"
#include "keyring/records/allowance.h"

/* Makes what was loaded the keyring's. */
static jwkd_status take(struct keyring *keyring, struct loaded *loaded, jwkd_error *error)
{
    CLEANUP(free_at) struct snapshot_change *changes = calloc(loaded->count + 1, sizeof *changes);
    if (!changes) return fail(error, JWKD_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < loaded->count; i++)
        changes[i] = (struct snapshot_change){
            .name = loaded->environments[i]->settings.name, .environment = loaded->environments[i]};
    TRY(snapshot_next(NULL, changes, loaded->count, loaded->book, keyring->records.service_revision,
        &keyring->present.snapshot));
    keyring->pending = TAKE(loaded->pending);
    loaded_give_ready(loaded, keyring->reserve);
    return JWKD_OK;
}

static jwkd_status load(struct keyring *keyring, jwkd_error *error)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(loaded_clear) struct loaded loaded = {0};
    const Jwkd__Row__Service *row;
    TRY(service_row_load(keyring, &arena, &row, error));
    TRY(load_rows(keyring, &loaded, error));
    TRY(take(keyring, &loaded, error));
    TRY(allowance_load(keyring));
    if (wall_load(keyring) != JWKD_OK)
        return fail(error, JWKD_UNAVAILABLE, "the accepted clocks cannot be read");
    access_bootstrap(keyring, &loaded.access);
    if (row) wall_accept(keyring, row, loaded.environments, loaded.count);
    if (row) service_row_renew(keyring, row, loaded.environments, loaded.count);
    return JWKD_OK;
}

jwkd_status keyring_open(const struct keyring_options *options, struct keyring **out, jwkd_error *error)
{
    struct keyring *keyring = calloc(1, sizeof *keyring);
    if (!keyring) return fail(error, JWKD_NO_MEMORY, "out of memory");
    keyring->options = *options;
    keyring->started_ns = clock_elapsed_ns();
    keyring->queue.tail = &keyring->queue.head;
    pthread_mutex_init(&keyring->present.lock, NULL);
    pthread_mutex_init(&keyring->queue.lock, NULL);
    wait_init(&keyring->queue.filled);
    wait_init(&keyring->queue.ceilings_moved);
    jwkd_status status = writer_open(keyring);
    if (status == JWKD_OK) status = load(keyring, error);
    if (status != JWKD_OK) {
        keyring_close(keyring);
        return status;
    }
    *out = keyring;
    return JWKD_OK;
}

jwkd_status keyring_start(struct keyring *keyring, struct publisher *publisher, jwkd_error *error)
{
    keyring->publisher = publisher;
    return writer_start(keyring, error);
}

void keyring_stop(struct keyring *keyring)
{
    writer_stop(keyring);
}

void keyring_close(struct keyring *keyring)
{
    if (!keyring) return;
    keyring_stop(keyring);
    writer_close(keyring);
    snapshot_unref(keyring->present.snapshot);
    pthread_cond_destroy(&keyring->queue.filled);
    pthread_cond_destroy(&keyring->queue.ceilings_moved);
    pthread_mutex_destroy(&keyring->queue.lock);
    pthread_mutex_destroy(&keyring->present.lock);
    free(keyring);
}
