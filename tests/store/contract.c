#include "store/contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#include <cmocka.h> /* last: it has a macro named fail */

static const struct contract_engine *engine;

struct fixture {
    void *place;
    struct store *store;
};

/* The store there; fails the test when it cannot. */
static struct store *open_at(void *place)
{
    const struct store_options options = engine->options(place);
    struct store *store = NULL;
    jwkd_error error = {0};
    if (store_open(&options, &store, &error) != JWKD_OK) fail_msg("%s", error.message);
    return store;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->place = engine->make();
    fixture->store = open_at(fixture->place);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    engine->remove(fixture->place);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = open_at(fixture->place);
}

static struct store_write put(const char *key, const char *value, uint64_t expected)
{
    return (struct store_write){
        .key = bytes_of_text(key), .value = bytes_of_text(value), .expected = expected};
}

static struct store_write erase(const char *key, uint64_t expected)
{
    return (struct store_write){.key = bytes_of_text(key), .erase = true, .expected = expected};
}

static jwkd_status commit_one(struct store *store, struct store_write write, uint64_t *out_revision)
{
    return store_commit(store, &write, 1, false, out_revision, NULL);
}

static void expect(struct store *store, const char *key, const char *value, uint64_t revision)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    uint64_t found_revision = 0;
    assert_int_equal(store_get(store, bytes_of_text(key), &found, &found_revision), JWKD_OK);
    assert_int_equal(found.size, strlen(value));
    assert_memory_equal(found.data, value, found.size);
    assert_int_equal(found_revision, revision);
}

static void expect_absent(struct store *store, const char *key)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(store_get(store, bytes_of_text(key), &found, NULL), JWKD_NOT_FOUND);
    assert_int_equal(found.size, 0);
}

static bool collect(void *context, const struct store_row *row)
{
    struct buffer *keys = context;
    assert_int_equal(buffer_append_bytes(keys, row->key), JWKD_OK);
    assert_int_equal(buffer_append_text(keys, " "), JWKD_OK);
    return true;
}

static void expect_list(struct store *store, const char *prefix, const char *after, const char *keys)
{
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(
        store_list(store, bytes_of_text(prefix), bytes_of_text(after), collect, &found), JWKD_OK);
    assert_int_equal(buffer_append(&found, "", 1), JWKD_OK);
    assert_string_equal((const char *)found.data, keys);
}

static void store__a_new_one_is_empty(void **state)
{
    struct fixture *fixture = *state;
    expect_absent(fixture->store, "a");
    expect_list(fixture->store, "", "", "");
    assert_int_equal(store_condition(fixture->store), STORE_READ_WRITE);
    assert_int_equal(store_id(fixture->store).size, STORE_ID_SIZE);
}

static void store__is_looked_for_and_checked(void **state)
{
    (void)state;
    void *place = engine->make();
    struct store_options options = engine->options(place);
    struct store *store = NULL;
    uint64_t rows = 99;
    jwkd_error error = {0};
    assert_int_equal(store_look(options.engine, options.place), STORE_NOWHERE);
    assert_int_equal(store_check(&options, &rows, &error), JWKD_OK); /* it may be made */
    options.create = false;
    assert_int_equal(store_check(&options, &rows, &error), JWKD_NOT_FOUND);
    assert_int_equal(store_open(&options, &store, &error), JWKD_NOT_FOUND);
    assert_true(error.message[0] != '\0');
    assert_int_equal(store_look(options.engine, options.place), STORE_NOWHERE);
    store = open_at(place);
    assert_int_equal(store_look(options.engine, options.place), STORE_PRESENT);
    assert_int_equal(commit_one(store, put("a", "one", STORE_ANY), NULL), JWKD_OK);
    store_close(store);
    assert_int_equal(store_look(options.engine, options.place), STORE_PRESENT);
    assert_int_equal(store_check(&options, &rows, &error), JWKD_OK);
    assert_int_equal(rows, 1);
    options.mac_key[0] ^= 1;
    assert_int_equal(store_check(&options, &rows, &error), JWKD_CORRUPT);
    assert_int_equal(store_open(&options, &store, &error), JWKD_CORRUPT);
    engine->remove(place);
}

static void store__keeps_its_id_and_no_two_share_one(void **state)
{
    struct fixture *fixture = *state;
    uint8_t id[STORE_ID_SIZE];
    memcpy(id, store_id(fixture->store).data, sizeof id);
    reopen(fixture);
    assert_memory_equal(store_id(fixture->store).data, id, sizeof id);
    void *place = engine->make();
    struct store *other = open_at(place);
    assert_memory_not_equal(store_id(other).data, id, sizeof id);
    store_close(other);
    engine->remove(place);
}

