/* Input: 'T' and a token as a peer would send it, or 'S', a header, a newline and a payload, which are signed
 * here so that the rules behind the signature are reached. The key pair is that of RFC 8037 appendix A. */
#include "fuzz.h"

#include "jose/base64url.h"
#include "jose/jwt.h"

enum { NOW = 1700000000 };

static const uint8_t SEED[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92,
    0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
    0x7f, 0x60};

static EVP_PKEY *signer;
static struct keyset *set;

static void prepare(void)
{
    struct jwk *key = NULL;
    struct kid_set *gone = NULL;
    if (set) return;
    signer = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, SEED, sizeof SEED);
    MUST(signer && jwk_from_pkey(signer, ALG_EDDSA, "k", &key, NULL) == JWKD_OK);
    MUST(kid_set_with(NULL, bytes_of_text("gone"), &gone) == JWKD_OK);
    MUST(keyset_new(&key, 1, gone, &set, NULL) == JWKD_OK);
    kid_set_unref(gone);
    jwk_unref(key);
}

static struct buffer sign(struct bytes header, struct bytes payload)
{
    struct buffer token = {0};
    uint8_t signature[64];
    size_t size = sizeof signature;
    MUST(base64url_append(header, &token) == JWKD_OK);
    MUST(buffer_append_text(&token, ".") == JWKD_OK);
    MUST(base64url_append(payload, &token) == JWKD_OK);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST(ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer) == 1);
    MUST(EVP_DigestSign(ctx, signature, &size, token.data, token.size) == 1);
    EVP_MD_CTX_free(ctx);
    MUST(buffer_append_text(&token, ".") == JWKD_OK);
    MUST(base64url_append(bytes_of(signature, size), &token) == JWKD_OK);
    return token;
}

/* Whether a date lies behind a whole second. */
static bool reaches(const struct json *claims, const char *name, int64_t sec, bool optional)
{
    int64_t whole = 0;
    uint32_t ns = 0;
    int node = json_member(claims, JSON_ROOT, name);
    if (node == JSON_NONE) {
        MUST(optional);
        return false;
    }
    MUST(json_date(claims, node, &whole, &ns) == JWKD_OK && ns < 1000 * 1000 * 1000);
    return whole > sec || (whole == sec && ns > 0);
}

/* What must be true of any token that was found valid. */
static void check_valid(const struct jwt *jwt)
{
    const struct json *claims = &jwt->claims;
    MUST(jwt->key && (jwt->header.alg == ALG_EDDSA || jwt->header.alg == ALG_ED25519));
    MUST(jwt->header.kid.size == 0 || bytes_equal_text(jwt->header.kid, "k"));
    MUST(json_member(&jwt->header_json, JSON_ROOT, "crit") == JSON_NONE);
    MUST(bytes_equal_text(json_string(claims, json_member(claims, JSON_ROOT, "iss")), "me"));
    MUST(json_member(claims, JSON_ROOT, "aud") != JSON_NONE);
    MUST(reaches(claims, "exp", NOW - 60, false) && !reaches(claims, "nbf", NOW + 60, true) &&
         !reaches(claims, "iat", NOW + 60, true));
}

static void judge(struct bytes token)
{
    const struct bytes audience = bytes_of_text("api");
    const struct jwt_expectation full = {.issuer = bytes_of_text("me"),
        .audiences = &audience,
        .audience_count = 1,
        .leeway_sec = 60,
        .now = NOW};
    const struct jwt_expectation signature = {.signature_only = true};
    struct jwt jwt, bare, seen;
    jwkd_error error = {0};
    jwkd_verdict verdict = jwt_verify(set, token, &full, &jwt, &error);
    jwkd_verdict weaker = jwt_verify(set, token, &signature, &bare, NULL);
    MUST(verdict != JWKD_VERDICT_NONE && (verdict == JWKD_VERDICT_VALID) == (error.message[0] == 0));
    MUST(verdict != JWKD_VERDICT_VALID || weaker == JWKD_VERDICT_VALID);
    if (verdict == JWKD_VERDICT_VALID) check_valid(&jwt);
    jwkd_status inspected = jwt_inspect(token, &seen, NULL);
    MUST(verdict != JWKD_VERDICT_VALID || inspected == JWKD_OK);
    jwt_clear(&seen);
    jwt_clear(&bare);
    jwt_clear(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    const uint8_t *line = memchr(data, '\n', size);
    if (data[0] == 'T') {
        judge(bytes_of(data + 1, size - 1));
    } else if (data[0] == 'S' && line) {
        struct buffer token = sign(bytes_of(data + 1, (size_t)(line - data - 1)),
            bytes_of(line + 1, size - (size_t)(line - data) - 1));
        judge(buffer_bytes(&token));
        buffer_clear(&token);
    }
    return 0;
}
