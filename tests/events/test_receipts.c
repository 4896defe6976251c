#include "events/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define HORIZON_NS (MAX_LEASE_MS * NS_PER_MS + MAX_LEASE_MS * NS_PER_MS / 1000)

static void open_receipt(struct fixture *fixture, const char *kid, uint64_t revision)
{
    const struct registry_receipt_key key = {.environment_id = SHOP, .kid = kid, .revision = revision};
    assert_ok(registry_open_receipt(fixture->registry, &key, fixture->now));
}

/* The caller clears it. */
static struct registry_receipt read_receipt(struct fixture *fixture, const char *kid)
{
    struct registry_receipt receipt;
    assert_ok(registry_read_receipt(fixture->registry, SHOP, kid, fixture->now, &receipt));
    return receipt;
}

/* What is said of an instance in a receipt. */
static struct registry_line line_of(struct fixture *fixture, const char *kid, const struct instance *instance)
{
    struct registry_receipt receipt = read_receipt(fixture, kid);
    struct registry_line line = {0};
    size_t found = 0;
    for (size_t i = 0; i < receipt.count; i++) {
        if (memcmp(receipt.lines[i].subscriber.id, instance->id, REGISTRY_ID) != 0) continue;
        line = receipt.lines[i];
        found++;
    }
    assert_int_equal(found, 1);
    registry_receipt_clear(&receipt);
    return line;
}

#define assert_receipt(fixture, kid, lines_, complete_, unbounded_)        \
    do {                                                                   \
        struct registry_receipt receipt_ = read_receipt((fixture), (kid)); \
        assert_int_equal(receipt_.count, (lines_));                        \
        assert_int_equal(receipt_.complete, (complete_));                  \
        assert_int_equal(receipt_.unbounded, (unbounded_));                \
        registry_receipt_clear(&receipt_);                                 \
    } while (0)

static struct instance follower(struct fixture *fixture, const char *name, uint64_t revision)
{
    struct instance instance = join(fixture, "uid:1", name);
    assert_ok(follow(fixture, &instance, SHOP));
    assert_ok(renew(fixture, &instance, revision, NOT_LISTED));
    return instance;
}

static void receipt__is_complete_when_everybody_has_confirmed(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4), b = follower(fixture, "b", 4),
                    elsewhere = join(fixture, "uid:1", "c");
    assert_ok(follow(fixture, &elsewhere, CAFE));
    open_receipt(fixture, "k", 5);
    const uint64_t swapped = fixture->now;
    struct registry_receipt receipt = read_receipt(fixture, "k");
    assert_int_equal(receipt.revision, 5);
    assert_int_equal(receipt.swapped_ns, swapped);
    assert_int_equal(receipt.effective_ns, swapped + HORIZON_NS);
    registry_receipt_clear(&receipt);
    assert_receipt(fixture, "k", 2, false, false);

    pass_ms(fixture, 3);
    assert_ok(renew(fixture, &a, 4, NOT_LISTED)); /* still the revision before */
    assert_false(line_of(fixture, "k", &a).confirmed);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED));
    assert_true(line_of(fixture, "k", &a).confirmed);
    assert_int_equal(line_of(fixture, "k", &a).confirmed_ns, swapped + 3 * NS_PER_MS);
    assert_receipt(fixture, "k", 2, false, false);
    pass_ms(fixture, 4);
    struct instance late =
        follower(fixture, "d", 5); /* its first snapshot is without the key: none of the receipt's */
    (void)late;
    assert_ok(renew(fixture, &a, 6, NOT_LISTED));
    assert_int_equal(line_of(fixture, "k", &a).confirmed_ns, swapped + 3 * NS_PER_MS); /* when it first did */
    assert_ok(renew(fixture, &b, 9, NOT_LISTED)); /* a later one includes it */
    assert_int_equal(line_of(fixture, "k", &b).confirmed_ns, swapped + 7 * NS_PER_MS);
    assert_receipt(fixture, "k", 2, true, false);
}

static void receipt__without_subscribers_is_complete_once_all_are_known(void **state)
{
    struct fixture *fixture = *state;
    open_receipt(fixture, "k", 5);
    assert_receipt(fixture, "k", 0, true, false);
    struct registry_options options = {.max_lease_ms = MAX_LEASE_MS, .started_ns = fixture->now};
    struct fixture young = {.now = fixture->now + NS_PER_SEC};
    assert_ok(registry_new(&options, &young.registry));
    open_receipt(&young, "k", 5);
    assert_receipt(&young, "k", 0, false, false); /* subscribers unknown to this run may be fresh */
    young.now = fixture->now + HORIZON_NS;
    assert_receipt(&young, "k", 0, true, false);
    registry_free(young.registry);
}

