#include "jose/alg.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <pthread.h>

static const struct key_type KEY_TYPES[] = {
#define ROW(id, kty, sealed, name, curve, openssl, group, bits, public, private, signature, usual) \
    [KEY_##id] = {KEY_##id, KTY_##kty, sealed, name, curve, openssl, group, bits, public, private, \
        signature, ALG_##usual},
    KEY_TYPE_TABLE(ROW)
#undef ROW
};

enum digest { DIGEST_NONE, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_COUNT };
static const char *const DIGESTS[DIGEST_COUNT] = {
    [DIGEST_SHA256] = "SHA256", [DIGEST_SHA384] = "SHA384", [DIGEST_SHA512] = "SHA512"};

enum keys { KEYS_ONE, KEYS_ANY };
enum padding { PADDING_PLAIN, PADDING_PSS };

static const struct alg_row {
    const char *name;
    enum digest digest;
    enum keys keys;
    const struct key_type *type;
    enum padding padding;
} ALGS[] = {[ALG_NONE] = {.name = ""},
#define ROW(id, name, digest, keys, type, padding) \
    [ALG_##id] = {name, DIGEST_##digest, KEYS_##keys, &KEY_TYPES[KEY_##type], PADDING_##padding},
    ALG_TABLE(ROW)
#undef ROW
};

/* What the running OpenSSL offers, asked once. */
static struct {
    bool available[KEY_TYPE_COUNT];
    EVP_MD *digests[DIGEST_COUNT];
} provider;

/* Not every OpenSSL that has EC has every curve. */
static bool has_group(const char *openssl, const char *name)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, openssl, NULL);
    bool found = context && EVP_PKEY_fromdata_init(context) == 1 &&
                 EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEY_PARAMETERS, parameters) == 1;
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(context);
    return found;
}

static bool has_type(const struct key_type *type)
{
    EVP_KEYMGMT *method = EVP_KEYMGMT_fetch(NULL, type->openssl, NULL);
    bool found = method && (!type->group || has_group(type->openssl, type->group));
    EVP_KEYMGMT_free(method);
    return found;
}

static void ask_provider(void)
{
    ERR_set_mark(); /* what is missing is no error of our caller's */
    for (int id = 0; id < KEY_TYPE_COUNT; id++)
        provider.available[id] = has_type(&KEY_TYPES[id]);
    for (int digest = DIGEST_NONE + 1; digest < DIGEST_COUNT; digest++)
        provider.digests[digest] = EVP_MD_fetch(NULL, DIGESTS[digest], NULL);
    ERR_pop_to_mark();
}

static void ask_provider_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask_provider);
}

/* ---- kinds of key */

const struct kty_names *kty_names(enum kty kty)
{
    static const struct kty_names NAMES[] = {
        [KTY_NONE] = {"", "", NULL, ""},
        [KTY_RSA] = {"RSA", "n", "e", "d"},
        [KTY_EC] = {"EC", "x", "y", "d"},
        [KTY_OKP] = {"OKP", "x", NULL, "d"},
        [KTY_AKP] = {"AKP", "pub", NULL, "priv"},
    };
    return &NAMES[kty];
}

enum kty kty_from_name(struct bytes name)
{
    for (enum kty kty = KTY_RSA; kty <= KTY_AKP; kty++)
        if (bytes_equal_text(name, kty_names(kty)->kty)) return kty;
    return KTY_NONE;
}

/* ---- algorithms */

static const struct alg_row *alg_row(enum alg alg)
{
    return &ALGS[(unsigned)alg < ALG_COUNT ? alg : ALG_NONE];
}

enum alg alg_first_rsa(uint32_t algs)
{
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++)
        if (alg_kty(alg) == KTY_RSA && algs & ALG_BIT(alg)) return alg;
    return ALG_NONE;
}

const char *alg_name(enum alg alg)
{
    return alg_row(alg)->name;
}
enum kty alg_kty(enum alg alg)
{
    const struct key_type *type = alg_row(alg)->type;
    return type ? type->kty : KTY_NONE;
}
const char *alg_digest(enum alg alg)
{
    return DIGESTS[alg_row(alg)->digest];
}
bool alg_is_pss(enum alg alg)
{
    return alg_row(alg)->padding == PADDING_PSS;
}

