#include "keyring/changes/decide.h"
#include "keyring/model/message.h"
#include "keyring/records/rows.h"

struct generation change_generation(const Jwkd__V1__Request *request)
{
    const Jwkd__V1__GenerateRequest *generate = request->generate;
    const Jwkd__V1__RotateRequest *rotate = request->rotate;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_ROTATE)
        return (struct generation){.environment = rotate->environment,
            .algorithm = rotate->algorithm,
            .bits = rotate->bits,
            .terms = {.now = rotate->now, .rotation = true, .invalidate_kid = ""}};
    return (struct generation){.environment = generate->environment,
        .algorithm = generate->algorithm,
        .bits = generate->bits,
        .terms = {.hold = generate->hold, .now = generate->now, .invalidate_kid = generate->invalidate_kid}};
}

jwkd_status change_key_type(const struct ring_environment *environment, const struct generation *request,
    enum alg *out_alg, const struct key_type **out_type, jwkd_error *error)
{
    const struct environment *settings = &environment->settings;
    enum alg alg = settings->default_alg;
    if (*request->algorithm) TRY(message_algorithm(request->algorithm, &alg, error));
    if (request->bits && alg_kty(alg) != KTY_RSA)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a size in bits goes with RSA only, not with %s", alg_name(alg));
    uint32_t bits = request->bits;
    if (!bits && alg_kty(alg) == KTY_RSA) bits = settings->default_bits ? settings->default_bits : 4096;
    if (alg_key_type(alg, bits, out_type) != JWKD_OK)
        return fail(error, JWKD_UNSUPPORTED, "%s%s cannot be generated here%s", alg_name(alg),
            request->bits ? " of this size" : "",
            request->bits ? ": RSA keys have 2048, 3072 or 4096 bits" : ": OpenSSL 3.5 can");
    *out_alg = alg;
    return JWKD_OK;
}

/* Takes a key from the reserve to an environment. CORRUPT: the key does not open and never will. */
static jwkd_status rebind(
    const struct edit *edit, const struct ready_key *ready, enum alg alg, struct ring_key **out)
{
    CLEANUP(ring_key_unref_at) struct ring_key *key = ring_key_new();
    if (!key) return JWKD_NO_MEMORY;
    TRY(jwk_with_alg(ready->jwk, alg, &key->jwk));
    struct signer_key sealed = {.owner = RESERVE_OWNER,
        .kid = jwk_kid(ready->jwk),
        .alg = jwk_alg(ready->jwk),
        .sealed = buffer_bytes(&ready->sealed)};
    TRY(signer_rebind(edit->transaction->keyring->options.signer, &sealed, edit->after->owner, &key->sealed));
    *out = TAKE(key);
    return JWKD_OK;
}

/* If the transaction is committed, the key is gone from the reserve for good, with its row. Otherwise it goes
 * back. */
static jwkd_status use_up(struct transaction *transaction, struct ready_key *ready)
{
    ready->next = transaction->taken;
    transaction->taken = ready;
    return ready->stored ? rows_erase_ready_key(transaction, ready) : JWKD_OK;
}

/* Takes a ready key and binds it to the environment. *out_ready is NULL when there is none. A key that does
 * not open would fail the next request as well, so it is dropped, and another one is taken. */
static jwkd_status take_ready(struct edit *edit, const struct key_type *type, enum alg alg,
    struct ready_key **out_ready, struct ring_key **out_key, jwkd_error *error)
{
    struct keyring *keyring = edit->transaction->keyring;
    for (struct ready_key *ready; (ready = reserve_take(keyring->reserve, type)) != NULL;) {
        jwkd_status status = rebind(edit, ready, alg, out_key);
        if (status == JWKD_OK) {
            *out_ready = ready;
            return JWKD_OK;
        }
        if (status != JWKD_CORRUPT) {
            reserve_put(keyring->reserve, ready);
            return fail(error, status, "a key of the reserve cannot be used: %s", jwkd_status_text(status));
        }
        keyring_trouble(keyring, status, "a key of the reserve does not open and is dropped");
        edit_write(edit);
        TRY(use_up(edit->transaction, ready));
        edit_well_ended(edit);
    }
    *out_ready = NULL;
    return JWKD_OK;
}

