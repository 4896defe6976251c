/* The numbers of an RSA private key that follow from n, e and d. */
#include <openssl/bn.h>

#include "signer/heap.h"
#include "signer/rsa.h"

DEFINE_CLEANUP(BN_CTX *, BN_CTX_free)

/* Bases to try: each gives the factors away with a chance of one half at least. */
static const BN_ULONG BASES[] = {
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89};
enum { BASE_COUNT = sizeof BASES / sizeof *BASES };

/* What is worked with, all of it in the secure heap. */
struct search {
    BN_CTX *context;
    const BIGNUM *n;
    BIGNUM *last; /* n - 1 */
    BIGNUM *odd;  /* e d - 1 = odd x 2^twos */
    int twos;
    BIGNUM *power, *square;
};

/* What a look for a square root of 1 other than 1 and n - 1 found. */
enum found { FOUND_NOTHING, FOUND_ROOT, FOUND_NO_KEY };

/* BN_mod_exp takes the way of constant time for an exponent that is marked so. */
static bool begin(struct search *search, const struct rsa *rsa)
{
    BIGNUM *product = BN_CTX_get(search->context);
    search->last = BN_CTX_get(search->context);
    search->odd = BN_CTX_get(search->context);
    search->power = BN_CTX_get(search->context);
    search->square = BN_CTX_get(search->context);
    search->n = rsa->numbers[0];
    if (!search->square || !BN_mul(product, rsa->numbers[1], rsa->numbers[2], search->context) ||
        !BN_sub_word(product, 1) || !BN_sub(search->last, search->n, BN_value_one()))
        return false;
    while (search->twos < BN_num_bits(product) && !BN_is_bit_set(product, search->twos))
        search->twos++;
    BN_set_flags(search->odd, BN_FLG_CONSTTIME);
    return BN_rshift(search->odd, product, search->twos);
}

/* search->power becomes the root. False: OpenSSL failed. */
static bool find_root(struct search *search, BN_ULONG base, enum found *out)
{
    BIGNUM *power = search->power, *square = search->square;
    *out = FOUND_NOTHING;
    if (!BN_set_word(power, base) || !BN_mod_exp(power, power, search->odd, search->n, search->context))
        return false;
    if (BN_is_one(power)) return true;
    for (int i = 0; i < search->twos; i++) {
        if (!BN_mod_sqr(square, power, search->n, search->context)) return false;
        if (BN_is_one(square)) {
            if (BN_cmp(power, search->last) != 0) *out = FOUND_ROOT;
            return true;
        }
        BN_swap(power, square);
    }
    *out = FOUND_NO_KEY; /* the base to the power of e d - 1 is not 1 */
    return true;
}

/* p is what the root less 1 and n have in common. */
static bool split(struct search *search, struct rsa *rsa)
{
    BIGNUM *p = rsa->numbers[3], *q = rsa->numbers[4];
    if (!BN_sub_word(search->power, 1) || !BN_gcd(p, search->power, search->n, search->context) ||
        !BN_div(q, search->square, search->n, p, search->context))
        return false;
    if (BN_cmp(p, q) < 0) BN_swap(p, q);
    return true;
}

static bool derive(struct search *search, struct rsa *rsa)
{
    BIGNUM **numbers = rsa->numbers;
    for (size_t i = 2; i < 5; i++)
        BN_set_flags(numbers[i], BN_FLG_CONSTTIME);
    for (size_t i = 0; i < 2; i++) {
        BIGNUM *less = search->power;
        if (!BN_sub(less, numbers[3 + i], BN_value_one()) ||
            !BN_mod(numbers[5 + i], numbers[2], less, search->context))
            return false;
    }
    return BN_mod_inverse(numbers[7], numbers[4], numbers[3], search->context);
}

static jwkd_status no_key(jwkd_error *error)
{
    return fail(error, JWKD_INVALID_ARGUMENT, "the RSA key's n, e and d do not belong together");
}

static jwkd_status failure(jwkd_error *error)
{
    jwkd_status status = heap_failure();
    return status == JWKD_NO_MEMORY ? status : no_key(error);
}

jwkd_status rsa_complete(struct rsa *rsa, jwkd_error *error)
{
    TRY(rsa_check_sizes(rsa, RSA_REQUIRED, error));
    CLEANUP(BN_CTX_free_at) BN_CTX *context = BN_CTX_secure_new();
    if (!context) return heap_failure();
    BN_CTX_start(context);
    struct search search = {.context = context};
    if (!BN_is_odd(rsa->numbers[0]) || !begin(&search, rsa)) return failure(error);
    enum found found = FOUND_NOTHING;
    for (size_t i = 0; i < BASE_COUNT && found == FOUND_NOTHING; i++)
        if (!find_root(&search, BASES[i], &found)) return failure(error);
    if (found != FOUND_ROOT) return no_key(error);
    return split(&search, rsa) && derive(&search, rsa) ? JWKD_OK : failure(error);
}
