/* An operation is kept while it waits, however long that is, and as long as an answer is from its end on. */
#include "keyring/clocks.h"

enum { DAY = LIMIT_ANSWER_AGE_SEC, MINUTE = 60 /* answers expire once in it */ };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* The id of the operation that it began. */
static void generate(struct ring *ring, uint8_t out[16])
{
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generation = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generation.environment = wire_text("shop");
    request.generate = &generation;
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    CLEANUP(arena_clear) struct arena arena;
    memcpy(out, ring_change(ring, &request, &arena)->key->operation->id.data, 16);
}

/* PHASE_NONE: it is not known. */
static Jwkd__V1__Operation__Phase phase(struct ring *ring, uint8_t id[16])
{
    uint8_t own[16];
    Jwkd__V1__GetOperationRequest get = JWKD__V1__GET_OPERATION_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, own, JWKD__V1__REQUEST__OPERATION_GET_OPERATION);
    get.id = wire_bytes(bytes_of(id, 16));
    request.get_operation = &get;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    jwkd_status status = keyring_get_operation(ring->keyring, &ANYBODY, &request, &reply, &error);
    return status == JWKD_OK ? reply.message.operation->operation->phase
                             : JWKD__V1__OPERATION__PHASE__PHASE_NONE;
}

static void pass(struct ring *ring, int64_t sec)
{
    clocks_pass(sec);
    clocks_look(ring);
}

static void operation__is_kept_while_it_waits_and_a_day_from_its_end(void **state)
{
    struct ring *ring = *state;
    uint8_t first[16], id[16];
    ring_create(ring, "shop");
    ring_set(
        ring, "shop", "jwks_max_age_sec", LIMIT_JWKS_MAX_AGE_SEC); /* promotions wait as long as they can */
    generate(ring, first);
    generate(ring, id);
    pass(ring, DAY / 2);
    ring_restart(ring); /* it waits a whole day more */
    pass(ring, DAY / 2 + 2 * MINUTE);
    assert_int_equal(phase(ring, first), JWKD__V1__OPERATION__PHASE__PHASE_NONE);
    assert_int_equal(phase(ring, id), JWKD__V1__OPERATION__PHASE__WAITING);
    pass(ring, DAY / 2);
    assert_int_equal(phase(ring, id), JWKD__V1__OPERATION__PHASE__DONE);
    pass(ring, DAY - MINUTE);
    assert_int_equal(phase(ring, id), JWKD__V1__OPERATION__PHASE__DONE);
    pass(ring, 3 * MINUTE);
    assert_int_equal(phase(ring, id), JWKD__V1__OPERATION__PHASE__PHASE_NONE);
    assert_int_equal(memory_count(ring->memory, "operation/"), 0);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(
            operation__is_kept_while_it_waits_and_a_day_from_its_end, setup, ring_teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
