#include "relay/replica.h"

#include "base/clock.h"
#include "relay/answer.h"
#include "wire/cases.h"

#include <stdlib.h>

/* The service's clock shows the same as ours; a heartbeat comes every 250 ms. */
static const uint8_t BOOT[16] = {1}, OTHER_BOOT[16] = {2}, EPOCH[16] = {3}, OTHER_EPOCH[16] = {4};
static const uint64_t NOW = 1000 * NS_PER_SEC;

struct scene {
    struct replica *replica;
    const uint8_t *boot_id, *epoch; /* of what is said */
    uint64_t stamp_ns;
    uint64_t service_revision;
    size_t padding; /* of an event */
};

static ProtobufCBinaryData id_bytes(const uint8_t *id)
{
    return wire_bytes(bytes_of(id, 16));
}

static void greet(struct scene *scene)
{
    Jwkd__V1__HelloReply hello = JWKD__V1__HELLO_REPLY__INIT;
    hello.boot_id = id_bytes(scene->boot_id);
    hello.epoch = id_bytes(scene->epoch);
    hello.heartbeat_ms = 250;
    hello.clock_ns = NOW;
    replica_welcome(scene->replica, &hello, NOW);
}

static void setup_with(struct scene *scene, const struct shelf_caps *caps)
{
    *scene = (struct scene){.boot_id = BOOT, .epoch = EPOCH, .stamp_ns = NOW};
    assert_int_equal(replica_new(caps, &scene->replica), JWKD_OK);
}

static int setup(void **state)
{
    static struct scene scene;
    setup_with(&scene, NULL);
    greet(&scene);
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    replica_free(scene->replica);
    return 0;
}

static Jwkd__V1__State state_at(const struct scene *scene, uint64_t id, uint64_t revision)
{
    Jwkd__V1__State state = JWKD__V1__STATE__INIT;
    state.epoch = id_bytes(scene->epoch);
    state.environment_id = id;
    state.revision = revision;
    return state;
}

/* ---- what is said */

static void say(struct scene *scene, const char *topic, const ProtobufCMessage *message)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    assert_int_equal(wire_topic(topic, &packed), JWKD_OK);
    assert_int_equal(wire_pack(message, &packed), JWKD_OK);
    replica_hear(scene->replica, buffer_bytes(&packed));
}

static void say_change(
    struct scene *scene, const char *environment, uint64_t id, uint64_t revision, Jwkd__V1__Change__Kind kind)
{
    CLEANUP(free_at) char *padding = calloc(1, scene->padding + 1);
    assert_non_null(padding);
    memset(padding, 'x', scene->padding);
    Jwkd__V1__Change change = JWKD__V1__CHANGE__INIT, *changes = &change;
    Jwkd__V1__Event event = JWKD__V1__EVENT__INIT;
    Jwkd__V1__State at = state_at(scene, id, revision);
    change.kind = kind;
    event.boot_id = id_bytes(scene->boot_id);
    event.state = &at;
    event.previous_revision = revision - 1;
    event.service_revision = ++scene->service_revision;
    event.environment = wire_text(environment);
    event.primary_kid = padding;
    event.n_changes = 1;
    event.changes = &changes;
    say(scene, environment, &event.base);
}

static void say_event(struct scene *scene, const char *environment, uint64_t revision)
{
    say_change(scene, environment, 1, revision, JWKD__V1__CHANGE__KIND__KEY_PROMOTED);
}

/* A heartbeat that covers everything, and lists `shop` at this revision; 0: not at all. */
static void beat_from(struct scene *scene, uint64_t covers_from, uint64_t revision)
{
    Jwkd__V1__Heartbeat heartbeat = JWKD__V1__HEARTBEAT__INIT;
    Jwkd__V1__Heartbeat__Item item = JWKD__V1__HEARTBEAT__ITEM__INIT, *items = &item;
    Jwkd__V1__State at = state_at(scene, 1, revision);
    item.environment = wire_text("shop");
    item.state = &at;
    heartbeat.boot_id = id_bytes(scene->boot_id);
    heartbeat.epoch = id_bytes(scene->epoch);
    heartbeat.stamp_ns = ++scene->stamp_ns;
    heartbeat.service_revision = scene->service_revision;
    heartbeat.covers_from = covers_from;
    heartbeat.n_changed = revision > 0;
    heartbeat.changed = &items;
    say(scene, "", &heartbeat.base);
}

static void beat(struct scene *scene, uint64_t revision)
{
    beat_from(scene, 0, revision);
}

/* ---- what is asked */