/* The receipt is bounded by the longest lease of the followers: after that none of them accepts the key. */
static void receipt__is_bounded_by_the_leases_of_those_who_followed(void **state)
{
    struct fixture *fixture = *state;
    struct instance brief = {.principal = "uid:1"};
    uint32_t lease_ms;
    const struct registry_wish wish = {.principal = "uid:1", .name = "brief", .lease_ms = 3000};
    assert_ok(registry_hello(fixture->registry, &wish, fixture->now, brief.id, &lease_ms, NULL));
    assert_ok(follow(fixture, &brief, SHOP));
    const uint64_t swapped = fixture->now;
    open_receipt(fixture, "k", 5);
    struct registry_receipt receipt = read_receipt(fixture, "k");
    assert_int_equal(receipt.effective_ns, swapped + 3003 * NS_PER_MS);
    assert_false(receipt.complete);
    registry_receipt_clear(&receipt);
    pass_ms(fixture, 200 * 1000); /* its registration ends: its lease counts all the same */
    receipt = read_receipt(fixture, "k");
    assert_int_equal(receipt.effective_ns, swapped + 3003 * NS_PER_MS);
    registry_receipt_clear(&receipt);
    open_receipt(fixture, "l", 6); /* no subscriber follows */
    receipt = read_receipt(fixture, "l");
    assert_int_equal(receipt.effective_ns, fixture->now);
    registry_receipt_clear(&receipt);
}

/* A right that was withdrawn is not forgotten: it accepts the key for the rest of its lease. */
static void receipt__lists_who_was_cut_off_until_its_lease_has_ended(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4), b = follower(fixture, "b", 4);
    open_receipt(fixture, "before", 5);
    assert_ok(renew(fixture, &b, 5, NOT_LISTED));
    assert_receipt(fixture, "before", 2, false, false);
    pass_ms(fixture, 1000);
    unsigned changes = fixture->changes;
    assert_true(registry_cut_off(fixture->registry, a.id, SHOP, fixture->now));
    assert_true(fixture->changes > changes); /* a promotion may be due */
    assert_false(registry_cut_off(fixture->registry, a.id, SHOP, fixture->now));
    const uint64_t until = fixture->now + HORIZON_NS;
    assert_count(fixture, SHOP, 5, 1, 1); /* promotions do not wait for it */
    assert_true(line_of(fixture, "before", &a).cut_off);
    assert_false(line_of(fixture, "before", &a).gone);
    assert_false(line_of(fixture, "before", &a).confirmed);
    assert_receipt(fixture, "before", 2, false, false);
    open_receipt(fixture, "after", 6); /* whose event is not sent to it */
    assert_receipt(fixture, "after", 2, false, false);
    struct registry_receipt receipt = read_receipt(fixture, "before");
    assert_int_equal(receipt.effective_ns, until);
    registry_receipt_clear(&receipt);
    assert_ok(renew(fixture, &a, 6, NOT_LISTED)); /* it cannot confirm what it may not follow */
    assert_false(line_of(fixture, "after", &a).confirmed);
    assert_ok(renew(fixture, &b, 6, NOT_LISTED));
    fixture->now = until - 1;
    assert_receipt(fixture, "after", 2, false, false);
    fixture->now = until;
    assert_true(line_of(fixture, "after", &a).gone);
    assert_receipt(fixture, "after", 2, true, false);
    assert_receipt(fixture, "before", 2, true, false);
    open_receipt(fixture, "later", 7);
    assert_receipt(fixture, "later", 1, false, false);
}

static void receipt__lists_one_that_may_again_as_any_other(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4);
    assert_true(registry_cut_off(fixture->registry, a.id, SHOP, fixture->now));
    assert_ok(follow(fixture, &a, SHOP));
    open_receipt(fixture, "k", 5);
    assert_receipt(fixture, "k", 1, false, false);
    assert_false(line_of(fixture, "k", &a).cut_off);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED));
    assert_receipt(fixture, "k", 1, true, false);
}