static void store__writes_and_reads(void **state)
{
    struct fixture *fixture = *state;
    uint64_t revision = 0;
    const struct store_write writes[] = {put("a", "1", STORE_ABSENT), put("b", "", STORE_ABSENT)};
    assert_int_equal(store_commit(fixture->store, writes, 2, false, &revision, NULL), JWKD_OK);
    assert_int_equal(revision, 1);
    expect(fixture->store, "a", "1", 1);
    expect(fixture->store, "b", "", 1);
    reopen(fixture);
    expect(fixture->store, "a", "1", 1);
    expect(fixture->store, "b", "", 1);
}

static void store__get_appends(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(commit_one(fixture->store, put("a", "value", STORE_ANY), NULL), JWKD_OK);
    assert_int_equal(buffer_append_text(&found, "before "), JWKD_OK);
    assert_int_equal(store_get(fixture->store, bytes_of_text("a"), &found, NULL), JWKD_OK);
    assert_int_equal(found.size, 12);
    assert_memory_equal(found.data, "before value", 12);
    assert_int_equal(store_get(fixture->store, bytes_of_text("none"), &found, NULL), JWKD_NOT_FOUND);
    assert_int_equal(found.size, 12);
}

static void store__revision_rises_by_one_and_survives(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 1; i <= 6; i++) {
        uint64_t revision = 0;
        assert_int_equal(commit_one(fixture->store, put("a", "x", STORE_ANY), &revision), JWKD_OK);
        assert_int_equal(revision, i);
        if (i % 2 == 0) reopen(fixture);
    }
    /* One that fails takes none. */
    uint64_t revision = 0;
    assert_int_equal(commit_one(fixture->store, put("a", "y", STORE_ABSENT), &revision), JWKD_CONFLICT);
    assert_int_equal(revision, 0);
    assert_int_equal(commit_one(fixture->store, erase("a", STORE_ANY), &revision), JWKD_OK);
    assert_int_equal(revision, 7);
}

static void store__expectations_decide(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    assert_int_equal(commit_one(store, put("a", "1", 1), NULL), JWKD_CONFLICT);
    assert_int_equal(commit_one(store, put("a", "1", STORE_ABSENT), NULL), JWKD_OK);
    assert_int_equal(commit_one(store, put("a", "2", STORE_ABSENT), NULL), JWKD_CONFLICT);
    assert_int_equal(commit_one(store, put("a", "2", 2), NULL), JWKD_CONFLICT);
    expect(store, "a", "1", 1);
    assert_int_equal(commit_one(store, put("a", "2", 1), NULL), JWKD_OK);
    expect(store, "a", "2", 2);
    assert_int_equal(commit_one(store, put("a", "3", STORE_ANY), NULL), JWKD_OK);
    assert_int_equal(commit_one(store, erase("a", 2), NULL), JWKD_CONFLICT);
    assert_int_equal(commit_one(store, erase("a", 3), NULL), JWKD_OK);
    expect_absent(store, "a");
    assert_int_equal(commit_one(store, erase("a", 3), NULL), JWKD_CONFLICT);
    assert_int_equal(commit_one(store, erase("a", STORE_ANY), NULL), JWKD_OK);
    assert_int_equal(commit_one(store, put("a", "5", STORE_ABSENT), NULL), JWKD_OK);
    expect(store, "a", "5", 6);
}

static void store__a_conflict_says_so_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(commit_one(fixture->store, put("b", "old", STORE_ANY), NULL), JWKD_OK);
    const struct store_write writes[] = {
        put("a", "new", STORE_ABSENT), erase("b", 1), put("c", "new", 9), put("d", "new", STORE_ANY)};
    jwkd_error error = {0};
    assert_int_equal(store_commit(fixture->store, writes, 4, false, NULL, &error), JWKD_CONFLICT);
    assert_int_equal(error.status, JWKD_CONFLICT);
    assert_true(error.message[0] != '\0');
    expect_list(fixture->store, "", "", "b ");
    expect(fixture->store, "b", "old", 1);
}

