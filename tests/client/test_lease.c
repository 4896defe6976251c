/* The lease (proto/WIRE.md, Subscribers): each way to be wrong that its rules exclude by name, short
 * schedules in every order, long ones at random. */
#include "client/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "client/lease_world.h"

static const struct world_options STRICT = {.max_lease_ms = 3000, .clients = 1};

static struct world world;

static uint64_t now(void)
{
    return world_client_ns(&world, 0);
}

static struct lease *lease(void)
{
    return &world.clients[0].lease;
}

static struct lease_part *part(void)
{
    return &world.clients[0].part;
}

static void begin(const struct world_options *options)
{
    world_init(&world, options);
    world_settle(&world);
    assert_string_equal(world.complaint, "");
    assert_int_equal(world_freshness(&world, 0), LEASE_FRESH);
}

static void deliver_all(void)
{
    while (world.clients[0].queued)
        world_deliver(&world, 0);
}

static void drop_all(void)
{
    while (world.clients[0].queued)
        world_lose(&world, 0);
}

/* Everything that is to be asked now. */
static void request_all(void)
{
    for (int i = 0; i < 8; i++)
        world_request(&world, 0);
}

/* Until what was missed may be asked for. */
static void space_out(void)
{
    world_pass(&world, WORLD_SPREAD_MS * MS);
}

static enum lease_task next_task(void)
{
    return lease_next(lease(), now()).task;
}

#define assert_freshness(expected) assert_int_equal(world_freshness(&world, 0), LEASE_##expected)

/* What the bound on the service's clock may have lost since it was measured: 1000 ppm of a minute, and
 * as much again where the clocks really drift apart. */
enum { SLACK_MS = 150 };

/* Heartbeats, and nobody answers. */
static void beat_for(uint64_t ns)
{
    for (uint64_t passed = 0; passed < ns; passed += 250 * MS) {
        world_pass(&world, 250 * MS);
        world_beat(&world);
        deliver_all();
    }
}

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
    /* With the slower clock here, what was measured a minute ago makes stamps look 60 ms too young, were it
     * believed. */
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
    /* A quick renewal knows better. */
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
    world.service.boot++; /* nobody notices a lost connection */
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
    /* Revision 5 is read, 6 acknowledged within 2 s, then the stamp is read: 5 lives 2 s too long. */
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
    /* With a time limit of 2 s and a lease of 3 s, one that was stopped for 2.1 s is fresh and refuses good
     * tokens. */
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

/* ---- registering */

static void register__is_by_hello_then_a_snapshot_then_a_heartbeat(void **state)
{
    (void)state;
    world_init(&world, &STRICT);
    assert_int_equal(next_task(), LEASE_WAIT); /* nothing before the event stream is up */
    world_connect(&world, 0);
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_TAKE);
    world_request(&world, 0);
    assert_freshness(STALE); /* nobody has vouched for it yet */
    world_beat(&world);
    deliver_all();
    assert_freshness(FRESH);
    world_pass(&world, 5 * MS);
    assert_int_equal(next_task(), LEASE_RENEW); /* it confirms */
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT);
    assert_int_equal(world.service.instances[0].confirmed, part()->held.revision);
}

static void register__a_heartbeat_from_before_the_snapshot_counts_with_it(void **state)
{
    (void)state;
    world_init(&world, &STRICT);
    world_connect(&world, 0);
    world_request(&world, 0);
    world_beat(&world);
    deliver_all();
    assert_freshness(STALE);
    world_pass(&world, 100 * MS);
    world_request(&world, 0);
    assert_freshness(FRESH);
    assert_true(part()->vouched_ns <= now() - 100 * MS);
}

static void register__renews_every_minute(void **state)
{
    (void)state;
    begin(&STRICT);
    struct lease_next next = lease_next(lease(), now());
    uint64_t renewed_ns = lease()->renewed_ns;
    assert_int_equal(next.task, LEASE_WAIT);
    assert_in_range(lease()->renew_at_ns - renewed_ns, 52 * NS_PER_SEC, 60 * NS_PER_SEC);
    beat_for(61 * NS_PER_SEC);
    assert_int_equal(next_task(), LEASE_RENEW);
    world_request(&world, 0);
    assert_true(lease()->renewed_ns > renewed_ns);
    assert_int_equal(next_task(), LEASE_WAIT);
}