static bool changes_at(
    struct scene *scene, const Jwkd__V1__State *since, uint64_t now_ns, struct replica_page *page)
{
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    Jwkd__V1__State copy = *since;
    get.environment = wire_text("shop");
    get.since = &copy;
    page->count = 0;
    return replica_changes(scene->replica, &get, (struct bytes){0}, now_ns, page);
}

/* How many changes there are since the revision; -1: the service has to be asked. */
static int changes_since(struct scene *scene, uint64_t revision)
{
    CLEANUP(replica_page_clear) struct replica_page page;
    const Jwkd__V1__State since = state_at(scene, 1, revision);
    if (!changes_at(scene, &since, NOW + NS_PER_MS, &page)) return -1;
    for (size_t i = 0; i < page.count; i++)
        assert_int_equal(page.events[i]->revision, revision + 1 + i);
    if (!page.more) assert_int_equal(page.revision, revision + page.count);
    return (int)page.count;
}

static struct shared_reply *snapshot_of(
    const struct scene *scene, uint64_t revision, uint64_t service_revision)
{
    CLEANUP(buffer_clear) struct buffer packed = {0};
    struct shared_reply *held = NULL;
    Jwkd__V1__State at = state_at(scene, 1, revision);
    Jwkd__V1__JwksReply jwks = JWKD__V1__JWKS_REPLY__INIT;
    Jwkd__V1__Reply reply = JWKD__V1__REPLY__INIT;
    jwks.state = &at;
    jwks.service_revision = service_revision;
    jwks.primary_kid = wire_text("kid");
    reply.result_case = JWKD__V1__REPLY__RESULT_JWKS;
    reply.jwks = &jwks;
    assert_int_equal(wire_pack(&reply.base, &packed), JWKD_OK);
    assert_int_equal(shared_reply_unpack(buffer_bytes(&packed), &held), JWKD_OK);
    return held;
}

static void take(struct scene *scene, uint64_t revision, uint64_t service_revision)
{
    uint64_t generation;
    shared_reply_unref(replica_snapshot(scene->replica, "shop", &generation));
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *snapshot = snapshot_of(scene, revision, service_revision);
    replica_keep(scene->replica, "shop", snapshot, generation);
}

/* The revision of the snapshot that is held; 0: none. */
static uint64_t snapshot_revision(struct scene *scene)
{
    uint64_t generation;
    CLEANUP(shared_reply_unref_at)
    struct shared_reply *snapshot = replica_snapshot(scene->replica, "shop", &generation);
    return snapshot ? snapshot->reply->jwks->state->revision : 0;
}

/* ---- changes */

static void changes__are_those_that_were_heard(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    say_event(scene, "other", 9);
    say_event(scene, "shop", 6);
    say_event(scene, "shop", 7);
    assert_int_equal(changes_since(scene, 4), 3);
    assert_int_equal(changes_since(scene, 5), 2);
    assert_int_equal(changes_since(scene, 7), 0);
    assert_int_equal(changes_since(scene, 3), -1); /* before the first that was heard */
    assert_int_equal(changes_since(scene, 8), -1);
    beat(scene, 7);
    assert_int_equal(changes_since(scene, 4), 3);
    say_event(scene, "shop", 6); /* once more */
    assert_int_equal(changes_since(scene, 4), 3);
}

static void changes__are_packed_as_the_service_packs_them(void **state)
{
    struct scene *scene = *state;
    CLEANUP(replica_page_clear) struct replica_page page;
    CLEANUP(shared_reply_unref_at) struct shared_reply *held = NULL;
    const Jwkd__V1__State since = state_at(scene, 1, 4);
    uint8_t id[16] = {9};
    beat(scene, 0);
    say_event(scene, "shop", 5);
    say_event(scene, "shop", 6);
    assert_true(changes_at(scene, &since, NOW + NS_PER_MS, &page));
    CLEANUP(buffer_clear) struct buffer message = answer_changes(bytes_of(id, sizeof id), &page);
    assert_true(message.size > 0);
    assert_int_equal(shared_reply_unpack(buffer_bytes(&message), &held), JWKD_OK);
    const Jwkd__V1__ChangesReply *changes = held->reply->changes;
    assert_memory_equal(held->reply->request_id.data, id, sizeof id);
    assert_int_equal(changes->n_events, 2);
    assert_int_equal(changes->state->revision, 6);
    assert_memory_equal(changes->state->epoch.data, EPOCH, 16);
    assert_false(changes->more);
    assert_int_equal(changes->events[0]->state->revision, 5);
    assert_string_equal(changes->events[1]->environment, "shop");
    assert_int_equal(changes->events[1]->boot_id.len, 0); /* of the log: it may be of an earlier run */
}

