#include "keyring/clocks.h"

enum { LEEWAY = 30 };

static int setup(void **state)
{
    clocks_reset();
    return ring_setup(state);
}

/* A request for LIMIT_BATCH tokens, the nth of which is for "user-n". */
struct wanted {
    char claims[LIMIT_BATCH][64];
    Jwkd__V1__SignItem items[LIMIT_BATCH], *pointers[LIMIT_BATCH];
    Jwkd__V1__SignRequest sign;
    Jwkd__V1__Request request;
};

static void want_full_batch(struct wanted *wanted)
{
    wanted->sign = (Jwkd__V1__SignRequest)JWKD__V1__SIGN_REQUEST__INIT;
    wanted->request = (Jwkd__V1__Request)JWKD__V1__REQUEST__INIT;
    for (size_t i = 0; i < LIMIT_BATCH; i++) {
        snprintf(
            wanted->claims[i], sizeof wanted->claims[i], "{\"sub\":\"user-%zu\",\"client_id\":\"test\"}", i);
        wanted->items[i] = (Jwkd__V1__SignItem)JWKD__V1__SIGN_ITEM__INIT;
        wanted->items[i].claims = wire_bytes(bytes_of_text(wanted->claims[i]));
        wanted->pointers[i] = &wanted->items[i];
    }
    wanted->sign.environment = wire_text("shop");
    wanted->sign.n_items = LIMIT_BATCH;
    wanted->sign.items = wanted->pointers;
    wanted->request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN;
    wanted->request.sign = &wanted->sign;
}

/* The nth is valid, and says "user-n"; the reply names the key. */
static void assert_full_batch(struct ring *ring, const struct reply *reply, const char *kid)
{
    assert_int_equal(reply->message.result_case, JWKD__V1__REPLY__RESULT_SIGNED);
    const Jwkd__V1__SignReply *tokens = reply->message.signed_;
    assert_int_equal(tokens->n_tokens, LIMIT_BATCH);
    assert_string_equal(tokens->kid, kid);
    Jwkd__V1__VerifyItem items[LIMIT_BATCH], *pointers[LIMIT_BATCH];
    for (size_t i = 0; i < LIMIT_BATCH; i++) {
        assert_int_equal(tokens->tokens[i]->status, JWKD__V1__STATUS__OK);
        items[i] = (Jwkd__V1__VerifyItem)JWKD__V1__VERIFY_ITEM__INIT;
        items[i].token = tokens->tokens[i]->token;
        pointers[i] = &items[i];
    }
    Jwkd__V1__VerifyRequest verify = JWKD__V1__VERIFY_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    verify.environment = wire_text("shop");
    verify.n_items = LIMIT_BATCH;
    verify.items = pointers;
    request.verify = &verify;
    CLEANUP(reply_clear) struct reply verified;
    reply_init(&verified, &request);
    assert_int_equal(keyring_verify(ring->keyring, &ANYBODY, &request, &verified, NULL), JWKD_OK);
    for (size_t i = 0; i < LIMIT_BATCH; i++) {
        const Jwkd__V1__VerifiedToken *token = verified.message.verified->tokens[i];
        char subject[32];
        snprintf(subject, sizeof subject, "\"user-%zu\"", i);
        assert_int_equal(token->verdict, JWKD_VERDICT_VALID);
        assert_string_equal(token->kid, kid);
        assert_non_null(memmem(token->claims.data, token->claims.len, subject, strlen(subject)));
    }
}

static uint64_t tokens_signed(struct ring *ring)
{
    Jwkd__V1__StatusRequest status = JWKD__V1__STATUS_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    request.status = &status;
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    assert_int_equal(keyring_status(ring->keyring, &ANYBODY, &request, &reply, NULL), JWKD_OK);
    return reply.message.service_status->tokens_signed;
}

static void *sign_share(void *signing)
{
    while (keyring_sign_next(signing))
        continue;
    return NULL;
}

static void sign_by_threads(struct keyring_signing *signing)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_share, signing), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void sign__by_several_threads_makes_each_token_once(void **state)
{
    struct ring *ring = *state;
    static struct wanted wanted;
    char kid[LIMIT_KID + 1];
    struct keyring_signing *signing;
    want_full_batch(&wanted);
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &wanted.request);
    const uint64_t before = tokens_signed(ring);
    assert_int_equal(
        keyring_sign_begin(ring->keyring, &SIGNING, &wanted.request, &reply, &signing, NULL), JWKD_OK);
    sign_by_threads(signing);
    assert_int_equal(keyring_sign_end(signing, NULL), JWKD_OK);
    assert_full_batch(ring, &reply, kid);
    assert_int_equal(tokens_signed(ring) - before, LIMIT_BATCH);
}

