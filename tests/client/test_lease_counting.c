/* The lease (proto/WIRE.md, Subscribers): what vouches for what is held, and what a promotion waits for. Each
 * way to be wrong that its rules exclude by name. */
#include "client/lease_case.h"

/* ---- what counts */

static void count__a_heartbeat_extends_the_lease_from_its_stamp(void **state)
{
    (void)state;
    begin(&STRICT);
    world_beat(&world);
    world_pass(&world, 1000 * MS); /* under way */
    deliver_all();
    world_pass(&world, (2000 - SLACK_MS) * MS);
    assert_freshness(FRESH);
    world_pass(&world, SLACK_MS * MS);
    assert_freshness(STALE);
    world_beat(&world);
    deliver_all();
    assert_freshness(FRESH);
}

static void count__queued_heartbeats_of_a_suspended_host_are_old(void **state)
{
    (void)state;
    begin(&STRICT);
    world_deactivate(&world, true); /* its event is lost with all the others */
    drop_all();
    world.service.store =
        world.service.backup; /* the heartbeats say nothing of it, as if they were sent before */
    world_beat(&world);
    world_pass(&world, 3600 * NS_PER_SEC); /* suspended */
    deliver_all();
    assert_freshness(STALE);
    assert_false(world_accepts(&world, 0, 0));
}

static void count__clocks_that_drift_are_allowed_for(void **state)
{
    (void)state;
    /* With the slower clock on our side, an offset that was measured a minute ago would make stamps look 60
     * ms too young. */
    for (int64_t ppm = -499; ppm <= 499; ppm += 998) {
        begin(&(struct world_options){
            .max_lease_ms = 3000, .clients = 1, .service_ppm = ppm, .client_ppm = -ppm});
        for (int i = 0; i < 55 * 4; i++) {
            world_pass(&world, 250 * MS);
            world_beat(&world);
            deliver_all();
            assert_in_range(now() - part()->vouched_ns, 0, SLACK_MS * MS);
        }
        assert_freshness(FRESH);
    }
}

static void count__a_slow_answer_makes_heartbeats_look_older_never_younger(void **state)
{
    (void)state;
    world_init(&world, &STRICT);
    world_connect(&world, 0);
    assert_true(world_ask(&world, 0));
    world_pass(&world, 1500 * MS); /* on its way there */
    world_answer(&world, 0);
    world_pass(&world, 1500 * MS); /* and back */
    world_receive(&world, 0);
    request_all();
    world_beat(&world);
    uint64_t stamp_ns = now();
    deliver_all();
    assert_in_range(stamp_ns - part()->vouched_ns, 1500 * MS, (1500 + SLACK_MS) * MS); /* the way there */
    /* A quick renewal measures it better. */
    world_pass(&world, 61 * NS_PER_SEC);
    request_all();
    world_beat(&world);
    stamp_ns = now();
    deliver_all();
    assert_in_range(stamp_ns - part()->vouched_ns, 0, MS);
}

static void count__the_best_bound_on_the_clock_is_kept(void **state)
{
    (void)state;
    begin(&STRICT);
    world_pass(&world, 61 * NS_PER_SEC);
    assert_true(world_ask(&world, 0));
    world_pass(&world, 2000 * MS);
    world_answer(&world, 0);
    world_receive(&world, 0);
    world_beat(&world);
    uint64_t stamp_ns = now();
    deliver_all();
    assert_in_range(stamp_ns - part()->vouched_ns, 0, SLACK_MS * MS); /* not two seconds */
}

static void count__only_the_registered_boot(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world.service.boot++; /* the client does not notice a lost connection */
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    assert_freshness(BEHIND); /* known keys are judged on: a restart fits in the lease */
    assert_true(world_accepts(&world, 0, 0));
    assert_int_equal(next_task(), LEASE_HELLO);
}

static void count__neither_stamps_nor_revisions_go_backwards(void **state)
{
    (void)state;
    begin(&STRICT);
    world_change_others(&world, 1);
    world_beat(&world);
    deliver_all();
    uint64_t end_ns = part()->lease_end_ns;
    world_pass(&world, 100 * MS);
    world.service.store.service_revision--; /* as if a snapshot of its machine were restored */
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    world.service.store.service_revision++;
    world.service.base_ns -= 200 * MS;
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    assert_freshness(FRESH);
    uint64_t stamp_ns = lease()->stamp_ns;
    world.service.base_ns -= NS_PER_SEC;
    world_beat(&world);
    deliver_all();
    assert_int_equal(lease()->stamp_ns, stamp_ns); /* it is not compared with, either */
}