static void changes__come_in_pages(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    for (uint64_t revision = 1; revision <= LIMIT_PAGE + 10; revision++)
        say_event(scene, "shop", revision);
    assert_int_equal(changes_since(scene, 0), LIMIT_PAGE);
    assert_int_equal(changes_since(scene, 10), LIMIT_PAGE);
    assert_int_equal(changes_since(scene, LIMIT_PAGE), 10);
}

/* An answer stays below what a client accepts. */
static void changes__of_many_bytes_come_in_smaller_pages(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    scene->padding = 512 * 1024;
    for (uint64_t revision = 1; revision <= 20; revision++)
        say_event(scene, "shop", revision);
    const int first = changes_since(scene, 0);
    assert_in_range(first, 1, 16);
    assert_in_range(changes_since(scene, (uint64_t)first), 1, 16);
}

static void changes__over_a_gap_are_not_known(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    say_event(scene, "shop", 7);
    assert_int_equal(changes_since(scene, 4), -1);
    assert_int_equal(changes_since(scene, 5), -1);
    assert_int_equal(changes_since(scene, 6), 1);
}

static void changes__that_a_heartbeat_knows_of_are_missed(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    scene->service_revision++;
    beat(scene, 6);
    assert_int_equal(changes_since(scene, 5), -1);
    say_event(scene, "shop", 7);
    beat(scene, 7);
    assert_int_equal(changes_since(scene, 5), -1);
    assert_int_equal(changes_since(scene, 6), 1);
}

static void changes__that_a_heartbeat_may_not_list_are_missed(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    beat(scene, 5);
    const uint64_t synced = scene->service_revision;
    scene->service_revision += 100;
    beat_from(scene, synced, 0);
    assert_int_equal(changes_since(scene, 5), 0);
    scene->service_revision += 100;
    beat_from(scene, synced + 101, 0);
    assert_int_equal(changes_since(scene, 5), -1);
}

static void changes__are_the_services_matter_without_a_young_heartbeat(void **state)
{
    struct scene *scene = *state;
    CLEANUP(replica_page_clear) struct replica_page page;
    const Jwkd__V1__State since = state_at(scene, 1, 4);
    say_event(scene, "shop", 5);
    assert_false(changes_at(scene, &since, NOW + NS_PER_MS, &page)); /* none yet */
    beat(scene, 0);
    assert_false(changes_at(scene, &since, NOW + NS_PER_SEC + 10, &page));
    assert_false(changes_at(
        scene, &since, NOW - NS_PER_MS, &page)); /* from the future: the clock is not what it was */
    assert_int_equal(changes_since(scene, 4), 1);
    replica_disconnect(scene->replica);
    assert_int_equal(changes_since(scene, 4), -1);
    beat(scene, 0);
    assert_int_equal(changes_since(scene, 4), 1);
}

/* Without having said hello, a relay does not know how old a heartbeat is. */
static void changes__are_the_services_matter_without_its_clock(void **state)
{
    struct scene *scene = *state;
    replica_free(scene->replica);
    setup_with(scene, NULL);
    say_event(scene, "shop", 5);
    beat(scene, 0);
    assert_int_equal(changes_since(scene, 4), -1);
    greet(scene);
    assert_int_equal(changes_since(scene, 4), 1);
}

static void changes__of_another_state_are_not_known(void **state)
{
    struct scene *scene = *state;
    CLEANUP(replica_page_clear) struct replica_page page;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    Jwkd__V1__State since = state_at(scene, 2, 4);
    assert_false(changes_at(scene, &since, NOW + NS_PER_MS, &page));
    since = state_at(scene, 1, 4);
    since.epoch = id_bytes(OTHER_EPOCH);
    assert_false(changes_at(scene, &since, NOW + NS_PER_MS, &page));
    since.epoch.len = 0;
    assert_false(changes_at(scene, &since, NOW + NS_PER_MS, &page));
    Jwkd__V1__GetChangesRequest get = JWKD__V1__GET_CHANGES_REQUEST__INIT;
    get.environment = wire_text("shop");
    page.count = 0;
    assert_false(replica_changes(scene->replica, &get, (struct bytes){0}, NOW + NS_PER_MS, &page));
    get.since = &since;
    since = state_at(scene, 1, 4);
    assert_false(replica_changes(scene->replica, &get, bytes_of(OTHER_BOOT, 16), NOW + NS_PER_MS, &page));
    assert_true(replica_changes(scene->replica, &get, bytes_of(BOOT, 16), NOW + NS_PER_MS, &page));
}

