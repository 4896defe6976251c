/* What is taken as a private key, and what is not. */
#include "signer/fixture.h"

#include "jose/base64url.h"

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, 0);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* ---- the RFCs' own keys */

static void check_signature(const struct pair *pair, const char *input, const char *expected)
{
    CLEANUP(buffer_clear) struct buffer signature = {0}, encoded = {0};
    struct signer_key key = pair_key(pair);
    assert_int_equal(signer_sign(fixture.signer, &key, bytes_of_text(input), &signature), JWKD_OK);
    assert_int_equal(base64url_append(buffer_bytes(&signature), &encoded), JWKD_OK);
    assert_true(bytes_equal_text(buffer_bytes(&encoded), expected));
}

static jwkd_status import_text(
    struct bytes text, enum alg alg, enum alg usual_here, struct pair *out, jwkd_error *error)
{
    snprintf(out->owner, sizeof out->owner, "a");
    return signer_import(fixture.signer, text, alg, usual_here, "a", &out->sealed, &out->public, error);
}

static void import__reads_rfc7515_a2_and_signs_as_printed_there(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, "rfc7515-a2.jwk", ALG_NONE, "a");
    assert_int_equal(jwk_alg(pair.public), ALG_RS256);
    check_signature(&pair,
        "eyJhbGciOiJSUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG"
        "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
        "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"
        "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
}

static void import__reads_rfc7515_a3(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, "rfc7515-a3.jwk", ALG_NONE, "a");
    assert_int_equal(jwk_alg(pair.public), ALG_ES256);
    fixture_check_pair(&fixture, &pair);
}

