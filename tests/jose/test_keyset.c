#include "jose/keyset.h"

#include <stdio.h>

#include "base/limits.h"
#include "jose/support.h"

#define KEY(kid, more)                                                                                    \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":" \
    "\"" kid "\"" more "}"

static const struct keyset_rules OWN = {0};
static const struct keyset_rules FOREIGN = {.foreign = true, .default_algs = ALG_BIT(ALG_RS256)};

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
        keyset_from_json(B("{\"keys\":[" KEY("a", "") "," KEY("a", "") "]}"), &OWN, &set, NULL, NULL));
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
        B("{\"x\":0,\"keys\":[" KEY("b", ",\"y\":1") "," KEY("a", "") "]}"), &OWN, &set, NULL, NULL));
    assert_ok(keyset_json(set, &out));
    CLEANUP(jwk_unref_at) struct jwk *a = jwk_read(KEY("a", "")), *b = jwk_read(KEY("b", ""));
    CLEANUP(buffer_clear) struct buffer expected = {0};
    assert_ok(buffer_append_format(&expected, "{\"keys\":[%s,%s]}", jwk_json(b).data, jwk_json(a).data));
    assert_int_equal(expected.size, out.size);
    assert_memory_equal(expected.data, out.data, out.size);
    assert_ok(keyset_from_json(B("{\"keys\":[]}"), &OWN, &empty, NULL, NULL));
    assert_ok(keyset_json(empty, &nothing));
    assert_bytes("{\"keys\":[]}", buffer_bytes(&nothing));
}

/* ---- what cannot be used */

#define OKP "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define N1024                                                                                               \
    "4Vr7_ddbDrmLX0gUPF6Mw1rVkw8aQ8Gk3zy3zDgY0Cw8s0wF5XUqvZ5pLw2cRf1G1Yt2sVtYyTzXb8nCkE3mH5oJ7uK9iL4aP0qW2" \
    "eR6tU8yI1oP3aS5dF7gH9jK2lZ4xC6vB8nM0qW3eR5tY7uI9oP2aS4dF6g"

/* Each of these is left out of a foreign set, with a reason; the good one beside it stays. */
static void keyset__skips_each_entry_that_is_no_use(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *kid, *reason;
    } ROWS[] = {
        {"{\"kty\":\"oct\",\"k\":\"AQAB\",\"kid\":\"o\"}", "o", "kty"},
        {"{\"kty\":\"XYZ\",\"d\":\"AQAB\"}", "", "kty"},
        {"{\"kty\":7,\"kid\":\"k\"}", "k", "kty"},
        {"{\"kid\":\"k\"}", "k", "kty is missing"},
        {"{" OKP ",\"use\":\"enc\"}", "", "use"},
        {"{" OKP ",\"key_ops\":[\"sign\"]}", "", "key_ops"},
        {"{" OKP ",\"key_ops\":[1]}", "", "key_ops"},
        {"{" OKP ",\"alg\":\"HS256\"}", "", "alg"},
        {"{" OKP ",\"alg\":\"ES256\"}", "", "alg"},
        {"{" OKP ",\"kid\":null}", "", "kid is not a string"},
        {"{" OKP ",\"kid\":\"a b\"}", "a b", "visible ASCII"},
        {"{" OKP ",\"kid\":\"\"}", "", "kid of 0 bytes"},
        {"{" OKP ",\"a\":1,\"a\":2,\"kid\":\"k\"}", "k", "twice"},
        {"{" OKP ",\"a\":[{\"b\":1,\"b\":2}],\"kid\":\"k\"}", "k", "twice"},
        {"{\"kty\":\"EC\",\"crv\":\"brainpoolP256r1\",\"kid\":\"e\"}", "e", "crv"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":"
         "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
            "e", "y is missing"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
            "", "point"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}", "", "Ed25519"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"*\"}", "", "base64url"},
        {"{\"kty\":\"RSA\",\"n\":\"" N1024 "\",\"e\":\"AQAB\",\"kid\":\"r\"}", "r", "2048"},
        {"1", "", "object"},
        {"null", "", "object"},
        {"[]", "", "object"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        CLEANUP(keyset_unref_at) struct keyset *set = NULL;
        CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
        assert_ok(buffer_append_format(
            &text, "{\"keys\":[%s,%s,%s]}", KEY("good", ""), ROWS[i].entry, KEY("better", "")));
        assert_ok(keyset_from_json(buffer_bytes(&text), &FOREIGN, &set, &skipped, NULL));
        assert_int_equal(2, keyset_count(set));
        assert_string_equal("good", jwk_kid(keyset_at(set, 0)));
        assert_int_equal(1, skipped.count);
        assert_int_equal(1, skipped.items[0].index);
        assert_bytes(ROWS[i].kid, skipped.items[0].kid);
        if (!strstr(skipped.items[0].reason, ROWS[i].reason))
            fail_msg("%s: %s", ROWS[i].entry, skipped.items[0].reason);
        if (skipped.items[0].kid.size)
            assert_ptr_equal(&skipped.items[0], skipped_keys_find(&skipped, B(ROWS[i].kid)));
        assert_null(skipped_keys_find(&skipped, B("good")));
        assert_null(skipped_keys_find(&skipped, B("")));
    }
}

