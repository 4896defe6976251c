#include "fuzz.h"

#include "jose/base64url.h"
#include "jose/jws.h"

/* A header that we write says the same as the one that was read. */
static void check(const struct jws_header *header)
{
    struct buffer encoded = {0};
    struct jws_header again;
    struct json json;
    size_t size;
    MUST(jws_append_header(header->alg, header->typ, header->kid, &encoded) == JWKD_OK);
    uint8_t *text = malloc(base64url_decoded_size(encoded.size) + 1);
    MUST(text && base64url_decode(buffer_bytes(&encoded), text, &size) == JWKD_OK);
    MUST(jws_read_header(bytes_of(text, size), &json, &again, NULL) == JWKD_OK);
    MUST(again.alg == header->alg && bytes_equal(again.typ, header->typ) &&
         bytes_equal(again.kid, header->kid));
    json_clear(&json);
    free(text);
    buffer_clear(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json json;
    struct jws_header header;
    jwkd_error error = {0};
    if (jws_read_header(bytes_of(data, size), &json, &header, &error) == JWKD_OK) {
        MUST(json_member(&json, JSON_ROOT, "crit") == JSON_NONE);
        if (header.alg != ALG_NONE) check(&header);
    } else {
        MUST(error.message[0]);
    }
    json_clear(&json);

    struct jws jws;
    if (jws_split(bytes_of(data, size), &jws) == JWKD_OK) {
        MUST(jws.header.size > 0);
        MUST(jws.header.size + jws.payload.size + jws.signature.size + 2 == size);
        MUST(jws.input.size == jws.header.size + 1 + jws.payload.size);
    }
    return 0;
}