static void register__ends_120_s_after_the_last_answer_was_asked_for(void **state)
{
    (void)state;
    begin(&STRICT);
    while (lease_is_registered(lease()) && now() < lease()->renewed_ns + 200 * NS_PER_SEC) {
        if (next_task() == LEASE_RENEW) {
            assert_true(world_ask(&world, 0));
            world_fail(&world, 0);
        }
        beat_for(250 * MS);
        bool within = now() < lease()->renewed_ns + 120 * NS_PER_SEC;
        assert_int_equal(world_freshness(&world, 0), within ? LEASE_FRESH : LEASE_STALE);
        (void)next_task();
    }
    assert_true(now() < lease()->renewed_ns + 121 * NS_PER_SEC);
    assert_int_equal(next_task(), LEASE_HELLO);
    beat_for(NS_PER_SEC);
    assert_freshness(STALE); /* heartbeats help nobody who is not registered */
    uint8_t instance = lease()->instance_id[0];
    world_request(&world, 0);
    assert_int_equal(lease()->instance_id[0], instance); /* the service still knew it */
    assert_int_not_equal(next_task(), LEASE_TAKE);       /* and nothing was missed */
    beat_for(250 * MS);
    assert_freshness(FRESH);
}

static void register__begins_again_when_the_service_does_not_know_it(void **state)
{
    (void)state;
    begin(&STRICT);
    memset(world.service.instances, 0, sizeof world.service.instances);
    world.service.knows_all_from_start = false;
    world_publish(&world);
    deliver_all();
    world_pass(&world, 5 * MS);
    assert_true(world_ask(&world, 0)); /* it confirms, and is refused */
    world_answer(&world, 0);
    world_receive(&world, 0);
    assert_freshness(BEHIND);
    assert_false(lease()->has_instance);
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_TAKE);
    world_request(&world, 0);
    beat_for(250 * MS);
    assert_freshness(FRESH);
}

static void register__a_restart_of_the_service_fits_in_the_lease(void **state)
{
    (void)state;
    begin(&STRICT);
    uint8_t instance = lease()->instance_id[0];
    world_restart(&world);
    assert_freshness(FRESH);
    world_pass(&world, 1000 * MS);
    world_connect(&world, 0);
    assert_freshness(BEHIND);
    assert_true(world_accepts(&world, 0, 0));
    world_beat(&world);
    deliver_all(); /* of another boot */
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_int_not_equal(lease()->instance_id[0], instance);
    assert_int_equal(next_task(), LEASE_TAKE);
    world_request(&world, 0);
    beat_for(250 * MS);
    assert_freshness(FRESH);
}

static void register__a_stray_message_of_another_boot_costs_a_hello(void **state)
{
    (void)state;
    begin(&STRICT);
    uint8_t instance = lease()->instance_id[0], boot[16] = {99};
    lease_hear_boot(lease(), bytes_of(boot, sizeof boot), now());
    assert_freshness(BEHIND);
    world_request(&world, 0);
    assert_int_equal(lease()->instance_id[0], instance);
    assert_freshness(FRESH);
    assert_int_equal(next_task(), LEASE_WAIT);
}

static void register__a_smaller_grant_shortens_what_was_vouched_for(void **state)
{
    (void)state;
    begin(&(struct world_options){.max_lease_ms = 30000, .clients = 1});
    world.max_lease_ms = 3000;
    world_restart(&world);
    world_connect(&world, 0);
    world_beat(&world);
    deliver_all();
    world_request(&world, 0);
    assert_true(part()->lease_end_ns <= part()->vouched_ns + 3000 * MS);
}

static void register__a_larger_grant_lengthens_nothing(void **state)
{
    (void)state;
    begin(&STRICT);
    uint64_t end_ns = part()->lease_end_ns;
    world.max_lease_ms = 30000;
    world_restart(&world);
    world_connect(&world, 0);
    world_beat(&world);
    deliver_all();
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_int_equal(lease()->lease_ms, 30000);
    assert_int_equal(part()->lease_end_ns, end_ns);
}

static void register__the_same_instance_of_another_boot_is_another(void **state)
{
    (void)state;
    begin(&STRICT);
    uint8_t instance = lease()->instance_id[0];
    world_restart(&world);
    world.service.ids = (uint8_t)(instance - 1);
    world_connect(&world, 0);
    world_beat(&world);
    deliver_all();
    world_request(&world, 0);
    assert_int_equal(lease()->instance_id[0], instance);
    assert_false(part()->member);
}

