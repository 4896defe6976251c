#include "signer/import.h"

void import_clear(struct import *import)
{
    EVP_PKEY_free(import->pkey);
    *import = (struct import){0};
}

jwkd_status import_read(struct bytes text, struct import *out, jwkd_error *error)
{
    static const char WHITE[] = " \t\r\n";
    if (text.size > LIMIT_JWK)
        return fail(
            error, JWKD_RESOURCE_EXHAUSTED, "a key of %zu bytes, at most %d are taken", text.size, LIMIT_JWK);
    size_t start = 0;
    while (start < text.size && memchr(WHITE, text.data[start], sizeof WHITE - 1))
        start++;
    if (start < text.size && text.data[start] == '{') return import_jwk(text, out, error);
    if (memmem(text.data, text.size, "-----BEGIN ", 11)) return import_pem(text, out, error);
    return fail(error, JWKD_MALFORMED, "neither a JWK nor PEM");
}
