/* What one caller may have done, and kept of it. */
#include "keyring/clocks.h"

enum { MOST = 20, ANSWERS = 8 };

static int setup(void **state)
{
    struct ring *ring = malloc(sizeof *ring);
    if (!ring) return -1;
    clocks_reset();
    ring_open(ring);
    ring->most_changes = MOST;
    ring->most_answers = ANSWERS;
    ring->change_queue = 4;
    ring_start(ring);
    *state = ring;
    return 0;
}

struct change {
    uint8_t id[16];
    char *fields[1];
    Jwkd__V1__Environment environment;
    Jwkd__V1__UpdateEnvironmentRequest update;
    Jwkd__V1__Request request;
};

static void want_change(struct ring *ring, struct change *out)
{
    out->fields[0] = wire_text("leeway_sec");
    out->environment = (Jwkd__V1__Environment)JWKD__V1__ENVIRONMENT__INIT;
    out->update = (Jwkd__V1__UpdateEnvironmentRequest)JWKD__V1__UPDATE_ENVIRONMENT_REQUEST__INIT;
    out->request = ring_request(ring, out->id, JWKD__V1__REQUEST__OPERATION_UPDATE_ENVIRONMENT);
    out->environment.name = wire_text("shop");
    out->environment.leeway_sec = 10;
    out->update.environment = &out->environment;
    out->update.fields = out->fields;
    out->update.n_fields = 1;
    out->request.update_environment = &out->update;
}

static jwkd_status try_change(struct ring *ring)
{
    struct change change;
    want_change(ring, &change);
    return ring_status(ring, &change.request);
}

static void use_up(struct ring *ring)
{
    for (int i = 0; i < MOST; i++)
        assert_int_equal(try_change(ring), JWKD_OK);
}

static void assert_exhausted(struct ring *ring, const char *when)
{
    struct change change;
    want_change(ring, &change);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &change.request, &arena);
    assert_int_equal(reply->status, JWKD__V1__STATUS__RESOURCE_EXHAUSTED);
    assert_non_null(strstr(reply->message, when));
}

static void allowance__of_one_caller_is_bounded(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    ring->principal = "uid:1";
    use_up(ring);
    assert_exhausted(ring, "in 120 s");
    ring->principal = "uid:2"; /* is another */
    assert_int_equal(try_change(ring), JWKD_OK);
    ring->principal = "uid:1";
    clocks_pass(LIMIT_REPEAT_SEC - 1);
    assert_exhausted(ring, "in 1 s");
    ring_restart(ring); /* is no way around it */
    assert_exhausted(ring, "in 1 s");
    clocks_set_wall(1000); /* nor is this */
    assert_exhausted(ring, "in 1 s");
    clocks_set_wall(-1000);
    clocks_pass(1);
    assert_int_equal(try_change(ring), JWKD_OK);
}

static void allowance__is_not_asked_by_a_deactivation(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1], retiring[LIMIT_KID + 1];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", retiring);
    ring_generate(ring, "shop", kid);
    ring->principal = "uid:1";
    for (int i = 1; i < MOST; i++)
        assert_int_equal(try_change(ring), JWKD_OK);
    ring_retire(ring, "shop", retiring);
    assert_exhausted(ring, "120 s");
    size_t before = memory_count(ring->memory, "answer/");
    for (int i = 0; i < 3 * MOST;
         i++) /* from the second on it changes nothing, and is answered all the same */
        ring_deactivate(ring, "shop", kid);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
    assert_true(memory_count(ring->memory, "answer/") <= before + ANSWERS);
    ring_restart(ring); /* it is known which they were */
    for (int i = 0; i < 3 * MOST; i++)
        ring_deactivate(ring, "shop", kid);
    assert_true(memory_count(ring->memory, "answer/") <= before + ANSWERS);
    assert_exhausted(ring, "120 s");
    /* What the service does by itself is counted for no caller. */
    AWAIT(ring_key_state(ring, "shop", retiring) == JWKD__V1__KEY_STATE__DEACTIVATED);
}