static void register__what_was_asked_before_it_was_lost_counts_for_nothing(void **state)
{
    (void)state;
    uint8_t boot[16] = {99};
    /* A snapshot, when another run is heard of. */
    world_init(&world, &STRICT);
    world_connect(&world, 0);
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_TAKE);
    assert_true(world_ask(&world, 0));
    lease_hear_boot(lease(), bytes_of(boot, sizeof boot), now());
    world_answer(&world, 0);
    world_receive(&world, 0);
    assert_false(part()->member);
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    assert_int_equal(next_task(), LEASE_TAKE);
    /* A renewal that is answered when the registration has run out. */
    begin(&STRICT);
    beat_for(61 * NS_PER_SEC);
    uint64_t renewed_ns = lease()->renewed_ns;
    assert_true(world_ask(&world, 0));
    world_answer(&world, 0);
    world_pass(&world, 61 * NS_PER_SEC);
    assert_int_equal(next_task(), LEASE_WAIT);
    world_receive(&world, 0);
    assert_int_equal(lease()->renewed_ns, renewed_ns);
    assert_int_equal(next_task(), LEASE_HELLO);
}

static void register__a_wish_can_only_be_shorter(void **state)
{
    (void)state;
    begin(&(struct world_options){.max_lease_ms = 3000, .wish_ms = 1000, .clients = 1});
    beat_for(250 * MS);
    world_pass(&world, 900 * MS);
    assert_freshness(FRESH);
    world_pass(&world, 100 * MS);
    assert_freshness(STALE);
    begin(&(struct world_options){.max_lease_ms = 3000, .wish_ms = 9000, .clients = 1});
    beat_for(250 * MS);
    world_pass(&world, 3000 * MS);
    assert_freshness(STALE);
}

static void register__tells_the_service_what_all_parts_wish(void **state)
{
    (void)state;
    begin(&(struct world_options){.max_lease_ms = 3000, .wish_ms = 1000, .clients = 1});
    assert_int_equal(lease_wish_ms(lease()), 1000);
    assert_false(lease_serves_stale(lease()));
    struct lease_part other = {.environment = "other", .serves_stale = true};
    lease_add(lease(), &other);
    assert_int_equal(lease_wish_ms(lease()), 0);
    assert_true(lease_serves_stale(lease()));
    assert_int_equal(next_task(), LEASE_HELLO); /* before it follows anything */
    uint8_t instance = lease()->instance_id[0];
    assert_true(world_ask(&world, 0));
    world_fail(&world, 0);
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_HELLO); /* it was not heard */
    world_request(&world, 0);
    assert_int_equal(lease()->instance_id[0], instance);
    struct lease_next next = lease_next(lease(), now());
    assert_int_equal(next.task, LEASE_TAKE);
    assert_ptr_equal(next.part, &other);
    lease_remove(lease(), &other, now());
    assert_int_equal(next_task(), LEASE_HELLO); /* nobody serves stale keys any more */
    world_request(&world, 0);
    assert_int_not_equal(next_task(), LEASE_HELLO);
    other = (struct lease_part){.environment = "other", .wish_ms = 2000};
    lease_add(lease(), &other);
    assert_int_equal(lease_wish_ms(lease()), 2000);
    assert_int_equal(next_task(), LEASE_HELLO);
    world_request(&world, 0);
    lease_remove(lease(), &other, now());
    other = (struct lease_part){.environment = "other", .wish_ms = 1000, .serves_stale = true};
    lease_add(lease(), &other);
    world_request(&world, 0);
    lease_remove(lease(), &other, now());
    assert_int_equal(next_task(), LEASE_HELLO); /* for that alone */
    part()->serves_stale = true;
    assert_int_not_equal(next_task(), LEASE_HELLO);
    part()->wish_ms = 900;
    assert_int_equal(next_task(), LEASE_HELLO);
}

static void register__who_comes_new_does_not_pay_for_earlier_failures(void **state)
{
    (void)state;
    world_init(&world, &STRICT);
    world_connect(&world, 0);
    assert_true(world_ask(&world, 0));
    world_fail(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT);
    struct lease_part other = {.environment = "other"};
    lease_add(lease(), &other);
    assert_int_equal(next_task(), LEASE_HELLO);
    lease_remove(lease(), &other, now());
}

