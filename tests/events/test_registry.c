#include "events/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- registration ---- */

static jwkd_status hello_again(
    struct fixture *fixture, struct bytes id, const char *principal, uint8_t out[REGISTRY_ID])
{
    const struct registry_wish wish = {.principal = principal, .name = "again", .instance_id = id};
    uint32_t lease_ms;
    jwkd_error error = {0};
    jwkd_status status = registry_hello(fixture->registry, &wish, fixture->now, out, &lease_ms, &error);
    assert_true(status == JWKD_OK || error.message[0]);
    return status;
}

/* How many entries there are of everything. */
static size_t entries(struct fixture *fixture)
{
    struct registry_subscriber *list;
    size_t count;
    bool more;
    assert_ok(registry_list(fixture->registry, NULL, 0, 1000, fixture->now, &list, &count, &more));
    assert_false(more);
    free(list);
    return count;
}

static void hello__gives_each_its_own_id_and_the_smaller_lease(void **state)
{
    struct fixture *fixture = *state;
    struct registry_wish wish = {.principal = "uid:1", .name = "a"};
    uint8_t ids[4][REGISTRY_ID];
    static const uint32_t wished[] = {0, 3000, MAX_LEASE_MS, UINT32_MAX};
    static const uint32_t given[] = {MAX_LEASE_MS, 3000, MAX_LEASE_MS, MAX_LEASE_MS};
    for (size_t i = 0; i < 4; i++) {
        uint32_t lease_ms = 0;
        wish.lease_ms = wished[i];
        assert_ok(registry_hello(fixture->registry, &wish, fixture->now, ids[i], &lease_ms, NULL));
        assert_int_equal(lease_ms, given[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(ids[i], ids[j], REGISTRY_ID);
    }
    assert_int_equal(registry_max_lease_ms(fixture->registry), MAX_LEASE_MS);
    assert_int_equal(entries(fixture), 4);
}

static void hello__with_an_earlier_id_goes_on_without_a_ghost(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &instance, SHOP));
    assert_ok(renew(fixture, &instance, 4, NOT_LISTED));
    pass_ms(fixture, 1000);
    uint8_t id[REGISTRY_ID];
    assert_ok(hello_again(fixture, bytes_of(instance.id, REGISTRY_ID), "uid:1", id));
    assert_memory_equal(id, instance.id, REGISTRY_ID);
    assert_int_equal(entries(fixture), 1);
    assert_count(fixture, SHOP, 4, 1, 1);
    struct registry_subscriber *list;
    size_t count;
    bool more;
    assert_ok(registry_list(fixture->registry, "shop", 0, 10, fixture->now, &list, &count, &more));
    assert_string_equal(list[0].name, "again");
    assert_int_equal(fixture->now - list[0].registered_ns, 1000 * NS_PER_MS);
    assert_int_equal(fixture->now - list[0].last_seen_ns, 0);
    free(list);
}

static void hello__with_an_id_that_is_not_its_own_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    uint8_t id[REGISTRY_ID], none[REGISTRY_ID] = {0};
    assert_ok(hello_again(fixture, bytes_of(instance.id, REGISTRY_ID), "uid:2", id));
    assert_memory_not_equal(id, instance.id, REGISTRY_ID);
    assert_ok(hello_again(fixture, bytes_of(none, REGISTRY_ID), "uid:1", id));
    assert_memory_not_equal(id, none, REGISTRY_ID);
    assert_int_equal(hello_again(fixture, bytes_of(instance.id, 15), "uid:1", id), JWKD_INVALID_ARGUMENT);
    assert_int_equal(entries(fixture), 3);
}

static void hello__refuses_a_principal_that_would_have_to_be_cut(void **state)
{
    struct fixture *fixture = *state;
    char principal[LIMIT_PRINCIPAL + 2];
    uint8_t id[REGISTRY_ID];
    memset(principal, 'p', sizeof principal);
    principal[LIMIT_PRINCIPAL + 1] = '\0';
    assert_int_equal(hello_again(fixture, (struct bytes){0}, principal, id), JWKD_INVALID_ARGUMENT);
    principal[LIMIT_PRINCIPAL] = '\0';
    assert_ok(hello_again(fixture, (struct bytes){0}, principal, id));
}