/* A caller was told of revision 6 already; its event is still under way. */
static void changes__are_not_older_than_what_was_told(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    const Jwkd__V1__State told = state_at(scene, 1, 6), before = state_at(scene, 1, 5);
    replica_see(scene->replica, "shop", &before);
    assert_int_equal(changes_since(scene, 4), 1);
    replica_see(scene->replica, "shop", &told);
    replica_see(scene->replica, "shop", &before);
    assert_int_equal(changes_since(scene, 4), -1);
    say_event(scene, "shop", 6);
    assert_int_equal(changes_since(scene, 4), 2);
}

static void environment__that_is_deleted_is_forgotten(void **state)
{
    struct scene *scene = *state;
    beat(scene, 0);
    say_event(scene, "shop", 5);
    take(scene, 5, 1);
    assert_int_equal(snapshot_revision(scene), 5);
    say_change(scene, "shop", 1, 6, JWKD__V1__CHANGE__KIND__ENVIRONMENT_DELETED);
    assert_int_equal(changes_since(scene, 4), -1);
    assert_int_equal(snapshot_revision(scene), 0);
    say_change(scene, "shop", 2, 1, JWKD__V1__CHANGE__KIND__ENVIRONMENT_CREATED);
    CLEANUP(replica_page_clear) struct replica_page page;
    const Jwkd__V1__State since = state_at(scene, 2, 0);
    assert_true(changes_at(scene, &since, NOW + NS_PER_MS, &page));
    assert_int_equal(page.count, 1);
}

/* ---- runs */

static void expect_nothing(struct scene *scene)
{
    assert_int_equal(changes_since(scene, 4), -1);
    assert_int_equal(snapshot_revision(scene), 0);
}

static void fill(struct scene *scene)
{
    beat(scene, 0);
    say_event(scene, "shop", 5);
    take(scene, 5, scene->service_revision);
    assert_int_equal(changes_since(scene, 4), 1);
    assert_int_equal(snapshot_revision(scene), 5);
}

static void all__is_forgotten_with_the_run_and_the_epoch(void **state)
{
    struct scene *scene = *state;
    fill(scene);
    scene->boot_id = OTHER_BOOT;
    beat(scene, 0);
    expect_nothing(scene);
    greet(scene);
    fill(scene);
    scene->epoch = OTHER_EPOCH;
    say_event(scene, "other", 1);
    expect_nothing(scene);
    fill(scene);
    scene->boot_id = BOOT;
    greet(scene);
    expect_nothing(scene);
    fill(scene);
    scene->stamp_ns -= 10; /* a clock that goes backwards is another one */
    beat(scene, 0);
    expect_nothing(scene);
}

static void all__is_forgotten_for_what_cannot_be_read(void **state)
{
    struct scene *scene = *state;
    static const char GARBAGE[] = "shop\0\xff\xff\xff", NO_TOPIC[] = "shop", EMPTY_EVENT[] = "shop\0";
    const struct bytes messages[] = {bytes_of(GARBAGE, sizeof GARBAGE - 1), bytes_of(NO_TOPIC, 4),
        bytes_of(EMPTY_EVENT, 5), bytes_of("\0\xff", 2), bytes_of("", 1), {0}};
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        fill(scene);
        replica_hear(scene->replica, messages[i]);
        expect_nothing(scene);
    }
}

static void snapshot__of_an_earlier_run_is_not_kept(void **state)
{
    struct scene *scene = *state;
    uint64_t generation;
    fill(scene);
    shared_reply_unref(replica_snapshot(scene->replica, "shop", &generation));
    CLEANUP(shared_reply_unref_at) struct shared_reply *late = snapshot_of(scene, 6, 2);
    scene->boot_id = OTHER_BOOT;
    greet(scene);
    replica_keep(scene->replica, "shop", late, generation);
    expect_nothing(scene);
}

/* ---- snapshots */

static void snapshot__is_replaced_by_newer_ones_only(void **state)
{
    struct scene *scene = *state;
    take(scene, 5, 10);
    take(scene, 7, 12);
    take(scene, 6, 11); /* an answer that was overtaken */
    assert_int_equal(snapshot_revision(scene), 7);
}

static void snapshot__begins_a_chain_unless_something_was_missed_since(void **state)
{
    struct scene *scene = *state;
    scene->service_revision = 10;
    beat(scene, 0);
    take(scene, 5, 9);
    assert_int_equal(changes_since(scene, 5), -1);
    take(scene, 5, 10);
    assert_int_equal(changes_since(scene, 5), 0);
    assert_int_equal(changes_since(scene, 4), -1);
    say_event(scene, "shop", 6);
    assert_int_equal(changes_since(scene, 5), 1);
}

