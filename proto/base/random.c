#include "base/random.h"

#include <unistd.h>

jwkd_status random_fill(void *out, size_t size)
{
    return getentropy(out, size) == 0 ? JWKD_OK : JWKD_INTERNAL;
}