static void import__reads_rfc8037_a1_and_signs_as_printed_in_a4(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = fixture_import(&fixture, "rfc8037-a1.jwk", ALG_NONE, "a");
    assert_string_equal(jwk_kid(pair.public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    check_signature(&pair, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

static void import__reads_rfc7517_a2_and_refuses_its_key_for_encryption(void **state)
{
    (void)state;
    CLEANUP(pair_clear)
    struct pair rsa = fixture_import(&fixture, "rfc7517-a2-rsa.jwk", ALG_NONE, "rsa"), ec = {0};
    CLEANUP(buffer_clear) struct buffer text = fixture_read("rfc7517-a2-ec.jwk");
    jwkd_error error = {0};
    assert_int_equal(jwk_alg(rsa.public), ALG_RS256);
    assert_string_equal(jwk_kid(rsa.public), "2011-04-29");
    fixture_check_pair(&fixture, &rsa);
    assert_int_not_equal(import_text(buffer_bytes(&text), ALG_NONE, ALG_NONE, &ec, &error), JWKD_OK);
    assert_non_null(strstr(error.message, "use"));
}

static void import__reads_rfc7520_and_keeps_its_kid(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair ec = fixture_import(&fixture, "rfc7520-3.2.jwk", ALG_NONE, "ec");
    CLEANUP(pair_clear) struct pair rsa = fixture_import(&fixture, "rfc7520-3.4.jwk", ALG_PS384, "rsa");
    assert_int_equal(jwk_alg(ec.public), ALG_ES512);
    assert_int_equal(jwk_alg(rsa.public), ALG_PS384);
    assert_string_equal(jwk_kid(ec.public), "bilbo.baggins@hobbiton.example");
    assert_string_equal(jwk_kid(rsa.public), "bilbo.baggins@hobbiton.example");
    fixture_check_pair(&fixture, &ec);
    fixture_check_pair(&fixture, &rsa);
}

/* ---- PEM as the openssl command writes it */

static void import__reads_what_openssl_writes(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        enum alg alg;
    } CASES[] = {
        {"openssl ecparam -name prime256v1 -genkey", ALG_ES256}, /* EC PARAMETERS, then SEC 1 */
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", ALG_ES384},
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 | openssl ec 2>/dev/null",
            ALG_ES512},
        {"openssl ecparam -name secp256k1 -genkey", ALG_ES256K},
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", ALG_ES256K},
        {"openssl genpkey -algorithm ed25519", ALG_EDDSA},
        {"openssl genpkey -algorithm ed448", ALG_EDDSA},
        {"openssl rsa -traditional -in " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem 2>/dev/null", ALG_RS256},
        {"openssl pkey -text -in " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem", ALG_RS256},
        {"sed 's/$/\\r/' " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem", ALG_RS256},
        /* as it comes out of YAML, an editor, and an environment variable */
        {"sed 's/^/    /' " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem", ALG_RS256},
        {"sed 's/^/\\t/; s/$/ \\t \\r/' " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem", ALG_RS256},
        {"awk '{printf \"%s\\\\n\", $0}' " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem", ALG_RS256},
        {"awk '{printf \"  %s \\\\r\\\\n\", $0}' " TEST_SOURCE_DIR "/data/keys/rsa-2048.pem; echo",
            ALG_RS256},
        /* what the refusal of a key for PSS alone says */
        {"openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 2>/dev/null |"
         " openssl rsa -traditional 2>/dev/null | sed s/RSA-PSS/RSA/",
            ALG_RS256},
        /* with a certificate around it */
        {"t=$(mktemp) && openssl genpkey -algorithm ed25519 >$t && openssl req -x509 -key $t -subj /CN=test "
         "&& cat $t;"
         " rm $t",
            ALG_EDDSA},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CLEANUP(buffer_clear) struct buffer text = fixture_run(CASES[i].command);
        CLEANUP(pair_clear) struct pair pair = {0};
        jwkd_error error = {0};
        if (import_text(buffer_bytes(&text), ALG_NONE, ALG_NONE, &pair, &error) != JWKD_OK)
            fail_msg("%s: %s", CASES[i].command, error.message);
        assert_int_equal(jwk_alg(pair.public), CASES[i].alg);
        fixture_check_pair(&fixture, &pair);
    }
}

/* RFC 8410 section 10.3: version 2 of RFC 5958, with attributes and the public key. */
#define RFC8410_BEGIN                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" \
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
#define RFC8410_END "-----END PRIVATE KEY-----\n"

static void import__reads_a_key_with_its_public_part(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = {0}, crossed = {0};
    jwkd_error error = {0};
    if (import_text(bytes_of_text(RFC8410_BEGIN "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n" RFC8410_END), ALG_NONE,
            ALG_NONE, &pair, &error) != JWKD_OK)
        fail_msg("%s", error.message);
    assert_non_null(strstr(
        (const char *)jwk_json(pair.public).data, "\"x\":\"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE\""));
    fixture_check_pair(&fixture, &pair);
    assert_int_equal(import_text(bytes_of_text(RFC8410_BEGIN "aaw7lshQhqowtrbLDFw4rXAxZuE=\n" RFC8410_END),
                         ALG_NONE, ALG_NONE, &crossed, &error),
        JWKD_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "belong together"));
}

/* ---- RSA by n, e and d alone, which RFC 7518 section 6.3.2 asks for and no more */

static void append_value(struct buffer *out, const struct buffer *from, const char *name)
{
    char member[16];
    snprintf(member, sizeof member, "\"%s\": \"", name);
    const char *at = strstr((char *)from->data, member);
    assert_non_null(at);
    const char *end = strchr(at + strlen(member), '"') + 1;
    assert_int_equal(buffer_append_format(out, ",%.*s", (int)(end - at), at), JWKD_OK);
}

/* n, e and further members of one key, d of another or the same. */
static struct buffer short_jwk(const char *file, const char *d_of, const char *further)
{
    CLEANUP(buffer_clear) struct buffer text = fixture_read(file), other = fixture_read(d_of);
    struct buffer out = {0};
    assert_int_equal(buffer_append(&text, "", 1), JWKD_OK);
    assert_int_equal(buffer_append(&other, "", 1), JWKD_OK);
    assert_int_equal(buffer_append_text(&out, "{\"kty\":\"RSA\",\"e\":\"AQAB\""), JWKD_OK);
    append_value(&out, &text, "n");
    append_value(&out, &other, "d");
    if (further) append_value(&out, &text, further);
    assert_int_equal(buffer_append_text(&out, "}"), JWKD_OK);
    return out;
}

static void import__computes_what_follows_from_n_e_and_d(void **state)
{
    (void)state;
    static const char *const FILES[] = {"rsa-2048.jwk", "rsa-3072.jwk", "rsa-4096.jwk"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        CLEANUP(pair_clear) struct pair whole = fixture_import(&fixture, FILES[i], ALG_NONE, "a"), pair = {0};
        CLEANUP(buffer_clear) struct buffer text = short_jwk(FILES[i], FILES[i], NULL);
        jwkd_error error = {0};
        if (import_text(buffer_bytes(&text), ALG_NONE, ALG_NONE, &pair, &error) != JWKD_OK)
            fail_msg("%s: %s", FILES[i], error.message);
        assert_string_equal(jwk_kid(whole.public), jwk_kid(pair.public));
        assert_int_equal(whole.sealed.size, pair.sealed.size);
        fixture_check_pair(&fixture, &pair);
    }
}

static void import__reads_ml_dsa_where_openssl_has_it(void **state)
{
    (void)state;
    if (!alg_available(ALG_ML_DSA_65)) skip();
    CLEANUP(buffer_clear) struct buffer text = fixture_run("openssl genpkey -algorithm ML-DSA-65");
    CLEANUP(pair_clear) struct pair pair = {0};
    jwkd_error error = {0};
    if (import_text(buffer_bytes(&text), ALG_NONE, ALG_NONE, &pair, &error) != JWKD_OK)
        fail_msg("%s", error.message);
    assert_int_equal(jwk_alg(pair.public), ALG_ML_DSA_65);
    fixture_check_pair(&fixture, &pair);
}

static void append_base64url_member(
    struct buffer *out, const char *name, const EVP_PKEY *pkey, const char *parameter)
{
    uint8_t value[4096];
    size_t size = 0;
    assert_true(EVP_PKEY_get_octet_string_param(pkey, parameter, value, sizeof value, &size));
    assert_int_equal(buffer_append_format(out, ",\"%s\":\"", name), JWKD_OK);
    assert_int_equal(base64url_append(bytes_of(value, size), out), JWKD_OK);
    assert_int_equal(buffer_append_text(out, "\""), JWKD_OK);
}

static void import__reads_an_akp_jwk_where_openssl_has_ml_dsa(void **state)
{
    (void)state;
    if (!alg_available(ALG_ML_DSA_44)) skip();
    EVP_PKEY *keys[2] = {
        EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-44"), EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-44")};
    for (int crossed = 0; crossed < 2; crossed++) {
        CLEANUP(buffer_clear) struct buffer text = {0};
        CLEANUP(pair_clear) struct pair pair = {0};
        assert_int_equal(buffer_append_text(&text, "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\""), JWKD_OK);
        append_base64url_member(&text, "priv", keys[0], "seed");
        append_base64url_member(&text, "pub", keys[crossed], "pub");
        assert_int_equal(buffer_append_text(&text, "}"), JWKD_OK);
        jwkd_status status = import_text(buffer_bytes(&text), ALG_NONE, ALG_NONE, &pair, NULL);
        assert_int_equal(status, crossed ? JWKD_INVALID_ARGUMENT : JWKD_OK);
        if (!crossed) fixture_check_pair(&fixture, &pair);
    }
    for (int i = 0; i < 2; i++)
        EVP_PKEY_free(keys[i]);
}

static void import__gives_one_key_one_name_in_jwk_and_pem(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair jwk = fixture_import(&fixture, "rsa-3072.jwk", ALG_NONE, "a");
    CLEANUP(pair_clear) struct pair pem = fixture_import(&fixture, "rsa-3072.pem", ALG_NONE, "a");
    assert_string_equal(jwk_kid(jwk.public), jwk_kid(pem.public));
    assert_int_equal(jwk.sealed.size, pem.sealed.size);
}

/* ---- which algorithm */

#define A3_PUBLIC                                            \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define A3_PRIVATE "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
#define A3_HEAD "\"kty\":\"EC\",\"crv\":\"P-256\","
#define A3 A3_HEAD A3_PUBLIC "," A3_PRIVATE
#define ED_PRIVATE "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""
#define ED_PUBLIC "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED_HEAD "\"kty\":\"OKP\",\"crv\":\"Ed25519\","
#define ED ED_HEAD ED_PRIVATE "," ED_PUBLIC

static void import__chooses_the_algorithm(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum alg wanted, usual_here, expected; /* ALG_NONE: refused */
    } CASES[] = {
        {"{" A3 "}", ALG_NONE, ALG_NONE, ALG_ES256},
        {"{" A3 "}", ALG_NONE, ALG_RS256, ALG_ES256},
        {"{" A3 "}", ALG_ES384, ALG_NONE, ALG_NONE},
        {"{" A3 "}", ALG_ES256K, ALG_NONE, ALG_NONE},
        {"{" A3 ",\"alg\":\"ES256K\"}", ALG_NONE, ALG_NONE, ALG_NONE},
        {"{" A3 ",\"alg\":\"ES256\"}", ALG_NONE, ALG_NONE, ALG_ES256},
        {"{" A3 ",\"alg\":\"ES384\"}", ALG_NONE, ALG_NONE, ALG_NONE},
        {"{" A3 ",\"alg\":\"ES384\"}", ALG_ES256, ALG_NONE, ALG_NONE},
        {"{" ED "}", ALG_NONE, ALG_ED25519, ALG_ED25519},
        {"{" ED "}", ALG_ED25519, ALG_NONE, ALG_ED25519},
        {"{" ED "}", ALG_ED448, ALG_NONE, ALG_NONE},
        {"{" ED ",\"alg\":\"EdDSA\"}", ALG_ED25519, ALG_NONE, ALG_ED25519},
        {"{" ED ",\"alg\":\"Ed25519\"}", ALG_NONE, ALG_EDDSA, ALG_ED25519},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CLEANUP(pair_clear) struct pair pair = {0};
        jwkd_error error = {0};
        jwkd_status status =
            import_text(bytes_of_text(CASES[i].text), CASES[i].wanted, CASES[i].usual_here, &pair, &error);
        if (CASES[i].expected == ALG_NONE) {
            assert_int_equal(status, JWKD_INVALID_ARGUMENT);
        } else {
            assert_int_equal(status, JWKD_OK);
            assert_int_equal(jwk_alg(pair.public), CASES[i].expected);
        }
    }
}

static void import__takes_the_usual_algorithm_here_for_rsa(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer text = fixture_read("rsa-2048.pem");
    CLEANUP(pair_clear) struct pair pair = {0};
    assert_int_equal(import_text(buffer_bytes(&text), ALG_NONE, ALG_PS512, &pair, NULL), JWKD_OK);
    assert_int_equal(jwk_alg(pair.public), ALG_PS512);
}

/* ---- refusals */

static void expect_refusal(const char *what, struct bytes text, jwkd_status expected, const char *word)
{
    struct buffer sealed = {0};
    struct jwk *public = NULL;
    jwkd_error error = {0};
    jwkd_status status =
        signer_import(fixture.signer, text, ALG_NONE, ALG_NONE, "a", &sealed, &public, &error);
    if (status != expected || error.status != status || !strstr(error.message, word))
        fail_msg("%s: %s, \"%s\"", what, jwkd_status_name(status), error.message);
    assert_null(public);
    assert_int_equal(sealed.size, 0);
}

static void import__refuses_jwks_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        jwkd_status status;
        const char *word;
    } CASES[] = {
        {"", JWKD_MALFORMED, "neither"},
        {"hello", JWKD_MALFORMED, "neither"},
        {"[]", JWKD_MALFORMED, "neither"},
        {"{", JWKD_MALFORMED, ""},
        {"{} {}", JWKD_MALFORMED, ""},
        {"{}", JWKD_INVALID_ARGUMENT, "kty"},
        {"{\"kty\":1}", JWKD_MALFORMED, "kty"},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", JWKD_UNSUPPORTED, "kty"},
        {"{\"keys\":[{" A3 "}]}", JWKD_INVALID_ARGUMENT, "key set"},
        {"{" A3 ",\"kty\":\"EC\"}", JWKD_MALFORMED, ""},
        {"{" A3 "," A3_PRIVATE "}", JWKD_MALFORMED, ""},
        {"{" A3_HEAD A3_PUBLIC "}", JWKD_INVALID_ARGUMENT, "not a private key"},
        {"{" ED_HEAD ED_PUBLIC "}", JWKD_INVALID_ARGUMENT, "not a private key"},
        {"{" A3_HEAD A3_PRIVATE "}", JWKD_INVALID_ARGUMENT, "\"x\""},
        {"{" A3 ",\"use\":\"enc\"}", JWKD_INVALID_ARGUMENT, "use"},
        {"{" A3 ",\"use\":7}", JWKD_MALFORMED, "use"},
        {"{" A3 ",\"key_ops\":[\"verify\"]}", JWKD_INVALID_ARGUMENT, "key_ops"},
        {"{" A3 ",\"key_ops\":[]}", JWKD_INVALID_ARGUMENT, "key_ops"},
        {"{" A3 ",\"key_ops\":[\"sign\",1]}", JWKD_MALFORMED, "key_ops"},
        {"{" A3 ",\"key_ops\":\"sign\"}", JWKD_MALFORMED, "key_ops"},
        {"{" A3 ",\"alg\":\"HS256\"}", JWKD_UNSUPPORTED, "alg"},
        {"{" A3 ",\"alg\":\"none\"}", JWKD_UNSUPPORTED, "alg"},
        {"{" A3 ",\"alg\":\"\"}", JWKD_UNSUPPORTED, "alg"},
        {"{" A3 ",\"alg\":null}", JWKD_MALFORMED, "alg"},
        {"{" A3 ",\"kid\":\"\"}", JWKD_INVALID_ARGUMENT, "kid"},
        {"{" A3 ",\"kid\":\"a\\u0000b\"}", JWKD_INVALID_ARGUMENT, "kid"},
        {"{" A3 ",\"kid\":\"a\\\"b\"}", JWKD_INVALID_ARGUMENT, "kid"},
        {"{" A3 ",\"kid\":9}", JWKD_MALFORMED, "kid"},
        /* another curve's numbers, a curve that is not signed with */
        {"{\"kty\":\"EC\",\"crv\":\"P-384\"," A3_PUBLIC "," A3_PRIVATE "}", JWKD_INVALID_ARGUMENT, "bytes"},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\"," A3_PUBLIC "," A3_PRIVATE "}", JWKD_MALFORMED, "values"},
        {"{\"kty\":\"EC\",\"crv\":\"brainpoolP256r1\"," A3_PUBLIC "," A3_PRIVATE "}", JWKD_UNSUPPORTED,
            "curve"},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\"," ED_PUBLIC "," ED_PRIVATE "}", JWKD_UNSUPPORTED, "curve"},
        {"{\"kty\":\"OKP\",\"crv\":\"P-256\"," ED_PUBLIC "," ED_PRIVATE "}", JWKD_UNSUPPORTED, "curve"},
        /* d: too short, padded, with stray bits, zero, the curve's order, not the public part's */
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E\"}", JWKD_INVALID_ARGUMENT,
            "30"},
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI=\"}",
            JWKD_INVALID_ARGUMENT, "d"},
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LJ\"}", JWKD_MALFORMED,
            "d"},
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
            JWKD_INVALID_ARGUMENT, ""},
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE\"}",
            JWKD_INVALID_ARGUMENT, ""},
        {"{" A3_HEAD A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LA\"}",
            JWKD_INVALID_ARGUMENT, "belong together"},
        /* a point that is not on the curve */
        {"{" A3_HEAD "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," A3_PRIVATE "}",
            JWKD_MALFORMED, ""},
        {"{" ED_HEAD ED_PRIVATE ",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURg\"}",
            JWKD_INVALID_ARGUMENT, "belong together"},
        {"{" ED_HEAD ED_PRIVATE ",\"x\":\"11qY\"}", JWKD_INVALID_ARGUMENT, "belong together"},
        {"{" ED_HEAD ED_PUBLIC ",\"d\":\"nWGx\"}", JWKD_INVALID_ARGUMENT, "bytes"},
        {"{" ED_HEAD ED_PUBLIC ",\"d\":5}", JWKD_MALFORMED, "d"},
        {"{\"kty\":\"AKP\",\"priv\":\"AAAA\",\"pub\":\"AAAA\"}", JWKD_INVALID_ARGUMENT, "alg"},
        {"{\"kty\":\"AKP\",\"alg\":\"ES256\",\"priv\":\"AAAA\",\"pub\":\"AAAA\"}", JWKD_INVALID_ARGUMENT,
            "alg"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        expect_refusal(CASES[i].text, bytes_of_text(CASES[i].text), CASES[i].status, CASES[i].word);
}

