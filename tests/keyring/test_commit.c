/* A change and the ways in which its commit can fail. */
#include "keyring/ring.h"

struct deactivation {
    uint8_t id[16];
    char kid[LIMIT_KID + 1];
    Jwkd__V1__DeactivateRequest operation;
    Jwkd__V1__Request request;
};

/* An environment with a key, and the request to deactivate it. */
static void prepare(struct ring *ring, struct deactivation *out)
{
    ring_create(ring, "shop");
    ring_generate(ring, "shop", out->kid);
    out->request = ring_request(ring, out->id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    out->operation = (Jwkd__V1__DeactivateRequest)JWKD__V1__DEACTIVATE_REQUEST__INIT;
    out->operation.environment = wire_text("shop");
    out->operation.kid = out->kid;
    out->operation.allow_none = true;
    out->request.deactivate = &out->operation;
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

static void commit__that_is_refused_changes_nothing(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    prepare(ring, &deactivation);
    memory_next(ring->memory, "answer/", MEMORY_REFUSED);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_UNAVAILABLE);
    assert_int_equal(ring_key_state(ring, "shop", deactivation.kid), JWKD__V1__KEY_STATE__ACTIVE);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
}

/* As on a full disk: there is nothing to be written but the answer. */
static void commit__is_not_needed_where_nothing_changes(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    uint8_t another[16];
    prepare(ring, &deactivation);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    Jwkd__V1__Request again = ring_request(ring, another, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    again.deactivate = &deactivation.operation;
    memory_next(ring->memory, "answer/", MEMORY_REFUSED);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &again, &arena);
    assert_int_equal(reply->status, JWKD_OK);
    assert_int_equal(reply->key->key->state, JWKD__V1__KEY_STATE__DEACTIVATED);
}

static void commit__that_is_refused_need_not_be_told(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    ring->silent = true;
    ring_restart(ring);
    prepare(ring, &deactivation);
    memory_next(ring->memory, "answer/", MEMORY_REFUSED);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_UNAVAILABLE);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
}

static void commit__that_was_carried_out_after_all_counts(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    prepare(ring, &deactivation);
    memory_next(ring->memory, "answer/", MEMORY_DONE_UNKNOWN);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    assert_int_equal(ring_key_state(ring, "shop", deactivation.kid), JWKD__V1__KEY_STATE__DEACTIVATED);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
    ring_create(ring, "other");
    ring_generate(ring, "shop", deactivation.kid);
    ring_restart(ring);
    assert_true(ring_is_primary(ring, "shop", deactivation.kid));
}

/* One that touches the keys in reserve and what waits, but no environment. */
static void commit__of_a_waiting_generation_is_found_out_too(void **state)
{
    struct ring *ring = *state;
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate = JWKD__V1__GENERATE_REQUEST__INIT;
    ring_create(ring, "shop");
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    generate.environment = wire_text("shop");
    request.generate = &generate;
    memory_next(ring->memory, "work/", MEMORY_DONE_UNKNOWN);
    assert_int_equal(ring_status(ring, &request), JWKD_IN_PROGRESS);
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    assert_int_equal(memory_count(ring->memory, "key/"), 1);
    assert_int_equal(memory_count(ring->memory, "work/"), 0);
}

static void commit__of_unknown_outcome_wants_a_restart(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    prepare(ring, &deactivation);
    memory_next(ring->memory, "answer/", MEMORY_DONE_UNSEEN);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &deactivation.request, &arena);
    assert_int_equal(reply->status, JWKD_INTERNAL);
    assert_non_null(strstr(reply->message, "restart jwkd"));
    assert_true(ring_complained(ring, "restart jwkd"));
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    memory_mend(ring->memory);
    /* The store has the answer now, but the key still signs here. */
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_UNAVAILABLE);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
    ring_restart(ring);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
}

/* The database does not take the deactivation at first. It is durable and in force all the same; only the
 * operator is told of the failure. */
static void commit__noted_is_carried_out_when_it_can_be(void **state)
{
    struct ring *ring = *state;
    struct deactivation deactivation;
    time_t patience = time(NULL) + PATIENCE_SEC;
    memory_take_notes(ring->memory);
    ring_restart(ring);
    prepare(ring, &deactivation);
    memory_next(ring->memory, "answer/", MEMORY_REFUSED);
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
    while (store_is_unsettled(ring->store) && time(NULL) < patience)
        pause_shortly();
    assert_false(store_is_unsettled(ring->store)); /* without any request */
    assert_true(ring_complained(ring, "the disk failed"));
    assert_int_equal(ring_status(ring, &deactivation.request), JWKD_OK);
    assert_int_equal(memory_count(ring->memory, "answer/"), 3);
    ring_restart(ring);
    assert_int_equal(ring_key_state(ring, "shop", deactivation.kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(commit__that_is_refused_changes_nothing),
        CASE(commit__is_not_needed_where_nothing_changes),
        CASE(commit__that_is_refused_need_not_be_told),
        CASE(commit__that_was_carried_out_after_all_counts),
        CASE(commit__of_a_waiting_generation_is_found_out_too),
        CASE(commit__of_unknown_outcome_wants_a_restart),
        CASE(commit__noted_is_carried_out_when_it_can_be),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
