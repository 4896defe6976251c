#include "jose/keyset.h"

#include <stdio.h>

#include "base/limits.h"
#include "jose/support.h"

#define KEY(kid, more)                                                                                    \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":" \
    "\"" kid "\"" more "}"

static const struct keyset_rules STRICT = {.default_alg = ALG_RS256};
static const struct keyset_rules LENIENT = {.default_alg = ALG_RS256, .skip_unusable = true};

static void keyset__finds_live_and_revoked_keys(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    struct jwk *keys[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char json[256];
        snprintf(json, sizeof json,
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
            "\"kid\":\"%d\"}",
            i * 7919 % 1000);
        keys[i] = jwk_read(json);
    }
    const struct bytes gone[] = {B("gone"), B("older")};
    struct kid_set *revoked = NULL;
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    assert_ok(kid_set_new(gone, 2, &revoked));
    assert_ok(keyset_new(keys, COUNT, revoked, &set, NULL));
    kid_set_unref(revoked); /* the set holds a reference */
    assert_int_equal(COUNT, keyset_count(set));
    for (int i = 0; i < COUNT; i++) {
        const struct jwk *found = NULL;
        assert_int_equal(KEY_LIVE, keyset_find(set, B(jwk_kid(keys[i])), &found));
        assert_ptr_equal(keys[i], found);
        assert_ptr_equal(keys[i], keyset_at(set, (size_t)i));
    }
    const struct jwk *found = NULL;
    assert_int_equal(KEY_REVOKED, keyset_find(set, B("gone"), &found));
    assert_int_equal(KEY_REVOKED, keyset_find(set, B("older"), &found));
    static const char *const UNKNOWN[] = {"", "xxxx", "1000", "gon", "gonee", "-1"};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++)
        assert_int_equal(KEY_UNKNOWN, keyset_find(set, B(UNKNOWN[i]), &found));
    assert_null(found);
    for (int i = 0; i < COUNT; i++)
        jwk_unref(keys[i]);
    assert_int_equal(KEY_LIVE, keyset_find(set, B("0"), &found)); /* the set holds references */
    assert_string_equal("0", jwk_kid(found));
}

static void keyset__refuses_one_kid_twice(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at) struct jwk *key = jwk_read(KEY("a", ""));
    struct jwk *const twice[] = {key, key};
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    struct keyset *set = NULL;
    assert_ok(kid_set_with(NULL, B("a"), &revoked));
    jwkd_error error;
    assert_status(JWKD_INVALID_ARGUMENT, keyset_new(twice, 2, NULL, &set, &error));
    assert_non_null(strstr(error.message, "twice"));
    assert_status(JWKD_INVALID_ARGUMENT, keyset_new(twice, 1, revoked, &set, NULL));
    assert_status(JWKD_INVALID_ARGUMENT,
        keyset_from_json(B("{\"keys\":[" KEY("a", "") "," KEY("a", "") "]}"), &LENIENT, &set, NULL));
    assert_null(set);
}

/* The kids in the order of the set, and each found. */
static void assert_kids(const struct keyset *set, const char *expected)
{
    CLEANUP(buffer_clear) struct buffer kids = {0};
    for (size_t i = 0; i < keyset_count(set); i++) {
        const struct jwk *key = keyset_at(set, i), *found = NULL;
        assert_ok(buffer_append_text(&kids, jwk_kid(key)));
        assert_int_equal(KEY_LIVE, keyset_find(set, B(jwk_kid(key)), &found));
        assert_ptr_equal(key, found);
    }
    assert_bytes(expected, buffer_bytes(&kids));
}

static enum key_standing standing(const struct keyset *set, const char *kid)
{
    const struct jwk *found;
    return keyset_find(set, B(kid), &found);
}

