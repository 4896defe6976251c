/* Generations that wait for their keys, which are not made before the test says so. */
#include "keyring/making.h"
#include "keyring/ring.h"

static int setup(void **state)
{
    making_hold(true);
    return ring_setup(state);
}

static int teardown(void **state)
{
    making_hold(false);
    return ring_teardown(state);
}

static Jwkd__V1__Request generation(struct ring *ring, uint8_t id[16], Jwkd__V1__GenerateRequest *generate)
{
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    *generate = (Jwkd__V1__GenerateRequest)JWKD__V1__GENERATE_REQUEST__INIT;
    generate->environment = wire_text("shop");
    request.generate = generate;
    return request;
}

static void waiting__commits_nothing(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate;
    ring_create(ring, "shop");
    Jwkd__V1__Request request = generation(ring, id, &generate);
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    uint64_t before = ring_commits(ring);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS); /* the writer wakes */
    assert_int_equal(ring_commits(ring), before);
    making_hold(false);
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    assert_int_equal(memory_count(ring->memory, "work/"), 0);
}

/* The last one that may wait is not refused because it counts itself. */
static void waiting__by_as_many_as_may_ends_well(void **state)
{
    struct ring *ring = *state;
    uint8_t ids[LIMIT_WAITING + 1][16];
    Jwkd__V1__GenerateRequest generate;
    Jwkd__V1__Request request;
    ring_create(ring, "shop");
    for (size_t i = 0; i < LIMIT_WAITING; i++) {
        request = generation(ring, ids[i], &generate);
        assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    }
    request = generation(ring, ids[LIMIT_WAITING], &generate);
    assert_int_equal(ring_status(ring, &request), JWKD_RESOURCE_EXHAUSTED);
    making_hold(false);
    for (size_t i = 0; i < LIMIT_WAITING; i++) {
        request.request_id = wire_bytes(bytes_of(ids[i], 16));
        assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(waiting__commits_nothing),
        CASE(waiting__by_as_many_as_may_ends_well),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