static char *with_exponent(const char *exponent)
{
    CLEANUP(free_at) char *weak = fixture("keys/rsa-2048-roca-public.jwk");
    CLEANUP(buffer_clear) struct buffer text = {0};
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_RS256, 2048);
    CLEANUP(jwk_unref_at) struct jwk *key = public_key(pkey, ALG_RS256, "r");
    const char *json = (const char *)jwk_json(key).data, *end = strstr(json, "AQAB");
    assert_non_null(end);
    assert_ok(
        buffer_append_format(&text, "{\"keys\":[%.*s%s\"},%s]}", (int)(end - json), json, exponent, weak));
    return bytes_to_text(buffer_bytes(&text));
}

static void keyset__skips_weak_rsa_keys(void **state)
{
    (void)state;
    CLEANUP(free_at) char *weak = with_exponent("Aw"), *better = with_exponent("AQAB");
    CLEANUP(keyset_unref_at) struct keyset *none = NULL, *one = NULL;
    CLEANUP(skipped_keys_clear) struct skipped_keys two = {0}, roca = {0};
    assert_ok(keyset_from_json(B(weak), &FOREIGN, &none, &two, NULL));
    assert_int_equal(0, keyset_count(none));
    assert_int_equal(2, two.count);
    assert_non_null(strstr(two.items[0].reason, "exponent under 65537"));
    assert_non_null(strstr(two.items[1].reason, "CVE-2017-15361"));
    assert_ok(keyset_from_json(B(better), &FOREIGN, &one, &roca, NULL));
    assert_int_equal(1, keyset_count(one));
    assert_int_equal(1, roca.count);
}

static void keyset__refuses_private_keys_always(void **state)
{
    (void)state;
    static const char *const PRIVATE[] = {KEY("a", ",\"d\":\"AQ\""), "{\"d\":\"AQ\"}",
        "{" OKP ",\"kid\":null,\"d\":\"AQ\"}", "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\",\"p\":\"AQ\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"d\":\"AQ\"}", "{\"kty\":\"AKP\",\"priv\":\"AQ\"}"};
    for (size_t i = 0; i < sizeof PRIVATE / sizeof *PRIVATE; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        struct skipped_keys skipped = {0};
        struct keyset *set = NULL;
        jwkd_error error = {0};
        assert_ok(buffer_append_format(&text, "{\"keys\":[{},%s]}", PRIVATE[i]));
        assert_status(
            JWKD_INVALID_ARGUMENT, keyset_from_json(buffer_bytes(&text), &FOREIGN, &set, &skipped, &error));
        assert_non_null(strstr(error.message, "key 2"));
        assert_non_null(strstr(error.message, "private"));
        assert_null(set);
        assert_int_equal(0, skipped.count);
    }
}