/* Two callers whose names differ in their length and in their last character only. */
static void long_names(char longest[LIMIT_PRINCIPAL + 1], char shorter[LIMIT_PRINCIPAL + 1])
{
    memset(longest, 'p', LIMIT_PRINCIPAL);
    longest[LIMIT_PRINCIPAL] = '\0';
    memcpy(shorter, longest, LIMIT_PRINCIPAL - 1);
    shorter[LIMIT_PRINCIPAL - 1] = '\0';
    assert_int_equal(strlen(longest), 400);
}

static void principals__of_long_names_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    char longest[LIMIT_PRINCIPAL + 1], shorter[LIMIT_PRINCIPAL + 1];
    long_names(longest, shorter);
    struct instance instance = join(fixture, longest, "a");
    assert_ok(follow(fixture, &instance, SHOP));
    assert_int_equal(renew_as(fixture, &instance, shorter, 50, 5, NOT_LISTED), JWKD_NOT_REGISTERED);
    assert_ok(renew(fixture, &instance, 5, NOT_LISTED));
}

static void renew__is_for_its_own_principal(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &instance, SHOP));
    assert_int_equal(renew_as(fixture, &instance, "uid:2", 50, 5, NOT_LISTED), JWKD_NOT_REGISTERED);
    assert_int_equal(renew_as(fixture, &instance, "uid:", 50, 5, NOT_LISTED), JWKD_NOT_REGISTERED);
    assert_count(fixture, SHOP, 5, 1, 0);
    instance.principal = "uid:2";
    assert_int_equal(follow(fixture, &instance, CAFE), JWKD_NOT_REGISTERED);
    assert_count(fixture, CAFE, 1, 0, 0);
    instance.principal = "uid:1";
    assert_ok(renew(fixture, &instance, 5, NOT_LISTED)); /* the other's sequence did not count */
    assert_count(fixture, SHOP, 5, 1, 1);
}

static void envelope__must_make_sense(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    jwkd_error error = {0};
    const struct bytes id = bytes_of(instance.id, REGISTRY_ID), cut = bytes_of(instance.id, 15), none = {0};
    const uint64_t now = fixture->now;
    assert_int_equal(
        registry_renew(fixture->registry, cut, "uid:1", 1, NULL, 0, now, &error), JWKD_INVALID_ARGUMENT);
    assert_int_equal(
        registry_renew(fixture->registry, none, "uid:1", 1, NULL, 0, now, &error), JWKD_INVALID_ARGUMENT);
    assert_int_equal(
        registry_renew(fixture->registry, id, "uid:1", 0, NULL, 0, now, &error), JWKD_INVALID_ARGUMENT);
    assert_int_equal(registry_follow(fixture->registry, none, "uid:1", 1, "shop", SHOP, now, &error),
        JWKD_INVALID_ARGUMENT);
    assert_int_equal(
        registry_follow(fixture->registry, id, "uid:1", 0, "shop", SHOP, now, &error), JWKD_INVALID_ARGUMENT);
    instance.id[3] ^= 1;
    error = (jwkd_error){0};
    assert_int_equal(
        registry_renew(fixture->registry, id, "uid:1", 1, NULL, 0, now, &error), JWKD_NOT_REGISTERED);
    assert_non_null(strstr(error.message, "say hello again"));
}

/* ---- confirming ---- */

