#include "keyring/ring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

const struct caller ANYBODY = {.principal = "uid:1000", .origin = "uid:1000", .otherwise = ROLE_ADMIN};

const struct caller SIGNING = {.principal = "uid:1000", .origin = "uid:1000", .otherwise = ROLE_SIGNER};
const struct caller SIGNING_RAW = {
    .principal = "uid:1000", .origin = "uid:1000", .otherwise = ROLE_RAW_SIGNER};

void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

static void on_trouble(void *context, jwkd_status status, const char *message)
{
    struct ring *ring = context;
    pthread_mutex_lock(&ring->lock);
    snprintf(ring->trouble, sizeof ring->trouble, "%s: %s", jwkd_status_name(status), message);
    size_t used = strlen(ring->told);
    snprintf(ring->told + used, sizeof ring->told - used, "%s\n", message);
    pthread_mutex_unlock(&ring->lock);
}

static void on_made(void *context, const struct keyring_made *made)
{
    struct ring *ring = context;
    pthread_mutex_lock(&ring->lock);
    size_t size = strlen(ring->made);
    snprintf(ring->made + size, sizeof ring->made - size, "%s %s %" PRIu64 " %s %s%s%s%s\n", made->verb,
        made->environment, made->revision, made->principal, made->kid, *made->deactivated ? ", " : "",
        made->deactivated, *made->deactivated ? " deactivated" : "");
    pthread_mutex_unlock(&ring->lock);
}

void ring_made(struct ring *ring, char out[4096])
{
    pthread_mutex_lock(&ring->lock);
    memcpy(out, ring->made, sizeof ring->made);
    ring->made[0] = '\0';
    pthread_mutex_unlock(&ring->lock);
}

bool ring_complained(struct ring *ring, const char *text)
{
    pthread_mutex_lock(&ring->lock);
    bool found = strstr(ring->trouble, text) != NULL;
    pthread_mutex_unlock(&ring->lock);
    return found;
}

bool ring_was_told(struct ring *ring, const char *text)
{
    pthread_mutex_lock(&ring->lock);
    bool found = strstr(ring->told, text) != NULL;
    pthread_mutex_unlock(&ring->lock);
    return found;
}

static void check(jwkd_status status, const jwkd_error *error)
{
    if (status != JWKD_OK) fail_msg("%s: %s", jwkd_status_name(status), error->message);
}

void ring_open(struct ring *ring)
{
    *ring = (struct ring){
        .memory = memory_new(), .machine_boot = "this run of the machine", .principal = "uid:1000"};
    pthread_mutex_init(&ring->lock, NULL);
    fixture_open(&ring->signing, 0);
    ring->store = memory_open(ring->memory);
}

void ring_start(struct ring *ring)
{
    struct keyring_options options = {.store = ring->store,
        .signer = ring->signing.signer,
        .version = "test",
        .registry = ring->registry,
        .machine_boot = ring->machine_boot,
        .change_queue = ring->change_queue,
        .most_changes = ring->most_changes,
        .most_answers = ring->most_answers,
        .new_epoch = ring->new_epoch,
        .accept_clock = ring->accept_clock,
        .operator= ring->operator,
        .own_principal = ring->own_principal,
        .admin = ring->admin,
        .on_trouble = ring->silent ? NULL : on_trouble,
        .on_change = on_made,
        .context = ring};
    jwkd_error error = {0};
    check(keyring_open(&options, &ring->keyring, &error), &error);
    check(keyring_start(ring->keyring, ring->publisher, &error), &error);
}

void ring_stop(struct ring *ring)
{
    keyring_close(ring->keyring);
    ring->keyring = NULL;
}

void ring_restart(struct ring *ring)
{
    ring_stop(ring);
    ring_start(ring);
}

void ring_close(struct ring *ring)
{
    ring_stop(ring);
    registry_free(ring->registry);
    store_close(ring->store);
    memory_free(ring->memory);
    fixture_close(&ring->signing);
    pthread_mutex_destroy(&ring->lock);
}

int ring_setup(void **state)
{
    struct ring *ring = malloc(sizeof *ring);
    if (!ring) return -1;
    ring_open(ring);
    ring_start(ring);
    *state = ring;
    return 0;
}

static void on_change(void *context)
{
    const struct ring *ring = context;
    if (ring->keyring) keyring_subscribers_changed(ring->keyring);
}

