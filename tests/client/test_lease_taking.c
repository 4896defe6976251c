/* The lease (proto/WIRE.md, Subscribers): confirming what is held, and taking snapshots of what was missed.
 */
#include "client/lease_case.h"

static void confirm__is_coalesced_and_spread(void **state)
{
    (void)state;
    begin(&STRICT);
    world_change_others(&world, 1);
    for (int i = 0; i < 3; i++)
        world_publish(&world), world_deactivate(&world, false);
    uint64_t heard_ns = now();
    deliver_all();
    assert_true(lease()->confirm);
    assert_in_range(lease()->confirm_at_ns - heard_ns, 1 * MS, 4 * MS);
    world_pass(&world, 4 * MS);
    assert_int_equal(next_task(), LEASE_RENEW);
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT); /* one for all six */
    assert_int_equal(world.service.instances[0].confirmed, part()->held.revision);
}

static void confirm__comes_again_for_what_was_swapped_in_meanwhile_or_not_answered(void **state)
{
    (void)state;
    begin(&STRICT);
    world_publish(&world);
    deliver_all();
    world_pass(&world, 4 * MS);
    assert_true(world_ask(&world, 0));
    world_deactivate(&world, false);
    deliver_all();
    world_answer(&world, 0);
    world_receive(&world, 0);
    world_pass(&world, 4 * MS);
    assert_int_equal(next_task(), LEASE_RENEW);
    assert_true(world_ask(&world, 0));
    world_fail(&world, 0);
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_RENEW);
}

static void take__once_though_heartbeats_go_on(void **state)
{
    (void)state;
    begin(&STRICT);
    world_publish(&world);
    drop_all();
    beat_for(250 * MS);
    space_out();
    assert_true(world_ask(&world, 0));
    beat_for(1000 * MS); /* each shows the same revision, which is not held */
    assert_int_equal(next_task(), LEASE_WAIT);
    world_answer(&world, 0);
    world_receive(&world, 0);
    assert_freshness(FRESH);
    assert_int_not_equal(next_task(), LEASE_TAKE);
}

static void take__again_when_more_was_heard_of_meanwhile(void **state)
{
    (void)state;
    begin(&STRICT);
    world_publish(&world);
    drop_all();
    beat_for(250 * MS);
    space_out();
    assert_true(world_ask(&world, 0));
    world_answer(&world, 0);
    world_deactivate(&world, true);
    deliver_all(); /* behind what is held, and behind the answer */
    world_receive(&world, 0);
    assert_freshness(BEHIND);
    assert_int_equal(next_task(), LEASE_TAKE);
    world_request(&world, 0);
    assert_freshness(FRESH);
    assert_false(world_accepts(&world, 0, 0));
}

static void take__again_after_a_reconnect_meanwhile(void **state)
{
    (void)state;
    begin(&STRICT);
    world_disconnect(&world, 0);
    world_connect(&world, 0);
    assert_freshness(BEHIND);
    world_disconnect(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT); /* what changes after the answer would be missed */
    world_connect(&world, 0);
    assert_true(world_ask(&world, 0));
    world_disconnect(&world, 0);
    world_connect(&world, 0);
    world_answer(&world, 0);
    world_receive(&world, 0);
    assert_freshness(BEHIND);
    assert_int_equal(next_task(), LEASE_TAKE);
    world_request(&world, 0);
    assert_freshness(FRESH);
}

static void take__for_all_who_follow_the_environment(void **state)
{
    (void)state;
    begin(&STRICT);
    struct lease_part twin = {.environment = WORLD_ENVIRONMENT};
    lease_add(lease(), &twin);
    struct lease_next next = lease_next(lease(), now());
    assert_ptr_equal(next.part, &twin);
    lease_ask(lease(), &next);
    assert_int_equal(part()->state, PART_CURRENT); /* it lacks nothing */
    struct identity held = part()->held;
    lease_hold(lease(), part(), &held, lease()->service_revision, now());
    lease_hold(lease(), &twin, &held, lease()->service_revision, now());
    lease_taken(lease(), now());
    assert_int_equal(
        lease_freshness(lease(), &twin, now()), LEASE_FRESH); /* by the heartbeat that was heard last */
    assert_freshness(FRESH);
    world_disconnect(&world, 0);
    assert_int_not_equal(next_task(), LEASE_TAKE);
    world_connect(&world, 0); /* both lack one now */
    next = lease_next(lease(), now());
    lease_ask(lease(), &next);
    lease_hold(lease(), part(), &held, lease()->service_revision, now());
    lease_hold(lease(), &twin, &held, lease()->service_revision, now());
    lease_taken(lease(), now());
    assert_int_equal(lease_freshness(lease(), &twin, now()), LEASE_FRESH);
    assert_freshness(FRESH);
}

/* Many clients miss a change at the same instant. Some ask sooner, others later, and none so late that its
 * lease ends. */