static void count__only_while_registered(void **state)
{
    (void)state;
    begin(&STRICT);
    uint8_t boot[16] = {99}, odd[3] = {1};
    uint64_t end_ns = part()->lease_end_ns;
    lease_hear_boot(lease(), bytes_of(odd, sizeof odd), now()); /* no boot id at all */
    assert_freshness(FRESH);
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    heartbeat.boot_id = wire_bytes(bytes_of(odd, sizeof odd));
    heartbeat.epoch = wire_bytes(bytes_of(part()->held.epoch, sizeof part()->held.epoch));
    heartbeat.stamp_ns = lease()->stamp_ns + 200 * MS;
    heartbeat.service_revision = heartbeat.covers_from = lease()->beat_revision;
    lease_hear_heartbeat(lease(), &heartbeat, now());
    assert_freshness(FRESH);
    assert_int_equal(part()->lease_end_ns, end_ns);
    lease_hear_boot(lease(), bytes_of(boot, sizeof boot), now());
    beat_for(250 * MS);
    assert_int_equal(part()->lease_end_ns, end_ns);
}

static void count__not_before_a_snapshot_under_the_registration(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world_restart(&world);
    world.service.covers_from = 0; /* so that the heartbeat covers everything, and lists what is held */
    world_connect(&world, 0);
    world_pass(&world, 250 * MS);
    world_beat(&world);
    deliver_all();
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_false(part()->member);
    beat_for(250 * MS);
    assert_int_equal(part()->lease_end_ns, end_ns);
    world_request(&world, 0);
    assert_true(part()->member && part()->lease_end_ns > end_ns);
    assert_freshness(FRESH);
}

static void count__heartbeats_that_always_look_old_are_measured_again(void **state)
{
    (void)state;
    world_init(&world, &(struct world_options){.max_lease_ms = 3000, .wish_ms = 1000, .clients = 1});
    world_connect(&world, 0);
    assert_true(world_ask(&world, 0));
    world_pass(&world, 1500 * MS); /* more than the lease */
    world_answer(&world, 0);
    world_receive(&world, 0);
    request_all();
    beat_for(500 * MS);
    assert_freshness(STALE);
    assert_int_equal(next_task(), LEASE_HELLO);
    request_all();
    beat_for(250 * MS);
    assert_freshness(FRESH);
}

static void count__a_lease_never_gets_shorter(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    uint8_t boot[16] = {99};
    lease_hear_boot(lease(), bytes_of(boot, sizeof boot), now());
    assert_true(world_ask(&world, 0));
    world_pass(&world, 2000 * MS);
    world_answer(&world, 0);
    world_receive(&world, 0);
    world_beat(&world);
    deliver_all(); /* it looks two seconds old */
    assert_true(part()->lease_end_ns >= end_ns);
}

static void count__events_keep_up_with_the_window(void **state)
{
    (void)state;
    begin(&STRICT);
    for (int i = 0; i < WORLD_RECENT; i++)
        world_publish(&world), deliver_all(), world_deactivate(&world, false), deliver_all();
    world_change_others(&world, WORLD_RECENT - 1);
    world_beat(&world);
    deliver_all();
    assert_freshness(FRESH);
}

static void count__a_stamp_ahead_of_its_arrival_is_not_believed(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world.service.base_ns += NS_PER_SEC;
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    beat_for(4 * NS_PER_SEC);
    assert_freshness(STALE);
    request_all(); /* a hello, which measures the clock again */
    beat_for(250 * MS);
    assert_freshness(FRESH);
}

static void count__a_missed_window_takes_a_snapshot(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world_deactivate(&world, true);
    drop_all();
    world_change_others(&world, WORLD_RECENT + 1); /* ours is not listed any more */
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    assert_freshness(BEHIND);
    space_out();
    assert_int_equal(next_task(), LEASE_TAKE);
    request_all();
    assert_freshness(FRESH);
    assert_false(world_accepts(&world, 0, 0));
}

static void count__a_listed_revision_that_is_not_held_does_not(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world_publish(&world);
    drop_all();
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    assert_freshness(BEHIND);
    assert_true(world_accepts(&world, 0, 0));
    world_pass(&world, 3000 * MS);
    assert_freshness(STALE);
}

static void count__what_is_held_may_be_more_than_what_is_listed(void **state)
{
    (void)state;
    begin(&STRICT);
    world_begin_beat(&world);
    world_pass(&world, 10 * MS);
    world_end_beat(&world);
    world_publish(&world);
    world_reorder(&world, 0); /* the event overtakes */
    deliver_all();
    assert_freshness(FRESH);
    assert_in_range(now() - part()->vouched_ns, 10 * MS, (10 + SLACK_MS) * MS);
}

