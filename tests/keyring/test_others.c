/* Two keyrings over one store: each finds, when it commits, what the other has changed since. And stores that
 * take little at once. */
#include <stdlib.h>

#include "keyring/changes/ceiling.h"
#include "keyring/making.h"
#include "keyring/others.h"
#include "keyring/records/rows.h"
#include "keyring/ring.h"

struct pair_of_rings {
    struct others *others;
    struct ring a, b;
    char kid[LIMIT_KID + 1];
    unsigned intrusions;
};

/* What A lists in heartbeats, a word each, and whether it was seen already. */
static char listed[256];

void __wrap_publisher_list(struct publisher *publisher, const struct publisher_event *event);
void __wrap_publisher_list(struct publisher *publisher, const struct publisher_event *event)
{
    struct ring *ring = (struct ring *)publisher;
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct ring_environment *environment = snapshot_find(snapshot, event->environment);
    size_t size = strlen(listed);
    snprintf(listed + size, sizeof listed - size, "%s %llu%s, ", event->environment,
        (unsigned long long)event->revision,
        environment && environment->revision >= event->revision ? " seen" : "");
}

jwkd_status __wrap_publisher_send(struct publisher *publisher, const struct publisher_event *event);
jwkd_status __wrap_publisher_send(struct publisher *publisher, const struct publisher_event *event)
{
    (void)publisher, (void)event;
    return JWKD_OK;
}

static void open_ring(struct ring *ring, struct others *others, const char *principal)
{
    ring_open(ring);
    store_close(ring->store);
    ring->store = others_open(others);
    ring->principal = principal;
    ring_start(ring);
}

static int open_both(void **state, const struct engine_limits *limits)
{
    struct pair_of_rings *both = calloc(1, sizeof *both);
    if (!both) return -1;
    both->others = others_new(limits);
    open_ring(&both->a, both->others, "uid:1");
    open_ring(&both->b, both->others, "uid:2");
    listed[0] = '\0';
    *state = both;
    return 0;
}

static int setup(void **state)
{
    return open_both(state, NULL);
}

/* Half of it is some ten rows: two changes. */
static int setup_small(void **state)
{
    static const struct engine_limits LIMITS = {
        .rows = 24, .bytes = 64 * 1024, .key = LIMIT_STORE_KEY, .record = 32 * 1024};
    return open_both(state, &LIMITS);
}

static int teardown(void **state)
{
    struct pair_of_rings *both = *state;
    ring_close(&both->a);
    ring_close(&both->b);
    others_free(both->others);
    free(both);
    return 0;
}

static bool has(struct ring *ring, const char *name)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    return snapshot_find(snapshot, name) != NULL;
}

static uint64_t revision_of(struct ring *ring, const char *name)
{
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(ring->keyring);
    const struct ring_environment *environment = snapshot_find(snapshot, name);
    return environment ? environment->revision : 0;
}

static jwkd_status try_create_as(struct ring *ring, const char *name, bool show_once, char message[256])
{
    uint8_t id[16];
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.issuer = wire_text("https://issuer.example");
    environment.default_audience = wire_text("api");
    environment.default_algorithm = wire_text("ES256");
    environment.show_once = show_once;
    create.environment = &environment;
    request.create_environment = &create;
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    snprintf(message, 256, "%s", reply->message);
    return (jwkd_status)reply->status;
}

static jwkd_status try_create(struct ring *ring, const char *name, char message[256])
{
    return try_create_as(ring, name, false, message);
}

static jwkd_status try_delete(struct ring *ring, const char *name, char message[256])
{
    uint8_t id[16];
    Jwkd__V1__DeleteEnvironmentRequest delete = JWKD__V1__DELETE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_DELETE_ENVIRONMENT);
    delete.name = wire_text(name);
    delete.with_live_keys = true;
    request.delete_environment = &delete;
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    snprintf(message, 256, "%s", reply->message);
    return (jwkd_status)reply->status;
}

static void change__is_decided_again_by_what_others_changed(void **state)
{
    struct pair_of_rings *both = *state;
    char message[256], kid[LIMIT_KID + 1];
    ring_create(&both->a, "shop");
    ring_create(&both->b, "bank");
    ring_generate(&both->b, "shop", kid);
    assert_false(has(&both->a, "bank"));
    ring_create(&both->a, "yard");
    assert_true(ring_complained(&both->a, "read anew"));
    assert_true(has(&both->a, "bank"));
    assert_true(ring_is_primary(&both->a, "shop", kid));
    /* A decides what it would not have decided before. */
    ring_create(&both->b, "port");
    assert_int_equal(try_create(&both->a, "port", message), JWKD_ALREADY_EXISTS);
    assert_int_equal(try_delete(&both->b, "port", message), JWKD_OK);
    ring_set(&both->a, "shop", "rotate_every_sec", 7200);
    assert_false(has(&both->a, "port"));
    /* No two environments have the same number. */
    ring_restart(&both->a);
    assert_true(has(&both->a, "yard") && has(&both->a, "bank") && !has(&both->a, "port"));
}