static void store__lists_by_prefix_in_byte_order(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    const struct store_write writes[] = {put("k/b", "2", STORE_ANY), put("k/a", "1", STORE_ANY),
        put("k", "0", STORE_ANY), put("l", "4", STORE_ANY), put("k/\xff", "3", STORE_ANY),
        put("j", "-", STORE_ANY)};
    assert_int_equal(store_commit(store, writes, 6, false, NULL, NULL), JWKD_OK);
    expect_list(store, "", "", "j k k/a k/b k/\xff l ");
    expect_list(store, "k", "", "k k/a k/b k/\xff ");
    expect_list(store, "k/", "", "k/a k/b k/\xff ");
    expect_list(store, "k/", "k/a", "k/b k/\xff ");
    expect_list(store, "k/", "k/aa", "k/b k/\xff ");
    expect_list(store, "k/", "k/\xff", "");
    expect_list(store, "k/", "j", "k/a k/b k/\xff ");
    expect_list(store, "k/", "m", "");
    expect_list(store, "", "k/b", "k/\xff l ");
    expect_list(store, "", "l", "");
    expect_list(store, "nothing", "", "");
}

static bool stop_at_second(void *context, const struct store_row *row)
{
    (void)row;
    return ++*(int *)context < 2;
}

static void store__listing_ends_when_told(void **state)
{
    struct fixture *fixture = *state;
    const struct store_write writes[] = {
        put("a", "", STORE_ANY), put("b", "", STORE_ANY), put("c", "", STORE_ANY)};
    assert_int_equal(store_commit(fixture->store, writes, 3, false, NULL, NULL), JWKD_OK);
    int visited = 0;
    struct bytes all = {0};
    assert_int_equal(store_list(fixture->store, all, all, stop_at_second, &visited), JWKD_OK);
    assert_int_equal(visited, 2);
}

