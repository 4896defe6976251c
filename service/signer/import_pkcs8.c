/* OneAsymmetricKey (RFC 5958), which OpenSSL reads in the form of PKCS#8 only: version 0, without a public
 * key. */
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "signer/heap.h"
#include "signer/import.h"

/* One DER element: where its contents are, and the whole of it. */
struct element {
    int tag, class;
    struct bytes contents, whole;
};

static bool next_element(struct bytes *rest, struct element *out)
{
    const uint8_t *at = rest->data;
    long size;
    int answer = ASN1_get_object(&at, &size, &out->tag, &out->class, (long)rest->size);
    if (answer & 0x81) return false; /* an error, or of no stated length, which DER has not */
    out->contents = bytes_of(at, (size_t)size);
    out->whole = bytes_of(rest->data, (size_t)(at - rest->data) + (size_t)size);
    *rest = bytes_of(rest->data + out->whole.size, rest->size - out->whole.size);
    return true;
}

static bool is(const struct element *element, int class, int tag)
{
    return element->class == class && element->tag == tag;
}

/* The parts of a OneAsymmetricKey with a public key. */
struct parts {
    struct bytes private; /* algorithm and private key, as encoded */
    struct bytes public;  /* the public key's bits; empty: none */
};

static bool take_apart(struct bytes text, struct parts *out)
{
    struct element sequence, version, algorithm, key, extra;
    if (!next_element(&text, &sequence) || text.size || !is(&sequence, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE))
        return false;
    struct bytes rest = sequence.contents;
    if (!next_element(&rest, &version) || !is(&version, V_ASN1_UNIVERSAL, V_ASN1_INTEGER) ||
        version.contents.size != 1 || version.contents.data[0] != 1 || !next_element(&rest, &algorithm) ||
        !next_element(&rest, &key))
        return false;
    *out = (struct parts){.private = bytes_of(algorithm.whole.data, algorithm.whole.size + key.whole.size)};
    while (rest.size) {
        if (!next_element(&rest, &extra) || extra.class != V_ASN1_CONTEXT_SPECIFIC) return false;
        if (extra.tag != 1) continue;                                             /* attributes */
        if (extra.contents.size < 2 || extra.contents.data[0] != 0) return false; /* whole bytes of bits */
        out->public = bytes_of(extra.contents.data + 1, extra.contents.size - 1);
    }
    return true;
}

enum { HEADER = 4, VERSION = 3 }; /* bytes of the outer header, and of the version */

/* The same as version 0 of PKCS#8. */
static jwkd_status write_version_0(struct bytes private, struct secret *out)
{
    static const uint8_t ZERO[VERSION] = {V_ASN1_INTEGER, 1, 0};
    size_t contents = private.size + VERSION;
    if (contents > UINT16_MAX) return JWKD_MALFORMED;
    TRY(secret_init(out, HEADER + contents));
    const uint8_t header[HEADER] = {
        V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, 0x82, (uint8_t)(contents >> 8), (uint8_t)contents};
    memcpy(out->data, header, HEADER);
    memcpy(out->data + HEADER, ZERO, VERSION);
    memcpy(out->data + HEADER + VERSION, private.data, private.size);
    return JWKD_OK;
}

/* False: another key's. Where the two are written differently (a compressed point, RSA), the key's own
 * stands. */
static bool is_public_part(const EVP_PKEY *pkey, struct bytes public)
{
    uint8_t own[4096];
    size_t size = 0;
    ERR_set_mark();
    bool known = EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, own, sizeof own, &size);
    ERR_pop_to_mark();
    return !known || size != public.size || memcmp(own, public.data, size) == 0;
}

jwkd_status import_pkcs8_v2(struct bytes text, EVP_PKEY **out, jwkd_error *error)
{
    struct parts parts;
    CLEANUP(secret_clear) struct secret version_0 = {0};
    if (!take_apart(text, &parts)) return JWKD_MALFORMED;
    TRY(write_version_0(parts.private, &version_0));
    const unsigned char *at = version_0.data;
    CLEANUP(EVP_PKEY_free_at) EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)version_0.size);
    if (!pkey) {
        jwkd_status status = heap_failure();
        return status == JWKD_NO_MEMORY ? status : JWKD_MALFORMED;
    }
    if (parts.public.size && !is_public_part(pkey, parts.public))
        return fail(error, JWKD_INVALID_ARGUMENT, "the private and the public part do not belong together");
    *out = TAKE(pkey);
    return JWKD_OK;
}