/* The RSA fixture's JWK with one member's value, or the member itself, replaced. */
static void expect_rsa_refusal(const char *from, const char *to, jwkd_status expected, const char *word)
{
    CLEANUP(buffer_clear) struct buffer text = fixture_read("rsa-2048.jwk"), changed = {0};
    assert_int_equal(buffer_append(&text, "", 1), JWKD_OK);
    char *at = strstr((char *)text.data, from);
    assert_non_null(at);
    assert_int_equal(buffer_append(&changed, text.data, (size_t)(at - (char *)text.data)), JWKD_OK);
    assert_int_equal(buffer_append_text(&changed, to), JWKD_OK);
    assert_int_equal(buffer_append_text(&changed, at + strlen(from)), JWKD_OK);
    expect_refusal(to, buffer_bytes(&changed), expected, word);
}

static void import__refuses_rsa_jwks_that_are_wrong(void **state)
{
    (void)state;
    expect_rsa_refusal("\"qi\"", "\"QI\"", JWKD_INVALID_ARGUMENT, "\"qi\"");
    expect_rsa_refusal("\"p\"", "\"P\"", JWKD_INVALID_ARGUMENT, "\"p\"");
    expect_rsa_refusal("\"d\"", "\"D\"", JWKD_INVALID_ARGUMENT, "not a private key");
    expect_rsa_refusal("\"kty\"", "\"oth\":[{}],\"kty\"", JWKD_INVALID_ARGUMENT, "two primes");
    expect_rsa_refusal("\"n\": \"", "\"n\": \"AAAA", JWKD_INVALID_ARGUMENT, "zero byte");
    expect_rsa_refusal("\"d\": \"", "\"d\": \"AAAA", JWKD_INVALID_ARGUMENT, "zero byte");
    expect_rsa_refusal("\"d\": \"", "\"d\": \"____", JWKD_INVALID_ARGUMENT, "longer than its n");
    expect_rsa_refusal("\"p\": \"", "\"p\": \"!", JWKD_MALFORMED, "\"p\"");
    expect_rsa_refusal("\"AQAB\"", "\"AQAC\"", JWKD_INVALID_ARGUMENT, ""); /* even */
    expect_rsa_refusal("\"AQAB\"", "\"Aw\"", JWKD_INVALID_ARGUMENT, "");   /* tiny */
    expect_rsa_refusal("\"AQAB\"", "\"\"", JWKD_INVALID_ARGUMENT, "empty");
    expect_rsa_refusal("\"AQAB\"", "\"AQAL\"", JWKD_INVALID_ARGUMENT, "belong together");
}