static void create_bank(void *context)
{
    struct pair_of_rings *both = context;
    ring_create(&both->b, "bank");
}

static void change__is_decided_again_where_others_come_between(void **state)
{
    struct pair_of_rings *both = *state;
    others_intrude(both->others, "env/shop", 1, create_bank, both);
    ring_create(&both->a, "shop");
    assert_true(has(&both->a, "shop") && has(&both->a, "bank"));
    ring_create(&both->b, "yard");
    assert_true(has(&both->b, "shop"));
}

static void set_again(void *context)
{
    struct pair_of_rings *both = context;
    ring_set(&both->b, "bank", "rotate_every_sec", 7200 + ++both->intrusions);
}

static void change__is_given_up_where_others_never_end(void **state)
{
    struct pair_of_rings *both = *state;
    char message[256];
    ring_create(&both->b, "bank");
    ring_set(&both->b, "bank", "rotate_every_sec", 7200);
    others_intrude(both->others, "env/shop", 1000, set_again, both);
    assert_int_equal(try_create(&both->a, "shop", message), JWKD_UNAVAILABLE);
    assert_non_null(strstr(message, "somebody else goes on changing the store"));
    assert_true(both->intrusions > 1 && both->intrusions < 100);
    assert_false(has(&both->a, "shop"));
    others_intrude(both->others, "env/shop", 0, NULL, NULL);
    ring_create(&both->a, "shop"); /* without a restart */
    assert_true(has(&both->a, "shop"));
}

/* What the other keyring did not change stays as it was. The count of what a key has signed is kept, and goes
 * on. */
static void change__of_others_leaves_what_keys_signed(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    ring_create(&both->a, "yard");
    ring_generate(&both->a, "shop", both->kid);
    assert_int_equal(ring_sign(&both->a, "shop"), JWKD_OK);
    CLEANUP(snapshot_unref_at) struct snapshot *before = keyring_snapshot(both->a.keyring);
    struct ring_environment *shop = snapshot_find(before, "shop"), *yard = snapshot_find(before, "yard");
    struct key_usage *usage = shop->keys[0]->usage;
    ring_create(&both->b, "port");
    ring_set(&both->b, "shop", "rotate_every_sec", 7200);
    ring_create(&both->a, "bank");
    CLEANUP(snapshot_unref_at) struct snapshot *after = keyring_snapshot(both->a.keyring);
    assert_ptr_equal(snapshot_find(after, "yard"), yard);
    assert_ptr_not_equal(snapshot_find(after, "shop"), shop);
    assert_int_equal(snapshot_find(after, "shop")->revision, shop->revision + 1);
    assert_ptr_equal(snapshot_find(after, "shop")->keys[0]->usage, usage);
    assert_int_equal(usage->tokens, 1);
    assert_int_equal(ring_sign(&both->a, "shop"), JWKD_OK);
}

static void key__deactivated_by_others_signs_no_more(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    ring_generate(&both->a, "shop", both->kid);
    assert_int_equal(ring_sign(&both->a, "shop"), JWKD_OK);
    assert_int_equal(signer_unsealed(both->a.signing.signer), 1);
    ring_create(&both->b, "port");
    ring_deactivate(&both->b, "shop", both->kid);
    ring_create(&both->a, "bank");
    assert_int_equal(ring_sign(&both->a, "shop"), JWKD_NO_PRIMARY);
    assert_int_equal(signer_unsealed(both->a.signing.signer), 0);
}

static void deactivation__comes_through_where_others_come_between(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    ring_generate(&both->a, "shop", both->kid);
    others_intrude(both->others, "env/shop", 1, create_bank, both);
    ring_deactivate(&both->a, "shop", both->kid);
    assert_int_equal(ring_key_state(&both->a, "shop", both->kid), JWKD__V1__KEY_STATE__DEACTIVATED);
    assert_true(has(&both->a, "bank"));
}