/* A state is applied whole or not at all: only what a newer service may have is left out. */
static void keyset__is_strict_with_the_services_own(void **state)
{
    (void)state;
    static const char MIXED[] =
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"}," KEY("e", ",\"use\":\"enc\"") "," KEY(
            "s", ",\"use\":\"sig\"") ",{\"kty\":\"EC\",\"crv\":\"brainpoolP256r1\"}," KEY("h",
            ",\"alg\":\"HS256\"") "]}";
    static const char *const BROKEN[] = {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "1", "{}",
        KEY("a", ",\"d\":\"AQ\""), KEY("a", ",\"alg\":\"ES256\""), KEY("a", ",\"b\":1,\"b\":1"),
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}"};
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    assert_ok(keyset_from_json(B(MIXED), &OWN, &set, NULL, NULL));
    assert_int_equal(1, keyset_count(set));
    assert_string_equal("s", jwk_kid(keyset_at(set, 0)));
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        struct keyset *none = NULL;
        jwkd_error error = {0};
        assert_ok(buffer_append_format(&text, "{\"keys\":[" KEY("good", "") ",%s]}", BROKEN[i]));
        assert_int_not_equal(JWKD_OK, keyset_from_json(buffer_bytes(&text), &OWN, &none, NULL, &error));
        assert_true(error.message[0] != 0);
        assert_null(none);
    }
}

/* ---- several keys of one kid */

static void append_keys(struct buffer *text, struct jwk *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_ok(buffer_append_format(text, "%s%s", i ? "," : "{\"keys\":[", jwk_json(keys[i]).data));
    assert_ok(buffer_append_text(text, "]}"));
}

static void keyset__holds_several_keys_of_one_kid(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at)
    EVP_PKEY *p256 = private_key(ALG_ES256, 0), *again = private_key(ALG_ES256, 0),
             *p384 = private_key(ALG_ES384, 0);
    CLEANUP(jwk_unref_at)
    struct jwk *first = public_key(p256, ALG_ES256, "k"), *second = public_key(again, ALG_ES256, "k"),
               *third = public_key(p384, ALG_ES384, "k"), *before = public_key(p256, ALG_ES256, "a"),
               *behind = public_key(p256, ALG_ES256, "z");
    struct jwk *const keys[] = {first, behind, second, first, third, before, second};
    CLEANUP(buffer_clear) struct buffer text = {0};
    append_keys(&text, keys, 7);
    CLEANUP(keyset_unref_at) struct keyset *set = NULL, *less = NULL, *replaced = NULL;
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
    struct key_run run;
    assert_ok(keyset_from_json(buffer_bytes(&text), &FOREIGN, &set, &skipped, NULL));
    assert_int_equal(0, skipped.count); /* identical ones count once, and are none that cannot be used */
    assert_int_equal(5, keyset_count(set));
    assert_int_equal(KEY_LIVE, keyset_find_all(set, B("k"), &run));
    assert_int_equal(3, run.count);
    assert_int_equal(KEY_LIVE, keyset_find_all(set, B("a"), &run));
    assert_int_equal(1, run.count);
    assert_false(keyset_only(set, &run));
    assert_ok(keyset_without(set, B("k"), &less));
    assert_int_equal(2, keyset_count(less));
    assert_int_equal(KEY_UNKNOWN, keyset_find_all(less, B("k"), &run));
    assert_int_equal(KEY_LIVE, keyset_find_all(less, B("z"), &run));
    assert_ok(keyset_with(set, third, &replaced));
    assert_int_equal(KEY_LIVE, keyset_find_all(replaced, B("k"), &run));
    assert_int_equal(1, run.count);
    assert_int_equal(3, keyset_count(replaced));
}

