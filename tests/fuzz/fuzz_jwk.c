#include "fuzz.h"

#include "jose/jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct jwk_rules rules = {.default_alg = ALG_RS256}, strict = {.require_kid = true};
    struct jwk *jwk = NULL, *again = NULL;
    jwkd_error error = {0};
    if (jwk_from_json(bytes_of(data, size), &rules, &jwk, &error) != JWKD_OK) {
        MUST(jwk == NULL && error.message[0]);
        return 0;
    }
    /* What is published is the same key, under the strictest rules. */
    MUST(jwk_from_json(jwk_json(jwk), &strict, &again, NULL) == JWKD_OK);
    MUST(bytes_equal(jwk_json(jwk), jwk_json(again)));
    MUST(strcmp(jwk_thumbprint(jwk), jwk_thumbprint(again)) == 0);
    MUST(jwk_accepts(jwk, jwk_alg(jwk)) && !jwk_accepts(jwk, ALG_NONE));
    /* OpenSSL takes what we take. */
    struct buffer pem = {0};
    MUST(jwk_pem(again, &pem) == JWKD_OK);
    MUST(jwk_verify(jwk, bytes_of(data, size), bytes_of(data, 64 < size ? 64 : size)) == JWKD_REFUSED);
    buffer_clear(&pem);
    jwk_unref(again);
    jwk_unref(jwk);
    return 0;
}