static void receipt__counts_a_confirmation_that_came_before_it(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 5); /* took its snapshot right after the swap */
    open_receipt(fixture, "k", 5);
    assert_true(line_of(fixture, "k", &a).confirmed);
    assert_int_equal(line_of(fixture, "k", &a).confirmed_ns, fixture->now);
    assert_receipt(fixture, "k", 1, true, false);
}

static void receipt__is_of_its_environment_and_key(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4);
    assert_ok(follow(fixture, &a, CAFE));
    open_receipt(fixture, "k", 5);
    open_receipt(fixture, "l", 6);
    assert_ok(renew(fixture, &a, 4, 50)); /* a revision of the other environment */
    assert_receipt(fixture, "k", 1, false, false);
    assert_ok(renew(fixture, &a, 5, 50));
    assert_receipt(fixture, "k", 1, true, false);
    assert_receipt(fixture, "l", 1, false, false);
    struct registry_receipt none;
    assert_int_equal(
        registry_read_receipt(fixture->registry, SHOP, "m", fixture->now, &none), JWKD_NOT_FOUND);
    assert_int_equal(
        registry_read_receipt(fixture->registry, CAFE, "k", fixture->now, &none), JWKD_NOT_FOUND);
}

static void receipt__takes_who_is_gone_to_refuse(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4), b = follower(fixture, "b", 4);
    open_receipt(fixture, "k", 5);
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED));
    assert_true(line_of(fixture, "k", &a).gone);
    assert_true(line_of(fixture, "k", &a).left);
    assert_receipt(fixture, "k", 2, false, false);
    pass_ms(fixture, REGISTRY_KEPT_MS - 1);
    assert_false(line_of(fixture, "k", &b).gone);
    pass_ms(fixture, 1);
    struct registry_line line = line_of(fixture, "k", &b);
    assert_true(line.gone);
    assert_false(line.left);
    assert_false(line.confirmed);
    assert_string_equal(line.subscriber.name, "b"); /* as it stood last */
    assert_int_equal(line.subscriber.revision, 4);
    assert_receipt(fixture, "k", 2, true, false);
}

/* No subscriber of this principal is registered any more; only the receipt still has the name. */
static void receipt__names_in_full_who_is_gone(void **state)
{
    struct fixture *fixture = *state;
    char longest[LIMIT_PRINCIPAL + 1];
    memset(longest, 'p', LIMIT_PRINCIPAL);
    longest[LIMIT_PRINCIPAL] = '\0';
    struct instance a = join_stale(fixture, longest, "a");
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(renew(fixture, &a, 4, NOT_LISTED));
    open_receipt(fixture, "k", 5);
    pass_ms(fixture, REGISTRY_KEPT_MS);
    for (int i = 0; i < 2; i++) {
        struct registry_line line = line_of(fixture, "k", &a);
        assert_true(line.gone && line.subscriber.serves_stale);
        assert_string_equal(line.subscriber.principal, longest);
        assert_string_equal(line.subscriber.environment, name_of(SHOP));
        assert_int_equal(line.subscriber.environment_id, SHOP);
        assert_int_equal(line.subscriber.lease_ms, MAX_LEASE_MS);
        struct instance b = join(fixture, longest, "b"); /* now one is again */
        assert_ok(follow(fixture, &b, SHOP));
    }
}

static void receipt__is_unbounded_while_a_server_of_stale_keys_has_not_confirmed(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join_stale(fixture, "uid:1", "a"), b = follower(fixture, "b", 4);
    assert_ok(follow(fixture, &a, SHOP));
    open_receipt(fixture, "k", 5);
    open_receipt(fixture, "l", 6);
    assert_ok(renew(fixture, &b, 6, NOT_LISTED));
    assert_receipt(fixture, "k", 2, false, true);
    assert_ok(renew(fixture, &a, 5, NOT_LISTED));
    assert_receipt(fixture, "k", 2, true, false);
    /* A subscriber that is cut off may go on for ever, even if its registration has ended. */
    pass_ms(fixture, REGISTRY_KEPT_MS);
    assert_true(line_of(fixture, "l", &a).gone);
    assert_receipt(fixture, "l", 2, false, true);
}

