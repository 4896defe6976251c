#include "jose/jws.h"

#include "base/limits.h"
#include "jose/base64url.h"
#include "jose/support.h"

static void jws__splits_three_parts(void **state)
{
    (void)state;
    struct jws jws;
    assert_ok(jws_split(B("ab.cde.f"), &jws));
    assert_bytes("ab", jws.header);
    assert_bytes("cde", jws.payload);
    assert_bytes("f", jws.signature);
    assert_bytes("ab.cde", jws.input);
    assert_ok(jws_split(B("ab.."), &jws));
    assert_int_equal(0, jws.payload.size + jws.signature.size);
}

static void jws__refuses_other_shapes(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", ".", "..", "a", "a.", "a.b", ".b.c", "a.b.c.", "a.b.c.d", "a.b.c.d.e"};
    struct jws jws;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_status(JWKD_MALFORMED, jws_split(B(BAD[i]), &jws));
    static char large[LIMIT_TOKEN + 1];
    memset(large, 'a', sizeof large);
    large[10] = large[20] = '.';
    assert_ok(jws_split(bytes_of(large, LIMIT_TOKEN), &jws));
    assert_status(JWKD_MALFORMED, jws_split(bytes_of(large, LIMIT_TOKEN + 1), &jws));
}

static void jws__reads_a_header(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    struct jws_header header;
    assert_ok(
        jws_read_header(B("{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"x-y\":{\"a\":[1]},\"kid\":\"k\\u0031\"}"),
            &json, &header, NULL));
    assert_int_equal(ALG_ES256, header.alg);
    assert_bytes("k1", header.kid);
    assert_bytes("at+jwt", header.typ);
}

/* RFC 7515 section 4.1.4 has a kid be any string; RFC 7797 section 3 says that true is what holds anyway. */
static void jws__takes_an_empty_kid_and_b64_that_changes_nothing(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json;
    struct jws_header header;
    assert_ok(jws_read_header(B("{\"alg\":\"ES256\",\"kid\":\"\",\"b64\":true}"), &json, &header, NULL));
    assert_int_equal(0, header.kid.size);
}

static void jws__gives_no_algorithm_for_what_is_not_ours(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {"none", "NONE", "HS256", "ES256k", "es256", "RSA-OAEP"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        CLEANUP(json_clear) struct json json;
        struct jws_header header = {.alg = ALG_RS256};
        assert_ok(buffer_append_format(&text, "{\"alg\":\"%s\"}", OTHERS[i]));
        assert_ok(jws_read_header(buffer_bytes(&text), &json, &header, NULL));
        assert_int_equal(ALG_NONE, header.alg);
        assert_int_equal(0, header.kid.size + header.typ.size);
    }
}

static void jws__refuses_bad_headers(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "[]", "\"ES256\"", "{}", "{\"alg\":1}", "{\"alg\":null}",
        "{\"alg\":\"\"}", "{\"alg\":[\"ES256\"]}", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"kid\":1}", "{\"alg\":\"ES256\",\"kid\":null}",
        "{\"alg\":\"ES256\",\"typ\":null}", "{\"alg\":\"ES256\",\"typ\":\"\"}",
        "{\"alg\":\"ES256\",\"crit\":[]}", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
        "{\"alg\":\"ES256\",\"b64\":false}", "{\"alg\":\"ES256\",\"b64\":\"true\"}",
        "{\"alg\":\"ES256\",\"b64\":true,\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"kty\":\"EC\"}}", "{\"alg\":\"ES256\"} x"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CLEANUP(json_clear) struct json json;
        struct jws_header header;
        jwkd_error error = {0};
        assert_status(JWKD_MALFORMED, jws_read_header(B(BAD[i]), &json, &header, &error));
        assert_true(error.message[0] != 0);
    }
}

static void jws__writes_a_header(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer out = {0};
    uint8_t text[128];
    size_t size;
    assert_ok(jws_append_header(ALG_PS256, B("at+jwt"), B("key-1"), &out));
    assert_ok(base64url_decode(buffer_bytes(&out), text, &size));
    assert_bytes("{\"alg\":\"PS256\",\"typ\":\"at+jwt\",\"kid\":\"key-1\"}", bytes_of(text, size));
    buffer_clear(&out);
    assert_ok(jws_append_header(ALG_EDDSA, B(""), B("k\"k"), &out));
    assert_ok(base64url_decode(buffer_bytes(&out), text, &size));
    assert_bytes("{\"alg\":\"EdDSA\",\"kid\":\"k\\\"k\"}", bytes_of(text, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jws__splits_three_parts),
        cmocka_unit_test(jws__refuses_other_shapes),
        cmocka_unit_test(jws__reads_a_header),
        cmocka_unit_test(jws__takes_an_empty_kid_and_b64_that_changes_nothing),
        cmocka_unit_test(jws__gives_no_algorithm_for_what_is_not_ours),
        cmocka_unit_test(jws__refuses_bad_headers),
        cmocka_unit_test(jws__writes_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