int ring_setup_counting(void **state)
{
    struct ring *ring = malloc(sizeof *ring);
    if (!ring) return -1;
    ring_open(ring);
    const struct registry_options options = {
        .max_lease_ms = 600 * 1000, .new_store = true, .on_change = on_change, .context = ring};
    if (registry_new(&options, &ring->registry) != JWKD_OK) return -1;
    ring_start(ring);
    *state = ring;
    return 0;
}

int ring_teardown(void **state)
{
    ring_close(*state);
    free(*state);
    return 0;
}

void ring_put(struct ring *ring, const char *key, struct bytes value)
{
    struct store_write write = {.key = bytes_of_text(key), .value = value, .expected = STORE_ANY};
    jwkd_error error = {0};
    check(store_commit(ring->store, &write, 1, false, NULL, &error), &error);
}

/* ---- changes ---- */

Jwkd__V1__Request ring_request(struct ring *ring, uint8_t id[16], Jwkd__V1__Request__OperationCase operation)
{
    memset(id, 0, 16);
    ring->ids++;
    memcpy(id, &ring->ids, sizeof ring->ids);
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.version = WIRE_VERSION;
    request.request_id = wire_bytes(bytes_of(id, 16));
    request.operation_case = operation;
    return request;
}

/* The answer to one change, handed over by the writer's thread. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct buffer packed;
    bool done;
};

static void on_done(struct keyring_command *command, struct bytes reply, jwkd_status status)
{
    (void)status;
    struct answer *answer = command->context;
    pthread_mutex_lock(&answer->lock);
    answer->done = buffer_append_bytes(&answer->packed, reply) == JWKD_OK;
    pthread_cond_signal(&answer->came);
    pthread_mutex_unlock(&answer->lock);
}

static void await_answer(struct answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    while (!answer->done)
        pthread_cond_wait(&answer->came, &answer->lock);
    pthread_mutex_unlock(&answer->lock);
}

/* What the RPC server does: prepares, then has it changed; a failure of either becomes an answer. */
static void make_change(struct ring *ring, const Jwkd__V1__Request *request, struct answer *answer)
{
    struct keyring_command command = {
        .request = request, .caller = {.principal = ring->principal}, .done = on_done, .context = answer};
    jwkd_error error = {0};
    jwkd_status status = JWKD_OK;
    if (request->operation_case == JWKD__V1__REQUEST__OPERATION_IMPORT)
        status = keyring_prepare_import(ring->keyring, &command, &error);
    if (status == JWKD_OK) status = keyring_change(ring->keyring, &command, &error);
    if (status == JWKD_OK) {
        await_answer(answer);
    } else {
        struct reply reply;
        reply_init(&reply, request);
        reply_fail(&reply, status, &error);
        assert_int_equal(wire_pack(&reply.message.base, &answer->packed), JWKD_OK);
        reply_clear(&reply);
    }
    keyring_command_clear(&command);
}

const Jwkd__V1__Reply *ring_change(struct ring *ring, const Jwkd__V1__Request *request, struct arena *arena)
{
    struct answer answer = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    ProtobufCMessage *message;
    make_change(ring, request, &answer);
    assert_int_equal(
        wire_unpack(&jwkd__v1__reply__descriptor, buffer_bytes(&answer.packed), arena, &message), JWKD_OK);
    buffer_clear(&answer.packed);
    return (const Jwkd__V1__Reply *)message;
}

jwkd_status ring_status(struct ring *ring, const Jwkd__V1__Request *request)
{
    CLEANUP(arena_clear) struct arena arena;
    return (jwkd_status)ring_change(ring, request, &arena)->status;
}

jwkd_status ring_collect(struct ring *ring, const Jwkd__V1__Request *request)
{
    jwkd_status status;
    AWAIT((status = ring_status(ring, request)) != JWKD_IN_PROGRESS);
    return status;
}

