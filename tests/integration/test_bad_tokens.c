#include "integration/harness.h"

#include "jose/base64url.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Tokens as an attacker would make them, some with a good signature: the environment's RSA key is a fixture
 * whose private half the test holds too. Each is judged by the service and by a local verifier, which must
 * agree. */
struct scene {
    struct service service;
    jwkd_client *client;
    struct observer observer;
    EVP_PKEY *key;
    char kid[129];
    char *public_pem;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return -1;
    service_prepare(&scene->service);
    service_start(&scene->service);
    scene->client = client_open(&scene->service);
    environment_create(scene->client, "shop");
    CLEANUP(buffer_clear) struct buffer pem = {0};
    read_data("keys/rsa-2048.pem", &pem);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    scene->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(scene->key);
    const jwkd_import_options options = {.algorithm = "RS256"};
    jwkd_key_answer *answer;
    assert_ok(jwkd_import(scene->client, "shop", (jwkd_bytes){pem.data, pem.size}, &options, &answer, NULL));
    snprintf(scene->kid, sizeof scene->kid, "%s", answer->key.kid);
    jwkd_free(answer);
    char *jwks;
    assert_ok(jwkd_get_jwks(scene->client, "shop", &jwks, NULL));
    assert_ok(jwkd_jwks_to_pem((jwkd_bytes){jwks, strlen(jwks)}, &scene->public_pem, NULL));
    jwkd_free(jwks);
    observer_open(&scene->observer, scene->client, "shop");
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    observer_close(&scene->observer);
    EVP_PKEY_free(scene->key);
    jwkd_free(scene->public_pem);
    jwkd_close(scene->client);
    service_stop(&scene->service);
    service_remove(&scene->service);
    free(scene);
    return 0;
}

static void append_signature(const struct scene *scene, struct buffer *token)
{
    uint8_t signature[512];
    size_t size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, scene->key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, token->data, token->size), 1);
    EVP_MD_CTX_free(context);
    assert_ok(buffer_append_text(token, "."));
    assert_ok(base64url_append(bytes_of(signature, size), token));
}

/* The two parts that are signed. */
static void append_parts(const char *header, const char *claims, struct buffer *token)
{
    assert_ok(base64url_append(bytes_of_text(header), token));
    assert_ok(buffer_append_text(token, "."));
    assert_ok(base64url_append(bytes_of_text(claims), token));
}

static void claims_of(long from_now, const char *more, char out[512])
{
    long now = (long)time(NULL);
    snprintf(out, 512,
        "{\"iss\":\"https://"
        "shop.example\",\"sub\":\"a\",\"client_id\":\"c\",\"jti\":\"1\",\"aud\":\"api\",\"iat\":%ld,\"exp\":%"
        "ld%s}",
        now, now + from_now, more);
}

static void assert_judged(struct scene *scene, const struct buffer *token, jwkd_verdict expected)
{
    char *text = bytes_to_text(buffer_bytes(token));
    assert_non_null(text);
    assert_verdict(token_judge(scene->client, "shop", text), expected);
    assert_verdict(observer_judge(&scene->observer, text), expected);
    free(text);
}

/* `more` goes behind alg and kid in the header. */
static void assert_signed(
    struct scene *scene, const char *alg, const char *more, const char *claims, jwkd_verdict expected)
{
    char header[2048];
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"%s}", alg, scene->kid, more);
    CLEANUP(buffer_clear) struct buffer token = {0};
    append_parts(header, claims, &token);
    append_signature(scene, &token);
    assert_judged(scene, &token, expected);
}

static void signature__good_is_accepted(void **state)
{
    char claims[512];
    claims_of(60, "", claims);
    assert_signed(*state, "RS256", ",\"typ\":\"at+jwt\"", claims, JWKD_VERDICT_VALID);
    assert_signed(*state, "RS256", ",\"typ\":\"JWT\"", claims, JWKD_VERDICT_VALID);
}