static void receipt__trusts_the_word_of_who_leaves(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = join_stale(fixture, "uid:1", "a");
    assert_ok(follow(fixture, &a, SHOP));
    assert_ok(renew(fixture, &a, 4, NOT_LISTED));
    open_receipt(fixture, "k", 5);
    assert_receipt(fixture, "k", 1, false, true);
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED));
    assert_receipt(fixture, "k", 1, true, false);
    /* It comes back with a snapshot that is without the key, and confirms. */
    assert_ok(follow(fixture, &a, SHOP));
    assert_false(line_of(fixture, "k", &a).gone);
    assert_ok(renew(fixture, &a, 7, NOT_LISTED));
    assert_true(line_of(fixture, "k", &a).confirmed);
    assert_receipt(fixture, "k", 1, true, false);
    /* And once more: it is the first confirmation that counts. */
    const uint64_t first = fixture->now;
    assert_ok(renew(fixture, &a, NOT_LISTED, NOT_LISTED));
    assert_ok(follow(fixture, &a, SHOP));
    pass_ms(fixture, 1);
    assert_ok(renew(fixture, &a, 7, NOT_LISTED));
    assert_int_equal(line_of(fixture, "k", &a).confirmed_ns, first);
}

static void receipt__sees_a_change_of_mind_about_stale_keys(void **state)
{
    struct fixture *fixture = *state;
    struct instance a = follower(fixture, "a", 4);
    open_receipt(fixture, "k", 5);
    assert_receipt(fixture, "k", 1, false, false);
    const struct registry_wish wish = {
        .principal = "uid:1", .name = "a", .serves_stale = true, .instance_id = bytes_of(a.id, REGISTRY_ID)};
    uint8_t id[REGISTRY_ID];
    uint32_t lease_ms;
    assert_ok(registry_hello(fixture->registry, &wish, fixture->now, id, &lease_ms, NULL));
    assert_receipt(fixture, "k", 1, false, true);
}

static void receipts__make_room_for_younger_ones(void **state)
{
    struct fixture *fixture = *state;
    struct registry_receipt receipt;
    char kid[32];
    for (uint64_t i = 0; i <= LIMIT_RECEIPTS; i++) {
        snprintf(kid, sizeof kid, "k%llu", (unsigned long long)i);
        open_receipt(fixture, kid, i + 1);
    }
    assert_int_equal(
        registry_read_receipt(fixture->registry, SHOP, "k0", fixture->now, &receipt), JWKD_NOT_FOUND);
    assert_receipt(fixture, "k1", 0, true, false);
    assert_receipt(fixture, kid, 0, true, false);
}

/* With many subscribers it is the lines that are bounded. */
static void receipts__are_bounded_in_lines(void **state)
{
    struct fixture *fixture = *state;
    enum { FOLLOWERS = 1000, KEPT = LIMIT_RECEIPT_LINES / FOLLOWERS };
    struct registry_receipt receipt;
    char kid[32];
    for (size_t i = 0; i < FOLLOWERS; i++)
        follower(fixture, "a", 1);
    for (uint64_t i = 0; i <= KEPT; i++) {
        snprintf(kid, sizeof kid, "k%llu", (unsigned long long)i);
        open_receipt(fixture, kid, i + 2);
    }
    assert_int_equal(
        registry_read_receipt(fixture->registry, SHOP, "k0", fixture->now, &receipt), JWKD_NOT_FOUND);
    assert_receipt(fixture, "k1", FOLLOWERS, false, false);
    assert_receipt(fixture, kid, FOLLOWERS, false, false);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(receipt__is_complete_when_everybody_has_confirmed),
        CASE(receipt__without_subscribers_is_complete_once_all_are_known),
        CASE(receipt__counts_a_confirmation_that_came_before_it),
        CASE(receipt__is_bounded_by_the_leases_of_those_who_followed),
        CASE(receipt__is_of_its_environment_and_key),
        CASE(receipt__takes_who_is_gone_to_refuse),
        CASE(receipt__names_in_full_who_is_gone),
        CASE(receipt__is_unbounded_while_a_server_of_stale_keys_has_not_confirmed),
        CASE(receipt__trusts_the_word_of_who_leaves),
        CASE(receipt__lists_who_was_cut_off_until_its_lease_has_ended),
        CASE(receipt__lists_one_that_may_again_as_any_other),
        CASE(receipt__sees_a_change_of_mind_about_stale_keys),
        CASE(receipts__make_room_for_younger_ones),
        CASE(receipts__are_bounded_in_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