/* Writes down a generation that waits, so that it is done even if the service is started anew meanwhile. */
static jwkd_status put_work(
    struct transaction *transaction, const struct change_request *change, uint64_t environment_id)
{
    char name[ROW_KEY_SIZE];
    rows_request_name("work", wire_view(change->request->request_id), change->principal, name);
    CLEANUP(buffer_clear) struct buffer packed = {0};
    TRY(pending_pack(change->request, &packed));
    Jwkd__Row__Work row = JWKD__ROW__WORK__INIT;
    row.principal = wire_text(change->principal);
    row.environment_id = environment_id;
    row.request = wire_bytes(buffer_bytes(&packed));
    row.digest = wire_bytes(bytes_of(change->digest, OPERATION_DIGEST_SIZE));
    return transaction_put_message(transaction, name, &row.base, STORE_ANY);
}

static jwkd_status put_on_list(struct edit *edit, const struct change_request *change,
    const struct generation *request, jwkd_error *error)
{
    if (strlen(request->environment) + strlen(request->algorithm) + strlen(request->terms.invalidate_kid) >
        LIMIT_WORK)
        return fail(error, JWKD_INVALID_ARGUMENT, "the request is too long");
    if (transaction_waiting(edit->transaction) >= LIMIT_WAITING)
        return fail(
            error, JWKD_RESOURCE_EXHAUSTED, "%d generations wait for their keys already", LIMIT_WAITING);
    edit_write(edit);
    TRY(put_work(edit->transaction, change, edit->after->id));
    edit_well_ended(edit);
    return JWKD_OK;
}

static jwkd_status check_rotation(const struct ring_environment *environment, jwkd_error *error)
{
    if (environment->settings.mode == MODE_EXCLUSIVE)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "exclusive mode does not rotate: generate, and name the kid that is invalidated (--invalidate "
            "KID)");
    if (environment->promotion.waiting)
        return fail(error, JWKD_FAILED_PRECONDITION,
            "the key \"%.128s\" is waiting to become primary already: await that, or abort it (rotate "
            "--abort)",
            environment->promotion.kid);
    return JWKD_OK;
}

jwkd_status decide_generate(
    struct edit *edit, const struct change_request *change, struct reply *reply, jwkd_error *error)
{
    const struct generation wanted = change_generation(change->request), *request = &wanted;
    enum alg alg;
    const struct key_type *type;
    TRY(change_key_type(edit->after, request, &alg, &type, error));
    if (request->terms.rotation) TRY(check_rotation(edit->after, error));
    /* Refuse what can be refused before anybody waits for a key. */
    struct plan_view view;
    TRY(edit_view(edit, &view, error));
    struct plan plan;
    TRY(plan_publish(&view, request->terms.hold ? PROMOTE_NEVER : PROMOTE_LATER, request->terms.rotation,
        request->terms.invalidate_kid, &plan, error));
    struct reserve *reserve = edit->transaction->keyring->reserve;
    reserve_use(reserve, type);
    struct ready_key *ready;
    CLEANUP(ring_key_unref_at) struct ring_key *key = NULL;
    TRY(take_ready(edit, type, alg, &ready, &key, error));
    if (!ready && !change->listed) TRY(put_on_list(edit, change, request, error));
    if (!ready)
        return fail(error, JWKD_IN_PROGRESS,
            "a key is being made; repeat the request with the same request id to collect the answer");
    jwkd_status status = change_publish(edit, key, &request->terms, reply, error);
    if (status != JWKD_OK && !edit->writing) {
        reserve_put(reserve, ready);
        return status;
    }
    jwkd_status used_up = use_up(edit->transaction, ready);
    return status == JWKD_OK ? used_up : status;
}