static void allowance__of_older_answers_is_smaller(void **state)
{
    struct ring *ring = *state;
    ring->principal = "uid:1";
    ring_create(ring, "shop");
    clocks_pass(LIMIT_REPEAT_SEC);
    for (int i = 0; i < 5; i++) {
        use_up(ring);
        assert_true(memory_count(ring->memory, "answer/") <= MOST + ANSWERS);
        clocks_pass(LIMIT_REPEAT_SEC);
        if (i == 2) ring_restart(ring);
    }
    for (int i = 0; i < MOST; i++) { /* a few at a time: only the last ones are kept */
        assert_int_equal(try_change(ring), JWKD_OK);
        clocks_pass(LIMIT_REPEAT_SEC);
    }
    assert_int_equal(memory_count(ring->memory, "answer/"), ANSWERS);
    assert_int_equal(memory_count(ring->memory, "answered/"), ANSWERS);
}

/* The answer to a request is kept as long as the request may be repeated, no matter what else the caller asks
 * for. */
static void allowance__leaves_what_may_be_repeated(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    ring->principal = "uid:1";
    struct change first;
    want_change(ring, &first);
    CLEANUP(arena_clear) struct arena a, b;
    uint64_t revision = ring_change(ring, &first.request, &a)->environment->environment->state->revision;
    for (int i = 1; i < MOST; i++)
        assert_int_equal(try_change(ring), JWKD_OK);
    clocks_pass(LIMIT_REPEAT_SEC - 1);
    const Jwkd__V1__Reply *again = ring_change(ring, &first.request, &b);
    assert_int_equal(again->status, JWKD__V1__STATUS__OK);
    assert_int_equal(again->environment->environment->state->revision, revision);
}

/* ---- the queue */

/* Its answer keeps the writer until it is let go. */
struct held {
    struct keyring_command command;
    pthread_mutex_t *gate;
    atomic_bool begun, done;
};

static void on_done(struct keyring_command *command, struct bytes reply, jwkd_status status)
{
    struct held *held = command->context;
    (void)reply;
    (void)status;
    atomic_store(&held->begun, true);
    if (held->gate) {
        pthread_mutex_lock(held->gate);
        pthread_mutex_unlock(held->gate);
    }
    atomic_store(&held->done, true);
}

static jwkd_status queue(struct ring *ring, struct held *held, const Jwkd__V1__Request *request)
{
    held->command = (struct keyring_command){
        .request = request, .caller = {.principal = ring->principal}, .done = on_done, .context = held};
    return keyring_change(ring->keyring, &held->command, NULL);
}

static void queue__has_places_for_deactivations(void **state)
{
    struct ring *ring = *state;
    char kid[LIMIT_KID + 1];
    uint8_t id[16];
    ring_create(ring, "shop");
    ring_generate(ring, "shop", kid);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct held first = {.gate = &gate}, waiting[5] = {{.gate = NULL}}, urgent = {.gate = NULL};
    struct change changes[6];
    jwkd_status statuses[5];
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    for (size_t i = 0; i < 6; i++)
        want_change(ring, &changes[i]);
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DEACTIVATE);
    deactivate.environment = wire_text("shop");
    deactivate.kid = kid;
    deactivate.allow_none = true;
    request.deactivate = &deactivate;
    pthread_mutex_lock(&gate);
    assert_int_equal(queue(ring, &first, &changes[5].request), JWKD_OK);
    AWAIT(atomic_load(&first.begun)); /* the writer waits, and the queue is empty */
    for (size_t i = 0; i < 5; i++)
        statuses[i] = queue(ring, &waiting[i], &changes[i].request);
    jwkd_status urgently = queue(ring, &urgent, &request);
    pthread_mutex_unlock(&gate); /* before anything fails: the end waits for the writer */
    for (size_t i = 0; i < 5; i++)
        if (statuses[i] == JWKD_OK) AWAIT(atomic_load(&waiting[i].done));
    if (urgently == JWKD_OK) AWAIT(atomic_load(&urgent.done));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(statuses[i], JWKD_OK);
    assert_int_equal(statuses[4], JWKD_BUSY);
    assert_int_equal(urgently, JWKD_OK);
    assert_int_equal(ring_key_state(ring, "shop", kid), JWKD__V1__KEY_STATE__DEACTIVATED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(allowance__of_one_caller_is_bounded),
        CASE(allowance__is_not_asked_by_a_deactivation),
        CASE(allowance__of_older_answers_is_smaller),
        CASE(allowance__leaves_what_may_be_repeated),
        CASE(queue__has_places_for_deactivations),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