/* ---- caps */

static void log__keeps_the_newest_of_an_environment(void **state)
{
    struct scene *scene = *state;
    replica_free(scene->replica);
    setup_with(scene, &(struct shelf_caps){.events = 3});
    greet(scene);
    beat(scene, 0);
    for (uint64_t revision = 1; revision <= 5; revision++)
        say_event(scene, "shop", revision);
    assert_int_equal(changes_since(scene, 1), -1);
    assert_int_equal(changes_since(scene, 2), 3);
}

static void shelf__lets_go_what_was_used_longest_ago(void **state)
{
    struct scene *scene = *state;
    replica_free(scene->replica);
    setup_with(scene, &(struct shelf_caps){.environments = 2});
    greet(scene);
    beat(scene, 0);
    say_event(scene, "shop", 5);
    say_event(scene, "one", 1);
    assert_int_equal(changes_since(scene, 4), 1); /* used */
    say_event(scene, "two", 1);
    assert_int_equal(changes_since(scene, 4), 1);
    say_event(scene, "three", 1);
    say_event(scene, "four", 1);
    assert_int_equal(changes_since(scene, 4), -1);
}

static void shelf__stays_within_its_bytes(void **state)
{
    struct scene *scene = *state;
    replica_free(scene->replica);
    setup_with(scene, &(struct shelf_caps){.bytes = 64 * 1024});
    greet(scene);
    beat(scene, 0);
    scene->padding = 10 * 1024;
    for (uint64_t revision = 1; revision <= 20; revision++)
        say_event(scene, "shop", revision);
    assert_int_equal(changes_since(scene, 0), -1);
    assert_int_equal(changes_since(scene, 15), 5);
    assert_int_equal(changes_since(scene, 20), 0);
    scene->padding = 100 * 1024; /* more than there is room for at all */
    say_event(scene, "shop", 21);
    assert_int_equal(changes_since(scene, 20), -1);
    scene->padding = 0;
    say_event(scene, "shop", 22);
    assert_int_equal(changes_since(scene, 21), 1);
}

/* ---- deadlines */

static void time_left__is_that_of_the_deadline_within_bounds(void **state)
{
    struct scene *scene = *state;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    assert_int_equal(replica_time_left_ms(scene->replica, &request, 100, 3000, NOW), 3000);
    request.boot_id = id_bytes(BOOT);
    request.deadline_ns = NOW + 500 * NS_PER_MS;
    assert_int_equal(replica_time_left_ms(scene->replica, &request, 100, 3000, NOW), 500);
    request.deadline_ns = NOW + 50 * NS_PER_SEC;
    assert_int_equal(replica_time_left_ms(scene->replica, &request, 100, 3000, NOW), 3000);
    request.deadline_ns = NOW - NS_PER_SEC;
    assert_int_equal(replica_time_left_ms(scene->replica, &request, 100, 3000, NOW), 100);
    request.boot_id = id_bytes(OTHER_BOOT); /* of a clock that is not known */
    assert_int_equal(replica_time_left_ms(scene->replica, &request, 100, 3000, NOW), 3000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(changes__are_those_that_were_heard),
        CASE(changes__are_packed_as_the_service_packs_them),
        CASE(changes__come_in_pages),
        CASE(changes__of_many_bytes_come_in_smaller_pages),
        CASE(changes__over_a_gap_are_not_known),
        CASE(changes__that_a_heartbeat_knows_of_are_missed),
        CASE(changes__that_a_heartbeat_may_not_list_are_missed),
        CASE(changes__are_the_services_matter_without_a_young_heartbeat),
        CASE(changes__are_the_services_matter_without_its_clock),
        CASE(changes__of_another_state_are_not_known),
        CASE(changes__are_not_older_than_what_was_told),
        CASE(environment__that_is_deleted_is_forgotten),
        CASE(all__is_forgotten_with_the_run_and_the_epoch),
        CASE(all__is_forgotten_for_what_cannot_be_read),
        CASE(snapshot__of_an_earlier_run_is_not_kept),
        CASE(snapshot__is_replaced_by_newer_ones_only),
        CASE(snapshot__begins_a_chain_unless_something_was_missed_since),
        CASE(log__keeps_the_newest_of_an_environment),
        CASE(shelf__lets_go_what_was_used_longest_ago),
        CASE(shelf__stays_within_its_bytes),
        CASE(time_left__is_that_of_the_deadline_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
