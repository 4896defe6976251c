#include "jose/alg.h"

#include <openssl/err.h>
#include <pthread.h>

// clang-format off
enum key_row {
    ROW_RSA_2048, ROW_RSA_3072, ROW_RSA_4096, ROW_P256, ROW_P384, ROW_P521, ROW_ED25519, ROW_ED448,
    ROW_ML_DSA_44, ROW_ML_DSA_65, ROW_ML_DSA_87, ROW_COUNT
};

/* Sizes: RFC 7518 section 6.2.1, RFC 8032 sections 5.1 and 5.2, FIPS 204 table 2. */
static const struct key_type KEY_TYPES[] = {
    [ROW_RSA_2048]  = {KTY_RSA, "RSA-2048", NULL, "RSA", NULL, 2048, 0, 256},
    [ROW_RSA_3072]  = {KTY_RSA, "RSA-3072", NULL, "RSA", NULL, 3072, 0, 384},
    [ROW_RSA_4096]  = {KTY_RSA, "RSA-4096", NULL, "RSA", NULL, 4096, 0, 512},
    [ROW_P256]      = {KTY_EC, "P-256", "P-256", "EC", "prime256v1", 0, 32, 64},
    [ROW_P384]      = {KTY_EC, "P-384", "P-384", "EC", "secp384r1", 0, 48, 96},
    [ROW_P521]      = {KTY_EC, "P-521", "P-521", "EC", "secp521r1", 0, 66, 132},
    [ROW_ED25519]   = {KTY_OKP, "Ed25519", "Ed25519", "ED25519", NULL, 0, 32, 64},
    [ROW_ED448]     = {KTY_OKP, "Ed448", "Ed448", "ED448", NULL, 0, 57, 114},
    [ROW_ML_DSA_44] = {KTY_AKP, "ML-DSA-44", NULL, "ML-DSA-44", NULL, 0, 1312, 2420},
    [ROW_ML_DSA_65] = {KTY_AKP, "ML-DSA-65", NULL, "ML-DSA-65", NULL, 0, 1952, 3309},
    [ROW_ML_DSA_87] = {KTY_AKP, "ML-DSA-87", NULL, "ML-DSA-87", NULL, 0, 2592, 4627},
};
_Static_assert(sizeof KEY_TYPES / sizeof *KEY_TYPES == ROW_COUNT, "a row for every type of key");

static const struct alg_row {
    const char *name, *digest;
    enum kty kty;
    enum key_row row; /* for RSA the default size, for EdDSA the default curve */
} ALGS[] = {
    [ALG_NONE]      = {"", NULL, KTY_NONE, ROW_COUNT},
    [ALG_RS256]     = {"RS256", "SHA256", KTY_RSA, ROW_RSA_4096},
    [ALG_RS384]     = {"RS384", "SHA384", KTY_RSA, ROW_RSA_4096},
    [ALG_RS512]     = {"RS512", "SHA512", KTY_RSA, ROW_RSA_4096},
    [ALG_PS256]     = {"PS256", "SHA256", KTY_RSA, ROW_RSA_4096},
    [ALG_PS384]     = {"PS384", "SHA384", KTY_RSA, ROW_RSA_4096},
    [ALG_PS512]     = {"PS512", "SHA512", KTY_RSA, ROW_RSA_4096},
    [ALG_ES256]     = {"ES256", "SHA256", KTY_EC, ROW_P256},
    [ALG_ES384]     = {"ES384", "SHA384", KTY_EC, ROW_P384},
    [ALG_ES512]     = {"ES512", "SHA512", KTY_EC, ROW_P521},
    [ALG_EDDSA]     = {"EdDSA", NULL, KTY_OKP, ROW_ED25519},
    [ALG_ED25519]   = {"Ed25519", NULL, KTY_OKP, ROW_ED25519},
    [ALG_ED448]     = {"Ed448", NULL, KTY_OKP, ROW_ED448},
    [ALG_ML_DSA_44] = {"ML-DSA-44", NULL, KTY_AKP, ROW_ML_DSA_44},
    [ALG_ML_DSA_65] = {"ML-DSA-65", NULL, KTY_AKP, ROW_ML_DSA_65},
    [ALG_ML_DSA_87] = {"ML-DSA-87", NULL, KTY_AKP, ROW_ML_DSA_87},
};
_Static_assert(sizeof ALGS / sizeof *ALGS == ALG_COUNT, "a row for every algorithm");
// clang-format on

