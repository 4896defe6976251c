/* A new key becomes primary when every subscriber that could be fresh has it, and not before. */
#include "keyring/clocks.h"

#include "base/clock.h"

struct follower {
    uint8_t id[REGISTRY_ID];
    uint64_t environment_id, sequence;
};

static struct registry *registry_of(struct ring *ring)
{
    return ring->registry;
}

static int setup(void **state)
{
    clocks_reset();
    return ring_setup_counting(state);
}

static uint64_t environment_id(struct ring *ring, const char *name)
{
    uint8_t id[16];
    Jwkd__V1__ListEnvironmentsRequest list = JWKD__V1__LIST_ENVIRONMENTS_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_LIST_ENVIRONMENTS);
    request.list_environments = &list;
    struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_list_environments(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    uint64_t found = 0;
    for (size_t i = 0; i < reply.message.environments->n_environments; i++) {
        const Jwkd__V1__Environment *row = reply.message.environments->environments[i];
        if (strcmp(row->name, name) == 0) found = row->state->environment_id;
    }
    reply_clear(&reply);
    assert_true(found != 0);
    return found;
}

static struct follower follow_for(struct ring *ring, const char *name, uint32_t wish_ms)
{
    struct follower follower = {.environment_id = environment_id(ring, name), .sequence = 1};
    const struct registry_wish wish = {.principal = "uid:1", .name = "test", .lease_ms = wish_ms};
    uint32_t lease_ms;
    assert_int_equal(
        registry_hello(registry_of(ring), &wish, clock_elapsed_ns(), follower.id, &lease_ms, NULL), JWKD_OK);
    assert_int_equal(registry_follow(registry_of(ring), bytes_of(follower.id, sizeof follower.id), "uid:1",
                         follower.sequence, name, follower.environment_id, clock_elapsed_ns(), NULL),
        JWKD_OK);
    return follower;
}

static struct follower follow(struct ring *ring, const char *name)
{
    return follow_for(ring, name, 0);
}

static void confirm(struct ring *ring, struct follower *follower, uint64_t revision)
{
    const struct registry_held held = {.environment_id = follower->environment_id, .revision = revision};
    assert_int_equal(registry_renew(registry_of(ring), bytes_of(follower->id, sizeof follower->id), "uid:1",
                         ++follower->sequence, &held, 1, clock_elapsed_ns(), NULL),
        JWKD_OK);
}

/* What generate or rotate answered, read to its end. */
struct made {
    uint8_t id[16]; /* of the operation */
    char kid[LIMIT_KID + 1];
    bool primary;
    uint64_t revision;
    Jwkd__V1__Operation__Phase phase;
};

static struct made make(struct ring *ring, const char *name, bool rotate, bool now)
{
    struct made made = {.primary = false};
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generation = JWKD__V1__GENERATE_REQUEST__INIT;
    Jwkd__V1__RotateRequest rotation = JWKD__V1__ROTATE_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(
        ring, id, rotate ? JWKD__V1__REQUEST__OPERATION_ROTATE : JWKD__V1__REQUEST__OPERATION_GENERATE);
    generation.environment = rotation.environment = wire_text(name);
    generation.now = rotation.now = now;
    if (rotate)
        request.rotate = &rotation;
    else
        request.generate = &generation;
    assert_int_equal(ring_collect(ring, &request), JWKD_OK);
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    assert_int_equal(reply->status, JWKD_OK);
    memcpy(made.kid, reply->key->key->kid, strlen(reply->key->key->kid) + 1);
    made.primary = reply->key->key->primary;
    made.revision = reply->key->state->revision;
    made.phase = reply->key->operation->phase;
    assert_int_equal(reply->key->operation->id.len, sizeof made.id);
    memcpy(made.id, reply->key->operation->id.data, sizeof made.id);
    return made;
}