/* Members of two sound keys mixed, which only the check of all numbers together can tell. */
static void import__refuses_rsa_numbers_of_two_keys(void **state)
{
    (void)state;
    CLEANUP(buffer_clear)
    struct buffer one = fixture_read("rsa-2048.jwk"), other = fixture_read("rfc7515-a2.jwk");
    static const char *const MEMBERS[] = {
        "\"n\": \"", "\"d\": \"", "\"p\": \"", "\"q\": \"", "\"dp\": \"", "\"dq\": \"", "\"qi\": \""};
    assert_int_equal(buffer_append(&one, "", 1), JWKD_OK);
    assert_int_equal(buffer_append(&other, "", 1), JWKD_OK);
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        CLEANUP(buffer_clear) struct buffer mixed = {0};
        const char *here = strstr((char *)one.data, MEMBERS[i]) + strlen(MEMBERS[i]);
        const char *there = strstr((char *)other.data, MEMBERS[i]) + strlen(MEMBERS[i]);
        assert_int_equal(buffer_append(&mixed, one.data, (size_t)(here - (char *)one.data)), JWKD_OK);
        assert_int_equal(buffer_append(&mixed, there, (size_t)(strchr(there, '"') - there)), JWKD_OK);
        assert_int_equal(buffer_append_text(&mixed, strchr(here, '"')), JWKD_OK);
        expect_refusal(MEMBERS[i], buffer_bytes(&mixed), JWKD_INVALID_ARGUMENT, "belong together");
    }
}

