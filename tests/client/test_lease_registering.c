/* The lease (proto/WIRE.md, Subscribers): registering, renewing, saying farewell. */
#include "client/lease_case.h"

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
    assert_freshness(STALE); /* no heartbeat has vouched for it yet */
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
    assert_freshness(STALE); /* heartbeats are of no use without a registration */
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
    assert_int_equal(next_task(), LEASE_HELLO); /* what remains does not serve stale keys */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