/* How far a key may sign is asked of the store when it signs first, after others wrote. */
static void ceiling__is_raised_where_others_come_between(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    ring_generate(&both->a, "shop", both->kid);
    CLEANUP(snapshot_unref_at) struct snapshot *snapshot = keyring_snapshot(both->a.keyring);
    struct ring_environment *shop = snapshot_find(snapshot, "shop");
    struct reach far = reach_further(reach_read(&shop->keys[0]->usage->ceiling), 1000);
    struct ceiling_patience patience = {0};
    jwkd_error error = {0};
    others_intrude(both->others, "ceiling/", 1, create_bank, both);
    assert_int_equal(ceiling_cover(both->a.keyring, shop, shop->keys[0], far, &patience, &error), JWKD_OK);
    assert_true(reach_within(far, reach_read(&shop->keys[0]->usage->ceiling)));
    assert_true(has(&both->a, "bank"));
    ring_create(&both->b, "yard");
    CLEANUP(snapshot_unref_at) struct snapshot *theirs = keyring_snapshot(both->b.keyring);
    /* By the store's age it is not believed to be as far ahead as this. */
    assert_int_equal(
        snapshot_find(theirs, "shop")->keys[0]->usage->ceiling.expiry, shop->keys[0]->usage->ceiling.expiry);
}

/* The keyring commits first that the generation waits, and then its key. Each time another keyring commits
 * just before. */
static void generation__waits_and_is_done_where_others_come_between(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    ring_create(&both->b, "bank");
    others_intrude(both->others, "work/", 2, set_again, both);
    ring_generate(&both->a, "shop", both->kid);
    assert_int_equal(both->intrusions, 2);
    assert_true(ring_is_primary(&both->a, "shop", both->kid));
    ring_create(&both->b, "yard");
    assert_true(ring_is_primary(&both->b, "shop", both->kid));
}

static Jwkd__V1__Request generation(struct ring *ring, uint8_t id[16], Jwkd__V1__GenerateRequest *generate)
{
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_GENERATE);
    *generate = (Jwkd__V1__GenerateRequest)JWKD__V1__GENERATE_REQUEST__INIT;
    generate->environment = wire_text("shop");
    request.generate = generate;
    return request;
}

static void generation__waits_on_when_others_changed_something(void **state)
{
    struct pair_of_rings *both = *state;
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate;
    making_hold(true);
    ring_create(&both->a, "shop");
    Jwkd__V1__Request request = generation(&both->a, id, &generate);
    assert_int_equal(ring_status(&both->a, &request), JWKD_IN_PROGRESS);
    ring_create(&both->b, "bank");
    ring_stop(&both->b); /* or it makes the key, too */
    ring_create(&both->a, "yard");
    assert_true(has(&both->a, "bank"));
    making_hold(false);
    AWAIT(revision_of(&both->a, "shop") == 2); /* without another request */
}

static jwkd_status find_row(struct store *store, const char *name)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    return store_get(store, bytes_of_text(name), &found, NULL);
}

static void generation__that_others_ended_waits_no_more(void **state)
{
    struct pair_of_rings *both = *state;
    uint8_t id[16];
    char name[ROW_KEY_SIZE];
    Jwkd__V1__GenerateRequest generate;
    making_hold(true);
    ring_create(&both->a, "shop");
    Jwkd__V1__Request request = generation(&both->a, id, &generate);
    assert_int_equal(ring_status(&both->a, &request), JWKD_IN_PROGRESS);
    rows_request_name("work", bytes_of(id, sizeof id), both->a.principal, name);
    assert_int_equal(find_row(both->b.store, name), JWKD_OK);
    const struct store_write erase = {.key = bytes_of_text(name), .erase = true, .expected = STORE_ANY};
    assert_int_equal(store_commit(both->b.store, &erase, 1, false, NULL, NULL), JWKD_OK);
    ring_create(&both->b, "bank");
    ring_create(&both->a, "yard");
    assert_true(has(&both->a, "bank"));
    /* It is asked for as if for the first time. */
    assert_int_equal(ring_status(&both->a, &request), JWKD_IN_PROGRESS);
    assert_int_equal(find_row(both->b.store, name), JWKD_OK);
    making_hold(false);
    assert_int_equal(ring_collect(&both->a, &request), JWKD_OK);
}

static void heartbeats__list_what_others_changed_before_it_is_seen(void **state)
{
    struct pair_of_rings *both = *state;
    char message[256];
    ring_create(&both->a, "gone");
    both->a.publisher = (struct publisher *)&both->a;
    ring_restart(&both->a);
    ring_create(&both->b, "shop");
    ring_set(&both->b, "shop", "rotate_every_sec", 7200);
    assert_int_equal(try_delete(&both->b, "gone", message), JWKD_OK);
    listed[0] = '\0';
    ring_create(&both->a, "bank");
    assert_string_equal(listed, "shop 2, gone 2, bank 1, ");
    ring_stop(&both->a);
    both->a.publisher = NULL;
    ring_start(&both->a);
}