static void import__refuses_n_e_and_d_that_are_wrong(void **state)
{
    (void)state;
    CLEANUP(buffer_clear)
    struct buffer crossed = short_jwk("rsa-2048.jwk", "rfc7515-a2.jwk", NULL),
                  some = short_jwk("rsa-2048.jwk", "rsa-2048.jwk", "p"),
                  larger = short_jwk("rsa-2048.jwk", "rsa-3072.jwk", NULL);
    expect_refusal("d of another", buffer_bytes(&crossed), JWKD_INVALID_ARGUMENT, "belong together");
    expect_refusal("some of the rest", buffer_bytes(&some), JWKD_INVALID_ARGUMENT, "\"q\"");
    expect_refusal("a larger d", buffer_bytes(&larger), JWKD_INVALID_ARGUMENT, "longer than its n");
    /* d = 1 and e = 1; and e d - 1 of a prime n, to which each base is as good as none. */
    expect_refusal("e and d of 1", bytes_of_text("{\"kty\":\"RSA\",\"n\":\"xQ\",\"e\":\"AQ\",\"d\":\"AQ\"}"),
        JWKD_INVALID_ARGUMENT, "belong together");
    expect_refusal("a prime", bytes_of_text("{\"kty\":\"RSA\",\"n\":\"xQ\",\"e\":\"BQ\",\"d\":\"nQ\"}"),
        JWKD_INVALID_ARGUMENT, "belong together");
    expect_refusal("an even n", bytes_of_text("{\"kty\":\"RSA\",\"n\":\"xA\",\"e\":\"BQ\",\"d\":\"nQ\"}"),
        JWKD_INVALID_ARGUMENT, "belong together");
}