static void store__refuses_what_is_out_of_bounds(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    static uint8_t large[LIMIT_STORE_VALUE + 1];
    char key[LIMIT_STORE_KEY + 2];
    memset(key, 'k', sizeof key);
    struct store_write write = {.key = bytes_of(key, LIMIT_STORE_KEY),
        .value = bytes_of(large, LIMIT_STORE_VALUE),
        .expected = STORE_ABSENT};
    assert_int_equal(commit_one(store, write, NULL), JWKD_OK);
    CLEANUP(buffer_clear) struct buffer found = {0};
    assert_int_equal(store_get(store, write.key, &found, NULL), JWKD_OK);
    assert_int_equal(found.size, LIMIT_STORE_VALUE);
    assert_memory_equal(found.data, large, LIMIT_STORE_VALUE);

    write.expected = STORE_ANY;
    write.value.size = LIMIT_STORE_VALUE + 1;
    assert_int_equal(commit_one(store, write, NULL), JWKD_INVALID_ARGUMENT);
    write.value.size = 1;
    write.key.size = LIMIT_STORE_KEY + 1;
    assert_int_equal(commit_one(store, write, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(store_get(store, write.key, &found, NULL), JWKD_INVALID_ARGUMENT);
    write.key.size = 0;
    assert_int_equal(commit_one(store, write, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(store_get(store, write.key, &found, NULL), JWKD_INVALID_ARGUMENT);
}

static void store__its_own_rows_are_out_of_reach(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(buffer_clear) struct buffer found = {0};
    struct store_write write = {
        .key = bytes_of("\0state", 6), .value = bytes_of_text("x"), .expected = STORE_ANY};
    assert_int_equal(commit_one(fixture->store, write, NULL), JWKD_INVALID_ARGUMENT);
    assert_int_equal(store_get(fixture->store, write.key, &found, NULL), JWKD_INVALID_ARGUMENT);
    expect_list(fixture->store, "", "", "");
    assert_int_equal(
        store_list(fixture->store, bytes_of("", 1), bytes_of(NULL, 0), collect, &found), JWKD_OK);
    assert_int_equal(found.size, 0);
}

struct many {
    const struct bytes *keys;
    size_t seen, stop_after;
    const char *const *values; /* NULL: absent */
    uint64_t revision;
};

static bool check_one(void *context, const struct store_row *row)
{
    struct many *many = context;
    const char *value = many->values[many->seen];
    assert_true(bytes_equal(row->key, many->keys[many->seen]));
    assert_int_equal(row->revision, value ? many->revision : STORE_ABSENT);
    assert_true(bytes_equal_text(row->value, value ? value : ""));
    return ++many->seen < many->stop_after;
}

static void store__reads_many_rows_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    const struct store_write writes[] = {put("a", "one", STORE_ANY), put("c", "", STORE_ANY)};
    const struct bytes keys[] = {
        bytes_of_text("c"), bytes_of_text("b"), bytes_of_text("a"), bytes_of_text("a")};
    const char *const values[] = {"", NULL, "one", "one"};
    struct many many = {.keys = keys, .stop_after = 4, .values = values};
    assert_int_equal(store_commit(fixture->store, writes, 2, false, &many.revision, NULL), JWKD_OK);
    assert_int_equal(store_get_many(fixture->store, keys, 4, check_one, &many), JWKD_OK);
    assert_int_equal(many.seen, 4);
    many.seen = 0;
    many.stop_after = 2;
    assert_int_equal(store_get_many(fixture->store, keys, 4, check_one, &many), JWKD_OK);
    assert_int_equal(many.seen, 2);
    assert_int_equal(store_get_many(fixture->store, keys, 0, check_one, &many), JWKD_OK);
    assert_int_equal(many.seen, 2);
    const struct bytes reserved[] = {bytes_of_text("a"), bytes_of("\0state", 6)};
    assert_int_equal(store_get_many(fixture->store, reserved, 2, check_one, &many), JWKD_INVALID_ARGUMENT);
    assert_int_equal(many.seen, 2);
}

/* One row more than can be, or a byte. */
static void store__takes_the_largest_change_and_no_larger(void **state)
{
    struct fixture *fixture = *state;
    const struct store_limits *limits = store_limits(fixture->store);
    size_t rows = limits->rows;
    assert_true(rows >= 16 && limits->bytes >= 64 * 1024 && limits->key >= 64 && limits->value >= 16 * 1024);
    struct store_write *writes = calloc(rows + 1, sizeof *writes);
    char(*keys)[32] = calloc(rows + 1, sizeof *keys);
    assert_true(writes && keys);
    for (size_t i = 0; i <= rows; i++) {
        snprintf(keys[i], sizeof keys[i], "row/%08zu", i * 7919 % 99991);
        writes[i] = put(keys[i], "", STORE_ANY);
    }
    jwkd_error error = {0};
    assert_int_equal(
        store_commit(fixture->store, writes, rows + 1, false, NULL, &error), JWKD_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "at once"));
    expect_absent(fixture->store, keys[0]);
    assert_int_equal(store_commit(fixture->store, writes, rows, false, NULL, NULL), JWKD_OK);
    free(writes);
    free(keys);
}

static void store__takes_so_many_bytes_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    const struct store_limits *limits = store_limits(fixture->store);
    struct store_write write = put("row/00000000", "", STORE_ANY);
    write.value.size = limits->value;
    size_t count = (limits->bytes + store_write_size(&write) - 1) / store_write_size(&write);
    size_t last = limits->bytes - (count - 1) * store_write_size(&write);
    assert_true(count > 0 && count < limits->rows);
    uint8_t *value = calloc(1, limits->value + 1);
    struct store_write *writes = calloc(count, sizeof *writes);
    char(*keys)[32] = calloc(count, sizeof *keys);
    assert_true(value && writes && keys);
    for (size_t i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "row/%08zu", i);
        writes[i] = write;
        writes[i].key = bytes_of_text(keys[i]);
        writes[i].value = bytes_of(value, limits->value);
    }
    size_t head = store_write_size(&write) - limits->value;
    assert_true(last >= head);
    writes[count - 1].value.size = last - head + 1;
    assert_int_equal(store_commit(fixture->store, writes, count, false, NULL, NULL), JWKD_RESOURCE_EXHAUSTED);
    writes[count - 1].value.size--;
    assert_int_equal(store_commit(fixture->store, writes, count, false, NULL, NULL), JWKD_OK);
    free(value);
    free(writes);
    free(keys);
}

static void store__the_same_row_twice_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct store_write writes[] = {
        put("a", "1", STORE_ANY), put("b", "2", STORE_ANY), erase("a", STORE_ANY)};
    assert_int_equal(store_commit(fixture->store, writes, 3, false, NULL, NULL), JWKD_INVALID_ARGUMENT);
    expect_list(fixture->store, "", "", "");
}

