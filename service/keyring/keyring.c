#include "keyring/keyring.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/wait.h"
#include "keyring/load.h"
#include "keyring/message.h"
#include "keyring/rows.h"
#include "keyring/writer.h"

jwkd_status keyring_open(const struct keyring_options *options, struct keyring **out, jwkd_error *error)
{
    struct keyring *keyring = calloc(1, sizeof *keyring);
    if (!keyring) return fail(error, JWKD_NO_MEMORY, "out of memory");
    keyring->options = *options;
    keyring->started_ns = clock_elapsed_ns();
    keyring->queue_tail = &keyring->queue_head;
    pthread_mutex_init(&keyring->snapshot_lock, NULL);
    pthread_mutex_init(&keyring->queue_lock, NULL);
    wait_init(&keyring->queue_filled);
    wait_init(&keyring->ceilings_moved);
    jwkd_status status = writer_open(keyring);
    if (status == JWKD_OK) status = keyring_load(keyring, error);
    if (status != JWKD_OK) {
        keyring_close(keyring);
        return status;
    }
    *out = keyring;
    return JWKD_OK;
}

const uint8_t *keyring_epoch(const struct keyring *keyring)
{
    return keyring->epoch;
}

uint64_t keyring_service_revision(struct keyring *keyring)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    return snapshot->service_revision;
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
    snapshot_unref(keyring->snapshot);
    pthread_cond_destroy(&keyring->queue_filled);
    pthread_cond_destroy(&keyring->ceilings_moved);
    pthread_mutex_destroy(&keyring->queue_lock);
    pthread_mutex_destroy(&keyring->snapshot_lock);
    free(keyring);
}

/* Whether the writer is going to answer without doing anything: the request, or another of its id, was
 * answered before. */
static bool answered_already(struct keyring *keyring, const struct keyring_command *command)
{
    uint8_t digest[OPERATION_DIGEST_SIZE];
    CLEANUP(buffer_clear) struct buffer answer = {0};
    if (operation_digest(command->request, digest) != JWKD_OK) return false;
    jwkd_status status = rows_get_answer(
        keyring, wire_view(command->request->request_id), command->principal, digest, &answer);
    return status == JWKD_OK || status == JWKD_CONFLICT;
}

jwkd_status keyring_prepare_import(
    struct keyring *keyring, struct keyring_command *command, jwkd_error *error)
{
    const Jwkd__V1__ImportRequest *request = command->request->import;
    if (answered_already(keyring, command)) return JWKD_OK;
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(keyring);
    struct ring_environment *environment;
    TRY(keyring_require(snapshot, request->environment, &environment, error));
    enum alg alg = ALG_NONE;
    if (*request->algorithm) TRY(message_algorithm(request->algorithm, &alg, error));
    TRY(signer_import(keyring->options.signer, wire_view(request->private_key), alg,
        environment->settings.default_alg, environment->owner, &command->sealed, &command->jwk, error));
    memcpy(command->owner, environment->owner, sizeof command->owner);
    return JWKD_OK;
}

void keyring_command_clear(struct keyring_command *command)
{
    buffer_clear(&command->sealed);
    jwk_unref(command->jwk);
    command->jwk = NULL;
}

void keyring_set_traffic(
    struct keyring *keyring, void (*read)(void *context, struct keyring_traffic *out), void *context)
{
    keyring->traffic_context = context;
    keyring->read_traffic = read;
}
