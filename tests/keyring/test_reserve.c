#include "keyring/ring.h"

#include "keyring/reserve.h"
#include "records.pb-c.h"

/* Puts a ready key with a whole row, but with bytes that were sealed for another owner. `name` receives the
 * name of the row. */
static void put_damaged_key(struct ring *ring, char name[128])
{
    CLEANUP(pair_clear) struct pair pair = fixture_generate(&ring->signing, ALG_ES256, "another owner");
    CLEANUP(buffer_clear) struct buffer packed = {0};
    Jwkd__Row__ReadyKey row = JWKD__ROW__READY_KEY__INIT;
    row.key_type = wire_text("P-256");
    row.jwk = wire_bytes(jwk_json(pair.public));
    row.sealed = wire_bytes(buffer_bytes(&pair.sealed));
    assert_int_equal(wire_pack(&row.base, &packed), JWKD_OK);
    snprintf(name, 128, "reserve/P-256/%s", jwk_kid(pair.public));
    ring_put(ring, name, buffer_bytes(&packed));
}

static void reserve__drops_keys_that_do_not_open(void **state)
{
    (void)state;
    struct ring ring;
    char kid[LIMIT_KID + 1], names[2][128];
    ring_open(&ring);
    for (size_t i = 0; i < 2; i++)
        put_damaged_key(&ring, names[i]);
    ring_start(&ring);
    ring_create(&ring, "shop");
    assert_int_equal(memory_count(ring.memory, "reserve/"), 2);
    ring_generate(&ring, "shop", kid);
    assert_true(ring_complained(&ring, "CORRUPT: a key of the reserve does not open"));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(memory_count(ring.memory, names[i]), 0);
    assert_int_equal(ring_sign(&ring, "shop"), JWKD_OK);
    ring_close(&ring);
}

/* P-256 is used up as fast as it is made. */
struct busy {
    struct reserve *reserve;
    const struct key_type *used_up;
    atomic_uint others;
};

static void on_key(void *context, struct ready_key *key)
{
    struct busy *busy = context;
    const struct key_type *type = key->type;
    reserve_put(busy->reserve, key);
    if (type == busy->used_up)
        ready_key_free(reserve_take(busy->reserve, type));
    else
        busy->others++;
}

static void on_trouble(void *context, jwkd_status status, const char *message)
{
    (void)context, (void)status;
    fail_msg("%s", message);
}

static void check_turns(bool waited_for)
{
    struct fixture signing;
    struct busy busy = {0};
    const struct key_type *other;
    fixture_open(&signing, 0);
    struct reserve_options options = {.signer = signing.signer,
        .wanted = waited_for ? 0 : 2,
        .deliver = on_key,
        .on_trouble = on_trouble,
        .context = &busy};
    assert_int_equal(reserve_new(&options, &busy.reserve), JWKD_OK);
    assert_int_equal(alg_key_type(ALG_ES256, 0, &busy.used_up), JWKD_OK);
    assert_int_equal(alg_key_type(ALG_ES384, 0, &other), JWKD_OK);
    const struct key_type *const types[] = {busy.used_up, other};
    for (size_t i = 0; i < 2; i++) {
        if (waited_for)
            reserve_demand(busy.reserve, types[i], 2);
        else
            reserve_use(busy.reserve, types[i]);
    }
    assert_int_equal(reserve_start(busy.reserve), JWKD_OK);
    AWAIT(busy.others == 2);
    reserve_stop(busy.reserve);
    reserve_free(busy.reserve);
    fixture_close(&signing);
}

static void reserve__fills_all_types_in_turn(void **state)
{
    (void)state;
    check_turns(false);
}

static void reserve__makes_what_is_waited_for_in_turn(void **state)
{
    (void)state;
    check_turns(true);
}

static struct ready_key *ready_key(struct fixture *signing, bool stored)
{
    CLEANUP(pair_clear) struct pair pair = fixture_generate(signing, ALG_ES256, RESERVE_OWNER);
    struct ready_key *key = calloc(1, sizeof *key);
    assert_non_null(key);
    assert_int_equal(alg_key_type(ALG_ES256, 0, &key->type), JWKD_OK);
    key->jwk = jwk_ref(pair.public);
    key->stored = stored;
    return key;
}

static void reserve__drops_what_has_a_row_and_no_more(void **state)
{
    (void)state;
    static const bool stored[] = {true, false, true, true, false};
    struct fixture signing;
    struct reserve *reserve;
    struct reserve_level level;
    struct ready_key *kept[2], *key;
    size_t count = 0;
    fixture_open(&signing, 0);
    struct reserve_options options = {.signer = signing.signer};
    assert_int_equal(reserve_new(&options, &reserve), JWKD_OK);
    for (size_t i = 0; i < sizeof stored; i++) {
        key = ready_key(&signing, stored[i]);
        if (!stored[i]) kept[count++] = key;
        reserve_put(reserve, key);
    }
    const struct key_type *type = kept[0]->type;
    reserve_use(reserve, type);
    reserve_drop_stored(reserve);
    assert_int_equal(reserve_levels(reserve, &level, 1), 1);
    assert_int_equal(level.ready, 2);
    reserve_put(reserve, key = ready_key(&signing, true));
    assert_ptr_equal(reserve_take(reserve, type), kept[0]);
    assert_ptr_equal(reserve_take(reserve, type), kept[1]);
    assert_ptr_equal(reserve_take(reserve, type), key);
    assert_null(reserve_take(reserve, type));
    ready_key_free(kept[0]);
    ready_key_free(kept[1]);
    ready_key_free(key);
    reserve_free(reserve);
    fixture_close(&signing);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reserve__drops_keys_that_do_not_open),
        cmocka_unit_test(reserve__drops_what_has_a_row_and_no_more),
        cmocka_unit_test(reserve__fills_all_types_in_turn),
        cmocka_unit_test(reserve__makes_what_is_waited_for_in_turn),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
