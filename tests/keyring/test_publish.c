/* What follows a commit, in the order that proto/WIRE.md, Events, promises. */
#include "keyring/ring.h"

#include <ctype.h>

#include "keyring/state.h"

/* Each step by its letter, a capital one where everybody saw the change already; the writer's thread adds to
 * them while a change is made. */
static struct {
    struct ring *ring;
    char steps[16];
    size_t count;
} seen;

static void note(char step, uint64_t revision)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(seen.ring->keyring);
    const struct ring_environment *shop = snapshot_find(snapshot, "shop");
    bool visible = shop && shop->revision >= revision;
    if (seen.count + 1 < sizeof seen.steps) seen.steps[seen.count++] = visible ? (char)toupper(step) : step;
}

void __wrap_publisher_list(struct publisher *publisher, const struct publisher_event *event);
void __wrap_publisher_list(struct publisher *publisher, const struct publisher_event *event)
{
    (void)publisher;
    note('l', event->revision);
}

jwkd_status __wrap_publisher_send(struct publisher *publisher, const struct publisher_event *event);
jwkd_status __wrap_publisher_send(struct publisher *publisher, const struct publisher_event *event)
{
    (void)publisher;
    note('s', event->revision);
    return JWKD_OK;
}

jwkd_status __wrap_registry_open_receipt(
    struct registry *registry, const struct registry_receipt_key *key, uint64_t swapped_ns);
jwkd_status __wrap_registry_open_receipt(
    struct registry *registry, const struct registry_receipt_key *key, uint64_t swapped_ns)
{
    (void)registry;
    (void)swapped_ns;
    note('o', key->revision);
    return JWKD_OK;
}

static int setup(void **state)
{
    static char publisher; /* never read: its functions are replaced above */
    if (ring_setup_counting(state) != 0) return -1;
    seen.ring = *state;
    seen.ring->publisher = (struct publisher *)&publisher;
    ring_restart(seen.ring);
    return 0;
}

static void forget(void)
{
    memset(seen.steps, 0, sizeof seen.steps);
    seen.count = 0;
}

/* A heartbeat that is stamped after the change became visible must list it. A subscriber that hears of the
 * change must find it made. */
static void publish__lists_a_change_then_shows_it_then_sends_it(void **state)
{
    forget();
    ring_create(*state, "shop");
    assert_string_equal(seen.steps, "lS");
    forget();
    ring_set(*state, "shop", "jwks_max_age_sec", 60);
    assert_string_equal(seen.steps, "lS");
}

/* By then every subscriber that took the earlier snapshot is counted. A subscriber that confirms at once
 * finds the receipt open. */
static void publish__opens_the_receipt_of_a_deactivation_in_between(void **state)
{
    char kid[LIMIT_KID + 1];
    ring_create(*state, "shop");
    ring_generate(*state, "shop", kid);
    forget();
    ring_deactivate(*state, "shop", kid);
    assert_string_equal(seen.steps, "lOS");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(publish__lists_a_change_then_shows_it_then_sends_it),
        CASE(publish__opens_the_receipt_of_a_deactivation_in_between),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
