#include "keyring/changes/decide.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

/* ---- ahead of the writer */

/* Whether the writer is going to answer without doing anything, since the request id was used before: for
 * this request or for another. */
static bool answered_already(struct keyring *keyring, const struct keyring_command *command)
{
    uint8_t digest[OPERATION_DIGEST_SIZE];
    CLEANUP(buffer_clear) struct buffer answer = {0};
    if (operation_digest(command->request, digest) != JWKD_OK) return false;
    jwkd_status status = rows_get_answer(
        keyring, wire_view(command->request->request_id), command->caller.principal, digest, &answer);
    return status == JWKD_OK || status == JWKD_CONFLICT;
}

/* EdDSA and the curve's own name are one algorithm (RFC 9864). */
static bool fits_environment(const struct jwk *jwk, enum alg usual_here)
{
    CLEANUP(jwk_unref_at) struct jwk *same = NULL;
    if (jwk_alg(jwk) == usual_here) return true;
    return alg_kty(usual_here) == KTY_OKP && jwk_with_alg(jwk, usual_here, &same) == JWKD_OK;
}

/* A key of another algorithm than the environment's would begin to sign at once, and its readers may not
 * expect that. So the request must say that it is meant. */
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

/* ---- by the writer */

jwkd_status decide_import(
    struct edit *edit, const struct change_request *change, struct reply *reply, jwkd_error *error)
{
    const Jwkd__V1__ImportRequest *request = change->request->import;
    struct keyring_command *prepared = change->prepared;
    if (!prepared || !prepared->jwk || strcmp(prepared->owner, edit->after->owner) != 0)
        return fail(error, JWKD_UNAVAILABLE, "the environment was replaced meanwhile; try again");
    CLEANUP(ring_key_unref_at) struct ring_key *key = ring_key_new();
    if (!key) return fail(error, JWKD_NO_MEMORY, "out of memory");
    key->jwk = jwk_ref(prepared->jwk);
    key->imported = true;
    TRY(buffer_append_bytes(&key->sealed, buffer_bytes(&prepared->sealed)));
    const struct publication_terms terms = {
        .hold = request->hold, .now = request->now, .invalidate_kid = request->invalidate_kid};
    return change_publish(edit, key, &terms, reply, error);
}
