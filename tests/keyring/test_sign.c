#include "keyring/ring.h"

/* Signs a full batch into a reply with room for a part of it only. */
struct signature {
    struct ring *ring;
    jwkd_status status;
};

static void *sign_without_room(void *argument)
{
    struct signature *signature = argument;
    Jwkd__V1__SignItem item = JWKD__V1__SIGN_ITEM__INIT, *items[LIMIT_BATCH];
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    item.claims = wire_bytes(bytes_of_text("{\"sub\":\"alice\",\"client_id\":\"test\"}"));
    for (size_t i = 0; i < LIMIT_BATCH; i++) items[i] = &item;
    sign.environment = wire_text("shop");
    sign.n_items = LIMIT_BATCH;
    sign.items = items;
    request.sign = &sign;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    reply.arena.budget = 120 * 1024;
    signature->status = keyring_sign(signature->ring->keyring, &request, &reply, &error);
    return NULL;
}

static void deactivate(struct ring *ring, char *kid)
{
    uint8_t id[16];
    Jwkd__V1__DeactivateRequest operation = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    operation.environment = wire_text("shop");
    operation.kid = kid;
    operation.allow_none = true;
    request.deactivate = &operation;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* The batch goes on with the key that it began with, and has it unsealed again. RSA makes it last longer than the deactivation. */
static void sign__that_fails_leaves_no_deactivated_key_unsealed(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    pthread_t thread;
    struct signature signature = {.ring = ring};
    ring_create(ring, "shop");
    ring_import(ring, "shop", "rsa-3072.jwk", kid);
    assert_int_equal(pthread_create(&thread, NULL, sign_without_room, &signature), 0);
    AWAIT(signer_unsealed(ring->signing.signer) == 1);
    deactivate(ring, kid);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_not_equal(signature.status, JWKD_OK);
    assert_int_equal(signer_unsealed(ring->signing.signer), 0);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(
            sign__that_fails_leaves_no_deactivated_key_unsealed, ring_setup, ring_teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