static Jwkd__V1__Operation__Phase phase(struct ring *ring, const uint8_t id[16], char reason[200])
{
    uint8_t own[16];
    Jwkd__V1__GetOperationRequest get = JWKD__V1__GET_OPERATION_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, own, JWKD__V1__REQUEST__OPERATION_GET_OPERATION);
    get.id = wire_bytes(bytes_of(id, 16));
    request.get_operation = &get;
    struct reply reply;
    jwkd_error error = {0};
    reply_init(&reply, &request);
    assert_int_equal(keyring_get_operation(ring->keyring, &ANYBODY, &request, &reply, &error), JWKD_OK);
    const Jwkd__V1__Operation *operation = reply.message.operation->operation;
    Jwkd__V1__Operation__Phase found = operation->phase;
    if (reason) snprintf(reason, 200, "%s", operation->reason);
    reply_clear(&reply);
    return found;
}

static jwkd_status on_kid(
    struct ring *ring, Jwkd__V1__Request__OperationCase operation, const char *name, const char *kid)
{
    uint8_t id[16];
    Jwkd__V1__SetPrimaryRequest set = JWKD__V1__SET_PRIMARY_REQUEST__INIT;
    Jwkd__V1__DeactivateRequest deactivate = JWKD__V1__DEACTIVATE_REQUEST__INIT;
    Jwkd__V1__RetireRequest retire = JWKD__V1__RETIRE_REQUEST__INIT;
    Jwkd__V1__AbortRotationRequest abort_rotation = JWKD__V1__ABORT_ROTATION_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, operation);
    set.environment = deactivate.environment = retire.environment = abort_rotation.environment =
        wire_text(name);
    set.kid = deactivate.kid = retire.kid = wire_text(kid);
    if (operation == JWKD__V1__REQUEST__OPERATION_SET_PRIMARY) request.set_primary = &set;
    if (operation == JWKD__V1__REQUEST__OPERATION_DEACTIVATE) request.deactivate = &deactivate;
    if (operation == JWKD__V1__REQUEST__OPERATION_RETIRE) request.retire = &retire;
    if (operation == JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION) request.abort_rotation = &abort_rotation;
    return ring_status(ring, &request);
}

/* ---- */

static void promotion__is_at_once_where_nobody_follows(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false), second = make(ring, "shop", false, false);
    assert_true(first.primary && second.primary);
    assert_int_equal(second.phase, JWKD__V1__OPERATION__PHASE__DONE);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__DONE);
}

static void promotion__waits_until_all_have_confirmed(void **state)
{
    struct ring *ring = *state;
    char reason[200];
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    struct follower one = follow(ring, "shop"), two = follow(ring, "shop");
    confirm(ring, &one, first.revision);
    struct made second = make(ring, "shop", false, false);
    assert_false(second.primary);
    assert_int_equal(second.phase, JWKD__V1__OPERATION__PHASE__WAITING);
    confirm(ring, &one, second.revision);
    assert_int_equal(phase(ring, second.id, reason), JWKD__V1__OPERATION__PHASE__WAITING);
    assert_non_null(strstr(reason, "1 of 2"));
    assert_true(ring_is_primary(ring, "shop", first.kid));
    confirm(ring, &two, second.revision);
    AWAIT(ring_is_primary(ring, "shop", second.kid));
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__DONE);
    assert_int_equal(ring_key_state(ring, "shop", first.kid), JWKD__V1__KEY_STATE__ACTIVE);
}

static void promotion__now_skips_the_wait(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    follow(ring, "shop");
    assert_true(make(ring, "shop", false, true).primary);
}

static void promotion__by_hand_waits_for_nobody(void **state)
{
    struct ring *ring = *state;
    char reason[200];
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    follow(ring, "shop");
    struct made second = make(ring, "shop", false, false);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY, "shop", second.kid), JWKD_OK);
    assert_true(ring_is_primary(ring, "shop", second.kid));
    assert_int_equal(phase(ring, second.id, reason), JWKD__V1__OPERATION__PHASE__DONE);
    assert_non_null(strstr(reason, "by hand"));
}

