#include "keyring/ring.h"

#include "records.pb-c.h"

/* A key whose row is whole but whose sealed bytes belong to something else. `name` receives the row's. */
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
    for (size_t i = 0; i < 2; i++) put_damaged_key(&ring, names[i]);
    ring_start(&ring);
    ring_create(&ring, "shop");
    assert_int_equal(memory_count(ring.memory, "reserve/"), 2);
    ring_generate(&ring, "shop", kid);
    assert_true(ring_complained(&ring, "CORRUPT: a key of the reserve does not open"));
    for (size_t i = 0; i < 2; i++) assert_int_equal(memory_count(ring.memory, names[i]), 0);
    assert_int_equal(ring_sign(&ring, "shop"), JWKD_OK);
    ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reserve__drops_keys_that_do_not_open),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