/* Many rows of many sizes, through several commits, found again after a reopening. */
static void store__holds_many_rows(void **state)
{
    enum { ROWS = 3000, BATCH = 500 };
    struct fixture *fixture = *state;
    static char keys[ROWS][16], values[2048];
    memset(values, 'v', sizeof values);
    struct store_write writes[BATCH];
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(keys[i], sizeof keys[i], "row/%06zu", i * 7919 % ROWS);
        writes[i % BATCH] = (struct store_write){.key = bytes_of_text(keys[i]),
            .value = bytes_of(values, i % sizeof values),
            .expected = STORE_ABSENT};
        if (i % BATCH == BATCH - 1) {
            assert_int_equal(store_commit(fixture->store, writes, BATCH, false, NULL, NULL), JWKD_OK);
        }
    }
    reopen(fixture);
    for (size_t i = 0; i < ROWS; i++) {
        CLEANUP(buffer_clear) struct buffer found = {0};
        uint64_t revision = 0;
        assert_int_equal(store_get(fixture->store, bytes_of_text(keys[i]), &found, &revision), JWKD_OK);
        assert_int_equal(found.size, i % sizeof values);
        assert_int_equal(revision, i / BATCH + 1);
    }
}

/* Two rows are always written together. A listing must never show one ahead of the other. */
struct race {
    struct store *store;
    atomic_bool stop;
    atomic_int failures;
    atomic_ulong reads;
};

struct pair {
    int count;
    uint64_t revisions[2];
};

static bool collect_pair(void *context, const struct store_row *row)
{
    struct pair *pair = context;
    if (pair->count < 2) pair->revisions[pair->count] = row->revision;
    pair->count++;
    return true;
}

static void *read_pairs(void *context)
{
    struct race *race = context;
    while (!race->stop) {
        struct pair pair = {0};
        CLEANUP(buffer_clear) struct buffer found = {0};
        if (store_list(race->store, bytes_of_text("pair/"), bytes_of(NULL, 0), collect_pair, &pair) !=
                JWKD_OK ||
            pair.count != 2 || pair.revisions[0] != pair.revisions[1]) {
            race->failures++;
        }
        if (store_get(race->store, bytes_of_text("pair/a"), &found, NULL) != JWKD_OK || found.size != 8) {
            race->failures++;
        }
        race->reads++;
    }
    return NULL;
}

static void *write_pairs(void *context)
{
    struct race *race = context;
    for (int i = 0; i < 50; i++) {
        char value[9];
        snprintf(value, sizeof value, "%08d", i);
        const struct store_write writes[] = {
            put("pair/a", value, STORE_ANY), put("pair/b", value, STORE_ANY)};
        if (store_commit(race->store, writes, 2, false, NULL, NULL) != JWKD_OK) race->failures++;
    }
    return NULL;
}

static void store__many_read_while_some_commit(void **state)
{
    enum { READERS = 6, WRITERS = 2 };
    struct fixture *fixture = *state;
    struct race race = {.store = fixture->store};
    const struct store_write writes[] = {
        put("pair/a", "00000000", STORE_ANY), put("pair/b", "00000000", STORE_ANY)};
    assert_int_equal(store_commit(fixture->store, writes, 2, false, NULL, NULL), JWKD_OK);
    pthread_t readers[READERS], writers[WRITERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_pairs, &race), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_pairs, &race), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    race.stop = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(race.failures, 0);
    assert_true(race.reads > 0);
    uint64_t revision = 0;
    assert_int_equal(commit_one(fixture->store, put("c", "", STORE_ANY), &revision), JWKD_OK);
    assert_int_equal(revision, 1 + WRITERS * 50 + 1);
}

int contract_run(const struct contract_engine *chosen)
{
    engine = chosen;
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest cases[] = {
        CASE(store__a_new_one_is_empty),
        cmocka_unit_test(store__is_looked_for_and_checked),
        CASE(store__keeps_its_id_and_no_two_share_one),
        CASE(store__writes_and_reads),
        CASE(store__get_appends),
        CASE(store__revision_rises_by_one_and_survives),
        CASE(store__expectations_decide),
        CASE(store__a_conflict_says_so_and_changes_nothing),
        CASE(store__lists_by_prefix_in_byte_order),
        CASE(store__listing_ends_when_told),
        CASE(store__refuses_what_is_out_of_bounds),
        CASE(store__its_own_rows_are_out_of_reach),
        CASE(store__reads_many_rows_in_their_order),
        CASE(store__takes_the_largest_change_and_no_larger),
        CASE(store__takes_so_many_bytes_and_no_more),
        CASE(store__the_same_row_twice_is_refused),
        CASE(store__holds_many_rows),
        CASE(store__many_read_while_some_commit),
    };
#undef CASE
    return cmocka_run_group_tests_name(chosen->name, cases, NULL, NULL);
}