static void keyset__changes_by_one_key_and_stays_as_it_was(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at)
    struct jwk *b = jwk_read(KEY("b", "")), *d = jwk_read(KEY("d", "")), *a = jwk_read(KEY("a", "")),
               *other = jwk_read(KEY("d", ",\"y\":1"));
    struct jwk *const keys[] = {d, b};
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    CLEANUP(keyset_unref_at)
    struct keyset *set = NULL, *more = NULL, *again = NULL, *less = NULL, *gone = NULL, *same = NULL,
                  *none = NULL, *refused = NULL;
    const struct jwk *found = NULL;
    assert_ok(kid_set_with(NULL, B("c"), &revoked));
    assert_ok(keyset_new(keys, 2, revoked, &set, NULL));

    assert_ok(keyset_with(set, a, &more));
    assert_kids(more, "dba");
    assert_int_equal(KEY_REVOKED, standing(more, "c"));
    assert_ok(keyset_with(more, other, &again)); /* in the place of the one with its kid */
    assert_kids(again, "bad");
    assert_int_equal(KEY_LIVE, keyset_find(again, B("d"), &found));
    assert_ptr_equal(other, found);

    assert_ok(keyset_without(more, B("b"), &less));
    assert_kids(less, "da");
    assert_int_equal(KEY_UNKNOWN, standing(less, "b"));
    assert_ok(keyset_without(less, B("b"), &same));
    assert_kids(same, "da");

    assert_ok(keyset_revoking(more, B("d"), &gone));
    assert_kids(gone, "ba");
    assert_int_equal(KEY_REVOKED, standing(gone, "d"));
    assert_int_equal(KEY_REVOKED, standing(gone, "c"));
    assert_status(JWKD_INVALID_ARGUMENT, keyset_with(gone, d, &refused));
    CLEANUP(keyset_unref_at) struct keyset *twice = NULL, *absent = NULL, *last = NULL, *joined = NULL;
    CLEANUP(jwk_unref_at) struct jwk *z = jwk_read(KEY("z", ""));
    struct jwk *const both[] = {z, b};
    assert_ok(keyset_revoking(gone, B("d"), &twice));
    assert_kids(twice, "ba");
    assert_ok(keyset_revoking(gone, B("e"), &absent));
    assert_kids(absent, "ba");
    assert_int_equal(KEY_REVOKED, standing(absent, "e"));
    assert_ok(keyset_with(gone, z, &last));
    assert_kids(last, "baz");
    assert_ok(keyset_joined(gone, both, 1, &joined));
    assert_kids(joined, "baz");
    assert_int_equal(KEY_REVOKED, standing(joined, "d"));
    assert_status(JWKD_INVALID_ARGUMENT, keyset_joined(gone, both, 2, &refused));
    assert_ok(keyset_emptied(gone, &none));
    assert_kids(none, "");
    assert_int_equal(KEY_REVOKED, standing(none, "d"));

    assert_kids(more, "dba");
    assert_kids(set, "db");
    assert_int_equal(KEY_LIVE, standing(set, "d"));
}

static void keyset__is_put_under_other_revocations(void **state)
{
    (void)state;
    CLEANUP(jwk_unref_at) struct jwk *a = jwk_read(KEY("a", "")), *b = jwk_read(KEY("b", ""));
    struct jwk *const keys[] = {b, a};
    const struct bytes gone[] = {B("a"), B("z")};
    CLEANUP(kid_set_unref_at) struct kid_set *revoked = NULL;
    CLEANUP(keyset_unref_at) struct keyset *set = NULL, *under = NULL;
    assert_ok(keyset_new(keys, 2, NULL, &set, NULL));
    assert_ok(kid_set_new(gone, 2, &revoked));
    assert_ok(keyset_under(set, revoked, &under));
    assert_kids(under, "b");
    assert_int_equal(KEY_REVOKED, standing(under, "a"));
    assert_int_equal(KEY_REVOKED, standing(under, "z"));
    assert_int_equal(KEY_LIVE, standing(set, "a"));
}

static void keyset__does_not_grow_without_end(void **state)
{
    (void)state;
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    struct keyset *next = NULL;
    char kid[32];
    assert_ok(keyset_new(NULL, 0, NULL, &set, NULL));
    for (size_t i = 0; i < LIMIT_KEYSET_KEYS; i++) {
        snprintf(kid, sizeof kid, "%zu", i);
        assert_ok(keyset_revoking(set, B(kid), &next));
        keyset_unref(set);
        set = next;
    }
    assert_status(JWKD_RESOURCE_EXHAUSTED, keyset_revoking(set, B("one more"), &next));
    struct jwk *keys[LIMIT_KEYSET_KEYS];
    for (size_t i = 0; i < LIMIT_KEYSET_KEYS; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        assert_ok(buffer_append_format(&text, KEY("%zu", ""), i));
        keys[i] = jwk_read((const char *)text.data);
    }
    CLEANUP(keyset_unref_at) struct keyset *full = NULL, *still = NULL;
    CLEANUP(jwk_unref_at) struct jwk *more = jwk_read(KEY("more", ""));
    assert_ok(keyset_new(keys, LIMIT_KEYSET_KEYS, NULL, &full, NULL));
    assert_status(JWKD_RESOURCE_EXHAUSTED, keyset_with(full, more, &next));
    assert_ok(keyset_with(full, keys[7], &still)); /* one that it has */
    assert_int_equal(LIMIT_KEYSET_KEYS, keyset_count(still));
    for (size_t i = 0; i < LIMIT_KEYSET_KEYS; i++)
        jwk_unref(keys[i]);
}

