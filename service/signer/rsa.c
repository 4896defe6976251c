#include "signer/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "signer/heap.h"

static const struct {
    const char *member, *parameter;
} NAMES[RSA_NUMBERS] = {
    {"n", OSSL_PKEY_PARAM_RSA_N},
    {"e", OSSL_PKEY_PARAM_RSA_E},
    {"d", OSSL_PKEY_PARAM_RSA_D},
    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

const char *rsa_member(size_t index)
{
    return NAMES[index].member;
}

jwkd_status rsa_init(struct rsa *rsa)
{
    struct rsa fresh = {0};
    for (size_t i = 0; i < RSA_NUMBERS; i++) {
        fresh.numbers[i] = BN_secure_new();
        if (!fresh.numbers[i]) {
            rsa_clear(&fresh);
            return heap_failure();
        }
    }
    *rsa = fresh;
    return JWKD_OK;
}

void rsa_clear(struct rsa *rsa)
{
    for (size_t i = 0; i < RSA_NUMBERS; i++)
        BN_clear_free(rsa->numbers[i]);
    *rsa = (struct rsa){0};
}

static jwkd_status refuse_third_factor(const EVP_PKEY *pkey, jwkd_error *error)
{
    BIGNUM *third = BN_secure_new();
    if (!third) return heap_failure();
    bool has_third = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &third) && !BN_is_zero(third);
    BN_clear_free(third);
    if (has_third)
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA keys of more than two primes are not taken");
    return JWKD_OK;
}

jwkd_status rsa_from_pkey(const EVP_PKEY *pkey, struct rsa *rsa, jwkd_error *error)
{
    TRY(refuse_third_factor(pkey, error));
    for (size_t i = 0; i < RSA_NUMBERS; i++) {
        if (EVP_PKEY_get_bn_param(pkey, NAMES[i].parameter, &rsa->numbers[i])) continue;
        jwkd_status status = heap_failure();
        if (status == JWKD_NO_MEMORY) return status;
        return fail(error, JWKD_INVALID_ARGUMENT, "the RSA private key has no %s", NAMES[i].member);
    }
    return JWKD_OK;
}

jwkd_status rsa_check_sizes(const struct rsa *rsa, size_t count, jwkd_error *error)
{
    int modulus_bits = BN_num_bits(rsa->numbers[0]);
    if (modulus_bits > RSA_PRIVATE_BITS_MAX)
        return fail(error, JWKD_INVALID_ARGUMENT, "RSA keys of more than %d bits are not taken",
            RSA_PRIVATE_BITS_MAX);
    for (size_t i = 0; i < count; i++) {
        int bits = BN_num_bits(rsa->numbers[i]);
        if (bits == 0) return fail(error, JWKD_INVALID_ARGUMENT, "the RSA key's %s is zero", NAMES[i].member);
        if (bits > modulus_bits)
            return fail(
                error, JWKD_INVALID_ARGUMENT, "the RSA key's %s is longer than its n", NAMES[i].member);
    }
    return JWKD_OK;
}

/* DER (X.690): tag, length, contents; here no contents are longer than 65535 bytes. */

static size_t header_size(size_t contents)
{
    return contents < 0x80 ? 2 : contents < 0x100 ? 3 : 4;
}

static uint8_t *write_header(uint8_t *at, uint8_t tag, size_t contents)
{
    *at++ = tag;
    if (contents >= 0x100) {
        *at++ = 0x82;
        *at++ = (uint8_t)(contents >> 8);
    } else if (contents >= 0x80) {
        *at++ = 0x81;
    }
    *at++ = (uint8_t)contents;
    return at;
}

/* An INTEGER is signed, so a number whose top bit is set gets a zero byte in front. */
static int integer_size(const BIGNUM *number)
{
    return BN_num_bits(number) / 8 + 1;
}

jwkd_status rsa_encode(const struct rsa *rsa, size_t lead, struct secret *out)
{
    static const uint8_t VERSION[] = {0x02, 0x01, 0x00};
    size_t contents = sizeof VERSION;
    for (size_t i = 0; i < RSA_NUMBERS; i++) {
        size_t size = (size_t)integer_size(rsa->numbers[i]);
        contents += header_size(size) + size;
    }
    if (contents > UINT16_MAX) return JWKD_INVALID_ARGUMENT;
    TRY(secret_init(out, lead + header_size(contents) + contents));

    uint8_t *at = write_header(out->data + lead, 0x30, contents);
    memcpy(at, VERSION, sizeof VERSION);
    at += sizeof VERSION;
    for (size_t i = 0; i < RSA_NUMBERS; i++) {
        int size = integer_size(rsa->numbers[i]);
        at = write_header(at, 0x02, (size_t)size);
        if (BN_bn2binpad(rsa->numbers[i], at, size) != size) {
            secret_clear(out);
            return JWKD_INTERNAL;
        }
        at += size;
    }
    return JWKD_OK;
}