static void confirmation__counts_for_its_environment_and_never_goes_back(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a"), b = join(fixture, "uid:2", "b");
    assert_count(fixture, SHOP, 1, 0, 0);
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(follow(fixture, &a, CAFE));
    assert_ok(follow(fixture, &b, SHOP));
    assert_count(fixture, SHOP, 5, 2, 0);
    assert_ok(renew(fixture, &a, 5, 2));
    assert_count(fixture, SHOP, 5, 2, 1);
    assert_count(fixture, SHOP, 6, 2, 0);
    assert_count(fixture, SHOP, 4, 2, 1);
    assert_count(fixture, CAFE, 2, 1, 1);
    assert_count(fixture, CAFE, 5, 1, 0);
    assert_ok(renew(fixture, &b, 6, NOT_LISTED));
    assert_count(fixture, SHOP, 5, 2, 2);
    assert_count(fixture, SHOP, 6, 2, 1);
    assert_ok(renew(fixture, &b, 3, NOT_LISTED));
    assert_count(fixture, SHOP, 6, 2, 1);
    assert_ok(follow(fixture, &b, SHOP)); /* another snapshot: the confirmation still counts */
    assert_count(fixture, SHOP, 6, 2, 1);
}

/* The count that is kept up to date is the one that a scan would find. */
static void count__stays_right_while_others_come_confirm_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct instance instances[6];
    for (size_t i = 0; i < 6; i++) {
        instances[i] = join(fixture, "uid:1", "a");
        assert_ok(follow(fixture, &instances[i], SHOP));
        assert_count(fixture, SHOP, 0, i + 1, i + 1);
    }
    assert_count(fixture, SHOP, 5, 6, 0);
    for (size_t i = 0; i < 6; i++) {
        assert_ok(renew(fixture, &instances[i], 4 + i % 3, NOT_LISTED)); /* 4 5 6 4 5 6 */
        assert_count(fixture, SHOP, 5, 6, (i + 1) * 2 / 3);
    }
    assert_ok(renew(fixture, &instances[1], NOT_LISTED, NOT_LISTED)); /* held 5 */
    assert_count(fixture, SHOP, 5, 5, 3);
    assert_ok(renew(fixture, &instances[0], NOT_LISTED, NOT_LISTED)); /* held 4 */
    assert_count(fixture, SHOP, 5, 4, 3);
    assert_ok(renew(fixture, &instances[3], 9, NOT_LISTED));
    assert_count(fixture, SHOP, 5, 4, 4);
    assert_ok(renew(fixture, &instances[3], 10, NOT_LISTED)); /* held it before */
    assert_count(fixture, SHOP, 5, 4, 4);
    assert_count(fixture, SHOP, 9, 4, 1);
}

static void confirmation__of_an_environment_that_it_does_not_follow_is_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &instance, SHOP));
    assert_ok(renew(fixture, &instance, 0, 8));
    assert_count(fixture, CAFE, 1, 0, 0);
    assert_count(fixture, SHOP, 1, 1, 0);
}

static void change__is_told_when_a_promotion_may_be_due(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &a, SHOP));
    assert_int_equal(fixture->changes, 0);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED));
    assert_int_equal(fixture->changes, 1);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED)); /* only renews */
    assert_int_equal(fixture->changes, 1);
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED)); /* goes */
    assert_int_equal(fixture->changes, 2);
    pass_ms(fixture, REGISTRY_KEPT_MS);
    assert_int_equal(entries(fixture), 0); /* ended, found when looked at */
    assert_int_equal(fixture->changes, 3);
}

/* ---- order ---- */

static void renew__that_comes_late_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(renew_as(fixture, &a, "uid:1", 10, 5, NOT_LISTED));
    assert_ok(follow(fixture, &a, CAFE)); /* with a lower sequence, which is no matter */
    assert_ok(renew_as(fixture, &a, "uid:1", 9, NOT_LISTED, NOT_LISTED));
    assert_ok(renew_as(fixture, &a, "uid:1", 10, 7, 7));
    assert_count(fixture, SHOP, 5, 1, 1);
    assert_count(fixture, SHOP, 6, 1, 0);
    assert_count(fixture, CAFE, 1, 1, 0);
    pass_ms(fixture, REGISTRY_KEPT_MS - 1);
    assert_ok(renew_as(fixture, &a, "uid:1", 8, NOT_LISTED, NOT_LISTED)); /* nor does it renew */
    pass_ms(fixture, 1);
    assert_int_equal(renew_as(fixture, &a, "uid:1", 11, 5, 1), JWKD_NOT_REGISTERED);
}