static void count__a_restored_backup_with_the_same_revision_is_another_state(void **state)
{
    (void)state;
    /* A backup at 40 is restored over 45, and five other changes make it 45 again. */
    begin(&STRICT);
    world_back_up(&world);
    uint64_t revision = part()->held.revision;
    world_publish(&world);
    deliver_all();
    request_all();
    deliver_all();
    uint64_t end_ns = part()->lease_end_ns, held = part()->held.revision;
    world.service.store = world.service.backup;
    world.service.epoch++; /* without another boot id: only the epoch tells */
    while (world.service.store.revision < held)
        world_deactivate(&world, true), world.service.store.revision += world.service.store.revision < held;
    assert_true(held > revision);
    drop_all();
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
    assert_freshness(BEHIND);
    space_out();
    request_all();
    assert_false(world_accepts(&world, 0, 0));
    /* Nor when ours is not listed. */
    end_ns = part()->lease_end_ns;
    world.service.epoch++;
    world.service.covers_from = world.service.store.service_revision = part()->synced;
    world_pass(&world, 250 * MS);
    world_beat(&world);
    deliver_all();
    assert_int_equal(part()->lease_end_ns, end_ns);
}

static void count__a_stamp_read_before_the_revisions(void **state)
{
    (void)state;
    /* The wrong order: the service reads revision 5, acknowledges 6 within 2 s, then reads the stamp. Clients
     * then go by 5 for 2 s too long. */
    for (int wrong = 0; wrong < 2; wrong++) {
        begin(&STRICT);
        world.service.stamps_last = wrong;
        world_begin_beat(&world);
        world_pass(&world, 1 * MS);
        world_deactivate(&world, true);
        drop_all();
        world_pass(&world, 2000 * MS);
        world_end_beat(&world);
        if (!wrong)
            world.service.store.changed_at = 0; /* at its best: as if it had not seen the change either */
        deliver_all();
        for (int i = 0; i < 40; i++)
            world_pass(&world, 100 * MS);
        assert_int_equal(*world.complaint != '\0', wrong);
    }
}

/* ---- promotion */

static void promotion__waits_for_a_subscriber_that_was_stopped(void **state)
{
    (void)state;
    /* If the service promoted after 2 s, with a lease of 3 s, a client that was stopped for 2.1 s would be
     * fresh and refuse good tokens. */
    for (int hasty = 0; hasty < 2; hasty++) {
        begin(&STRICT);
        world.service.hasty = hasty;
        world_pass(&world, 1 * MS);
        world_beat(&world);
        deliver_all();
        world_publish(&world);
        world_pass(&world, 2100 * MS);
        assert_int_equal(*world.complaint != '\0', hasty);
        if (hasty) continue;
        assert_freshness(FRESH);
        assert_int_equal(world.service.store.primary, 0);
        deliver_all();
        world_pass(&world, 5 * MS);
        request_all(); /* the confirmation */
        assert_int_equal(world.service.store.primary, 1);
        assert_freshness(FRESH);
        assert_true(world_accepts(&world, 0, 1));
    }
}

static void promotion__goes_on_without_who_is_cut_off(void **state)
{
    (void)state;
    begin(&STRICT);
    world_disconnect(&world, 0);
    world_publish(&world);
    world_pass(&world, 3000 * MS);
    assert_int_equal(world.service.store.primary, 0);
    assert_freshness(STALE);
    world_pass(&world, 4 * MS);
    assert_int_equal(world.service.store.primary, 1);
    assert_string_equal(world.complaint, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count__a_heartbeat_extends_the_lease_from_its_stamp),
        cmocka_unit_test(count__queued_heartbeats_of_a_suspended_host_are_old),
        cmocka_unit_test(count__clocks_that_drift_are_allowed_for),
        cmocka_unit_test(count__a_slow_answer_makes_heartbeats_look_older_never_younger),
        cmocka_unit_test(count__the_best_bound_on_the_clock_is_kept),
        cmocka_unit_test(count__only_the_registered_boot),
        cmocka_unit_test(count__neither_stamps_nor_revisions_go_backwards),
        cmocka_unit_test(count__only_while_registered),
        cmocka_unit_test(count__not_before_a_snapshot_under_the_registration),
        cmocka_unit_test(count__heartbeats_that_always_look_old_are_measured_again),
        cmocka_unit_test(count__a_lease_never_gets_shorter),
        cmocka_unit_test(count__events_keep_up_with_the_window),
        cmocka_unit_test(count__a_stamp_ahead_of_its_arrival_is_not_believed),
        cmocka_unit_test(count__a_missed_window_takes_a_snapshot),
        cmocka_unit_test(count__a_listed_revision_that_is_not_held_does_not),
        cmocka_unit_test(count__what_is_held_may_be_more_than_what_is_listed),
        cmocka_unit_test(count__a_restored_backup_with_the_same_revision_is_another_state),
        cmocka_unit_test(count__a_stamp_read_before_the_revisions),
        cmocka_unit_test(promotion__waits_for_a_subscriber_that_was_stopped),
        cmocka_unit_test(promotion__goes_on_without_who_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
