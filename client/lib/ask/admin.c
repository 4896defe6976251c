/* Administration calls: each fills in one message, asks, and lays the answer out. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/settings.h"
#include "lib/ask/answer.h"
#include "lib/connection/call.h"

enum { FIRST_POLL_MS = 100, LONGEST_POLL_MS = 250, PROGRESS_MS = 500 };

static Jwkd__V1__Request request_of(Jwkd__V1__Request__OperationCase operation)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.operation_case = operation;
    return request;
}

static jwkd_status check(jwkd_client *client, const char *environment, jwkd_error *error)
{
    TRY(client_check(client, error));
    return check_environment_name(environment, error);
}

/* ---- environments */

static jwkd_status ask_for_environment(
    jwkd_client *client, Jwkd__V1__Request *request, jwkd_environment **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_ENVIRONMENT, NULL, &reply, error));
    return answer_environment_block(reply, out, error);
}

jwkd_status jwkd_environment_create(
    jwkd_client *client, const jwkd_environment *environment, jwkd_environment **out, jwkd_error *error)
{
    TRY(check(client, environment->name, error));
    Jwkd__V1__Environment wire = answer_to_environment(environment);
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    create.environment = &wire;
    create.no_leeway = environment->no_leeway;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    request.create_environment = &create;
    return ask_for_environment(client, &request, out, error);
}

jwkd_status jwkd_environment_update(jwkd_client *client, const jwkd_environment *environment, unsigned fields,
    jwkd_environment **out, jwkd_error *error)
{
    static const char *const NAMES[] = {
#define ROW(kind, id, field, ...) #field,
        SETTING_TABLE(ROW)
#undef ROW
    };
#define ROW(kind, id, ...) \
    _Static_assert(JWKD_SET_##id == 1 << SETTING_##id, "a bit for every row, in its order");
    SETTING_TABLE(ROW)
#undef ROW
    TRY(check(client, environment->name, error));
    if (fields == 0 || fields >> SETTING_COUNT)
        return fail(error, JWKD_INVALID_ARGUMENT, "an update names the fields that it sets");
    Jwkd__V1__Environment wire = answer_to_environment(environment);
    Jwkd__V1__UpdateEnvironmentRequest update = JWKD__V1__UPDATE_ENVIRONMENT_REQUEST__INIT;
    char *names[SETTING_COUNT];
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (fields & 1u << i) names[update.n_fields++] = wire_text(NAMES[i]);
    update.fields = names;
    update.environment = &wire;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT);
    request.update_environment = &update;
    return ask_for_environment(client, &request, out, error);
}

jwkd_status jwkd_environment_delete(
    jwkd_client *client, const char *name, bool with_live_keys, jwkd_error *error)
{
    TRY(check(client, name, error));
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    delete.name = wire_text(name);
    delete.with_live_keys = with_live_keys;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    request.delete_environment = &delete;
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    return client_call(client, &request, JWKD__V1__REPLY__RESULT_DELETED, NULL, &reply, error);
}

/* ---- keys */

static jwkd_status ask_for_key(jwkd_client *client, Jwkd__V1__Request *request, const struct call_wait *wait,
    jwkd_key_answer **out, jwkd_error *error)
{
    CLEANUP(reply_free_at) struct reply *reply = NULL;
    TRY(client_call(client, request, JWKD__V1__REPLY__RESULT_KEY, wait, &reply, error));
    return answer_key_block(reply, out, error);
}

/* Repeats one request, under one id, until the key is there or the caller's patience ends. */
static jwkd_status poll_for_key(jwkd_client *client, Jwkd__V1__Request *request,
    const jwkd_generate_options *options, jwkd_key_answer **out, jwkd_error *error)
{
    uint8_t request_id[16];
    if (random_fill(request_id, sizeof request_id) != JWKD_OK)
        return fail(error, JWKD_INTERNAL, "no random bytes");
    TRY(client_enter(client, error));
    CLEANUP(client_leave_at) jwkd_client *entered = client;
    uint64_t start_ns = clock_elapsed_ns(), told_ms = 0;
    for (uint64_t poll_ms = FIRST_POLL_MS;; poll_ms += poll_ms < LONGEST_POLL_MS ? 50 : 0) {
        jwkd_status status =
            ask_for_key(entered, request, &(struct call_wait){.request_id = request_id}, out, error);
        uint64_t waited_ms = (clock_elapsed_ns() - start_ns) / NS_PER_MS;
        if (status != JWKD_IN_PROGRESS || waited_ms >= options->wait_ms) return status;
        if (options->on_progress && waited_ms >= told_ms + PROGRESS_MS) {
            options->on_progress(options->context, waited_ms);
            told_ms = waited_ms;
        }
        uint64_t left_ms = options->wait_ms - waited_ms;
        TRY(client_pause(client, poll_ms < left_ms ? poll_ms : left_ms, error));
    }
}