static void register__a_renewal_that_fails_is_tried_again_later(void **state)
{
    (void)state;
    begin(&STRICT);
    beat_for(61 * NS_PER_SEC);
    assert_true(world_ask(&world, 0));
    world_fail(&world, 0);
    assert_int_equal(next_task(), LEASE_WAIT);
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_RENEW);
}

static void register__says_farewell_once(void **state)
{
    (void)state;
    begin(&STRICT);
    lease_remove(lease(), part(), now());
    part()->member = false;                     /* so that the world lists nothing */
    assert_int_equal(next_task(), LEASE_RENEW); /* at once: confirmations alone are spread */
    assert_true(world_ask(&world, 0));
    world_answer(&world, 0);
    assert_false(world.service.instances[0].follows);
    world_fail(&world, 0);
    world_pass(&world, 90 * NS_PER_SEC);
    assert_int_equal(next_task(), LEASE_WAIT);
}

static void register__insists_on_a_service_that_registers(void **state)
{
    (void)state;
    world_init(&world, &STRICT);
    world_connect(&world, 0);
    assert_true(world_ask(&world, 0));
    uint8_t id[16] = {1};
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    hello.boot_id = wire_bytes(bytes_of(id, sizeof id));
    jwkd_error error = {0};
    assert_int_equal(lease_welcomed(lease(), &hello, now(), now(), &error), JWKD_UNSUPPORTED);
    assert_non_null(strstr(error.message, "registers no subscribers"));
    hello.instance_id = wire_bytes(bytes_of(id, 15));
    hello.lease_ms = 3000;
    hello.renew_ms = 60000;
    hello.registered_ms = 120000;
    assert_int_equal(lease_welcomed(lease(), &hello, now(), now(), NULL), JWKD_MALFORMED);
    hello.instance_id = wire_bytes(bytes_of(id, 16));
    hello.lease_ms = 0;
    assert_int_equal(lease_welcomed(lease(), &hello, now(), now(), NULL), JWKD_MALFORMED);
    hello.lease_ms = 3000;
    hello.registered_ms = 60000;
    assert_int_equal(lease_welcomed(lease(), &hello, now(), now(), NULL), JWKD_MALFORMED);
    assert_int_equal(next_task(), LEASE_WAIT); /* in flight still */
    lease_failed(lease(), now());
    assert_int_equal(next_task(), LEASE_WAIT); /* not at once again */
    world_pass(&world, 100 * MS);
    assert_int_equal(next_task(), LEASE_HELLO);
}

/* ---- confirming and taking snapshots */

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

/* All miss it at the same instant: the one asks sooner, the other later, and none so late that its lease
 * ends. */
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
        beat_for(1000 * MS); /* what shows it again puts nothing off */
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

/* ---- schedules */

enum step {
    PASS_LITTLE, /* the first STEPS_SHORT are tried in every order */
    PASS_HALF_A_LEASE,
    PUBLISH,
    DEACTIVATE_PRIMARY,
    BEAT,
    DELIVER,
    LOSE,
    REQUEST,
    ASK,
    ANSWER,
    RECEIVE,
    RECONNECT,
    RESTART,
    STEPS_SHORT,
    PASS_A_LEASE = STEPS_SHORT,
    PASS_A_BEAT,
    PASS_A_MINUTE,
    PASS_THREE_MINUTES,
    DEACTIVATE_OTHER,
    RECREATE,
    CHANGE_OTHERS,
    BACK_UP,
    RESTORE,
    BEGIN_BEAT,
    END_BEAT,
    REPEAT,
    REORDER,
    FAIL,
    DISCONNECT,
    CONNECT,
    STEPS
};

static const char *const STEP_NAMES[STEPS] = {"PASS_LITTLE", "PASS_HALF_A_LEASE", "PUBLISH",
    "DEACTIVATE_PRIMARY", "BEAT", "DELIVER", "LOSE", "REQUEST", "ASK", "ANSWER", "RECEIVE", "RECONNECT",
    "RESTART", "PASS_A_LEASE", "PASS_A_BEAT", "PASS_A_MINUTE", "PASS_THREE_MINUTES", "DEACTIVATE_OTHER",
    "RECREATE", "CHANGE_OTHERS", "BACK_UP", "RESTORE", "BEGIN_BEAT", "END_BEAT", "REPEAT", "REORDER", "FAIL",
    "DISCONNECT", "CONNECT"};