static void promotion__goes_on_after_a_restart(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    follow(ring, "shop");
    struct made second = make(ring, "shop", true, false);
    ring_restart(ring); /* the registry stays: the same subscribers, and all of them known */
    assert_true(ring_is_primary(ring, "shop", first.kid));
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    struct follower again = follow(ring, "shop");
    confirm(ring, &again, second.revision);
    assert_int_equal(
        phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING); /* the other one is missing */
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY, "shop", second.kid), JWKD_OK);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__DONE);
}

static void promotion__is_cancelled_by_what_is_decided_later(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    follow(ring, "shop");
    struct made second = make(ring, "shop", false, false), third = make(ring, "shop", false, false);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__CANCELLED);
    assert_int_equal(phase(ring, third.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    /* The key that is primary set primary once more: the rotation is aborted. */
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY, "shop", first.kid), JWKD_OK);
    assert_int_equal(phase(ring, third.id, NULL), JWKD__V1__OPERATION__PHASE__CANCELLED);
    struct made fourth = make(ring, "shop", false, false);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_DEACTIVATE, "shop", second.kid), JWKD_OK);
    assert_int_equal(phase(ring, fourth.id, NULL), JWKD__V1__OPERATION__PHASE__CANCELLED);
    assert_true(ring_is_primary(ring, "shop", first.kid));
}

/* A held key changes nothing of what was decided before. */
static void promotion__is_not_cancelled_by_a_held_key(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    struct follower follower = follow(ring, "shop");
    struct made second = make(ring, "shop", false, false);
    assert_int_equal(ring_try_generate(ring, "shop", true, NULL), JWKD_OK);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    confirm(ring, &follower, second.revision);
    AWAIT(ring_is_primary(ring, "shop", second.kid));
}

/* Starts the service again: it knows no subscriber yet. */
static void forget_subscribers(struct ring *ring)
{
    const struct registry_options options = {
        .max_lease_ms = registry_max_lease_ms(ring->registry), .started_ns = clock_elapsed_ns()};
    ring_stop(ring);
    registry_free(ring->registry);
    assert_int_equal(registry_new(&options, &ring->registry), JWKD_OK);
    ring_start(ring);
}

/* The one follower can be fresh for three seconds, and the longest lease that is granted is ten minutes. */
static void promotion__waits_as_long_as_the_leases_of_its_followers(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    follow_for(ring, "shop", 3000);
    struct made second = make(ring, "shop", false, false);
    clocks_pass(2);
    clocks_look(ring);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    clocks_pass(2);
    clocks_look(ring);
    AWAIT(ring_is_primary(ring, "shop", second.kid));
    /* The promotion also waits for a follower with a longer lease that comes meanwhile. */
    struct made third = make(ring, "shop", false, false);
    struct follower longer = follow_for(ring, "shop", 60000);
    clocks_pass(10);
    clocks_look(ring);
    assert_int_equal(phase(ring, third.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    confirm(ring, &longer, third.revision);
    clocks_pass(51);
    clocks_look(ring);
    AWAIT(ring_is_primary(ring, "shop", third.kid));
}

/* After a start a promotion waits only if a subscriber of the run before may follow the environment, and only
 * until all subscribers are known. */
static void promotion__after_a_start_waits_for_those_who_can_follow(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    forget_subscribers(ring);
    ring_create(ring, "new");
    make(ring, "new", false, false);
    assert_int_equal(make(ring, "new", false, false).phase, JWKD__V1__OPERATION__PHASE__DONE);
    clocks_pass(500);
    struct made second = make(ring, "shop", false, false);
    assert_int_equal(second.phase, JWKD__V1__OPERATION__PHASE__WAITING);
    clocks_pass(99);
    clocks_look(ring);
    assert_int_equal(phase(ring, second.id, NULL), JWKD__V1__OPERATION__PHASE__WAITING);
    clocks_pass(2); /* 600.6 seconds after the start */
    clocks_look(ring);
    AWAIT(ring_is_primary(ring, "shop", second.kid));
}

/* A subscriber of the run before may be fresh and lack the youngest key. */
static void successor__after_a_start_is_a_key_that_everybody_had_time_for(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made primary = make(ring, "shop", false, false), held_by_all = make(ring, "shop", false, false);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY, "shop", primary.kid), JWKD_OK);
    clocks_pass(3600);
    follow(ring, "shop");
    struct made waiting = make(ring, "shop", false, false);
    assert_int_equal(waiting.phase, JWKD__V1__OPERATION__PHASE__WAITING);
    forget_subscribers(ring);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_DEACTIVATE, "shop", primary.kid), JWKD_OK);
    assert_true(ring_is_primary(ring, "shop", held_by_all.kid));
}

