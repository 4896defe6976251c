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

static struct store *lmdb_open(void *place)
{
    struct scratch *scratch = place;
    struct store *store = NULL;
    jwkd_error error = {0};
    if (store_lmdb_open(&scratch->options, &store, &error) != JWKD_OK) fail_msg("%s", error.message);
    return store;
}

static const struct contract_engine ENGINES[] = {
    {"lmdb", lmdb_place, lmdb_remove, lmdb_open},
};

/* An engine that does nothing, to be made incomplete. */
static jwkd_status no_get(void *engine, struct bytes key, struct buffer *out)
{
    (void)engine, (void)key, (void)out;
    return JWKD_NOT_FOUND;
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

static void count_close(void *engine)
{
    ++*(int *)engine;
}

static const struct engine_ops WHOLE = {
    .version = ENGINE_VERSION, .get = no_get, .list = no_list, .apply = no_apply, .close = count_close};

static jwkd_status put_over(struct engine_ops ops, int *closed)
{
    static const uint8_t key[STORE_MAC_KEY_SIZE], id[STORE_ID_SIZE];
    static struct engine_ops kept;
    kept = ops;
    struct store *store = NULL;
    jwkd_status status = store_over(&kept, closed, key, id, &store, NULL);
    if (status == JWKD_OK) assert_int_equal(store_condition(store), STORE_READ_WRITE);
    store_close(store);
    return status;
}

static void engine__may_lack_what_it_may(void **state)
{
    (void)state;
    int closed = 0;
    assert_int_equal(put_over(WHOLE, &closed), JWKD_OK);
    assert_int_equal(closed, 1);
}

static void engine__incomplete_is_refused_and_closed(void **state)
{
    (void)state;
    int closed = 0;
    struct engine_ops ops = WHOLE;
    ops.version++;
    assert_int_equal(put_over(ops, &closed), JWKD_INVALID_ARGUMENT);
    ops = WHOLE;
    ops.get = NULL;
    assert_int_equal(put_over(ops, &closed), JWKD_INVALID_ARGUMENT);
    ops = WHOLE;
    ops.list = NULL;
    assert_int_equal(put_over(ops, &closed), JWKD_INVALID_ARGUMENT);
    ops = WHOLE;
    ops.apply = NULL;
    assert_int_equal(put_over(ops, &closed), JWKD_INVALID_ARGUMENT);
    assert_int_equal(closed, 4);
    ops = WHOLE;
    ops.close = NULL;
    assert_int_equal(put_over(ops, &closed), JWKD_INVALID_ARGUMENT);
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
        cmocka_unit_test(engine__incomplete_is_refused_and_closed),
        cmocka_unit_test(record__opens_under_its_own_key_only),
    };
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    for (size_t i = 0; i < sizeof ENGINES / sizeof *ENGINES; i++)
        failed += contract_run(&ENGINES[i]);
    return failed;
}
