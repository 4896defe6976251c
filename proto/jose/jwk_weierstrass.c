/* Whether a pair of coordinates is a point of a NIST curve. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <pthread.h>

#include "jose/jwk_points.h"

/* Building a group costs more than the check itself, so each is built once for the process. */
static struct {
    EC_GROUP *p256, *p384, *p521;
} groups;

static void make_groups(void)
{
    groups.p256 = EC_GROUP_new_by_curve_name_ex(NULL, NULL, NID_X9_62_prime256v1);
    groups.p384 = EC_GROUP_new_by_curve_name_ex(NULL, NULL, NID_secp384r1);
    groups.p521 = EC_GROUP_new_by_curve_name_ex(NULL, NULL, NID_secp521r1);
}

static const EC_GROUP *group_of(const struct key_type *type)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_groups);
    switch (type->public_size) {
    case 32:
        return groups.p256;
    case 48:
        return groups.p384;
    default:
        return groups.p521;
    }
}

enum point weierstrass_point(const struct key_type *type, struct bytes x, struct bytes y)
{
    enum { COORDINATE_MAX = 66 };
    uint8_t encoded[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(encoded + 1, x.data, x.size);
    memcpy(encoded + 1 + x.size, y.data, y.size);

    const EC_GROUP *group = group_of(type);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    if (!point) return POINT_UNKNOWN;
    ERR_set_mark();
    /* Refuses coordinates outside the field and points off the curve. */
    int good = EC_POINT_oct2point(group, point, encoded, 1 + x.size + y.size, NULL);
    ERR_pop_to_mark();
    EC_POINT_free(point);
    return good == 1 ? POINT_GOOD : POINT_OFF_CURVE;
}