/* A renewal is written before the snapshot is asked for, and arrives after that: it does not end the
 * following. */
static void follow__outlives_an_earlier_renewal_that_arrives_after_it(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a");
    a.sequence = 10;
    assert_ok(follow(fixture, &a, SHOP)); /* 11 */
    assert_ok(renew_as(fixture, &a, "uid:1", 12, 3, NOT_LISTED));
    a.sequence = 19;
    assert_ok(follow(fixture, &a, SHOP)); /* 20 */
    a.sequence = 12;
    assert_ok(follow(fixture, &a, SHOP)); /* 13, late */
    assert_ok(renew_as(fixture, &a, "uid:1", 19, NOT_LISTED, NOT_LISTED));
    assert_ok(renew_as(fixture, &a, "uid:1", 20, NOT_LISTED, NOT_LISTED));
    assert_count(fixture, SHOP, 3, 1, 1);
    assert_ok(renew_as(fixture, &a, "uid:1", 21, NOT_LISTED, NOT_LISTED));
    assert_count(fixture, SHOP, 3, 0, 0);
}

/* A renewal is written while the snapshot is on its way, so it does not list the environment. The two arrive
 * in either order. */
static void follow__outlives_a_renewal_while_its_snapshot_is_on_the_way(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a"), b = join(fixture, "uid:1", "b");
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED));
    assert_ok(renew_as(fixture, &b, "uid:1", 2, NOT_LISTED, NOT_LISTED));
    assert_ok(follow(fixture, &b, SHOP)); /* 1 */
    assert_count(fixture, SHOP, 1, 2, 0);
    pass_ms(fixture, REGISTRY_RENEW_MS - 1);
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED));
    assert_ok(renew_as(fixture, &b, "uid:1", 3, 0, NOT_LISTED)); /* b says that it waits */
    assert_count(fixture, SHOP, 1, 2, 0);
    pass_ms(fixture, 1);
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED)); /* a wants it no longer */
    assert_ok(renew_as(fixture, &b, "uid:1", 4, 0, NOT_LISTED));
    assert_count(fixture, SHOP, 1, 1, 0);
    assert_ok(renew_as(fixture, &b, "uid:1", 5, 1, NOT_LISTED));
    assert_count(fixture, SHOP, 1, 1, 1);
}

static void follow__of_a_new_environment_of_the_name_replaces_the_old(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a");
    const struct bytes id = bytes_of(a.id, REGISTRY_ID);
    assert_ok(registry_follow(fixture->registry, id, "uid:1", 1, "shop", 100, fixture->now, NULL));
    assert_ok(registry_follow(fixture->registry, id, "uid:1", 2, "shop", SHOP, fixture->now, NULL));
    assert_count(fixture, 100, 1, 0, 0);
    assert_count(fixture, SHOP, 1, 1, 0);
    assert_int_equal(entries(fixture), 1);
}

/* ---- the end ---- */

/* A key is promoted at once because the environment has no followers: none may begin to follow meanwhile. */
static void follow__waits_while_the_environment_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a");
    assert_true(registry_close_if_nobody(fixture->registry, SHOP, fixture->now));
    assert_int_equal(follow(fixture, &a, SHOP), JWKD_BUSY);
    assert_ok(follow(fixture, &a, CAFE));
    registry_reopen(fixture->registry);
    assert_ok(follow(fixture, &a, SHOP));
    assert_false(registry_close_if_nobody(fixture->registry, SHOP, fixture->now));
    assert_ok(follow(fixture, &a, SHOP));
}

