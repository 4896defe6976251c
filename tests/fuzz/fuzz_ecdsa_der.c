#include "fuzz.h"

#include "jose/jws.h"

static void from_der(struct bytes der, size_t coordinate)
{
    uint8_t raw[132], again[141];
    size_t size = sizeof again;
    if (ecdsa_from_der(der, coordinate, raw) != JWKD_OK) return;
    MUST(ecdsa_to_der(bytes_of(raw, 2 * coordinate), coordinate, again, &size) == JWKD_OK);
    MUST(bytes_equal(bytes_of(again, size), der));
}

static void to_der(struct bytes raw, size_t coordinate)
{
    uint8_t der[141], again[132];
    size_t size = 3 + 2 * (coordinate + 3);
    if (ecdsa_to_der(raw, coordinate, der, &size) != JWKD_OK) return;
    MUST(ecdsa_from_der(bytes_of(der, size), coordinate, again) == JWKD_OK);
    MUST(bytes_equal(bytes_of(again, 2 * coordinate), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t COORDINATES[] = {32, 48, 66};
    for (int i = 0; i < 3; i++) {
        from_der(bytes_of(data, size), COORDINATES[i]);
        to_der(bytes_of(data, size), COORDINATES[i]);
    }
    return 0;
}
