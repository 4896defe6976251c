#include "wire/cases.h"

#include <stdio.h>

#include "base/clock.h"
#include "keyring/state.h"

enum { SHOP = 7, SHOP_MADE_ANEW = 8 };

/* As much of a keyring as following needs: a snapshot of one environment, and the registry. */
static struct keyring keyring = {.present.lock = PTHREAD_MUTEX_INITIALIZER};
static uint8_t instance[REGISTRY_ID];

static struct {
    unsigned calls;
    uint32_t subscribers; /* of the environment, when the snapshot was asked for */
    uint64_t environment_id;
} seen;

static enum access_role role; /* of the caller, when the snapshot is asked for */

/* In place of the one that answers with a snapshot. */
keyring_use_case __wrap_keyring_get_jwks;
jwkd_status __wrap_keyring_get_jwks(struct keyring *of, const struct caller *caller,
    const Jwkd__V1__Request *request, struct reply *reply, jwkd_error *error)
{
    static Jwkd__V1__JwksReply jwks;
    static Jwkd__V1__State state;
    (void)caller;
    (void)request;
    (void)error;
    seen.calls++;
    reply->snapshot = keyring_snapshot(of);
    seen.subscribers = registry_count(of->options.registry, SHOP, 1, clock_elapsed_ns()).subscribers;
    state.environment_id = seen.environment_id;
    jwks.state = &state;
    reply->message.result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply->message.jwks = &jwks;
    return JWKD_OK;
}

static int setup(void **state)
{
    (void)state;
    const struct registry_options options = {.max_lease_ms = 1000, .new_store = true};
    const struct registry_wish wish = {.principal = "uid:1", .name = "test"};
    uint32_t lease_ms;
    CLEANUP(ring_environment_unref_at) struct ring_environment *shop = ring_environment_new(SHOP);
    assert_non_null(shop);
    strcpy(shop->settings.name, "shop");
    const struct snapshot_change change = {.name = "shop", .environment = shop};
    assert_int_equal(snapshot_next(NULL, &change, 1, NULL, 1, &keyring.present.snapshot), JWKD_OK);
    assert_int_equal(registry_new(&options, &keyring.options.registry), JWKD_OK);
    assert_int_equal(
        registry_hello(keyring.options.registry, &wish, clock_elapsed_ns(), instance, &lease_ms, NULL),
        JWKD_OK);
    memset(&seen, 0, sizeof seen);
    seen.environment_id = SHOP;
    role = ROLE_VERIFIER;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_free(keyring.options.registry);
    snapshot_unref(keyring.present.snapshot);
    return 0;
}

static jwkd_status ask(const char *environment, size_t id_size)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    Jwkd__V1__GetJwksRequest jwks = JWKD__V1__GET_JWKS_REQUEST__INIT;
    jwks.environment = wire_text(environment);
    jwks.instance_id = wire_bytes(bytes_of(instance, id_size));
    jwks.sequence = 1;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_JWKS;
    request.get_jwks = &jwks;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    const struct caller caller = {.principal = "uid:1", .otherwise = role};
    return keyring_follow_jwks(&keyring, &caller, &request, &reply, NULL);
}

static void follow__counts_before_the_snapshot_is_read(void **state)
{
    (void)state;
    assert_int_equal(ask("shop", REGISTRY_ID), JWKD_OK);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.subscribers, 1);
}

static void follow__is_only_for_subscribers(void **state)
{
    (void)state;
    assert_int_equal(ask("shop", 0), JWKD_OK);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.subscribers, 0);
}

static void follow__that_fails_gives_no_snapshot(void **state)
{
    (void)state;
    assert_int_equal(ask("nowhere", REGISTRY_ID), JWKD_NOT_FOUND);
    instance[0] ^= 1;
    assert_int_equal(ask("shop", REGISTRY_ID), JWKD_NOT_REGISTERED);
    assert_int_equal(seen.calls, 0);
}

/* The door let it come, and then the right was withdrawn. */
static void follow__ends_for_one_that_may_no_longer(void **state)
{
    (void)state;
    role = ROLE_IMPORTER;
    assert_int_equal(ask("shop", REGISTRY_ID), JWKD_DENIED);
    assert_int_equal(seen.subscribers, 1);
    assert_int_equal(registry_count(keyring.options.registry, SHOP, 1, clock_elapsed_ns()).subscribers, 0);
}

static void follow__does_not_answer_with_another_environment_of_the_name(void **state)
{
    (void)state;
    seen.environment_id = SHOP_MADE_ANEW;
    assert_int_equal(ask("shop", REGISTRY_ID), JWKD_UNAVAILABLE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(follow__counts_before_the_snapshot_is_read),
        CASE(follow__is_only_for_subscribers),
        CASE(follow__that_fails_gives_no_snapshot),
        CASE(follow__ends_for_one_that_may_no_longer),
        CASE(follow__does_not_answer_with_another_environment_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