static void sign__by_several_threads_begins_anew_without_its_key(void **state)
{
    struct ring *ring = *state;
    static struct wanted wanted;
    char first[LIMIT_KID + 1], second[LIMIT_KID + 1];
    struct keyring_signing *signing;
    want_full_batch(&wanted);
    ring_create(ring, "shop");
    ring_generate(ring, "shop", first);
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &wanted.request);
    assert_int_equal(
        keyring_sign_begin(ring->keyring, &SIGNING, &wanted.request, &reply, &signing, NULL), JWKD_OK);
    sign_by_threads(signing);
    ring_generate(ring, "shop", second);
    ring_deactivate(ring, "shop", first);
    assert_int_equal(keyring_sign_end(signing, NULL), JWKD_OK);
    assert_full_batch(ring, &reply, second);
    assert_int_equal(signer_unsealed(ring->signing.signer), 1);
}

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
    for (size_t i = 0; i < LIMIT_BATCH; i++)
        items[i] = &item;
    sign.environment = wire_text("shop");
    sign.n_items = LIMIT_BATCH;
    sign.items = items;
    request.sign = &sign;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    reply.arena.budget = 120 * 1024;
    signature->status = keyring_sign(signature->ring->keyring, &SIGNING, &request, &reply, &error);
    return NULL;
}

/* The batch goes on with the key that it began with, and has it unsealed again. RSA makes it last longer than
 * the deactivation. */
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
    ring_deactivate(ring, "shop", kid);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_not_equal(signature.status, JWKD_OK);
    assert_int_equal(signer_unsealed(ring->signing.signer), 0);
}

static jwkd_status sign_raw(struct ring *ring)
{
    Jwkd__V1__SignRawRequest raw = JWKD__V1__SIGN_RAW_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    raw.environment = wire_text("shop");
    raw.type = wire_text("receipt");
    raw.payload = wire_bytes(bytes_of_text("paid"));
    request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN_RAW;
    request.sign_raw = &raw;
    CLEANUP(reply_clear) struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    return keyring_sign_raw(ring->keyring, &SIGNING_RAW, &request, &reply, &error);
}

static void expect_to_sign(struct ring *ring, jwkd_status expected)
{
    assert_int_equal(ring_sign(ring, "shop"), expected);
    assert_int_equal(sign_raw(ring), expected);
}

/* The time of the last change is kept in the store: a restart does not forget it. */
static void sign__is_refused_while_the_clock_is_behind_the_last_change(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    expect_to_sign(ring, JWKD_OK);
    clocks_set_wall(-LEEWAY);
    expect_to_sign(ring, JWKD_OK);
    clocks_set_wall(-1);
    expect_to_sign(ring, JWKD_UNAVAILABLE);
    ring_create(ring, "another"); /* changes are made all the while, and do not lower what was reached */
    expect_to_sign(ring, JWKD_UNAVAILABLE);
    ring_restart(ring);
    expect_to_sign(ring, JWKD_UNAVAILABLE);
    clocks_set_wall(1);
    expect_to_sign(ring, JWKD_OK);
}

/* Payloads count as tokens do. An operator who reads that a key has signed nothing may deactivate it. */
static void sign__of_a_payload_counts_as_use(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    Jwkd__V1__GetKeyRequest get = JWKD__V1__GET_KEY_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    get.environment = wire_text("shop");
    get.kid = kid;
    request.get_key = &get;
    assert_int_equal(sign_raw(ring), JWKD_OK);
    CLEANUP(reply_clear) struct reply reply;
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_key(ring->keyring, &ANYBODY, &request, &reply, NULL), JWKD_OK);
    assert_int_equal(reply.message.key->key->tokens_signed, 1);
    assert_true(reply.message.key->key->last_used_at > 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(sign__by_several_threads_makes_each_token_once),
        CASE(sign__by_several_threads_begins_anew_without_its_key),
        CASE(sign__that_fails_leaves_no_deactivated_key_unsealed),
        CASE(sign__is_refused_while_the_clock_is_behind_the_last_change),
        CASE(sign__of_a_payload_counts_as_use),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