static void rotation__lets_the_old_key_retire(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK); /* for 15 minutes: it does not end meanwhile */
    struct made second = make(ring, "shop", true, false);
    assert_true(second.primary);
    assert_int_equal(ring_key_state(ring, "shop", first.kid), JWKD__V1__KEY_STATE__ACTIVE);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION, "shop", ""), JWKD_OK);
    assert_true(ring_is_primary(ring, "shop", first.kid));
    assert_int_equal(
        on_kid(ring, JWKD__V1__REQUEST__OPERATION_ABORT_ROTATION, "shop", ""), JWKD_FAILED_PRECONDITION);
}

static void retirement__ends_at_once_where_nothing_was_signed(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    make(ring, "shop", false, false);
    follow(ring, "shop");
    struct made idle = make(ring, "shop", false, false);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_RETIRE, "shop", idle.kid), JWKD_OK);
    AWAIT(ring_key_state(ring, "shop", idle.kid) == JWKD__V1__KEY_STATE__DEACTIVATED);
}

/* While the commit that replaces it is under way, a key still signs. */
static void retirement__never_ends_in_the_commit_that_begins_it(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    struct follower follower = follow(ring, "shop");
    struct made second = make(ring, "shop", true, false);
    uint64_t before = ring_commits(ring);
    confirm(ring, &follower, second.revision);
    AWAIT(ring_key_state(ring, "shop", first.kid) == JWKD__V1__KEY_STATE__DEACTIVATED);
    assert_true(ring_commits(ring) >= before + 2);
}

/* What it waited for is named, and nothing else. */
static void check_reason(
    struct ring *ring, uint32_t jwks_sec, bool followed, bool confirmed, const char *expected)
{
    char name[32], reason[200];
    snprintf(name, sizeof name, "shop-%u", ring->ids);
    ring_create(ring, name);
    struct made first = make(ring, name, false, false);
    if (jwks_sec) ring_set(ring, name, "jwks_max_age_sec", jwks_sec);
    struct follower follower = {.sequence = 0};
    if (followed) follower = follow(ring, name);
    struct made made = make(ring, name, false, false);
    assert_false(made.primary);
    if (confirmed) confirm(ring, &follower, made.revision);
    for (int i = 0; i < 7; i++) { /* longer than a lease */
        clocks_pass(100);
        if (followed) confirm(ring, &follower, first.revision);
    }
    clocks_look(ring);
    assert_int_equal(phase(ring, made.id, reason), JWKD__V1__OPERATION__PHASE__DONE);
    assert_string_equal(reason, expected);
}

static void promotion__says_what_it_waited_for(void **state)
{
    struct ring *ring = *state;
    check_reason(ring, 0, true, true, "every subscriber confirmed the key");
    check_reason(ring, 60, true, true,
        "every subscriber confirmed the key, and no reader of the JWKS may keep one without it");
    check_reason(ring, 60, false, false, "no reader of the JWKS may keep one without the key");
    check_reason(ring, 0, true, false, "every lease that could lack the key has run out");
    check_reason(ring, 60, true, false,
        "every lease that could lack the key has run out, and no reader of the JWKS may keep one without it");
}

/* The reserve is empty each time: the key has to be made first. */
static void rotation__by_schedule_waits_for_its_key(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    ring_set(ring, "shop", "rotate_every_sec", 1);
    clocks_pass(1);
    ring_create(ring, "other"); /* the writer looks */
    AWAIT(!ring_is_primary(ring, "shop", first.kid));
}

