/* Whether a pair of coordinates is a point of a curve of ECDSA. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <pthread.h>

#include "jose/jwk_points.h"

/* Building a group costs more than the check itself, so each is built once for the process. */
static EC_GROUP *groups[KEY_TYPE_COUNT];

static void make_groups(void)
{
    for (int id = 0; id < KEY_TYPE_COUNT; id++) {
        const char *name = key_type_by_id((enum key_id)id)->group;
        if (name) groups[id] = EC_GROUP_new_by_curve_name_ex(NULL, NULL, OBJ_sn2nid(name));
    }
}

static const EC_GROUP *group_of(const struct key_type *type)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_groups);
    return groups[type->id];
}

enum point weierstrass_point(const struct key_type *type, struct bytes x, struct bytes y)
{
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
