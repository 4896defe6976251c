/* First, since cmocka has a macro of the name fail(). */
#include "cli/describe.h"
#include "cli/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The names of members are a contract with scripts: the whole text is compared. */
static void assert_json(json_t *value, const char *expected)
{
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static const jwkd_operation WAITING = {.id = "00112233445566778899aabbccddeeff",
    .rotation = true,
    .phase = JWKD_PHASE_WAITING,
    .environment = "prod",
    .kid = "xyz",
    .revision = 4,
    .begun_at = 10,
    .reason = "2 of 3 subscribers have confirmed the key",
    .confirmed = 2,
    .subscribers = 3,
    .at_most_ms = 11001};
#define WAITING_JSON                                                                            \
    "{\"id\":\"00112233445566778899aabbccddeeff\",\"kind\":\"rotation\",\"phase\":\"waiting\"," \
    "\"environment\":\"prod\",\"kid\":\"xyz\",\"revision\":4,\"begun_at\":10,"                  \
    "\"reason\":\"2 of 3 subscribers have confirmed the key\","                                 \
    "\"confirmed\":2,\"subscribers\":3,\"at_most_ms\":11001}"

static void operation_json__tells_what_its_phase_has(void **state)
{
    (void)state;
    assert_json(operation_json(&WAITING), WAITING_JSON);
    jwkd_operation ended = {.id = "ff",
        .phase = JWKD_PHASE_DONE,
        .environment = "prod",
        .kid = "xyz",
        .revision = 4,
        .begun_at = 10,
        .ended_at = 12,
        .reason = "every subscriber confirmed the key"};
    assert_json(operation_json(&ended),
        "{\"id\":\"ff\",\"kind\":\"promotion\",\"phase\":\"done\",\"environment\":\"prod\",\"kid\":\"xyz\","
        "\"revision\":4,\"begun_at\":10,\"reason\":\"every subscriber confirmed the key\",\"ended_at\":12}");
    ended.phase = JWKD_PHASE_CANCELLED;
    ended.reason = "it was aborted";
    assert_json(operation_json(&ended),
        "{\"id\":\"ff\",\"kind\":\"promotion\",\"phase\":\"cancelled\",\"environment\":\"prod\",\"kid\":"
        "\"xyz\","
        "\"revision\":4,\"begun_at\":10,\"reason\":\"it was aborted\",\"ended_at\":12}");
}

static void operation_progress__rounds_its_bound_up(void **state)
{
    (void)state;
    char text[OPERATION_TEXT_SIZE];
    operation_format_progress(&WAITING, text);
    assert_string_equal(text, "2 of 3 subscribers have confirmed the key; at most 12 s more");
}

static void key_json__has_the_promised_members(void **state)
{
    (void)state;
    const jwkd_key primary = {.kid = "abc",
        .state = JWKD_KEY_ACTIVE,
        .primary = true,
        .algorithm = "RS256",
        .bits = 4096,
        .created_at = 1700000000,
        .revision = 7,
        .public_jwk = "{\"kty\": \"RSA\"}"};
    assert_json(key_json(&primary),
        "{\"kid\":\"abc\",\"state\":\"primary\",\"algorithm\":\"RS256\",\"created_at\":1700000000,"
        "\"revision\":7,"
        "\"primary\":true,\"held\":false,\"imported\":false,\"bits\":4096,\"public_jwk\":{\"kty\":\"RSA\"}}");
    const jwkd_key destroyed = {.kid = "xyz",
        .state = JWKD_KEY_DESTROYED,
        .algorithm = "ES256",
        .created_at = 10,
        .deactivated_at = 11,
        .destroyed_at = 12,
        .revision = 8,
        .public_jwk = "",
        .imported = true,
        .held = true};
    assert_json(key_json(&destroyed),
        "{\"kid\":\"xyz\",\"state\":\"destroyed\",\"algorithm\":\"ES256\",\"created_at\":10,\"revision\":8,"
        "\"primary\":false,\"held\":true,\"imported\":true,\"deactivated_at\":11,\"destroyed_at\":12}");
}

static void key_json__a_jwk_that_is_no_json_fails(void **state)
{
    (void)state;
    const jwkd_key key = {.kid = "abc", .state = JWKD_KEY_ACTIVE, .algorithm = "ES256", .public_jwk = "{"};
    assert_null(key_json(&key));
}

static void key_json__of_an_answer_tells_its_use(void **state)
{
    (void)state;
    const jwkd_key key = {.kid = "abc",
        .state = JWKD_KEY_ACTIVE,
        .algorithm = "ES256",
        .created_at = 10,
        .revision = 7,
        .retiring_since = 11,
        .last_expiry = 20,
        .tokens_signed = 5,
        .last_used_at = 12};
    assert_json(key_json(&key),
        "{\"kid\":\"abc\",\"state\":\"retiring\",\"algorithm\":\"ES256\",\"created_at\":10,\"revision\":7,"
        "\"primary\":false,\"held\":false,\"imported\":false,\"retiring_since\":11}");
    assert_json(key_with_use_json(&key),
        "{\"kid\":\"abc\",\"state\":\"retiring\",\"algorithm\":\"ES256\",\"created_at\":10,\"revision\":7,"
        "\"primary\":false,\"held\":false,\"imported\":false,\"retiring_since\":11,\"tokens_signed\":5,"
        "\"last_expiry\":20,\"last_used_at\":12}");
}

static void key_answer_json__adds_the_operation(void **state)
{
    (void)state;
    const jwkd_key_answer answer = {.key = {.kid = "xyz",
                                        .state = JWKD_KEY_ACTIVE,
                                        .algorithm = "ES256",
                                        .created_at = 10,
                                        .revision = 4},
        .revision = 4,
        .primary_kid = "abc",
        .operation = &WAITING};
    assert_json(key_answer_json("prod", &answer),
        "{\"kid\":\"xyz\",\"state\":\"active\",\"algorithm\":\"ES256\",\"created_at\":10,\"revision\":4,"
        "\"primary\":false,\"held\":false,\"imported\":false,\"tokens_signed\":0,"
        "\"environment\":{\"name\":\"prod\",\"revision\":4,\"primary_kid\":\"abc\"},"
        "\"operation\":" WAITING_JSON "}");
}

static void key_answer_json__adds_the_environment(void **state)
{
    (void)state;
    const jwkd_key_answer answer = {.key = {.kid = "abc",
                                        .state = JWKD_KEY_DEACTIVATED,
                                        .algorithm = "ES256",
                                        .created_at = 10,
                                        .deactivated_at = 11,
                                        .revision = 8,
                                        .public_jwk = ""},
        .revision = 9,
        .primary_kid = ""};
    assert_json(key_answer_json("prod", &answer),
        "{\"kid\":\"abc\",\"state\":\"deactivated\",\"algorithm\":\"ES256\",\"created_at\":10,\"revision\":8,"
        "\"primary\":false,\"held\":false,\"imported\":false,\"deactivated_at\":11,\"tokens_signed\":0,"
        "\"environment\":{\"name\":\"prod\",\"revision\":9,\"primary_kid\":null}}");
}

static void environment_json__has_null_for_what_there_is_none_of(void **state)
{
    (void)state;
    const jwkd_environment environment = {.name = "prod",
        .issuer = "",
        .default_algorithm = "ES256",
        .default_audience = "",
        .primary_kid = ""};
    assert_json(environment_json(&environment),
        "{\"name\":\"prod\",\"issuer\":null,\"algorithm\":\"ES256\",\"bits\":null,\"audience\":null,"
        "\"max_ttl_sec\":0,\"ttl_sec\":0,\"leeway_sec\":0,\"mode\":\"overlap\",\"show_once\":false,"
        "\"rotate_every_sec\":0,\"jwks_max_age_sec\":0,\"rotate_at\":null,"
        "\"revision\":0,\"primary_kid\":null,\"created_at\":0,\"active_keys\":0,\"operation\":null}");
}

static void environment_json__has_the_promised_members(void **state)
{
    (void)state;
    const jwkd_environment environment = {.name = "prod",
        .issuer = "https://id.example.org",
        .default_algorithm = "ES256",
        .default_bits = 4096,
        .default_audience = "",
        .max_token_lifetime_sec = 3600,
        .default_token_lifetime_sec = 900,
        .leeway_sec = 30,
        .mode = JWKD_EXCLUSIVE,
        .show_once = true,
        .revision = 3,
        .primary_kid = "abc",
        .created_at = 10,
        .active_keys = 1,
        .rotate_every_sec = 86400,
        .jwks_max_age_sec = 300,
        .rotate_at = 86410,
        .pending = &WAITING};
    assert_json(environment_json(&environment),
        "{\"name\":\"prod\",\"issuer\":\"https://id.example.org\",\"algorithm\":\"ES256\",\"bits\":4096,"
        "\"audience\":null,\"max_ttl_sec\":3600,\"ttl_sec\":900,\"leeway_sec\":30,\"mode\":\"exclusive\","
        "\"show_once\":true,\"rotate_every_sec\":86400,\"jwks_max_age_sec\":300,\"rotate_at\":86410,"
        "\"revision\":3,\"primary_kid\":\"abc\",\"created_at\":10,\"active_keys\":1,"
        "\"operation\":" WAITING_JSON "}");
}

static void key_type_format__has_bits_for_rsa_only(void **state)
{
    (void)state;
    char type[MOMENT_SIZE];
    key_type_format("PS256", 3072, type);
    assert_string_equal(type, "PS256 3072");
    key_type_format("ES256", 4096, type);
    assert_string_equal(type, "ES256");
    key_type_format("RS256", 0, type);
    assert_string_equal(type, "RS256");
}

static void json_text__is_json_for_any_bytes(void **state)
{
    (void)state;
    assert_json(json_pack("[o]", json_text(bytes_of("a\0\"\xc3\xa4", 5))), "[\"a\\u0000\\\"\xc3\xa4\"]");
    assert_json(json_pack("[o]", json_text(bytes_of("a\xff"
                                                    "b",
                                     3))),
        "[\"a?b\"]");
    assert_json(json_pack("[o]", json_text(bytes_of(NULL, 0))), "[\"\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_json__has_the_promised_members),
        cmocka_unit_test(key_json__a_jwk_that_is_no_json_fails),
        cmocka_unit_test(operation_json__tells_what_its_phase_has),
        cmocka_unit_test(operation_progress__rounds_its_bound_up),
        cmocka_unit_test(key_json__of_an_answer_tells_its_use),
        cmocka_unit_test(key_answer_json__adds_the_operation),
        cmocka_unit_test(key_answer_json__adds_the_environment),
        cmocka_unit_test(environment_json__has_null_for_what_there_is_none_of),
        cmocka_unit_test(environment_json__has_the_promised_members),
        cmocka_unit_test(key_type_format__has_bits_for_rsa_only),
        cmocka_unit_test(json_text__is_json_for_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