/* An operator stopped the signing. The schedule must not resume it. */
static void rotation__by_schedule_stands_still_where_nothing_signs(void **state)
{
    struct ring *ring = *state;
    ring_create(ring, "shop");
    struct made first = make(ring, "shop", false, false);
    ring_set(ring, "shop", "rotate_every_sec", 60);
    ring_deactivate(ring, "shop", first.kid);
    for (int i = 0; i < 2; i++) {
        clocks_pass(3600);
        clocks_look(ring);
        assert_int_equal(ring_sign(ring, "shop"), JWKD_NO_PRIMARY);
        ring_restart(ring);
    }
    char second[LIMIT_KID + 1];
    assert_int_equal(ring_try_generate(ring, "shop", true, second), JWKD_OK);
    assert_int_equal(on_kid(ring, JWKD__V1__REQUEST__OPERATION_SET_PRIMARY, "shop", second), JWKD_OK);
    clocks_pass(59); /* counted from now: nothing was missed meanwhile */
    clocks_look(ring);
    clocks_look(ring);
    assert_true(ring_is_primary(ring, "shop", second));
    clocks_pass(2);
    clocks_look(ring);
    AWAIT(!ring_is_primary(ring, "shop", second));
    assert_int_equal(ring_sign(ring, "shop"), JWKD_OK);
}

/* The store knows how long leases of the run before may last. */
static void lease__of_the_run_before_is_remembered(void **state)
{
    struct ring *ring = *state;
    const uint32_t before_ms = registry_max_lease_ms(ring->registry);
    const struct registry_options shorter = {.max_lease_ms = 1000, .started_ns = clock_elapsed_ns()};
    ring_create(ring, "shop");
    for (int restarts = 0; restarts < 2;
         restarts++) { /* the second start knows it from the first one's commits */
        ring_stop(ring);
        registry_free(ring->registry);
        assert_int_equal(registry_new(&shorter, &ring->registry), JWKD_OK);
        ring_start(ring);
        assert_int_equal(registry_max_lease_ms(ring->registry), 1000);
        assert_int_equal(registry_longest_lease_ms(ring->registry, clock_elapsed_ns()), before_ms);
        ring_create(ring, restarts ? "third" : "second");
    }
    const struct registry_options longer = {.max_lease_ms = 2 * before_ms, .started_ns = clock_elapsed_ns()};
    for (int restarts = 0; restarts < 2; restarts++) { /* noted by the first start, without any change */
        ring_stop(ring);
        registry_free(ring->registry);
        assert_int_equal(registry_new(restarts ? &shorter : &longer, &ring->registry), JWKD_OK);
        ring_start(ring);
        assert_int_equal(registry_longest_lease_ms(ring->registry, clock_elapsed_ns()), 2 * before_ms);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(promotion__is_at_once_where_nobody_follows),
        CASE(promotion__waits_until_all_have_confirmed),
        CASE(promotion__waits_as_long_as_the_leases_of_its_followers),
        CASE(promotion__after_a_start_waits_for_those_who_can_follow),
        CASE(promotion__now_skips_the_wait),
        CASE(promotion__by_hand_waits_for_nobody),
        CASE(promotion__goes_on_after_a_restart),
        CASE(promotion__says_what_it_waited_for),
        CASE(promotion__is_cancelled_by_what_is_decided_later),
        CASE(promotion__is_not_cancelled_by_a_held_key),
        CASE(successor__after_a_start_is_a_key_that_everybody_had_time_for),
        CASE(rotation__lets_the_old_key_retire),
        CASE(retirement__ends_at_once_where_nothing_was_signed),
        CASE(retirement__never_ends_in_the_commit_that_begins_it),
        CASE(rotation__by_schedule_waits_for_its_key),
        CASE(rotation__by_schedule_stands_still_where_nothing_signs),
        CASE(lease__of_the_run_before_is_remembered),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
