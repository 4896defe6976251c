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

/* EdDSA and the curve's own name are one algorithm (RFC 9864). */
static bool fits_environment(const struct jwk *jwk, enum alg usual_here)
{
    CLEANUP(jwk_unref_at) struct jwk *same = NULL;
    if (jwk_alg(jwk) == usual_here) return true;
    return alg_kty(usual_here) == KTY_OKP && jwk_with_alg(jwk, usual_here, &same) == JWKD_OK;
}

/* A key of another algorithm than the environment's would sign what its readers may not expect, at once: that
 * has to be said. */
static jwkd_status check_meant(const Jwkd__V1__ImportRequest *request, const struct jwk *jwk,
    const struct environment *settings, jwkd_error *error)
{
    if (*request->algorithm || request->hold || fits_environment(jwk, settings->default_alg)) return JWKD_OK;
    return fail(error, JWKD_FAILED_PRECONDITION,
        "the key is for %s, and \"%s\" signs with %s: say that it is meant (--algorithm %s), or that it is "
        "not "
        "to sign (--hold)",
        alg_name(jwk_alg(jwk)), settings->name, alg_name(settings->default_alg), alg_name(jwk_alg(jwk)));
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
    TRY(check_meant(request, command->jwk, &environment->settings, error));
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