static void take_step(struct world *w, enum step step, size_t client)
{
    switch (step) {
    case PASS_LITTLE:
        world_pass(w, 7 * MS);
        return;
    case PASS_HALF_A_LEASE:
        world_pass(w, w->max_lease_ms * MS / 2 + MS);
        return;
    case PASS_A_LEASE:
        world_pass(w, w->max_lease_ms * MS);
        return;
    case PASS_A_BEAT:
        world_pass(w, 250 * MS);
        return;
    case PASS_A_MINUTE:
        world_pass(w, 60 * NS_PER_SEC);
        return;
    case PASS_THREE_MINUTES:
        world_pass(w, 180 * NS_PER_SEC);
        return;
    case PUBLISH:
        world_publish(w);
        return;
    case DEACTIVATE_PRIMARY:
        world_deactivate(w, true);
        return;
    case DEACTIVATE_OTHER:
        world_deactivate(w, false);
        return;
    case RECREATE:
        world_recreate(w);
        return;
    case CHANGE_OTHERS:
        world_change_others(w, WORLD_RECENT - 1);
        return;
    case BACK_UP:
        world_back_up(w);
        return;
    case RESTORE:
        world_restore(w);
        return;
    case RESTART:
        world_restart(w);
        return;
    case BEAT:
        world_beat(w);
        return;
    case BEGIN_BEAT:
        world_begin_beat(w);
        return;
    case END_BEAT:
        world_end_beat(w);
        return;
    case DELIVER:
        world_deliver(w, client);
        return;
    case LOSE:
        world_lose(w, client);
        return;
    case REPEAT:
        world_repeat(w, client);
        return;
    case REORDER:
        world_reorder(w, client);
        return;
    case REQUEST:
        world_request(w, client);
        return;
    case ASK:
        (void)world_ask(w, client);
        return;
    case ANSWER:
        world_answer(w, client);
        return;
    case RECEIVE:
        world_receive(w, client);
        return;
    case FAIL:
        world_fail(w, client);
        return;
    case DISCONNECT:
        world_disconnect(w, client);
        return;
    case CONNECT:
        world_connect(w, client);
        return;
    case RECONNECT:
        world_disconnect(w, client);
        world_connect(w, client);
        return;
    case STEPS:
        return;
    }
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { DEPTH = 5, LONG_SCHEDULES = 300 };
#else
enum { DEPTH = 6, LONG_SCHEDULES = 4000 };
#endif
enum { LONG_STEPS = 1000 };

static enum step path[DEPTH];

static void try_all(const struct world *from, int depth)
{
    if (depth == DEPTH) return;
    for (enum step step = 0; step < STEPS_SHORT; step++) {
        struct world next;
        world_copy(&next, from);
        path[depth] = step;
        take_step(&next, step, 0);
        if (*next.complaint) {
            for (int i = 0; i <= depth; i++)
                print_message("%s ", STEP_NAMES[path[i]]);
            fail_msg("%s", next.complaint);
        }
        try_all(&next, depth + 1);
    }
}

static void schedule__every_order_from_a_fresh_start(void **state)
{
    (void)state;
    begin(&STRICT);
    try_all(&world, 0);
}

static void schedule__every_order_with_a_publication_on_its_way(void **state)
{
    (void)state;
    begin(&STRICT);
    world_pass(&world, 10 * NS_PER_SEC); /* stale */
    world_publish(&world);
    world_deliver(&world, 0);
    world_beat(&world);
    world_deactivate(&world, true);
    try_all(&world, 0);
}

static void schedule__every_order_from_a_restart(void **state)
{
    (void)state;
    begin(&STRICT);
    world_publish(&world);
    world_restart(&world);
    world_connect(&world, 0);
    world_beat(&world);
    try_all(&world, 0);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *random)
{
    uint64_t z = (*random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Steps that let things go well are drawn more often, so that there is something to go wrong. */
static enum step draw_step(uint64_t *random)
{
    static const enum step OFTEN[] = {PASS_LITTLE, PASS_LITTLE, PASS_A_BEAT, BEAT, DELIVER, DELIVER, DELIVER,
        REQUEST, REQUEST, ASK, ANSWER, RECEIVE, CONNECT};
    uint64_t drawn = draw(random);
    enum step step = (enum step)(drawn % STEPS);
    bool rare = step == PASS_A_MINUTE || step == PASS_THREE_MINUTES || step == RESTART || step == RESTORE ||
                step == RECREATE || step == PASS_A_LEASE;
    if (drawn >> 32 & 1 || (rare && drawn >> 33 & 7))
        return OFTEN[(drawn >> 40) % (sizeof OFTEN / sizeof *OFTEN)];
    return step;
}

/* Whatever happened before: it ends well. */
static void assert_recovers(uint64_t seed)
{
    world_settle(&world);
    for (size_t i = 0; i < world.client_count; i++)
        if (world_freshness(&world, i) != LEASE_FRESH || world.clients[i].keys != world.service.store.keys)
            fail_msg("seed %llu: client %zu does not recover", (unsigned long long)seed, i);
    if (world.service.store.pending >= 0)
        fail_msg("seed %llu: a promotion never comes", (unsigned long long)seed);
    if (*world.complaint) fail_msg("seed %llu: %s", (unsigned long long)seed, world.complaint);
}

static void schedule__long_ones_at_random(void **state)
{
    (void)state;
    const char *wanted = getenv("LEASE_SEED");
    struct timespec now_wall;
    clock_gettime(CLOCK_REALTIME, &now_wall);
    uint64_t first = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)now_wall.tv_nsec / 1000;
    print_message("LEASE_SEED=%llu repeats this\n", (unsigned long long)first);
    for (uint64_t seed = first; seed < first + LONG_SCHEDULES; seed++) {
        uint64_t random = seed;
        static const int64_t PPM[] = {-499, 0, 499};
        world_init(&world, &(struct world_options){.max_lease_ms = 3000,
                               .wish_ms = draw(&random) % 2 ? 1500 : 0,
                               .clients = 1 + draw(&random) % WORLD_CLIENTS,
                               .service_ppm = PPM[draw(&random) % 3],
                               .client_ppm = PPM[draw(&random) % 3]});
        for (int i = 0; i < LONG_STEPS; i++) {
            enum step step = draw_step(&random);
            take_step(&world, step, draw(&random) % world.client_count);
            if (*world.complaint)
                fail_msg("seed %llu, step %d (%s): %s", (unsigned long long)seed, i, STEP_NAMES[step],
                    world.complaint);
        }
        assert_recovers(seed);
    }
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
        cmocka_unit_test(register__is_by_hello_then_a_snapshot_then_a_heartbeat),
        cmocka_unit_test(register__a_heartbeat_from_before_the_snapshot_counts_with_it),
        cmocka_unit_test(register__renews_every_minute),
        cmocka_unit_test(register__ends_120_s_after_the_last_answer_was_asked_for),
        cmocka_unit_test(register__begins_again_when_the_service_does_not_know_it),
        cmocka_unit_test(register__a_restart_of_the_service_fits_in_the_lease),
        cmocka_unit_test(register__a_stray_message_of_another_boot_costs_a_hello),
        cmocka_unit_test(register__a_smaller_grant_shortens_what_was_vouched_for),
        cmocka_unit_test(register__a_larger_grant_lengthens_nothing),
        cmocka_unit_test(register__the_same_instance_of_another_boot_is_another),
        cmocka_unit_test(register__what_was_asked_before_it_was_lost_counts_for_nothing),
        cmocka_unit_test(register__a_wish_can_only_be_shorter),
        cmocka_unit_test(register__tells_the_service_what_all_parts_wish),
        cmocka_unit_test(register__who_comes_new_does_not_pay_for_earlier_failures),
        cmocka_unit_test(register__a_renewal_that_fails_is_tried_again_later),
        cmocka_unit_test(register__says_farewell_once),
        cmocka_unit_test(register__insists_on_a_service_that_registers),
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
        cmocka_unit_test(schedule__every_order_from_a_fresh_start),
        cmocka_unit_test(schedule__every_order_with_a_publication_on_its_way),
        cmocka_unit_test(schedule__every_order_from_a_restart),
        cmocka_unit_test(schedule__long_ones_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