static void keyset__writes_what_it_read(void **state)
{
    (void)state;
    CLEANUP(keyset_unref_at) struct keyset *set = NULL, *empty = NULL;
    CLEANUP(buffer_clear) struct buffer out = {0}, nothing = {0};
    assert_ok(keyset_from_json(
        B("{\"x\":0,\"keys\":[" KEY("b", ",\"y\":1") "," KEY("a", "") "]}"), &STRICT, &set, NULL));
    assert_ok(keyset_json(set, &out));
    CLEANUP(jwk_unref_at) struct jwk *a = jwk_read(KEY("a", "")), *b = jwk_read(KEY("b", ""));
    CLEANUP(buffer_clear) struct buffer expected = {0};
    assert_ok(buffer_append_format(&expected, "{\"keys\":[%s,%s]}", jwk_json(b).data, jwk_json(a).data));
    assert_int_equal(expected.size, out.size);
    assert_memory_equal(expected.data, out.data, out.size);
    assert_ok(keyset_from_json(B("{\"keys\":[]}"), &STRICT, &empty, NULL));
    assert_ok(keyset_json(empty, &nothing));
    assert_bytes("{\"keys\":[]}", buffer_bytes(&nothing));
}

static void keyset__skips_keys_for_others_if_asked(void **state)
{
    (void)state;
    static const char MIXED[] = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"}," KEY(
        "e", ",\"use\":\"enc\"") "," KEY("s",
        ",\"use\":\"sig\"") ",{\"kty\":\"EC\",\"crv\":\"secp256k1\"}," KEY("h", ",\"alg\":\"HS256\"") "]}";
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    struct keyset *none = NULL;
    jwkd_error error;
    assert_status(JWKD_UNSUPPORTED, keyset_from_json(B(MIXED), &STRICT, &none, &error));
    assert_non_null(strstr(error.message, "key 1"));
    assert_ok(keyset_from_json(B(MIXED), &LENIENT, &set, NULL));
    assert_int_equal(1, keyset_count(set));
    assert_string_equal("s", jwk_kid(keyset_at(set, 0)));
}

static void keyset__refuses_broken_keys_always(void **state)
{
    (void)state;
    static const char *const BROKEN[] = {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "1", "{}",
        KEY("a", ",\"d\":\"AQ\""), KEY("a", ",\"alg\":\"ES256\""),
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}"};
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        struct keyset *set = NULL;
        jwkd_error error = {0};
        assert_ok(buffer_append_format(&text, "{\"keys\":[" KEY("good", "") ",%s]}", BROKEN[i]));
        assert_int_not_equal(JWKD_OK, keyset_from_json(buffer_bytes(&text), &LENIENT, &set, &error));
        assert_non_null(strstr(error.message, "key 2"));
        assert_null(set);
    }
}

static void keyset__refuses_other_documents(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[]} {}"};
    struct keyset *set = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_status(JWKD_MALFORMED, keyset_from_json(B(BAD[i]), &LENIENT, &set, NULL));
    CLEANUP(buffer_clear) struct buffer many = {0};
    assert_ok(buffer_append_text(&many, "{\"keys\":[{}"));
    for (int i = 0; i < LIMIT_KEYSET_KEYS; i++)
        assert_ok(buffer_append_text(&many, ",{}"));
    assert_ok(buffer_append_text(&many, "]}"));
    assert_status(JWKD_RESOURCE_EXHAUSTED, keyset_from_json(buffer_bytes(&many), &LENIENT, &set, NULL));
    assert_status(
        JWKD_RESOURCE_EXHAUSTED, keyset_from_json(bytes_of(many.data, LIMIT_JWKS + 1), &LENIENT, &set, NULL));
    assert_null(set);
}

/* As large a set as is allowed, each key with as many members as published keys have, is read. */
static void keyset__reads_a_full_set(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer text = {0};
    assert_ok(buffer_append_text(&text, "{\"keys\":["));
    for (int i = 0; i < LIMIT_KEYSET_KEYS; i++)
        assert_ok(buffer_append_format(&text,
            "%s{\"kty\":\"OKP\",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"k%d\",\"crv\":\"Ed25519\","
            "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"x5t\":\"\",\"x5c\":[\"\"]}",
            i ? "," : "", i));
    assert_ok(buffer_append_text(&text, "]}"));
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    assert_ok(keyset_from_json(buffer_bytes(&text), &STRICT, &set, NULL));
    assert_int_equal(LIMIT_KEYSET_KEYS, keyset_count(set));
    CLEANUP(keyset_unref_at) struct keyset *again = keyset_ref(set);
    assert_ptr_equal(set, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyset__finds_live_and_revoked_keys),
        cmocka_unit_test(keyset__refuses_one_kid_twice),
        cmocka_unit_test(keyset__changes_by_one_key_and_stays_as_it_was),
        cmocka_unit_test(keyset__is_put_under_other_revocations),
        cmocka_unit_test(keyset__does_not_grow_without_end),
        cmocka_unit_test(keyset__writes_what_it_read),
        cmocka_unit_test(keyset__skips_keys_for_others_if_asked),
        cmocka_unit_test(keyset__refuses_broken_keys_always),
        cmocka_unit_test(keyset__refuses_other_documents),
        cmocka_unit_test(keyset__reads_a_full_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
