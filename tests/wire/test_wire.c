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

/* A request as a later version could write it: with fields at every depth that are not known here, if
 * `unknown`. */
static void pack_sign(bool unknown, struct buffer *out)
{
    ProtobufCMessageUnknownField later = {.tag = 900,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .len = 6,
        .data = (uint8_t[]){5, 'l', 'a', 't', 'e', 'r'}};
    Jwkd__V1__SignItem items[2] = {JWKD__V1__SIGN_ITEM__INIT, JWKD__V1__SIGN_ITEM__INIT};
    Jwkd__V1__SignItem *pointers[2] = {&items[0], &items[1]};
    Jwkd__V1__SignRequest sign = JWKD__V1__SIGN_REQUEST__INIT;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    items[0].type = items[1].type = wire_text("at+jwt");
    sign.environment = wire_text("shop");
    sign.n_items = 2;
    sign.items = pointers;
    request.version = WIRE_VERSION;
    request.operation_case = JWKD__V1__REQUEST__OPERATION_SIGN;
    request.sign = &sign;
    ProtobufCMessage *all[] = {&request.base, &sign.base, &items[0].base, &items[1].base};
    for (size_t i = 0; unknown && i < sizeof all / sizeof *all; i++) {
        all[i]->n_unknown_fields = 1;
        all[i]->unknown_fields = &later;
    }
    assert_int_equal(wire_pack(&request.base, out), JWKD_OK);
}

static void forget_unknown__leaves_what_is_known(void **state)
{
    (void)state;
    struct buffer known = {0}, packed = {0}, again = {0};
    struct arena arena;
    ProtobufCMessage *message;
    pack_sign(false, &known);
    pack_sign(true, &packed);
    assert_true(packed.size >= known.size + 4 * sizeof "later");
    assert_int_equal(
        wire_unpack(&jwkd__v1__request__descriptor, buffer_bytes(&packed), &arena, &message), JWKD_OK);
    wire_forget_unknown(message);
    assert_int_equal(wire_pack(message, &again), JWKD_OK);
    assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&known)));
    arena_clear(&arena);
    buffer_clear(&known);
    buffer_clear(&packed);
    buffer_clear(&again);
}

static void forget_unknown__of_a_message_without_members(void **state)
{
    (void)state;
    Jwkd__V1__Request request = JWKD__V1__REQUEST__INIT;
    wire_forget_unknown(&request.base);
    wire_forget_unknown(NULL);
}

static void status__that_is_not_known_is_internal(void **state)
{
    (void)state;
    for (int number = JWKD_OK; number <= JWKD_INTERNAL; number++)
        assert_int_equal(wire_status((Jwkd__V1__Status)number), number);
    assert_int_equal(wire_status((Jwkd__V1__Status)JWKD_NOT_REGISTERED), JWKD_NOT_REGISTERED);
    assert_int_equal(wire_status((Jwkd__V1__Status)JWKD_UNAUTHENTICATED), JWKD_UNAUTHENTICATED);
    static const int UNKNOWN[] = {
        -1, JWKD_UNREACHABLE, JWKD_TIMED_OUT, JWKD_CLOSED, JWKD_REFUSED, 26, 28, 1000};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++)
        assert_int_equal(wire_status((Jwkd__V1__Status)UNKNOWN[i]), JWKD_INTERNAL);
}

static void status__is_sent_as_the_caller_understands_it(void **state)
{
    (void)state;
    uint32_t others[] = {0, 2, 3, UINT32_MAX}, all[] = {3, WIRE_NEW_STATUSES};
    Jwkd__V1__Request silent = JWKD__V1__REQUEST__INIT, old = silent, new = silent;
    old.understands = others;
    old.n_understands = sizeof others / sizeof *others;
    new.understands = all;
    new.n_understands = sizeof all / sizeof *all;
    assert_int_equal(wire_status_for(NULL, JWKD_NOT_REGISTERED), JWKD_NOT_FOUND);
    assert_int_equal(wire_status_for(&silent, JWKD_NOT_REGISTERED), JWKD_NOT_FOUND);
    assert_int_equal(wire_status_for(&old, JWKD_NOT_REGISTERED), JWKD_NOT_FOUND);
    assert_int_equal(wire_status_for(&new, JWKD_NOT_REGISTERED), JWKD_NOT_REGISTERED);
    for (int number = JWKD_OK; number <= JWKD_INTERNAL; number++) {
        assert_int_equal(wire_status_for(&silent, (jwkd_status)number), number);
        assert_int_equal(wire_status_for(&new, (jwkd_status)number), number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpack__returns_what_was_packed),
        cmocka_unit_test(unpack__of_much_from_little_is_refused),
        cmocka_unit_test(arena__gives_aligned_zeroes_within_its_budget),
        cmocka_unit_test(topic__is_split_where_it_was_joined),
        cmocka_unit_test(forget_unknown__leaves_what_is_known),
        cmocka_unit_test(forget_unknown__of_a_message_without_members),
        cmocka_unit_test(status__that_is_not_known_is_internal),
        cmocka_unit_test(status__is_sent_as_the_caller_understands_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
