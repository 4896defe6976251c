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

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(repetition__of_a_change_gets_its_answer),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