static void registration__ends_without_renewal(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join(fixture, "uid:1", "a"), b = join(fixture, "uid:1", "b");
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(follow(fixture, &b, SHOP));
    assert_int_equal(registry_count(fixture->registry, CAFE, 1, fixture->now).next_end_ns, UINT64_MAX);
    const uint64_t first = fixture->now;
    pass_ms(fixture, 60 * 1000);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED));
    assert_int_equal(registry_count(fixture->registry, SHOP, 5, fixture->now).next_end_ns,
        first + REGISTRY_KEPT_MS * NS_PER_MS);
    pass_ms(fixture, REGISTRY_KEPT_MS - 60 * 1000 - 1);
    assert_count(fixture, SHOP, 5, 2, 1);
    pass_ms(fixture, 1); /* b ends */
    assert_count(fixture, SHOP, 5, 1, 1);
    assert_int_equal(renew(fixture, &b, 5, NOT_LISTED), JWKD_NOT_REGISTERED);
    assert_int_equal(follow(fixture, &b, CAFE), JWKD_NOT_REGISTERED);
    uint8_t id[REGISTRY_ID];
    assert_ok(hello_again(fixture, bytes_of(b.id, REGISTRY_ID), "uid:1", id));
    assert_memory_not_equal(id, b.id, REGISTRY_ID);
    pass_ms(fixture, 60 * 1000); /* a ends */
    assert_count(fixture, SHOP, 5, 0, 0);
    assert_int_equal(entries(fixture), 1);
}

static void registry__knows_all_a_horizon_after_the_start_only(void **state)
{
    (void)state;
    const uint64_t started = 1000 * NS_PER_SEC, horizon = 30030 * NS_PER_MS;
    struct registry_options options = {.max_lease_ms = MAX_LEASE_MS, .started_ns = started};
    struct registry *registry;
    assert_ok(registry_new(&options, &registry));
    assert_int_equal(registry_horizon_ns(registry), horizon);
    assert_false(registry_knows_all(registry, started));
    assert_false(registry_knows_all(registry, started + horizon - 1));
    assert_true(registry_knows_all(registry, started + horizon));
    registry_free(registry);
    options.new_store = true;
    assert_ok(registry_new(&options, &registry));
    assert_true(registry_knows_all(registry, started));
    registry_free(registry);
}

/* A lease of the run before may last as long as that run granted, even if this one grants less. */
static void registry__waits_for_leases_of_the_run_before(void **state)
{
    (void)state;
    const uint64_t started = 1000 * NS_PER_SEC, own = 3003 * NS_PER_MS, earlier = 30030 * NS_PER_MS;
    const struct registry_options options = {.max_lease_ms = 3000, .started_ns = started};
    struct registry *registry;
    assert_ok(registry_new(&options, &registry));
    registry_set_leases(registry, 30000, 3000);
    assert_int_equal(registry_horizon_ns(registry), own);
    assert_false(registry_knows_all(registry, started + earlier - 1));
    assert_true(registry_knows_all(registry, started + earlier));
    assert_int_equal(registry_effective_ns(registry, SHOP, 3000, started), started + earlier);
    assert_int_equal(registry_effective_ns(registry, SHOP, 3000, started + earlier), started + earlier + own);
    assert_int_equal(registry_effective_ns(registry, SHOP, 0, started + earlier), started + earlier);
    assert_int_equal(registry_longest_lease_ms(registry, started), 30000);
    assert_int_equal(registry_longest_lease_ms(registry, started + earlier), 3000);
    registry_set_leases(registry, 1000, 3000);
    assert_true(registry_knows_all(registry, started + own));
    assert_int_equal(registry_longest_lease_ms(registry, started), 3000);
    registry_free(registry);
}

/* A subscriber of the run before cannot follow an environment that was made in this run. */
static void registry__knows_all_followers_of_an_environment_of_its_own_run(void **state)
{
    (void)state;
    const uint64_t started = 1000 * NS_PER_SEC, horizon = 30030 * NS_PER_MS;
    const struct registry_options options = {.max_lease_ms = MAX_LEASE_MS, .started_ns = started};
    struct registry *registry;
    assert_ok(registry_new(&options, &registry));
    assert_false(registry_knows_followers(registry, CAFE, started)); /* as long as nothing is said */
    registry_set_first_new_environment(registry, SHOP + 1);
    assert_true(registry_knows_followers(registry, SHOP + 1, started));
    assert_false(registry_knows_followers(registry, SHOP, started + horizon - 1));
    assert_true(registry_knows_followers(registry, SHOP, started + horizon));
    assert_int_equal(registry_effective_ns(registry, SHOP + 1, 1000, started), started + 1001 * NS_PER_MS);
    assert_int_equal(registry_effective_ns(registry, SHOP, 1000, started), started + horizon);
    registry_free(registry);
}

