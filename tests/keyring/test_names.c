/* Names of environments that addresses of the service begin with. */
#include "keyring/ring.h"

static jwkd_status try_create(struct ring *ring, const char *name)
{
    uint8_t id[16];
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.default_algorithm = wire_text("ES256");
    create.environment = &environment;
    request.create_environment = &create;
    return ring_status(ring, &request);
}

static jwkd_status try_delete(struct ring *ring, const char *name)
{
    uint8_t id[16];
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text(name);
    delete.with_live_keys = true;
    request.delete_environment = &delete;
    return ring_status(ring, &request);
}

/* The row of an environment that a version made which knew of no such names. */
static void put_environment(struct ring *ring, const char *name)
{
    uint8_t epoch[16] = {1};
    char row[80];
    CLEANUP(buffer_clear) struct buffer packed = {0};
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__State at = JWKD__V1__STATE__INIT;
    at.epoch = wire_bytes(bytes_of(epoch, sizeof epoch));
    at.environment_id = UINT32_MAX; /* those that are made are numbered from 1 */
    at.revision = 1;
    environment.name = wire_text(name);
    environment.default_algorithm = wire_text("ES256");
    environment.max_token_lifetime_sec = environment.default_token_lifetime_sec = 900;
    environment.state = &at;
    assert_int_equal(wire_pack(&environment.base, &packed), JWKD_OK);
    snprintf(row, sizeof row, "env/%s", name);
    ring_put(ring, row, buffer_bytes(&packed));
}

static void name__that_is_an_address_is_refused(void **state)
{
    struct ring *ring = *state;
    static const char *const names[] = {
        "api", "console", "metrics", "healthz", "readyz", "openapi.json", "static", "follow"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(try_create(ring, names[i]), JWKD_INVALID_ARGUMENT);
    assert_int_equal(try_create(ring, "api-v2"), JWKD_OK);
}

/* It signs, is changed, and can be deleted: then the name is gone. */
static void environment__of_such_a_name_stays(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_stop(ring);
    put_environment(ring, "api");
    ring_start(ring);
    ring_generate(ring, "api", kid);
    ring_set(ring, "api", "jwks_max_age_sec", 60);
    assert_int_equal(ring_sign(ring, "api"), JWKD_OK);
    ring_restart(ring);
    assert_int_equal(ring_sign(ring, "api"), JWKD_OK);
    assert_int_equal(try_delete(ring, "api"), JWKD_OK);
    assert_int_equal(try_create(ring, "api"), JWKD_INVALID_ARGUMENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(name__that_is_an_address_is_refused),
        CASE(environment__of_such_a_name_stays),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