static void import__refuses_roca(void **state)
{
    (void)state;
    CLEANUP(buffer_clear) struct buffer text = fixture_read("rsa-2048-roca.pem");
    expect_refusal("ROCA", buffer_bytes(&text), JWKD_INVALID_ARGUMENT, "CVE-2017-15361");
}

static void import__refuses_pems_that_are_wrong(void **state)
{
    (void)state;
#define RSA_2048 TEST_SOURCE_DIR "/data/keys/rsa-2048.pem"
    static const struct {
        const char *command;
        jwkd_status status;
        const char *word;
    } CASES[] = {
        {"openssl pkey -pubout -in " RSA_2048, JWKD_INVALID_ARGUMENT, "not a private key"},
        {"openssl rsa -RSAPublicKey_out -in " RSA_2048 " 2>/dev/null", JWKD_INVALID_ARGUMENT,
            "not a private key"},
        {"openssl req -x509 -key " RSA_2048 " -subj /CN=test", JWKD_INVALID_ARGUMENT, "not a private key"},
        {"openssl ecparam -name prime256v1", JWKD_INVALID_ARGUMENT, "not a private key"},
        {"openssl pkey -aes256 -passout pass:x -in " RSA_2048, JWKD_UNSUPPORTED, "encrypted"},
        {"openssl rsa -traditional -aes128 -passout pass:x -in " RSA_2048 " 2>/dev/null", JWKD_UNSUPPORTED,
            "encrypted"},
        {"openssl pkey -aes256 -passout pass:x -in " RSA_2048 " | sed 's/ENCRYPTED //'", JWKD_MALFORMED,
            "read"},
        {"cat " RSA_2048 " " RSA_2048, JWKD_INVALID_ARGUMENT, "more than one"},
        {"echo '-----BEGIN PRIVATE KEY-----'; { openssl pkey -outform DER -in " RSA_2048 "; echo; } | base64;"
         " echo '-----END PRIVATE KEY-----'",
            JWKD_MALFORMED, "read"},
        {"head -c 900 " RSA_2048, JWKD_MALFORMED, ""},
        {"sed 5d " RSA_2048, JWKD_MALFORMED, ""},
        {"sed 5s/./#/ " RSA_2048, JWKD_MALFORMED, ""},
        {"sed 's/PRIVATE/EC PRIVATE/' " RSA_2048, JWKD_MALFORMED, ""},
        {"sed 's/PRIVATE/OPENSSH PRIVATE/' " RSA_2048, JWKD_UNSUPPORTED, "PKCS#8"},
        {"printf -- '-----BEGIN PRIVATE KEY-----\\n-----END PRIVATE KEY-----\\n'", JWKD_MALFORMED, ""},
        {"openssl genrsa 1024 2>/dev/null", JWKD_INVALID_ARGUMENT, ""},
        {"openssl genrsa -3 2048 2>/dev/null", JWKD_INVALID_ARGUMENT, ""},
        {"openssl genrsa -primes 3 2048 2>/dev/null", JWKD_INVALID_ARGUMENT, "two primes"},
        {"openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 2>/dev/null", JWKD_UNSUPPORTED,
            "openssl rsa -traditional -in FILE | sed s/RSA-PSS/RSA/"},
        {"openssl ecparam -name brainpoolP256r1 -genkey", JWKD_UNSUPPORTED, "curve"},
        {"openssl genpkey -algorithm x25519", JWKD_UNSUPPORTED, "type"},
        {"head -c 40000 /dev/zero | tr '\\0' ' '", JWKD_RESOURCE_EXHAUSTED, "at most"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CLEANUP(buffer_clear) struct buffer text = fixture_run(CASES[i].command);
        expect_refusal(CASES[i].command, buffer_bytes(&text), CASES[i].status, CASES[i].word);
    }
}

/* SEC 1 carries the public point beside the scalar; another key's point must not be published. */
static void import__refuses_a_pem_with_another_keys_point(void **state)
{
    (void)state;
    CLEANUP(buffer_clear)
    struct buffer text = fixture_run(
        "t=$(mktemp -d) && cd $t && for k in a b; do openssl ecparam -name prime256v1 -genkey -noout "
        "-outform DER"
        " >$k; done && { head -c 57 a; tail -c +58 b; } >c;"
        " echo '-----BEGIN EC PRIVATE KEY-----'; base64 c; echo '-----END EC PRIVATE KEY-----'; rm -r $t");
    expect_refusal("crossed SEC 1", buffer_bytes(&text), JWKD_INVALID_ARGUMENT, "belong together");
}

static void import__refuses_an_owner_that_is_none(void **state)
{
    (void)state;
    struct buffer sealed = {0};
    struct jwk *public = NULL;
    assert_int_equal(signer_import(fixture.signer, bytes_of_text("{" A3 "}"), ALG_NONE, ALG_NONE, "", &sealed,
                         &public, NULL),
        JWKD_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(import__reads_rfc7515_a2_and_signs_as_printed_there),
        cmocka_unit_test(import__reads_rfc7515_a3),
        cmocka_unit_test(import__reads_rfc8037_a1_and_signs_as_printed_in_a4),
        cmocka_unit_test(import__reads_rfc7517_a2_and_refuses_its_key_for_encryption),
        cmocka_unit_test(import__reads_rfc7520_and_keeps_its_kid),
        cmocka_unit_test(import__reads_what_openssl_writes),
        cmocka_unit_test(import__reads_a_key_with_its_public_part),
        cmocka_unit_test(import__computes_what_follows_from_n_e_and_d),
        cmocka_unit_test(import__refuses_n_e_and_d_that_are_wrong),
        cmocka_unit_test(import__refuses_roca),
        cmocka_unit_test(import__reads_ml_dsa_where_openssl_has_it),
        cmocka_unit_test(import__reads_an_akp_jwk_where_openssl_has_ml_dsa),
        cmocka_unit_test(import__gives_one_key_one_name_in_jwk_and_pem),
        cmocka_unit_test(import__chooses_the_algorithm),
        cmocka_unit_test(import__takes_the_usual_algorithm_here_for_rsa),
        cmocka_unit_test(import__refuses_jwks_that_are_wrong),
        cmocka_unit_test(import__refuses_rsa_jwks_that_are_wrong),
        cmocka_unit_test(import__refuses_rsa_numbers_of_two_keys),
        cmocka_unit_test(import__refuses_pems_that_are_wrong),
        cmocka_unit_test(import__refuses_a_pem_with_another_keys_point),
        cmocka_unit_test(import__refuses_an_owner_that_is_none),
    };
    return cmocka_run_group_tests_name("import", tests, open_fixture, close_fixture);
}