static struct instance join_for(struct fixture *fixture, uint32_t lease_ms, struct bytes earlier_id)
{
    struct instance instance = {.principal = "uid:1"};
    const struct registry_wish wish = {
        .principal = "uid:1", .name = "a", .lease_ms = lease_ms, .instance_id = earlier_id};
    assert_ok(registry_hello(fixture->registry, &wish, fixture->now, instance.id, &lease_ms, NULL));
    return instance;
}

#define assert_longest(fixture, environment_id, lease_ms)                                          \
    assert_int_equal(                                                                              \
        registry_count((fixture)->registry, (environment_id), 1, (fixture)->now).longest_lease_ms, \
        (lease_ms))

/* This bounds the leases of the subscribers that lack a revision. */
static void count__tells_the_longest_lease_of_those_who_follow(void **state)
{
    struct fixture *fixture = *state;
    const struct bytes none = {0};
    struct instance a = join_for(fixture, 3000, none), b = join_for(fixture, 3000, none),
                    c = join_for(fixture, 5000, none), elsewhere = join_for(fixture, 0, none);
    assert_ok(follow(fixture, &elsewhere, CAFE));
    assert_longest(fixture, SHOP, 0);
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(follow(fixture, &b, SHOP));
    assert_longest(fixture, SHOP, 3000);
    assert_longest(fixture, CAFE, MAX_LEASE_MS);
    assert_ok(follow(fixture, &c, SHOP));
    assert_longest(fixture, SHOP, 5000);
    assert_ok(renew(fixture, &c, 1, NOT_LISTED));
    assert_ok(renew(fixture, &c, NOT_LISTED, NOT_LISTED)); /* it left */
    assert_longest(fixture, SHOP, 3000);
    assert_ok(renew(fixture, &a, 1, NOT_LISTED));
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED)); /* another one has the same */
    assert_longest(fixture, SHOP, 3000);
    /* A longer lease counts from its grant on. A shorter one does not count before the registration ends,
     * since the answer may not have arrived. */
    join_for(fixture, 8000, bytes_of(b.id, sizeof b.id));
    assert_longest(fixture, SHOP, 8000);
    join_for(fixture, 1000, bytes_of(b.id, sizeof b.id));
    assert_longest(fixture, SHOP, 8000);
    assert_ok(follow(fixture, &a, SHOP));
    join_for(fixture, 8000, bytes_of(a.id, sizeof a.id));
    assert_ok(renew(fixture, &b, 1, NOT_LISTED));
    assert_ok(renew(fixture, &b, NOT_LISTED, NOT_LISTED));
    assert_longest(fixture, SHOP, 8000);
    struct instance d = join_for(fixture, 2000, none);
    assert_ok(follow(fixture, &d, SHOP));
    join_for(fixture, 1000, bytes_of(a.id, sizeof a.id));
    assert_ok(renew(fixture, &a, 1, NOT_LISTED));
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED)); /* and the longer one goes with it */
    assert_longest(fixture, SHOP, 2000);
}

/* ---- listing ---- */

