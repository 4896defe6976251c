#include "fuzz.h"

#include "jose/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    size_t decoded_size = 0;
    uint8_t *decoded = malloc(base64url_decoded_size(size) + 1);
    char *encoded = malloc(base64url_encoded_size(size) + 1);
    MUST(decoded && encoded);
    /* One spelling for each value. */
    if (base64url_decode(in, decoded, &decoded_size) == JWKD_OK) {
        MUST(decoded_size <= base64url_decoded_size(size));
        MUST(base64url_encoded_size(decoded_size) == size);
        base64url_encode(bytes_of(decoded, decoded_size), encoded);
        MUST(size == 0 || memcmp(encoded, data, size) == 0);
    }
    /* Every value has one. */
    size_t encoded_size = base64url_encoded_size(size);
    base64url_encode(in, encoded);
    uint8_t *back = malloc(size + 1);
    MUST(back);
    MUST(base64url_decode(bytes_of(encoded, encoded_size), back, &decoded_size) == JWKD_OK);
    MUST(bytes_equal(bytes_of(back, decoded_size), in));
    free(back);
    free(encoded);
    free(decoded);
    return 0;
}