/* What the running OpenSSL offers, asked once. */
static struct {
    bool available[ROW_COUNT];
    EVP_MD *sha256, *sha384, *sha512;
} provider;

static void ask_provider(void)
{
    ERR_set_mark(); /* what is missing is no error of our caller's */
    for (int row = 0; row < ROW_COUNT; row++) {
        EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(NULL, KEY_TYPES[row].openssl, NULL);
        provider.available[row] = found != NULL;
        EVP_KEYMGMT_free(found);
    }
    provider.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    provider.sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
    provider.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    ERR_pop_to_mark();
}

static void ask_provider_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask_provider);
}

static const struct alg_row *alg_row(enum alg alg)
{
    return &ALGS[(unsigned)alg < ALG_COUNT ? alg : ALG_NONE];
}

enum alg alg_first_rsa(uint32_t algs)
{
    for (enum alg alg = ALG_RSA_FIRST; alg <= ALG_RSA_LAST; alg++)
        if (algs & ALG_BIT(alg)) return alg;
    return ALG_NONE;
}

const char *alg_name(enum alg alg)
{
    return alg_row(alg)->name;
}
enum kty alg_kty(enum alg alg)
{
    return alg_row(alg)->kty;
}
const char *alg_digest(enum alg alg)
{
    return alg_row(alg)->digest;
}

enum alg alg_from_name(struct bytes name)
{
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++)
        if (bytes_equal_text(name, ALGS[alg].name)) return alg;
    return ALG_NONE;
}

bool alg_available(enum alg alg)
{
    ask_provider_once();
    enum key_row row = alg_row(alg)->row;
    return row != ROW_COUNT && provider.available[row];
}

const EVP_MD *alg_md(enum alg alg)
{
    ask_provider_once();
    switch (alg) {
    case ALG_RS256:
    case ALG_PS256:
    case ALG_ES256:
        return provider.sha256;
    case ALG_RS384:
    case ALG_PS384:
    case ALG_ES384:
        return provider.sha384;
    case ALG_RS512:
    case ALG_PS512:
    case ALG_ES512:
        return provider.sha512;
    case ALG_NONE:
    case ALG_EDDSA:
    case ALG_ED25519:
    case ALG_ED448:
    case ALG_ML_DSA_44:
    case ALG_ML_DSA_65:
    case ALG_ML_DSA_87:
    case ALG_COUNT:
        break;
    }
    return NULL;
}

jwkd_status alg_sha256(struct bytes input, uint8_t out[SHA256_SIZE])
{
    const EVP_MD *sha256 = alg_md(ALG_RS256);
    bool done = sha256 && EVP_Digest(input.data, input.size, out, NULL, sha256, NULL) == 1;
    return done ? JWKD_OK : JWKD_INTERNAL;
}

jwkd_status alg_key_type(enum alg alg, uint32_t bits, const struct key_type **out)
{
    const struct key_type *type = NULL;
    if (!alg_available(alg)) return JWKD_UNSUPPORTED;
    if (alg_kty(alg) == KTY_RSA && bits) {
        type = key_type_by_rsa_bits(bits);
    } else {
        type = &KEY_TYPES[alg_row(alg)->row];
    }
    if (!type) return JWKD_UNSUPPORTED;
    *out = type;
    return JWKD_OK;
}

const struct key_type *key_type_by_name(struct bytes name)
{
    for (int row = 0; row < ROW_COUNT; row++)
        if (bytes_equal_text(name, KEY_TYPES[row].name)) return &KEY_TYPES[row];
    return NULL;
}

const struct key_type *key_type_by_curve(enum kty kty, struct bytes crv)
{
    for (int row = 0; row < ROW_COUNT; row++)
        if (KEY_TYPES[row].kty == kty && KEY_TYPES[row].curve && bytes_equal_text(crv, KEY_TYPES[row].curve))
            return &KEY_TYPES[row];
    return NULL;
}

const struct key_type *key_type_by_rsa_bits(uint32_t bits)
{
    for (int row = ROW_RSA_2048; row <= ROW_RSA_4096; row++)
        if (KEY_TYPES[row].bits == bits) return &KEY_TYPES[row];
    return NULL;
}

const struct key_type *key_type_by_alg(enum alg alg)
{
    if (alg == ALG_NONE || alg == ALG_EDDSA || alg_kty(alg) == KTY_RSA) return NULL;
    return &KEY_TYPES[alg_row(alg)->row];
}