static void list__pages_in_a_stable_order(void **state)
{
    struct fixture *fixture = *state;
    struct instance instances[5];
    for (size_t i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%zu", i);
        instances[i] = join(fixture, "uid:1", name);
        if (i != 2) assert_ok(follow(fixture, &instances[i], SHOP));
        if (i == 1) assert_ok(follow(fixture, &instances[i], CAFE));
    }
    assert_ok(renew(fixture, &instances[0], 3, NOT_LISTED)); /* which moves it nowhere */
    static const char *const all[] = {"n0 shop", "n1 shop", "n1 cafe", "n2 ", "n3 shop", "n4 shop"};
    for (size_t skip = 0; skip < 8; skip++) {
        struct registry_subscriber *list;
        size_t count;
        bool more;
        assert_ok(registry_list(fixture->registry, NULL, skip, 2, fixture->now, &list, &count, &more));
        assert_int_equal(count, skip < 5 ? 2 : skip == 5 ? 1 : 0);
        assert_int_equal(more, skip < 4);
        for (size_t i = 0; i < count; i++) {
            char line[160];
            snprintf(line, sizeof line, "%s %s", list[i].name, list[i].environment);
            assert_string_equal(line, all[skip + i]);
        }
        free(list);
    }
    struct registry_subscriber *list;
    size_t count;
    bool more;
    assert_ok(registry_list(fixture->registry, "cafe", 0, 10, fixture->now, &list, &count, &more));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "n1");
    assert_string_equal(list[0].principal, "uid:1");
    assert_int_equal(list[0].environment_id, CAFE);
    assert_memory_equal(list[0].id, instances[1].id, REGISTRY_ID);
    free(list);
}

/* ---- limits ---- */

static jwkd_status try_join(struct fixture *fixture, const char *principal, struct instance *out)
{
    const struct registry_wish wish = {.principal = principal, .name = ""};
    uint32_t lease_ms;
    out->principal = principal;
    out->sequence = 0;
    return registry_hello(fixture->registry, &wish, fixture->now, out->id, &lease_ms, NULL);
}

static size_t fill(struct fixture *fixture, const char *principal)
{
    struct instance instance;
    for (size_t count = 0;; count++) {
        jwkd_status status = try_join(fixture, principal, &instance);
        if (status == JWKD_OK) continue;
        assert_int_equal(status, JWKD_RESOURCE_EXHAUSTED);
        return count;
    }
}

static void table__always_has_a_place_for_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance;
    assert_int_equal(fill(fixture, "uid:1"), LIMIT_SUBSCRIBERS / 2);
    assert_int_equal(fill(fixture, "uid:2"), LIMIT_SUBSCRIBERS / 4);
    assert_int_equal(fill(fixture, "uid:3"), LIMIT_SUBSCRIBERS / 8);
    assert_ok(try_join(fixture, "uid:4", &instance));
    assert_int_equal(try_join(fixture, "uid:1", &instance), JWKD_RESOURCE_EXHAUSTED);
    pass_ms(fixture, REGISTRY_KEPT_MS);
    assert_int_equal(fill(fixture, "uid:5"), LIMIT_SUBSCRIBERS / 2); /* all others have ended */
}

static jwkd_status follow_numbered(struct fixture *fixture, struct instance *instance, uint64_t number)
{
    char name[16];
    snprintf(name, sizeof name, "e%llu", (unsigned long long)number);
    return registry_follow(fixture->registry, bytes_of(instance->id, REGISTRY_ID), instance->principal,
        ++instance->sequence, name, number, fixture->now, NULL);
}

static void subscriber__follows_a_bounded_number_of_environments(void **state)
{
    struct fixture *fixture = *state;
    struct instance instance = join(fixture, "uid:1", "a");
    for (uint64_t i = 1; i <= LIMIT_FOLLOWED; i++)
        assert_ok(follow_numbered(fixture, &instance, i));
    assert_int_equal(follow_numbered(fixture, &instance, 1000), JWKD_RESOURCE_EXHAUSTED);
    assert_ok(follow_numbered(fixture, &instance, 1)); /* follows it already */
    /* All of them together: half of what there is. */
    size_t followings = LIMIT_FOLLOWED;
    for (;;) {
        struct instance other = join(fixture, "uid:1", "b");
        jwkd_status status = JWKD_OK;
        for (uint64_t i = 1; i <= LIMIT_FOLLOWED && status == JWKD_OK; i++) {
            status = follow_numbered(fixture, &other, i);
            followings += status == JWKD_OK;
        }
        if (status != JWKD_OK) break;
    }
    assert_int_equal(followings, LIMIT_FOLLOWINGS / 2);
    struct instance stranger = join(fixture, "uid:2", "c");
    assert_ok(follow_numbered(fixture, &stranger, 1));
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 200 };