/* ---- stores that take little at once */

static void change__that_is_too_large_is_refused_whole(void **state)
{
    struct pair_of_rings *both = *state;
    char message[256];
    ring_create(&both->a, "shop");
    for (uint32_t i = 0; i < 24; i++)
        ring_set(&both->a, "shop", "rotate_every_sec", 7200 + i);
    uint64_t revision = revision_of(&both->a, "shop");
    assert_int_equal(try_delete(&both->a, "shop", message), JWKD_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(message, "the store takes 23 of"));
    assert_int_equal(revision_of(&both->a, "shop"), revision);
    ring_restart(&both->a);
    assert_int_equal(revision_of(&both->a, "shop"), revision);
    ring_create(&both->a, "bank");
}

struct task {
    const char *name;
    jwkd_status (*change)(struct ring *ring, const char *name, char message[256]);
    pthread_t thread;
    struct ring ring; /* a copy: of the ids, that no two of them count alike */
    jwkd_status status;
};

static void *carry_out(void *context)
{
    struct task *task = context;
    char message[256];
    task->status = task->change(&task->ring, task->name, message);
    return NULL;
}

/* So many changes wait. */
static bool wait_in_line(struct keyring *keyring, unsigned count)
{
    pthread_mutex_lock(&keyring->queue.lock);
    bool all = keyring->queue.count == count;
    pthread_mutex_unlock(&keyring->queue.lock);
    return all;
}

/* In this order, and behind a commit that is under way. */
static void begin(struct ring *ring, struct task *tasks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        tasks[i].ring = *ring;
        tasks[i].ring.ids += 1000 * (i + 1);
        assert_int_equal(pthread_create(&tasks[i].thread, NULL, carry_out, &tasks[i]), 0);
        AWAIT(wait_in_line(ring->keyring, i + 1));
    }
}

static void finish(struct task *tasks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_join(tasks[i].thread, NULL);
        assert_int_equal(tasks[i].status, JWKD_OK);
    }
}

static struct task large[] = {
    {.name = "one", .change = try_create},
    {.name = "shop", .change = try_delete},
    {.name = "two", .change = try_create},
};
enum { LARGE = sizeof large / sizeof *large };

static void begin_large(void *context)
{
    struct pair_of_rings *both = context;
    begin(&both->a, large, LARGE);
}

static struct task many[] = {
    {.name = "one", .change = try_create},
    {.name = "two", .change = try_create},
    {.name = "three", .change = try_create},
};
enum { MANY = sizeof many / sizeof *many };

static void begin_many(void *context)
{
    struct pair_of_rings *both = context;
    begin(&both->a, many, MANY);
}

/* A reading for what was answered before, and one for the rows that they write. */
static void changes__that_wait_together_read_together(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    unsigned before = others_gets(both->others);
    others_intrude(both->others, "env/bank", 1, begin_many, both);
    ring_create(&both->a, "bank");
    finish(many, MANY);
    assert_int_equal(others_gets(both->others) - before, 2 + 2);
}

/* The first leaves room, as it seems, for one that does not fit beside it. */
static void changes__too_large_together_are_made_one_by_one(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    for (uint32_t i = 0; i < 14; i++)
        ring_set(&both->a, "shop", "rotate_every_sec", 7200 + i);
    others_intrude(both->others, "env/bank", 1, begin_large, both);
    ring_create(&both->a, "bank");
    finish(large, LARGE);
    assert_true(has(&both->a, "one") && has(&both->a, "two") && !has(&both->a, "shop"));
    assert_false(ring_was_told(&both->a, "at once"));
}

/* Repeats the generation, and says in `message` what it was shown. */
static struct {
    uint8_t id[16];
    Jwkd__V1__GenerateRequest generate;
    Jwkd__V1__Request request;
    char shown[256];
} once;

static jwkd_status repeat(struct ring *ring, const char *name, char message[256])
{
    (void)name, (void)message;
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &once.request, &arena);
    if ((jwkd_status)reply->status == JWKD_OK)
        snprintf(once.shown, sizeof once.shown, "%.*s", (int)reply->key->key->public_jwk.len,
            (const char *)reply->key->key->public_jwk.data);
    return (jwkd_status)reply->status;
}

