/* A key of another algorithm than the environment's is imported only where that is said. */
#include "keyring/ring.h"

struct wish {
    const char *environment_alg, *file; /* or the key itself */
    const char *alg;                    /* "": not said */
    bool hold;
    jwkd_status expected;
};

static void create(struct ring *ring, const char *name, const char *alg)
{
    uint8_t id[16];
    Jwkd__V1__Environment environment = JWKD__V1__ENVIRONMENT__INIT;
    Jwkd__V1__CreateEnvironmentRequest create = JWKD__V1__CREATE_ENVIRONMENT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_CREATE_ENVIRONMENT);
    environment.name = wire_text(name);
    environment.default_algorithm = wire_text(alg);
    create.environment = &environment;
    request.create_environment = &create;
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

static struct buffer read_key(const char *file)
{
    struct buffer key = {0};
    if (*file != '{') return fixture_read(file);
    assert_int_equal(buffer_append_text(&key, file), JWKD_OK);
    return key;
}

static void try_import(struct ring *ring, const struct wish *wish)
{
    uint8_t id[16];
    char name[32];
    snprintf(name, sizeof name, "shop-%u", ring->ids);
    create(ring, name, wish->environment_alg);
    CLEANUP(buffer_clear) struct buffer key = read_key(wish->file);
    Jwkd__V1__ImportRequest import = JWKD__V1__IMPORT_REQUEST__INIT;
    Jwkd__V1__Request request = ring_request(ring, id, JWKD__V1__REQUEST__OPERATION_IMPORT);
    import.environment = wire_text(name);
    import.private_key = wire_bytes(buffer_bytes(&key));
    import.algorithm = wire_text(wish->alg);
    import.hold = wish->hold;
    request.import = &import;
    CLEANUP(arena_clear) struct arena arena;
    const Jwkd__V1__Reply *reply = ring_change(ring, &request, &arena);
    if (reply->status != (Jwkd__V1__Status)wish->expected)
        fail_msg("%s into %s: %s", wish->file, wish->environment_alg, reply->message);
    if (reply->status == JWKD__V1__STATUS__OK) return;
    assert_non_null(strstr(reply->message, "--algorithm "));
    import.hold = true; /* nothing was kept of it */
    assert_int_equal(ring_status(ring, &request), JWKD_OK);
}

/* RFC 8032, 7.1: the second, third and fourth key of Ed25519. */
#define EDWARDS(alg, x, d) \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"" alg "\",\"x\":\"" x "\",\"d\":\"" d "\"}"
#define KEY_2(alg) \
    EDWARDS(alg, "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw", "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs")
#define KEY_3(alg) \
    EDWARDS(alg, "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU", "xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc")
#define KEY_4(alg) \
    EDWARDS(alg, "J4EX_BRMcjQPZ9DyMW6Dhs7_vyskKMnFH-98WX8dQm4", "9eV2fPFTMZUXYw8iaHa4bIFgzFg7wBN0TGvyVfXMDuU")

static void import__of_another_algorithm_has_to_be_meant(void **state)
{
    static const struct wish WISHES[] = {
        {"RS256", "rfc7515-a3.jwk", "", false, JWKD_FAILED_PRECONDITION}, /* an EC key */
        {"ES256", "rsa-2048.jwk", "", false, JWKD_FAILED_PRECONDITION},
        {"PS256", "rfc7517-a2-rsa.jwk", "", false, JWKD_FAILED_PRECONDITION}, /* says RS256 */
        {"ES256", "rsa-3072.jwk", "RS256", false, JWKD_OK},
        {"RS512", "rfc7515-a2.jwk", "", false, JWKD_OK}, /* says nothing */
        {"EdDSA", "rfc8037-a1.jwk", "", false, JWKD_OK},
        {"EdDSA", KEY_2("Ed25519"), "", false, JWKD_OK}, /* two names of one algorithm */
        {"Ed25519", KEY_3("EdDSA"), "", false, JWKD_OK},
        {"Ed448", KEY_4("EdDSA"), "", false, JWKD_FAILED_PRECONDITION},
    };
    for (size_t i = 0; i < sizeof WISHES / sizeof *WISHES; i++)
        try_import(*state, &WISHES[i]);
}

static void import__to_be_held_need_not_be_meant(void **state)
{
    try_import(*state, &(struct wish){"RS256", "rfc7515-a3.jwk", "", true, JWKD_OK});
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(import__of_another_algorithm_has_to_be_meant),
        CASE(import__to_be_held_need_not_be_meant),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