static void keyset__tries_no_token_with_more_than_a_few_keys(void **state)
{
    (void)state;
    enum { MORE = LIMIT_KEYS_ALIKE + 2 };
    struct jwk *keys[MORE];
    for (int i = 0; i < MORE; i++) {
        CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_ES256, 0);
        keys[i] = public_key(pkey, ALG_ES256, "k");
    }
    CLEANUP(buffer_clear) struct buffer text = {0};
    append_keys(&text, keys, MORE);
    CLEANUP(keyset_unref_at) struct keyset *set = NULL;
    CLEANUP(skipped_keys_clear) struct skipped_keys skipped = {0};
    assert_ok(keyset_from_json(buffer_bytes(&text), &FOREIGN, &set, &skipped, NULL));
    assert_int_equal(LIMIT_KEYS_ALIKE, keyset_count(set));
    assert_int_equal(2, skipped.count);
    assert_int_equal(LIMIT_KEYS_ALIKE, skipped.items[0].index);
    assert_bytes("k", skipped.items[0].kid);
    for (int i = 0; i < MORE; i++)
        jwk_unref(keys[i]);
}

static void keyset__gives_rsa_keys_without_alg_those_of_the_caller(void **state)
{
    (void)state;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = private_key(ALG_RS256, 2048);
    CLEANUP(jwk_unref_at) struct jwk *key = public_key(pkey, ALG_RS256, "r");
    CLEANUP(buffer_clear) struct buffer text = {0};
    const char *json = (const char *)jwk_json(key).data, *alg = strstr(json, "\"alg\":\"RS256\",");
    assert_ok(buffer_append_format(&text, "{\"keys\":[%.*s%s]}", (int)(alg - json), json, alg + 14));
    const struct keyset_rules pss = {.foreign = true,
        .default_algs = ALG_BIT(ALG_RS256) | ALG_BIT(ALG_PS256) | ALG_BIT(ALG_PS512) | ALG_BIT(ALG_ES256)};
    CLEANUP(keyset_unref_at) struct keyset *usual = NULL, *set = NULL;
    struct key_run run;
    assert_ok(keyset_from_json(buffer_bytes(&text), &FOREIGN, &usual, NULL, NULL));
    assert_int_equal(1, keyset_count(usual));
    assert_int_equal(ALG_RS256, jwk_alg(keyset_at(usual, 0)));
    assert_ok(keyset_from_json(buffer_bytes(&text), &pss, &set, NULL, NULL));
    assert_true(keyset_only(set, &run));
    assert_int_equal(3, run.count);
    assert_int_equal(ALG_PS512, jwk_alg(keyset_at(set, 2)));
}

static void keyset__refuses_other_documents(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[]} {}"};
    struct keyset *set = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_status(JWKD_MALFORMED, keyset_from_json(B(BAD[i]), &FOREIGN, &set, NULL, NULL));
    CLEANUP(buffer_clear) struct buffer many = {0};
    assert_ok(buffer_append_text(&many, "{\"keys\":[{}"));
    for (int i = 0; i < LIMIT_KEYSET_KEYS; i++)
        assert_ok(buffer_append_text(&many, ",{}"));
    assert_ok(buffer_append_text(&many, "]}"));
    assert_status(JWKD_RESOURCE_EXHAUSTED, keyset_from_json(buffer_bytes(&many), &FOREIGN, &set, NULL, NULL));
    assert_status(JWKD_RESOURCE_EXHAUSTED,
        keyset_from_json(bytes_of(many.data, LIMIT_JWKS + 1), &FOREIGN, &set, NULL, NULL));
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
    assert_ok(keyset_from_json(buffer_bytes(&text), &OWN, &set, NULL, NULL));
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
        cmocka_unit_test(keyset__skips_each_entry_that_is_no_use),
        cmocka_unit_test(keyset__skips_weak_rsa_keys),
        cmocka_unit_test(keyset__refuses_private_keys_always),
        cmocka_unit_test(keyset__is_strict_with_the_services_own),
        cmocka_unit_test(keyset__holds_several_keys_of_one_kid),
        cmocka_unit_test(keyset__tries_no_token_with_more_than_a_few_keys),
        cmocka_unit_test(keyset__gives_rsa_keys_without_alg_those_of_the_caller),
        cmocka_unit_test(keyset__refuses_other_documents),
        cmocka_unit_test(keyset__reads_a_full_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
