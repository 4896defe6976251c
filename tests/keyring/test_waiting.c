/* Generations that wait for their keys, which are not made before the test says so. */
#include "keyring/ring.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
} making = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

jwkd_status __real_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg, const char *owner,
    const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error);
jwkd_status __wrap_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg, const char *owner,
    const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error);
jwkd_status __wrap_signer_generate(struct signer *signer, const struct key_type *type, enum alg alg, const char *owner,
    const _Atomic bool *stop, struct buffer *out_sealed, struct jwk **out_public, jwkd_error *error)
{
    pthread_mutex_lock(&making.lock);
    while (making.held) pthread_cond_wait(&making.changed, &making.lock);
    pthread_mutex_unlock(&making.lock);
    return __real_signer_generate(signer, type, alg, owner, stop, out_sealed, out_public, error);
}

static void hold(bool held)
{
    pthread_mutex_lock(&making.lock);
    making.held = held;
    pthread_cond_broadcast(&making.changed);
    pthread_mutex_unlock(&making.lock);
}

static int setup(void **state)
{
    hold(true);
    return ring_setup(state);
}

static int teardown(void **state)
{
    hold(false);
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
    for (int i = 0; i < 10; i++) assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS); /* the writer wakes */
    assert_int_equal(ring_commits(ring), before);
    hold(false);
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    assert_int_equal(memory_count(ring->memory, "work/"), 0);
}

/* The last of them does not count itself out. */
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
    hold(false);
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