struct crowd {
    struct fixture *fixture;
    unsigned number;
};

/* Nothing here may end the thread early, so outcomes are counted, not asserted. */
static void *live(void *argument)
{
    struct crowd *crowd = argument;
    struct registry *registry = crowd->fixture->registry;
    const uint64_t now = crowd->fixture->now;
    struct instance instance;
    uintptr_t failures = try_join(crowd->fixture, "uid:1", &instance) != JWKD_OK;
    failures += follow(crowd->fixture, &instance, SHOP) != JWKD_OK;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct registry_subscriber *list = NULL;
        struct registry_receipt receipt = {0};
        size_t count;
        bool more;
        if (crowd->number == 0) {
            struct registry_receipt_key key = {.environment_id = SHOP, .kid = "k", .revision = i};
            failures += registry_open_receipt(registry, &key, now) != JWKD_OK;
        }
        failures += renew(crowd->fixture, &instance, i, NOT_LISTED) != JWKD_OK;
        failures += registry_count(registry, SHOP, i, now).confirmed == 0;
        failures += registry_list(registry, "shop", 0, 10, now, &list, &count, &more) != JWKD_OK;
        if (registry_read_receipt(registry, SHOP, "k", now, &receipt) == JWKD_OK)
            registry_receipt_clear(&receipt);
        free(list);
    }
    return (void *)failures;
}

static _Atomic unsigned told;

static void count_change(void *context)
{
    (void)context;
    told++;
}

static void registry__is_for_any_thread(void **state)
{
    (void)state;
    struct fixture fixture = {.now = NS_PER_SEC};
    struct registry_options options = {
        .max_lease_ms = MAX_LEASE_MS, .new_store = true, .on_change = count_change};
    assert_ok(registry_new(&options, &fixture.registry));
    struct crowd crowd[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){.fixture = &fixture, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, live, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *failures;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
    assert_count(&fixture, SHOP, ROUNDS, THREADS, THREADS);
    assert_int_equal(told, THREADS * ROUNDS);
    registry_free(fixture.registry);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(hello__gives_each_its_own_id_and_the_smaller_lease),
        CASE(hello__with_an_earlier_id_goes_on_without_a_ghost),
        CASE(principals__of_long_names_are_told_apart),
        CASE(hello__with_an_id_that_is_not_its_own_begins_anew),
        CASE(hello__refuses_a_principal_that_would_have_to_be_cut),
        CASE(renew__is_for_its_own_principal),
        CASE(envelope__must_make_sense),
        CASE(confirmation__counts_for_its_environment_and_never_goes_back),
        CASE(count__stays_right_while_others_come_confirm_and_go),
        CASE(confirmation__of_an_environment_that_it_does_not_follow_is_ignored),
        CASE(change__is_told_when_a_promotion_may_be_due),
        CASE(renew__that_comes_late_changes_nothing),
        CASE(follow__outlives_an_earlier_renewal_that_arrives_after_it),
        CASE(follow__outlives_a_renewal_while_its_snapshot_is_on_the_way),
        CASE(follow__of_a_new_environment_of_the_name_replaces_the_old),
        CASE(follow__waits_while_the_environment_is_closed),
        CASE(registration__ends_without_renewal),
        CASE(registry__knows_all_a_horizon_after_the_start_only),
        CASE(registry__waits_for_leases_of_the_run_before),
        CASE(registry__knows_all_followers_of_an_environment_of_its_own_run),
        CASE(count__tells_the_longest_lease_of_those_who_follow),
        CASE(list__pages_in_a_stable_order),
        CASE(table__always_has_a_place_for_the_others),
        CASE(subscriber__follows_a_bounded_number_of_environments),
        CASE(registry__is_for_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
