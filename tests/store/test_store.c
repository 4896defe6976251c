/* The contract over every engine, and how a store is put over one. */
#include <setjmp.h>
#include <stdarg.h>

#include "store/contract.h"
#include "store/engine.h"
#include "store/scratch.h"

#include <cmocka.h> /* last: it has a macro named fail */

static void *lmdb_place(void)
{
    return scratch_new();
}

static void lmdb_remove(void *place)
{
    scratch_free(place);
}

static struct store_options lmdb_options(void *place)
{
    const struct scratch *scratch = place;
    return scratch->options;
}

/* With no more than every engine must have. */
static struct store_options least_options(void *place)
{
    static struct engine_ops least;
    struct store_options options = lmdb_options(place);
    least = (struct engine_ops){
        .version = LMDB_ENGINE.version,
        .open = LMDB_ENGINE.open,
        .check = LMDB_ENGINE.check,
        .look = LMDB_ENGINE.look,
        .get = LMDB_ENGINE.get,
        .list = LMDB_ENGINE.list,
        .apply = LMDB_ENGINE.apply,
        .close = LMDB_ENGINE.close,
    };
    options.engine = &least;
    return options;
}

/* Each of them keeps the contract. */
static const struct contract_engine ENGINES[] = {
    {"lmdb", lmdb_place, lmdb_remove, lmdb_options},
    {"the least engine", lmdb_place, lmdb_remove, least_options},
};

/* An engine that does nothing, to be made incomplete; its place counts how often it is open. */
static jwkd_status no_open(const struct engine_opening *opening, struct engine_opened *out, jwkd_error *error)
{
    (void)error;
    int *opened = (int *)(uintptr_t)opening->place;
    if (*opened < 0) return JWKD_NOT_FOUND;
    ++*opened;
    *out = (struct engine_opened){.engine = opened,
        .limits = {.rows = 4, .bytes = 4 * 1024, .key = 16, .record = 1024 + RECORD_HEAD_SIZE}};
    return JWKD_OK;
}

static jwkd_status no_check(const struct engine_opening *opening, uint64_t *out_rows, jwkd_error *error)
{
    (void)opening, (void)out_rows, (void)error;
    return JWKD_OK;
}

static enum store_presence no_look(const void *place)
{
    (void)place;
    return STORE_NOWHERE;
}

static jwkd_status no_get(
    void *engine, const struct bytes *keys, size_t count, engine_visit *visit, void *context)
{
    (void)engine;
    for (size_t i = 0; i < count && visit(context, keys[i], (struct bytes){0}); i++) {
    }
    return JWKD_OK;
}

static jwkd_status no_list(
    void *engine, struct bytes prefix, struct bytes after, engine_visit *visit, void *context)
{
    (void)engine, (void)prefix, (void)after, (void)visit, (void)context;
    return JWKD_OK;
}

static jwkd_status no_apply(void *engine, struct bytes guard, const struct engine_change *changes,
    size_t count, bool urgent, jwkd_error *error)
{
    (void)engine, (void)guard, (void)changes, (void)count, (void)urgent, (void)error;
    return JWKD_OK;
}

static void no_close(void *engine)
{
    --*(int *)engine;
}

static const struct engine_ops WHOLE = {.version = ENGINE_VERSION,
    .open = no_open,
    .check = no_check,
    .look = no_look,
    .get = no_get,
    .list = no_list,
    .apply = no_apply,
    .close = no_close};

/* Opens a store over it, looks at it and closes it: what was opened is closed. */
static jwkd_status put_over(struct engine_ops ops, int opened)
{
    struct store_options options = {.engine = &ops, .place = &opened};
    int before = opened;
    struct store *store = NULL;
    jwkd_error error = {0};
    jwkd_status status = store_open(&options, &store, &error);
    if (status == JWKD_OK) {
        assert_int_equal(opened, before + 1);
        assert_int_equal(store_condition(store), STORE_READ_WRITE);
        assert_int_equal(store_limits(store)->rows, 3);
        assert_int_equal(store_limits(store)->key, 16);
        assert_int_equal(store_limits(store)->value, 1024);
    }
    store_close(store);
    assert_int_equal(opened, before);
    return status;
}

