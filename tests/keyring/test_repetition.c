/* A request that is repeated is answered as it was, and carried out once. */
#include "keyring/ring.h"

static void repetition__of_a_change_gets_its_answer(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    uint8_t id[16];
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    deactivate.environment = wire_text("shop");
    deactivate.kid = kid;
    deactivate.allow_none = true;
    request.deactivate = &deactivate;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    size_t events = memory_count(ring->memory, "log/");
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    assert_int_equal(memory_count(ring->memory, "log/"), events);
    deactivate.allow_none = false;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

static Jwkd__V1__Request set_primary_request(
    struct ring *ring, uint8_t id[16], Jwkd__V1__SetPrimaryRequest *operation, char *kid)
{
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY);
    *operation = (Jwkd__V1__SetPrimaryRequest)JWKD__V1__SET_PRIMARY_REQUEST__INIT;
    operation->environment = wire_text("shop");
    operation->kid = kid;
    request.set_primary = operation;
    return request;
}

/* It must not be carried out late either: here it would take the primary key away from the newer one. */
static void repetition__of_what_changed_nothing_gets_its_answer(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], other[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    uint8_t id[16];
    Jwkd__V1__SetPrimaryRequest operation;
    Jwkd__V1__Request request = set_primary_request(ring, id, &operation, kid);
    CLEANUP(arena_clear) struct arena first_arena, arena;
    const Jwkd__V1__Reply *first = ring_change(ring, &request, &first_arena); /* it is primary already */
    assert_int_equal(first->status, JWKD_OK);
    ring_generate(ring, "shop", other);
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    assert_int_equal(reply->status, JWKD_OK);
    assert_int_equal(reply->key->state->revision, first->key->state->revision);
    assert_true(ring_is_primary(ring, "shop", other));
    operation.kid = other;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* An answer that cannot be kept must not be given: its repetition might get another one. */
static void answer__that_cannot_be_kept_is_not_given(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    uint8_t id[16];
    Jwkd__V1__SetPrimaryRequest operation;
    Jwkd__V1__Request request = set_primary_request(ring, id, &operation, kid);
    memory_next(ring->memory, "answer/", MEMORY_REFUSED);
    assert_int_equal(ring_status(ring, &request), JWKD_UNAVAILABLE);
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* A generation as a newer client asks for it: with a field that is not known here, and is not kept while it
 * waits. */
static Jwkd__V1__Request newer_request(struct ring *ring, uint8_t id[16], Jwkd__V1__GenerateRequest *generate)
{
    static uint8_t one = 1;
    static ProtobufCMessageUnknownField field = {
        .tag = 500, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = &one};
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    *generate = (Jwkd__V1__GenerateRequest)JWKD__V1__GENERATE_REQUEST__INIT;
    generate->environment = wire_text("shop");
    generate->base.n_unknown_fields = 1;
    generate->base.unknown_fields = &field;
    request.generate = generate;
    return request;
}

static void repetition__with_unknown_fields_collects_its_key(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate;
    ring_create(ring, "shop");
    Jwkd__V1__Request request = newer_request(ring, id, &generate);
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    generate.base.n_unknown_fields = 0; /* means the same to this service */
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    generate.hold = true;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* A client asks again with another deadline, perhaps by the clock of another run. */
static void repetition__is_compared_without_the_envelope(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16], boot_id[16] = {1}, credential[3] = {2};
    ring_create(ring, "shop");
    Jwkd__V1__SetPrimaryRequest operation;
    char kid[LIMIT_KID + 1];
    ring_generate(ring, "shop", kid);
    Jwkd__V1__Request request = set_primary_request(ring, id, &operation, kid);
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    request.deadline_ns = UINT64_MAX;
    request.boot_id = wire_bytes(bytes_of(boot_id, sizeof boot_id));
    request.credential = wire_bytes(bytes_of(credential, sizeof credential));
    request.version = 2;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* Fields that are not known may lie deeper. */
static void repetition__is_compared_without_unknown_fields_of_parts(void **state)
{
    struct ring *ring = *state;
    static uint8_t one = 1;
    static ProtobufCMessageUnknownField field = {
        .tag = 500, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = &one};
    uint8_t id[16];
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text("shop");
    environment.default_algorithm = wire_text("ES256");
    create.environment = &environment;
    request.create_environment = &create;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    environment.base.n_unknown_fields = 1;
    environment.base.unknown_fields = &field;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    environment.leeway_sec = 1;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* ---- operations */

static void read_operation(const Jwkd__V1__Reply *reply, uint8_t out[16])
{
    assert_int_equal(reply->status, JWKD_OK);
    assert_int_equal(reply->key->operation->id.len, 16);
    memcpy(out, reply->key->operation->id.data, 16);
}

static Jwkd__V1__Request rotation_request(
    struct ring *ring, uint8_t id[16], Jwkd__V1__RotateRequest *rotation)
{
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_ROTATE);
    *rotation = (Jwkd__V1__RotateRequest)JWKD__V1__ROTATE_REQUEST__INIT;
    rotation->environment = wire_text("shop");
    request.rotate = rotation;
    return request;
}

/* Two callers may choose the same id, by chance or in bad faith. Neither gets the other's answer. */
static void operation__of_another_caller_with_the_same_request_id_is_another(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16], first[16], again[16], other[16];
    Jwkd__V1__RotateRequest rotation;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", (char[LIMIT_KID + 1]){0});
    Jwkd__V1__Request request = rotation_request(ring, id, &rotation);
    CLEANUP(arena_clear) struct arena a, b, c;
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    read_operation(ring_change(ring, &request, &a), first);
    ring->principal = "uid:1001";
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    read_operation(ring_change(ring, &request, &b), other);
    assert_memory_not_equal(first, other, 16);
    assert_memory_not_equal(first, id, 16);
    assert_memory_not_equal(other, id, 16);
    ring->principal = "uid:1000";
    read_operation(ring_change(ring, &request, &c), again);
    assert_memory_equal(first, again, 16);
}

/* Names that differ in their length and in their last character only. */
static void change__of_callers_of_long_names_are_told_apart(void **state)
{
    struct ring *ring = *state;
    char longest[LIMIT_PRINCIPAL + 2], shorter[LIMIT_PRINCIPAL + 1];
    memset(longest, 'p', LIMIT_PRINCIPAL + 1);
    longest[LIMIT_PRINCIPAL + 1] = '\0';
    uint8_t id[16];
    char kid[LIMIT_KID + 1], other[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    ring_generate(ring, "shop", other);
    Jwkd__V1__SetPrimaryRequest operation;
    Jwkd__V1__Request request = set_primary_request(ring, id, &operation, kid);
    ring->principal = longest;
    assert_int_equal(ring_status(ring, &request), JWKD_INVALID_ARGUMENT); /* not cut */
    longest[LIMIT_PRINCIPAL] = '\0';
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    memcpy(shorter, longest, LIMIT_PRINCIPAL - 1);
    shorter[LIMIT_PRINCIPAL - 1] = '\0';
    ring->principal = shorter;
    operation.kid = other;
    assert_int_equal(ring_status(ring, &request), JWKD_OK); /* the same id, and another caller */
    assert_true(ring_is_primary(ring, "shop", other));
    ring->principal = longest;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* A caller repeats its request after a restart, before and after the key is made. It is told of the same
 * operation. */
static void operation__is_the_same_for_a_repetition_across_restarts(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16], first[16], again[16];
    Jwkd__V1__RotateRequest rotation;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", (char[LIMIT_KID + 1]){0});
    Jwkd__V1__Request request = rotation_request(ring, id, &rotation);
    rotation.algorithm = wire_text("RS256"); /* takes a while */
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    ring_restart(ring);
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    CLEANUP(arena_clear) struct arena a, b;
    read_operation(ring_change(ring, &request, &a), first);
    size_t operations = memory_count(ring->memory, "operation/");
    ring_restart(ring);
    read_operation(ring_change(ring, &request, &b), again);
    assert_memory_equal(first, again, 16);
    assert_int_equal(memory_count(ring->memory, "operation/"), operations);
}

/* No answer is kept for a request that failed, even if the caller was told to wait first. */
static void failure__is_not_kept(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16], deletion_id[16];
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generate.environment = wire_text("shop");
    generate.algorithm = wire_text("RS256"); /* takes a while */
    request.generate = &generate;
    assert_int_equal(ring_status(ring, &request), JWKD_NOT_FOUND);
    ring_create(ring, "shop");
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request deletion =
        ring_request(ring, deletion_id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text("shop");
    deletion.delete_environment = &delete;
    assert_int_equal(ring_status(ring, &deletion), JWKD_OK);
    AWAIT(memory_count(ring->memory, "work/") == 0);
    assert_int_equal(ring_status(ring, &request), JWKD_NOT_FOUND);
    ring_create(ring, "shop");
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
}

static void repetition__with_unknown_fields_outlives_a_restart(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate;
    ring_create(ring, "shop");
    Jwkd__V1__Request request = newer_request(ring, id, &generate);
    generate.algorithm = wire_text("RS256"); /* takes a while */
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    ring_restart(ring);
    assert_int_not_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* A rotation waits for its key as a generation does. */
static void repetition__of_a_rotation_outlives_a_restart(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    char kid[LIMIT_KID + 1];
    Jwkd__V1__RotateRequest rotation = JWKD__V1__ROTATE_REQUEST__INIT;
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_ROTATE);
    rotation.environment = wire_text("shop");
    rotation.algorithm = wire_text("RS256"); /* takes a while */
    request.rotate = &rotation;
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    ring_restart(ring);
    assert_int_not_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

/* Even when it could not be carried out any more: here the environment is gone. */
static void repetition__of_an_import_gets_its_answer(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16], other_id[16];
    CLEANUP(buffer_clear) struct buffer key = fixture_read("rsa-2048.jwk");
    Jwkd__V1__ImportRequest import = JWKD__V1__IMPORT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_IMPORT);
    import.environment = wire_text("shop");
    import.private_key = wire_bytes(buffer_bytes(&key));
    import.algorithm = wire_text("RS256");
    request.import = &import;
    ring_create(ring, "shop");
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request deletion =
        ring_request(ring, other_id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text("shop");
    delete.with_live_keys = true;
    deletion.delete_environment = &delete;
    assert_int_equal(ring_status(ring, &deletion), JWKD_OK);
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
    import.hold = true;
    assert_int_equal(ring_status(ring, &request), JWKD_CONFLICT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(repetition__of_a_change_gets_its_answer),
        CASE(repetition__of_what_changed_nothing_gets_its_answer),
        CASE(repetition__with_unknown_fields_collects_its_key),
        CASE(repetition__with_unknown_fields_outlives_a_restart),
        CASE(repetition__of_a_rotation_outlives_a_restart),
        CASE(repetition__of_an_import_gets_its_answer),
        CASE(repetition__is_compared_without_the_envelope),
        CASE(repetition__is_compared_without_unknown_fields_of_parts),
        CASE(operation__of_another_caller_with_the_same_request_id_is_another),
        CASE(change__of_callers_of_long_names_are_told_apart),
        CASE(operation__is_the_same_for_a_repetition_across_restarts),
        CASE(failure__is_not_kept),
        CASE(answer__that_cannot_be_kept_is_not_given),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
