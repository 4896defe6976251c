/* Whether an EdDSA public key is a point that can be a key (RFC 8032 sections 5.1.3 and 5.2.3). OpenSSL looks
 * only when it verifies, and takes points of low order, under which anybody can make signatures. */
#include <openssl/bn.h>

#include "jose/jwk_points.h"

/* a x^2 + y^2 = 1 + (n/m) x^2 y^2 modulo p */
struct curve {
    const char *p;
    int a;
    BN_ULONG minus_n, m;
};

static const struct curve ED25519 = {
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", -1, 121665, 121666};
static const struct curve ED448 = {"fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
                                   "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    1, 39081, 1};

struct numbers {
    BN_CTX *ctx;
    BIGNUM *p, *y, *y2, *ny2, *term, *value;
};

static bool numbers_init(struct numbers *n, const struct curve *curve)
{
    n->ctx = BN_CTX_new();
    if (!n->ctx) return false;
    BN_CTX_start(n->ctx);
    n->p = BN_CTX_get(n->ctx);
    n->y = BN_CTX_get(n->ctx);
    n->y2 = BN_CTX_get(n->ctx);
    n->ny2 = BN_CTX_get(n->ctx);
    n->term = BN_CTX_get(n->ctx);
    n->value = BN_CTX_get(n->ctx);
    return n->value && BN_hex2bn(&n->p, curve->p) > 0;
}

static void numbers_clear(struct numbers *n)
{
    if (n->ctx) BN_CTX_end(n->ctx);
    BN_CTX_free(n->ctx);
}

/* y, y^2 and -n y^2; n is negative on both curves. */
static bool load(struct numbers *n, const struct curve *curve, struct bytes key)
{
    uint8_t y[57];
    memcpy(y, key.data, key.size);
    y[key.size - 1] &= 0x7f; /* the sign of x */
    return BN_lebin2bn(y, (int)key.size, n->y) && BN_mod_sqr(n->y2, n->y, n->p, n->ctx) &&
           BN_copy(n->ny2, n->y2) && BN_mul_word(n->ny2, curve->minus_n) &&
           BN_nnmod(n->ny2, n->ny2, n->p, n->ctx);
}

/* x^2 = (1 - y^2) m / (a m - n y^2) has a root when (1 - y^2) m (a m - n y^2) is a square. 1: yes, 0: no, -1:
 * failed. */
static int has_x(struct numbers *n, const struct curve *curve)
{
    if (!BN_one(n->term) || !BN_mod_sub(n->value, n->term, n->y2, n->p, n->ctx) ||
        !BN_mul_word(n->value, curve->m) || !BN_set_word(n->term, curve->m))
        return -1;
    BN_set_negative(n->term, curve->a < 0);
    if (!BN_add(n->term, n->term, n->ny2) || !BN_mod_mul(n->value, n->value, n->term, n->p, n->ctx))
        return -1;
    int symbol = BN_kronecker(n->value, n->p, n->ctx);
    return symbol < -1 ? -1 : symbol >= 0;
}

/* Orders 1 and 2 have y = 1 and -1, order 4 has y = 0 or x = 0, and a point of order 8 doubles to y = 0,
 * where y^2 = a x^2, so that m + a n y^4 = 2 m y^2. 1: low, 0: not, -1: failed. */
static int has_low_order(struct numbers *n, const struct curve *curve)
{
    if (BN_is_zero(n->y) || BN_is_one(n->y2)) return 1;
    if (!BN_mod_mul(n->value, n->ny2, n->y2, n->p, n->ctx)) return -1;
    BN_set_negative(n->value, curve->a > 0);
    if (!BN_add_word(n->value, curve->m) || !BN_copy(n->term, n->y2) || !BN_mul_word(n->term, 2 * curve->m) ||
        !BN_sub(n->value, n->value, n->term) || !BN_nnmod(n->value, n->value, n->p, n->ctx))
        return -1;
    return BN_is_zero(n->value);
}

enum point edwards_point(struct bytes key)
{
    const struct curve *curve = key.size == 32 ? &ED25519 : &ED448;
    struct numbers n = {0};
    enum point point = POINT_UNKNOWN;
    if (numbers_init(&n, curve) && load(&n, curve, key)) {
        int on_curve = BN_cmp(n.y, n.p) < 0 ? has_x(&n, curve) : 0;
        int low = on_curve == 1 ? has_low_order(&n, curve) : 0;
        if (on_curve >= 0 && low >= 0)
            point = !on_curve ? POINT_OFF_CURVE : low ? POINT_LOW_ORDER : POINT_GOOD;
    }
    numbers_clear(&n);
    return point;
}