static void engine__may_lack_what_it_may(void **state)
{
    (void)state;
    assert_int_equal(put_over(WHOLE, 0), JWKD_OK);
}

static void engine__that_cannot_be_opened_is_not_closed(void **state)
{
    (void)state;
    assert_int_equal(put_over(WHOLE, -1), JWKD_NOT_FOUND);
}

static jwkd_status unreadable_note(void *engine, struct buffer *out)
{
    (void)engine, (void)out;
    return JWKD_DENIED;
}

static void engine__with_an_unreadable_note_is_closed(void **state)
{
    (void)state;
    struct engine_ops ops = WHOLE;
    ops.noted = unreadable_note;
    assert_int_equal(put_over(ops, 0), JWKD_DENIED);
}

static void engine__incomplete_is_not_opened(void **state)
{
    (void)state;
#define WITHOUT(part)                                              \
    do {                                                           \
        struct engine_ops ops = WHOLE;                             \
        ops.part = 0;                                              \
        assert_int_equal(put_over(ops, 0), JWKD_INVALID_ARGUMENT); \
    } while (0)
    WITHOUT(version);
    WITHOUT(open);
    WITHOUT(check);
    WITHOUT(look);
    WITHOUT(get);
    WITHOUT(list);
    WITHOUT(apply);
    WITHOUT(close);
#undef WITHOUT
}

static void record__opens_under_its_own_key_only(void **state)
{
    (void)state;
    struct authenticator *one = NULL, *other = NULL;
    struct buffer record = {0};
    assert_int_equal(authenticator_new((const uint8_t *)"0123456789abcdef0123456789abcdef", &one), JWKD_OK);
    assert_int_equal(authenticator_new((const uint8_t *)"0123456789abcdef0123456789abcdeF", &other), JWKD_OK);
    struct store_row row = {.key = bytes_of_text("key"), .value = bytes_of_text("value"), .revision = 3},
                     found;
    assert_int_equal(record_make(one, &row, &record), JWKD_OK);
    assert_int_equal(record.size, RECORD_HEAD_SIZE + 5);
    assert_int_equal(record_open(one, row.key, buffer_bytes(&record), &found), JWKD_OK);
    assert_int_equal(found.revision, 3);
    assert_true(bytes_equal(found.value, row.value));
    assert_int_equal(record_open(other, row.key, buffer_bytes(&record), &found), JWKD_CORRUPT);
    assert_int_equal(record_open(one, bytes_of_text("kez"), buffer_bytes(&record), &found), JWKD_CORRUPT);
    assert_int_equal(record_open(one, bytes_of_text("ke"), buffer_bytes(&record), &found), JWKD_CORRUPT);
    for (size_t i = 0; i < record.size; i++) {
        record.data[i] ^= 1;
        assert_int_equal(record_open(one, row.key, buffer_bytes(&record), &found), JWKD_CORRUPT);
        record.data[i] ^= 1;
        assert_int_equal(record_open(one, row.key, bytes_of(record.data, i), &found), JWKD_CORRUPT);
    }
    buffer_clear(&record);
    authenticator_free(one);
    authenticator_free(other);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(engine__may_lack_what_it_may),
        cmocka_unit_test(engine__that_cannot_be_opened_is_not_closed),
        cmocka_unit_test(engine__with_an_unreadable_note_is_closed),
        cmocka_unit_test(engine__incomplete_is_not_opened),
        cmocka_unit_test(record__opens_under_its_own_key_only),
    };
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    for (size_t i = 0; i < sizeof ENGINES / sizeof *ENGINES; i++)
        failed += contract_run(&ENGINES[i]);
    return failed;
}