enum alg alg_from_name(struct bytes name)
{
    for (enum alg alg = ALG_NONE + 1; alg < ALG_COUNT; alg++)
        if (bytes_equal_text(name, ALGS[alg].name)) return alg;
    return ALG_NONE;
}

bool alg_available(enum alg alg)
{
    const struct key_type *type = alg_row(alg)->type;
    return type && key_type_available(type);
}

const EVP_MD *alg_md(enum alg alg)
{
    ask_provider_once();
    return provider.digests[alg_row(alg)->digest];
}

jwkd_status alg_sha256(struct bytes input, uint8_t out[SHA256_SIZE])
{
    ask_provider_once();
    const EVP_MD *sha256 = provider.digests[DIGEST_SHA256];
    bool done = sha256 && EVP_Digest(input.data, input.size, out, NULL, sha256, NULL) == 1;
    return done ? JWKD_OK : JWKD_INTERNAL;
}

jwkd_status alg_key_type(enum alg alg, uint32_t bits, const struct key_type **out)
{
    if (!alg_available(alg)) return JWKD_UNSUPPORTED;
    const struct key_type *type = alg_row(alg)->type;
    if (type->kty == KTY_RSA && bits) type = key_type_by_rsa_bits(bits);
    if (!type) return JWKD_UNSUPPORTED;
    *out = type;
    return JWKD_OK;
}

/* ---- types of key */

const struct key_type *key_type_by_id(enum key_id id)
{
    return &KEY_TYPES[id];
}

const struct key_type *key_type_by_name(struct bytes name)
{
    for (int id = KEY_RSA_ANY + 1; id < KEY_TYPE_COUNT; id++)
        if (bytes_equal_text(name, KEY_TYPES[id].name)) return &KEY_TYPES[id];
    return NULL;
}

const struct key_type *key_type_by_curve(enum kty kty, struct bytes crv)
{
    for (int id = 0; id < KEY_TYPE_COUNT; id++)
        if (KEY_TYPES[id].kty == kty && KEY_TYPES[id].curve && bytes_equal_text(crv, KEY_TYPES[id].curve))
            return &KEY_TYPES[id];
    return NULL;
}

const struct key_type *key_type_by_rsa_bits(uint32_t bits)
{
    for (int id = 0; bits && id < KEY_TYPE_COUNT; id++)
        if (KEY_TYPES[id].bits == bits) return &KEY_TYPES[id];
    return NULL;
}

const struct key_type *key_type_by_alg(enum alg alg)
{
    return alg_row(alg)->keys == KEYS_ONE ? alg_row(alg)->type : NULL;
}

const struct key_type *key_type_by_sealed(uint8_t sealed)
{
    for (int id = 0; sealed && id < KEY_TYPE_COUNT; id++)
        if (KEY_TYPES[id].sealed == sealed) return &KEY_TYPES[id];
    return NULL;
}

const struct key_type *key_type_of_pkey(const EVP_PKEY *pkey)
{
    char group[64] = "";
    if (EVP_PKEY_is_a(pkey, "EC") && !EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL)) return NULL;
    for (const struct key_type *type = KEY_TYPES; type < KEY_TYPES + KEY_TYPE_COUNT; type++)
        if (EVP_PKEY_is_a(pkey, type->openssl) && (!type->group || strcmp(type->group, group) == 0))
            return type;
    return NULL;
}

bool key_type_available(const struct key_type *type)
{
    ask_provider_once();
    return provider.available[type->id];
}

bool key_type_signs_with(const struct key_type *type, enum alg alg)
{
    const struct alg_row *row = alg_row(alg);
    return row->keys == KEYS_ANY ? row->type->kty == type->kty : row->type == type;
}

bool key_type_same_alg(const struct key_type *type, enum alg a, enum alg b)
{
    if (a == b) return true;
    return type->kty == KTY_OKP && key_type_signs_with(type, a) && key_type_signs_with(type, b);
}
