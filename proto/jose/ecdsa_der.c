/* ECDSA signatures: r || s of JWS (RFC 7518 section 3.4) to and from the DER of RFC 3279 section 2.2.3. */
#include "jose/jws.h"

enum { SEQUENCE = 0x30, INTEGER = 0x02, LENGTH_LONG_1 = 0x81 };

/* Writes an INTEGER: no leading zeros, but one where the number would look negative. Returns its size. */
static size_t put_integer(struct bytes number, uint8_t *out)
{
    while (number.size > 1 && number.data[0] == 0)
        number = bytes_of(number.data + 1, number.size - 1);
    size_t pad = number.data[0] >> 7;
    out[0] = INTEGER;
    out[1] = (uint8_t)(number.size + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, number.data, number.size);
    return 2 + pad + number.size;
}

jwkd_status ecdsa_to_der(struct bytes signature, size_t coordinate, uint8_t *out, size_t *in_out_size)
{
    if (coordinate == 0 || coordinate > COORDINATE_MAX || signature.size != 2 * coordinate)
        return JWKD_MALFORMED;
    uint8_t content[2 * (2 + 1 + COORDINATE_MAX)];
    size_t size = put_integer(bytes_of(signature.data, coordinate), content);
    size += put_integer(bytes_of(signature.data + coordinate, coordinate), content + size);
    size_t prefix = size < 0x80 ? 2 : 3;
    if (*in_out_size < prefix + size) return JWKD_INVALID_ARGUMENT;
    out[0] = SEQUENCE;
    out[1] = LENGTH_LONG_1; /* overwritten by a short length */
    out[prefix - 1] = (uint8_t)size;
    memcpy(out + prefix, content, size);
    *in_out_size = prefix + size;
    return JWKD_OK;
}

/* Takes a tag and a length in its shortest form: `content` is what they announce, `der` what is behind. */
static bool take_element(struct bytes *der, uint8_t tag, struct bytes *content)
{
    if (der->size < 2 || der->data[0] != tag) return false;
    size_t prefix = 2, size = der->data[1];
    if (size == LENGTH_LONG_1) {
        if (der->size < 3 || der->data[2] < 0x80) return false;
        prefix = 3;
        size = der->data[2];
    } else if (size >= 0x80) {
        return false;
    }
    if (der->size - prefix < size) return false;
    *content = bytes_of(der->data + prefix, size);
    *der = bytes_of(der->data + prefix + size, der->size - prefix - size);
    return true;
}

/* Takes a positive INTEGER in its shortest form and writes it in exactly `coordinate` bytes. */
static bool take_coordinate(struct bytes *der, size_t coordinate, uint8_t *out)
{
    struct bytes number;
    if (!take_element(der, INTEGER, &number) || number.size == 0 || number.data[0] & 0x80) return false;
    if (number.size > 1 && number.data[0] == 0) {
        if (!(number.data[1] & 0x80)) return false;
        number = bytes_of(number.data + 1, number.size - 1);
    }
    if (number.size > coordinate) return false;
    memset(out, 0, coordinate - number.size);
    memcpy(out + coordinate - number.size, number.data, number.size);
    return true;
}

jwkd_status ecdsa_from_der(struct bytes der, size_t coordinate, uint8_t *out)
{
    struct bytes content;
    uint8_t both[2 * COORDINATE_MAX];
    if (coordinate == 0 || coordinate > COORDINATE_MAX) return JWKD_MALFORMED;
    if (!take_element(&der, SEQUENCE, &content) || der.size != 0) return JWKD_MALFORMED;
    if (!take_coordinate(&content, coordinate, both) ||
        !take_coordinate(&content, coordinate, both + coordinate) || content.size != 0)
        return JWKD_MALFORMED;
    memcpy(out, both, 2 * coordinate);
    return JWKD_OK;
}