static struct task shown[] = {{.change = repeat}, {.name = "two", .change = try_create}};
enum { SHOWN = sizeof shown / sizeof *shown };

static void begin_shown(void *context)
{
    struct pair_of_rings *both = context;
    begin(&both->a, shown, SHOWN);
    others_intrude(both->others, "env/two", 1, set_again, both);
}

/* Decided again beside another change, it is not collected twice. */
static void key__shown_once_is_shown_although_others_come_between(void **state)
{
    struct pair_of_rings *both = *state;
    char message[256];
    assert_int_equal(try_create_as(&both->a, "shop", true, message), JWKD_OK);
    ring_create(&both->b, "bank");
    ring_set(&both->b, "bank", "rotate_every_sec", 7200);
    once.request = generation(&both->a, once.id, &once.generate);
    assert_int_equal(ring_status(&both->a, &once.request), JWKD_IN_PROGRESS);
    AWAIT(revision_of(&both->a, "shop") == 2);
    others_intrude(both->others, "env/one", 1, begin_shown, both);
    ring_create(&both->a, "one");
    finish(shown, SHOWN);
    assert_int_equal(both->intrusions, 1);
    assert_non_null(strstr(once.shown, "\"P-256\""));
}

static void begin_repetition(void *context)
{
    struct pair_of_rings *both = context;
    begin(&both->a, shown, SHOWN);
}

/* A damaged answer is the matter of one of them: others are still known to be repetitions. */
static void changes__that_cannot_be_read_together_are_read_alone(void **state)
{
    struct pair_of_rings *both = *state;
    ring_create(&both->a, "shop");
    once.request = generation(&both->a, once.id, &once.generate);
    assert_int_equal(ring_collect(&both->a, &once.request), JWKD_OK);
    others_damage_answers(both->others, true);
    others_intrude(both->others, "env/bank", 1, begin_repetition, both);
    ring_create(&both->a, "bank");
    finish(shown, SHOWN);
    assert_true(has(&both->a, "two"));
    assert_int_equal(revision_of(&both->a, "shop"), 2);
}

/* With more keys than rows can be written at once. */
static void epoch__is_written_in_portions(void **state)
{
    struct pair_of_rings *both = *state;
    char kid[LIMIT_KID + 1];
    uint8_t before[16];
    for (int i = 0; i < 13; i++) {
        char name[16];
        snprintf(name, sizeof name, "shop%d", i);
        ring_create(&both->a, name);
        ring_generate(&both->a, name, kid);
        ring_generate(&both->a, name, kid);
    }
    memcpy(before, keyring_epoch(both->a.keyring), sizeof before);
    both->a.new_epoch = true;
    ring_restart(&both->a);
    both->a.new_epoch = false;
    assert_memory_not_equal(keyring_epoch(both->a.keyring), before, sizeof before);
    memcpy(before, keyring_epoch(both->a.keyring), sizeof before);
    ring_restart(&both->a);
    assert_memory_equal(keyring_epoch(both->a.keyring), before, sizeof before);
    assert_true(ring_is_primary(&both->a, "shop12", kid));
    /* The other one believes in the epoch before. */
    char message[256];
    assert_int_equal(try_create(&both->b, "bank", message), JWKD_UNAVAILABLE);
    assert_true(ring_was_told(&both->b, "another epoch"));
    assert_int_equal(try_create(&both->b, "bank", message), JWKD_UNAVAILABLE);
    assert_non_null(strstr(message, "restart jwkd"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(change__is_decided_again_by_what_others_changed),
        CASE(change__is_decided_again_where_others_come_between),
        CASE(change__is_given_up_where_others_never_end),
        CASE(change__of_others_leaves_what_keys_signed),
        CASE(key__deactivated_by_others_signs_no_more),
        CASE(deactivation__comes_through_where_others_come_between),
        CASE(ceiling__is_raised_where_others_come_between),
        CASE(generation__waits_and_is_done_where_others_come_between),
        CASE(generation__waits_on_when_others_changed_something),
        CASE(generation__that_others_ended_waits_no_more),
        CASE(key__shown_once_is_shown_although_others_come_between),
        CASE(heartbeats__list_what_others_changed_before_it_is_seen),
        CASE(changes__that_wait_together_read_together),
        CASE(changes__that_cannot_be_read_together_are_read_alone),
        SMALL(change__that_is_too_large_is_refused_whole),
        SMALL(changes__too_large_together_are_made_one_by_one),
        SMALL(epoch__is_written_in_portions),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