jwkd_status jwkd_generate(jwkd_client *client, const char *environment, const jwkd_generate_options *options,
    jwkd_key_answer **out, jwkd_error *error)
{
    static const jwkd_generate_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    TRY(check(client, environment, error));
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    generate.environment = wire_text(environment);
    generate.algorithm = wire_text(options->algorithm);
    generate.bits = options->bits;
    generate.hold = options->hold;
    generate.now = options->now;
    generate.invalidate_kid = wire_text(options->invalidate_kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_GENERATE);
    request.generate = &generate;
    return poll_for_key(client, &request, options, out, error);
}

jwkd_status jwkd_rotate(jwkd_client *client, const char *environment, const jwkd_generate_options *options,
    jwkd_key_answer **out, jwkd_error *error)
{
    static const jwkd_generate_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    TRY(check(client, environment, error));
    if (options->hold || options->invalidate_kid)
        return fail(
            error, JWKD_INVALID_ARGUMENT, "a rotation neither holds its key nor names one to invalidate");
    Jwkd__V1__RotateRequest rotate = JWKD__V1__ROTATE_REQUEST__INIT;
    rotate.environment = wire_text(environment);
    rotate.algorithm = wire_text(options->algorithm);
    rotate.bits = options->bits;
    rotate.now = options->now;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_ROTATE);
    request.rotate = &rotate;
    return poll_for_key(client, &request, options, out, error);
}

jwkd_status jwkd_abort_rotation(
    jwkd_client *client, const char *environment, jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    Jwkd__V1__AbortRotationRequest abort_rotation = JWKD__V1__ABORT_ROTATION_REQUEST__INIT;
    abort_rotation.environment = wire_text(environment);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION);
    request.abort_rotation = &abort_rotation;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_retire(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__RetireRequest retire = JWKD__V1__RETIRE_REQUEST__INIT;
    retire.environment = wire_text(environment);
    retire.kid = wire_text(kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_RETIRE);
    request.retire = &retire;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_import(jwkd_client *client, const char *environment, jwkd_bytes private_key,
    const jwkd_import_options *options, jwkd_key_answer **out, jwkd_error *error)
{
    static const jwkd_import_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    TRY(check(client, environment, error));
    if (private_key.size == 0 || private_key.size > LIMIT_JWK)
        return fail(error, JWKD_INVALID_ARGUMENT, "a private key has 1 to %d bytes", (int)LIMIT_JWK);
    Jwkd__V1__ImportRequest import = JWKD__V1__IMPORT_REQUEST__INIT;
    import.environment = wire_text(environment);
    import.private_key = wire_bytes(bytes_of(private_key.data, private_key.size));
    import.algorithm = wire_text(options->algorithm);
    import.hold = options->hold;
    import.now = options->now;
    import.invalidate_kid = wire_text(options->invalidate_kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_IMPORT);
    request.import = &import;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_get_key(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__GetKeyRequest get = JWKD__V1__GET_KEY_REQUEST__INIT;
    get.environment = wire_text(environment);
    get.kid = wire_text(kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_GET_KEY);
    request.get_key = &get;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_set_primary(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__SetPrimaryRequest set = JWKD__V1__SET_PRIMARY_REQUEST__INIT;
    set.environment = wire_text(environment);
    set.kid = wire_text(kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_SET_PRIMARY);
    request.set_primary = &set;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_deactivate(jwkd_client *client, const char *environment, const char *kid, bool allow_none,
    jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    deactivate.environment = wire_text(environment);
    deactivate.kid = wire_text(kid);
    deactivate.allow_none = allow_none;
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    request.deactivate = &deactivate;
    return ask_for_key(client, &request, NULL, out, error);
}

jwkd_status jwkd_destroy(
    jwkd_client *client, const char *environment, const char *kid, jwkd_key_answer **out, jwkd_error *error)
{
    TRY(check(client, environment, error));
    TRY(check_kid(kid, error));
    Jwkd__V1__DestroyRequest destroy = JWKD__V1__DESTROY_REQUEST__INIT;
    destroy.environment = wire_text(environment);
    destroy.kid = wire_text(kid);
    Jwkd__V1__Request request = request_of(JWKD__V1__REQUEST__OPERATION_DESTROY);
    request.destroy = &destroy;
    return ask_for_key(client, &request, NULL, out, error);
}
