#include "wire/cases.h"

#include "base/clock.h"
#include "keyring/changes/receipts.h"

enum { SHOP = 7, MAX_LEASE_MS = 100 * 1000, HORIZON_MS = 100 * 1000 + 100 };

/* As much of a keyring as receipts need: a snapshot with one key, deactivated in revision 5, and the
 * registry. */
struct scene {
    struct keyring keyring;
    int64_t now;
    Jwkd__V1__Receipt receipt; /* as it was told last, without its lines */
};

static int setup(void **state)
{
    static const char JWK[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    struct scene *scene = calloc(1, sizeof *scene);
    struct ring_key *key = ring_key_new();
    CLEANUP(ring_environment_unref_at) struct ring_environment *shop = ring_environment_new(SHOP);
    if (!scene || !key || !shop) return -1;
    assert_int_equal(
        jwk_from_json(bytes_of_text(JWK), &(struct jwk_rules){.require_kid = true}, &key->jwk, NULL),
        JWKD_OK);
    key->state = KEY_DEACTIVATED;
    key->revision = 5;
    strcpy(shop->settings.name, "shop");
    shop->revision = 6;
    assert_int_equal(ring_environment_add(shop, key), JWKD_OK);
    const struct snapshot_change change = {.name = "shop", .environment = shop};
    assert_int_equal(snapshot_next(NULL, &change, 1, NULL, 1, &scene->keyring.present.snapshot), JWKD_OK);
    pthread_mutex_init(&scene->keyring.present.lock, NULL);
    scene->now = clock_wall_sec();
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    registry_free(scene->keyring.options.registry);
    snapshot_unref(scene->keyring.present.snapshot);
    pthread_mutex_destroy(&scene->keyring.present.lock);
    free(scene);
    return 0;
}

/* The key was deactivated, and the service started, so long ago; or it made the store. */
static void arrange(struct scene *scene, int64_t deactivated_sec, uint64_t started_sec, bool new_store)
{
    const struct registry_options options = {.max_lease_ms = MAX_LEASE_MS,
        .started_ns = clock_elapsed_ns() - started_sec * NS_PER_SEC,
        .new_store = new_store};
    registry_free(scene->keyring.options.registry);
    assert_int_equal(registry_new(&options, &scene->keyring.options.registry), JWKD_OK);
    scene->keyring.present.snapshot->environments[0]->keys[0]->deactivated_at = scene->now - deactivated_sec;
}

static jwkd_status tell(struct scene *scene, const char *kid)
{
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    Jwkd__V1__GetReceiptRequest get = JWKD__V1__GET_RECEIPT_REQUEST__INIT;
    get.environment = wire_text("shop");
    get.kid = wire_text(kid);
    request.operation_case = JWKD__V1__REQUEST__OPERATION_GET_RECEIPT;
    request.get_receipt = &get;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    jwkd_status status =
        keyring_get_receipt(&scene->keyring, &(struct caller){.principal = "uid:1"}, &request, &reply, NULL);
    if (status == JWKD_OK) scene->receipt = *reply.message.receipt->receipt;
    return status;
}

static void publish(struct scene *scene, uint64_t environment_id, uint64_t revision)
{
    const struct publisher_event event = {
        .environment = "shop", .environment_id = environment_id, .revision = revision};
    keyring_open_receipts(&scene->keyring, scene->keyring.present.snapshot, &event, clock_elapsed_ns());
}

/* The whole second in which it was deactivated counts as its last. */
static void receipt__of_long_ago_goes_by_when_the_key_was_deactivated(void **state)
{
    struct scene *scene = *state;
    arrange(scene, 0, 0, true);
    assert_int_equal(tell(scene, "k"), JWKD_OK);
    assert_int_equal(scene->receipt.revision, 5);
    assert_int_equal(scene->receipt.effective_everywhere_by, scene->now + 1 + 101);
    assert_in_range(scene->receipt.effective_in_ms, 1, HORIZON_MS + 1000);
    assert_false(scene->receipt.bounded || scene->receipt.complete);
    arrange(scene, 102, 0, true);
    assert_int_equal(tell(scene, "k"), JWKD_OK);
    assert_int_equal(scene->receipt.effective_everywhere_by, scene->now);
    assert_int_equal(scene->receipt.effective_in_ms, 0);
    assert_true(scene->receipt.bounded && scene->receipt.forgotten); /* who served stale keys is unknown */
    assert_false(scene->receipt.complete);
}

static void receipt__of_long_ago_waits_until_all_are_known(void **state)
{
    struct scene *scene = *state;
    arrange(scene, 1000, 10, false);
    assert_int_equal(tell(scene, "k"), JWKD_OK);
    assert_in_range(scene->receipt.effective_in_ms, 1, HORIZON_MS - 10 * 1000);
    assert_false(scene->receipt.bounded);
    arrange(scene, 1000, 101, false);
    assert_int_equal(tell(scene, "k"), JWKD_OK);
    assert_int_equal(scene->receipt.effective_in_ms, 0);
    assert_true(scene->receipt.bounded);
}

static void receipt__is_opened_by_the_revision_that_deactivated_the_key(void **state)
{
    struct scene *scene = *state;
    struct registry_receipt receipt;
    arrange(scene, 0, 0, true);
    publish(scene, SHOP, 4);
    publish(scene, SHOP, 6);
    publish(scene, SHOP + 1, 5); /* another environment of the name */
    struct registry *registry = scene->keyring.options.registry;
    assert_int_equal(registry_read_receipt(registry, SHOP, "k", 0, &receipt), JWKD_NOT_FOUND);
    publish(scene, SHOP, 5);
    assert_int_equal(registry_read_receipt(registry, SHOP, "k", 0, &receipt), JWKD_OK);
    assert_int_equal(receipt.revision, 5);
    registry_receipt_clear(&receipt);
    assert_int_equal(tell(scene, "k"), JWKD_OK);
    assert_true(scene->receipt.complete);
    assert_int_equal(tell(scene, "l"), JWKD_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(receipt__of_long_ago_goes_by_when_the_key_was_deactivated),
        CASE(receipt__of_long_ago_waits_until_all_are_known),
        CASE(receipt__is_opened_by_the_revision_that_deactivated_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
