#include "wire/cases.h"

#include "wire/wire.h"

static void unpack__returns_what_was_packed(void **state)
{
    (void)state;
    Jwkd__V1__GetKeyRequest get = JWKD__V1__GET_KEY_REQUEST__INIT;
    get.environment = wire_text("shop");
    get.kid = wire_text("k1");
    struct buffer packed = {0};
    assert_int_equal(wire_pack(&get.base, &packed), JWKD_OK);
    struct arena arena;
    ProtobufCMessage *message;
    assert_int_equal(
        wire_unpack(&jwkd__v1__get_key_request__descriptor, buffer_bytes(&packed), &arena, &message),
        JWKD_OK);
    assert_string_equal(((Jwkd__V1__GetKeyRequest *)message)->kid, "k1");
    arena_clear(&arena);
    message = NULL;
    assert_int_equal(wire_unpack(&jwkd__v1__get_key_request__descriptor,
                         bytes_of(packed.data, packed.size - 1), &arena, &message),
        JWKD_MALFORMED);
    assert_null(message);
    arena_clear(&arena);
    buffer_clear(&packed);
}

/* 1 MiB of empty sign items would be some 40 MiB of structures. */
static void unpack__of_much_from_little_is_refused(void **state)
{
    (void)state;
    enum { ITEMS = LIMIT_REQUEST / 2 };
    struct buffer packed = {0};
    assert_int_equal(buffer_reserve(&packed, 2 * ITEMS), JWKD_OK);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(buffer_append(&packed, "\x12\x00", 2), JWKD_OK);
    struct arena arena;
    ProtobufCMessage *message;
    assert_int_equal(
        wire_unpack(&jwkd__v1__sign_request__descriptor, buffer_bytes(&packed), &arena, &message),
        JWKD_MALFORMED);
    arena_clear(&arena);
    packed.size = 2 * LIMIT_BATCH; /* a full batch of them is served */
    assert_int_equal(
        wire_unpack(&jwkd__v1__sign_request__descriptor, buffer_bytes(&packed), &arena, &message), JWKD_OK);
    assert_int_equal(((Jwkd__V1__SignRequest *)message)->n_items, LIMIT_BATCH);
    arena_clear(&arena);
    buffer_clear(&packed);
}

static void arena__gives_aligned_zeroes_within_its_budget(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 1; i < 32; i++) {
        uint8_t *block = arena_alloc(&arena, i);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(block[j], 0);
        memset(block, 0xff, i);
    }
    assert_null(arena_alloc(&arena, 4096));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_clear(&arena);
    arena_clear(&arena);
}

static void topic__is_split_where_it_was_joined(void **state)
{
    (void)state;
    struct buffer message = {0};
    assert_int_equal(wire_topic("shop", &message), JWKD_OK);
    assert_int_equal(message.size, 5);
    assert_int_equal(buffer_append(&message, "a\0b", 3), JWKD_OK);
    struct bytes topic, body;
    assert_int_equal(wire_split(buffer_bytes(&message), &topic, &body), JWKD_OK);
    assert_true(bytes_equal_text(topic, "shop"));
    assert_true(bytes_equal(body, bytes_of("a\0b", 3)));
    assert_int_equal(wire_split(WIRE_HEARTBEAT_TOPIC, &topic, &body), JWKD_OK);
    assert_int_equal(topic.size, 0);
    assert_int_equal(body.size, 0);
    assert_int_equal(wire_split(bytes_of("shop", 4), &topic, &body), JWKD_MALFORMED);
    assert_int_equal(wire_split(bytes_of(NULL, 0), &topic, &body), JWKD_MALFORMED);
    buffer_clear(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpack__returns_what_was_packed),
        cmocka_unit_test(unpack__of_much_from_little_is_refused),
        cmocka_unit_test(arena__gives_aligned_zeroes_within_its_budget),
        cmocka_unit_test(topic__is_split_where_it_was_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
