/* A change that fails when a part of it is written already: nothing of it may stay. */
#include "keyring/records/rows.h"
#include "keyring/ring.h"

static bool fails;

jwkd_status __real_rows_put_event(struct transaction *transaction, const struct ring_environment *environment,
    const Jwkd__V1__Event *event);
jwkd_status __wrap_rows_put_event(struct transaction *transaction, const struct ring_environment *environment,
    const Jwkd__V1__Event *event);
jwkd_status __wrap_rows_put_event(
    struct transaction *transaction, const struct ring_environment *environment, const Jwkd__V1__Event *event)
{
    return fails ? JWKD_NO_MEMORY : __real_rows_put_event(transaction, environment, event);
}

static int setup(void **state)
{
    fails = false;
    return ring_setup(state);
}

static jwkd_status try_create(struct ring *ring, const char *name)
{
    uint8_t id[16];
    char algorithm[] = "ES256";
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.default_algorithm = algorithm;
    create.environment = &environment;
    request.create_environment = &create;
    return ring_status(ring, &request);
}

static void spoiled__creation_leaves_no_environment(void **state)
{
    struct ring *ring = *state;
    fails = true;
    assert_int_equal(try_create(ring, "shop"), JWKD_NO_MEMORY);
    fails = false;
    ring_restart(ring);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NOT_FOUND);
    assert_int_equal(try_create(ring, "shop"), JWKD_OK);
}

static void spoiled__deactivation_leaves_the_key(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    uint8_t id[16];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    deactivate.environment = wire_text("shop");
    deactivate.kid = kid;
    deactivate.allow_none = true;
    request.deactivate = &deactivate;
    fails = true;
    assert_int_equal(ring_status(ring, &request), JWKD_NO_MEMORY);
    fails = false;
    ring_restart(ring);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    assert_int_equal(ring_status(ring, &request), JWKD_OK); /* the failure was not kept */
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spoiled__creation_leaves_no_environment, setup, ring_teardown),
        cmocka_unit_test_setup_teardown(spoiled__deactivation_leaves_the_key, setup, ring_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