static void algorithm__is_the_keys_own(void **state)
{
    static const char *const others[] = {
        "RS384", "PS256", "ES256", "EdDSA", "HS256", "none", "None", "rs256"};
    char claims[512];
    claims_of(60, "", claims);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_signed(*state, others[i], ",\"typ\":\"at+jwt\"", claims, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
}

static void algorithm_none__without_signature_is_refused(void **state)
{
    struct scene *scene = *state;
    char claims[512], header[256];
    claims_of(60, "", claims);
    snprintf(header, sizeof header, "{\"alg\":\"none\",\"kid\":\"%s\"}", scene->kid);
    CLEANUP(buffer_clear) struct buffer token = {0};
    append_parts(header, claims, &token);
    assert_ok(buffer_append_text(&token, "."));
    assert_judged(scene, &token, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
}

static void hmac__with_the_public_key_is_refused(void **state)
{
    struct scene *scene = *state;
    char claims[512], header[256];
    claims_of(60, "", claims);
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", scene->kid);
    const char *pem = strstr(scene->public_pem, "-----BEGIN");
    assert_non_null(pem);
    CLEANUP(buffer_clear) struct buffer token = {0};
    append_parts(header, claims, &token);
    uint8_t mac[32];
    unsigned size = sizeof mac;
    assert_non_null(HMAC(EVP_sha256(), pem, (int)strlen(pem), token.data, token.size, mac, &size));
    assert_ok(buffer_append_text(&token, "."));
    assert_ok(base64url_append(bytes_of(mac, size), &token));
    assert_judged(scene, &token, JWKD_VERDICT_ALGORITHM_NOT_ALLOWED);
}

static void header__with_crit_is_refused(void **state)
{
    char claims[512];
    claims_of(60, "", claims);
    assert_signed(*state, "RS256", ",\"crit\":[\"exp\"],\"exp\":1", claims, JWKD_VERDICT_MALFORMED);
    assert_signed(*state, "RS256", ",\"b64\":false,\"crit\":[\"b64\"]", claims, JWKD_VERDICT_MALFORMED);
}

/* The key that the token brings along is not looked at: neither to accept the token nor to refuse it. */
static void header__with_a_key_of_its_own_is_judged_by_ours(void **state)
{
    struct scene *scene = *state;
    char claims[512], header[1024];
    claims_of(60, "", claims);
    snprintf(header, sizeof header,
        "{\"alg\":\"ES256\",\"kid\":\"mine\",\"jku\":\"https://evil.example/jwks\",\"x5u\":\"https://"
        "evil.example/x\",\"jwk\":"
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}}");
    CLEANUP(buffer_clear) struct buffer token = {0};
    append_parts(header, claims, &token);
    append_signature(scene, &token);
    assert_judged(scene, &token, JWKD_VERDICT_UNKNOWN_KEY);
}

static void shape__of_a_token_is_strict(void **state)
{
    struct scene *scene = *state;
    char *good = token_sign(scene->client, "shop");
    CLEANUP(buffer_clear) struct buffer token = {0};
    const char *last_dot = strrchr(good, '.');
    assert_ok(buffer_append(&token, good, (size_t)(last_dot - good))); /* two parts */
    assert_judged(scene, &token, JWKD_VERDICT_MALFORMED);
    token.size = 0;
    assert_ok(buffer_append_format(&token, "%s.", good)); /* four */
    assert_judged(scene, &token, JWKD_VERDICT_MALFORMED);
    token.size = 0;
    assert_ok(buffer_append_format(&token, "%s=", good));
    assert_judged(scene, &token, JWKD_VERDICT_MALFORMED);
    token.size = 0;
    assert_ok(buffer_append_format(&token, ".%s", good));
    assert_judged(scene, &token, JWKD_VERDICT_MALFORMED);
    token.size = 0;
    assert_ok(buffer_append_text(&token, good));
    while (token.size <= LIMIT_TOKEN)
        assert_ok(buffer_append_text(&token, "AAAA"));
    assert_judged(scene, &token, JWKD_VERDICT_MALFORMED);
    token.size = 0;
    assert_ok(buffer_append_text(&token, good));
    uint8_t *middle = token.data + (last_dot - good) + 20;
    *middle = *middle == 'A' ? 'B' : 'A';
    assert_judged(scene, &token, JWKD_VERDICT_BAD_SIGNATURE);
    jwkd_free(good);
}

static void claims__are_judged_one_by_one(void **state)
{
    static const char at[] = ",\"typ\":\"at+jwt\"";
    char claims[512];
    claims_of(-3600, "", claims);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_EXPIRED);
    claims_of(60, ",\"nbf\":99999999999", claims);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_NOT_YET_VALID);
    claims_of(60, ",\"sub\":\"b\"", claims);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_MALFORMED);
    claims_of(60, "", claims);
    assert_signed(*state, "RS256", ",\"typ\":\"secevent+jwt\"", claims, JWKD_VERDICT_WRONG_TYPE);
    memcpy(strstr(claims, "shop"), "xhop", 4);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_WRONG_ISSUER);
    claims_of(60, "", claims);
    memcpy(strstr(claims, "\"api\""), "\"apx\"", 5);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_WRONG_AUDIENCE);
    claims_of(60, "", claims);
    memcpy(strstr(claims, "\"exp\""), "\"exq\"", 5);
    assert_signed(*state, "RS256", at, claims, JWKD_VERDICT_MISSING_CLAIM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature__good_is_accepted),
        cmocka_unit_test(algorithm__is_the_keys_own),
        cmocka_unit_test(algorithm_none__without_signature_is_refused),
        cmocka_unit_test(hmac__with_the_public_key_is_refused),
        cmocka_unit_test(header__with_crit_is_refused),
        cmocka_unit_test(header__with_a_key_of_its_own_is_judged_by_ours),
        cmocka_unit_test(shape__of_a_token_is_strict),
        cmocka_unit_test(claims__are_judged_one_by_one),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
