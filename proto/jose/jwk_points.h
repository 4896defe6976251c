/* The part of the key checks that looks at points of curves. */
#ifndef JOSE_JWK_POINTS_H
#define JOSE_JWK_POINTS_H

#include "jose/alg.h"

enum point {
    POINT_UNKNOWN, /* memory is short */
    POINT_GOOD,
    POINT_OFF_CURVE,
    POINT_LOW_ORDER
};

/* `x` and `y` have the size of the curve's coordinates. */
enum point weierstrass_point(const struct key_type *type, struct bytes x, struct bytes y);
/* An Ed25519 key of 32 bytes or an Ed448 key of 57. */
enum point edwards_point(struct bytes key);

#endif