void ring_create(struct ring *ring, const char *name)
{
    uint8_t id[16];
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.issuer = wire_text("https://issuer.example");
    environment.default_audience = wire_text("api");
    environment.default_algorithm = wire_text("ES256");
    create.environment = &environment;
    request.create_environment = &create;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

void ring_set(struct ring *ring, const char *name, const char *field, uint32_t value)
{
    uint8_t id[16];
    char *fields[] = {wire_text(field)};
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__UpdateEnvironmentRequest update = JWKD__V1__UPDATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.rotate_every_sec = environment.jwks_max_age_sec = value; /* only what is named is taken */
    update.environment = &environment;
    update.fields = fields;
    update.n_fields = 1;
    request.update_environment = &update;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

jwkd_status ring_try_generate(struct ring *ring, const char *name, bool hold, char kid[LIMIT_KID + 1])
{
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generate.environment = wire_text(name);
    generate.hold = hold;
    request.generate = &generate;
    jwkd_status status = ring_collect(ring, &request);
    if (status != JWKD_OK || !kid) return status;
    CLEANUP(arena_clear) struct arena arena;
    snprintf(kid, LIMIT_KID + 1, "%s", ring_change(ring, &request, &arena)->key->key->kid);
    return JWKD_OK;
}

void ring_generate(struct ring *ring, const char *name, char kid[LIMIT_KID + 1])
{
    assert_int_equal(ring_try_generate(ring, name, false, kid), JWKD_OK);
}

void ring_import(struct ring *ring, const char *name, const char *file, char kid[LIMIT_KID + 1])
{
    uint8_t id[16];
    CLEANUP(buffer_clear) struct buffer key = fixture_read(file);
    Jwkd__V1__ImportRequest import = JWKD__V1__IMPORT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_IMPORT);
    import.environment = wire_text(name);
    import.private_key = wire_bytes(buffer_bytes(&key));
    if (strncmp(file, "rsa", 3) == 0) import.algorithm = wire_text("RS256"); /* not the environment's */
    request.import = &import;
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    assert_int_equal(reply->status, JWKD_OK);
    snprintf(kid, LIMIT_KID + 1, "%s", reply->key->key->kid);
}

/* ---- reading ---- */

void ring_sign_batch(struct ring *ring, const char *name, jwkd_status *out, size_t count)
{
    uint8_t id[16];
    static const char CLAIMS[] = "{\"sub\":\"alice\",\"client_id\":\"test\"}";
    Jwkd__V1__SignItem item = JWKD__V1__SIGN_ITEM__INIT, *items[LIMIT_BATCH];
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_SIGN);
    item.claims = wire_bytes(bytes_of_text(CLAIMS));
    for (size_t i = 0; i < count; i++)
        items[i] = &item;
    sign.environment = wire_text(name);
    sign.n_items = count;
    sign.items = items;
    request.sign = &sign;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    jwkd_status status = keyring_sign(ring->keyring, &SIGNING, &request, &reply, &error);
    for (size_t i = 0; i < count; i++)
        out[i] = status == JWKD_OK ? (jwkd_status)reply.message.signed_->tokens[i]->status : status;
}

void ring_deactivate(struct ring *ring, const char *name, const char *kid)
{
    uint8_t id[16];
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    deactivate.environment = wire_text(name);
    deactivate.kid = wire_text(kid);
    deactivate.allow_none = true;
    request.deactivate = &deactivate;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

void ring_retire(struct ring *ring, const char *name, const char *kid)
{
    uint8_t id[16];
    Jwkd__V1__RetireRequest retire = JWKD__V1__RETIRE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_RETIRE);
    retire.environment = wire_text(name);
    retire.kid = wire_text(kid);
    request.retire = &retire;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

jwkd_status ring_sign(struct ring *ring, const char *name)
{
    jwkd_status status;
    ring_sign_batch(ring, name, &status, 1);
    return status;
}

uint64_t ring_commits(struct ring *ring)
{
    uint8_t id[16];
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_STATUS);
    request.status = &status;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_status(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    return reply.message.service_status->commits;
}

static Jwkd__V1__KeyState look_at_key(struct ring *ring, const char *name, const char *kid, bool *out_primary)
{
    uint8_t id[16];
    Jwkd__V1__GetKeyRequest get = JWKD__V1__GET_KEY_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GET_KEY);
    get.environment = wire_text(name);
    get.kid = wire_text(kid);
    request.get_key = &get;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    jwkd_status status = keyring_get_key(ring->keyring, &ANYBODY, &request, &reply, &error);
    if (status != JWKD_OK) return JWKD__V1__KEY_STATE__KEY_STATE_NONE;
    *out_primary = reply.message.key->key->primary;
    return reply.message.key->key->state;
}

Jwkd__V1__KeyState ring_key_state(struct ring *ring, const char *name, const char *kid)
{
    bool primary;
    return look_at_key(ring, name, kid, &primary);
}

bool ring_is_primary(struct ring *ring, const char *name, const char *kid)
{
    bool primary = false;
    look_at_key(ring, name, kid, &primary);
    return primary;
}