static void take__of_what_all_may_have_missed_is_spread(void **state)
{
    (void)state;
    uint64_t earliest_ns = UINT64_MAX, latest_ns = 0;
    for (unsigned i = 1; i <= 20; i++) {
        begin(&STRICT);
        lease()->spread_ms = 1000;
        lease()->random += i;
        world_publish(&world);
        drop_all();
        world_beat(&world);
        deliver_all();
        assert_freshness(BEHIND);
        uint64_t after_ns = part()->pace.at_ns - now();
        assert_in_range(after_ns, 0, 100 * MS);
        if (after_ns < earliest_ns) earliest_ns = after_ns;
        if (after_ns > latest_ns) latest_ns = after_ns;
        beat_for(1000 * MS); /* heartbeats that show it again do not put the request off */
        request_all();
        assert_freshness(FRESH);
    }
    assert_true(latest_ns - earliest_ns > 30 * MS);
}

static void take__of_what_does_not_exist(void **state)
{
    (void)state;
    begin(&STRICT);
    world_deactivate(&world, true); /* say, the deletion */
    drop_all();
    beat_for(250 * MS);
    space_out();
    struct lease_next next = lease_next(lease(), now());
    assert_int_equal(next.task, LEASE_TAKE);
    lease_ask(lease(), &next);
    lease_hold(lease(), part(), NULL, 0, now());
    lease_taken(lease(), now());
    assert_freshness(FRESH);
    assert_false(part()->exists);
    beat_for(250 * MS); /* it is listed still */
    assert_freshness(FRESH);
    assert_int_not_equal(next_task(), LEASE_TAKE);
    world_change_others(&world, 2 * WORLD_RECENT);
    beat_for(250 * MS);
    if (next_task() == LEASE_RENEW) world_request(&world, 0); /* confirms what was held before */
    space_out();
    next = lease_next(lease(), now());
    assert_int_equal(next.task, LEASE_TAKE); /* a window was missed */
    lease_ask(lease(), &next);
    lease_hold(lease(), part(), NULL, 0, now());
    lease_taken(lease(), now());
    beat_for(250 * MS);
    assert_freshness(FRESH);
    world_recreate(&world);
    deliver_all();
    assert_freshness(BEHIND);
    if (next_task() == LEASE_RENEW) world_request(&world, 0);
    space_out();
    next = lease_next(lease(), now());
    assert_int_equal(next.task, LEASE_TAKE);
    lease_ask(lease(), &next);
    /* Heard of meanwhile: the answer says nothing of that. */
    lease_miss(lease(), part(), &(struct identity){.environment_id = 7, .revision = 1}, now());
    lease_hold(lease(), part(), NULL, 0, now());
    lease_taken(lease(), now());
    assert_int_equal(next_task(), LEASE_TAKE);
}

static void take__what_could_not_be_held_is_taken_again(void **state)
{
    (void)state;
    begin(&STRICT);
    world_disconnect(&world, 0);
    world_connect(&world, 0);
    struct lease_next next = lease_next(lease(), now());
    lease_ask(lease(), &next);
    lease_taken(lease(), now()); /* there was no memory for it */
    assert_int_not_equal(next_task(), LEASE_TAKE);
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_TAKE);
}

static void take__failing_slows_down_that_part_alone(void **state)
{
    (void)state;
    begin(&STRICT);
    struct lease_part other = {.environment = "other"};
    lease_add(lease(), &other);
    uint64_t waits_ms = 0;
    for (int i = 0; i < 8; i++) {
        struct lease_next next = lease_next(lease(), now());
        while (next.task == LEASE_WAIT) {
            world_pass(&world, 10 * MS);
            waits_ms += 10;
            next = lease_next(lease(), now());
        }
        if (next.task == LEASE_RENEW) continue;
        assert_ptr_equal(next.part, &other);
        lease_ask(lease(), &next);
        lease_failed(lease(), now());
    }
    assert_true(waits_ms > 2000);
    beat_for(250 * MS);
    assert_freshness(FRESH);
    world_disconnect(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT);
    world_connect(&world, 0);
    assert_int_equal(next_task(), LEASE_TAKE);
    assert_int_equal(other.pace.at_ns, 0); /* a new connection, new luck */
    lease_remove(lease(), &other, now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirm__is_coalesced_and_spread),
        cmocka_unit_test(confirm__comes_again_for_what_was_swapped_in_meanwhile_or_not_answered),
        cmocka_unit_test(take__once_though_heartbeats_go_on),
        cmocka_unit_test(take__again_when_more_was_heard_of_meanwhile),
        cmocka_unit_test(take__again_after_a_reconnect_meanwhile),
        cmocka_unit_test(take__for_all_who_follow_the_environment),
        cmocka_unit_test(take__of_what_all_may_have_missed_is_spread),
        cmocka_unit_test(take__of_what_does_not_exist),
        cmocka_unit_test(take__what_could_not_be_held_is_taken_again),
        cmocka_unit_test(take__failing_slows_down_that_part_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
